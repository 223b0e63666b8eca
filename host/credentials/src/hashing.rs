//! Threads that hash passwords: few, and of low priority.

use crate::lock;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// How much others go before these threads (setpriority(2)): hashing is nobody's hurry but the one's who logs in.
const NICE: i32 = 10;

/// What waits, by where it comes from. Each address has its turn, so that one that brings many passwords delays those
/// of others by no more than one.
#[derive(Default)]
struct Jobs(VecDeque<(IpAddr, VecDeque<Job>)>);

impl Jobs {
    fn push(&mut self, from: IpAddr, job: Job) {
        match self.0.iter_mut().find(|(address, _)| *address == from) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.0.push_back((from, VecDeque::from([job]))),
        }
    }

    fn pop(&mut self) -> Option<Job> {
        let (from, mut jobs) = self.0.pop_front()?;
        let job = jobs.pop_front()?;
        if !jobs.is_empty() {
            self.0.push_back((from, jobs));
        }
        Some(job)
    }
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    filled: Condvar,
}

pub struct Hashing(Arc<Queue>);

impl Hashing {
    /// Starts half as many threads as there are cores.
    pub fn start() -> io::Result<Hashing> {
        let queue = Arc::new(Queue::default());
        let threads = (std::thread::available_parallelism()?.get() / 2).max(1);
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("hashing-{number}")).spawn(move || {
                // On Linux a priority is that of a thread.
                let _ = rustix::process::setpriority_process(None, NICE);
                loop {
                    let mut jobs = lock(&queue.jobs);
                    let job = loop {
                        match jobs.pop() {
                            Some(job) => break job,
                            None => jobs = queue.filled.wait(jobs).unwrap_or_else(PoisonError::into_inner),
                        }
                    };
                    drop(jobs);
                    // The panic itself has been printed. The thread is there for others too.
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("a password could not be hashed");
                    }
                }
            })?;
        }
        Ok(Hashing(queue))
    }

    /// Has something done for whoever is at this address. How much may wait is for whoever calls this to bound.
    pub fn queue(&self, from: IpAddr, job: impl FnOnce() + Send + 'static) {
        lock(&self.0.jobs).push(from, Box::new(job));
        self.0.filled.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_that_brings_many_leaves_others_their_turn() {
        let (mut jobs, (sender, receiver)) = (Jobs::default(), mpsc::channel());
        let job = |who: u8| -> Job {
            let sender = sender.clone();
            Box::new(move || sender.send(who).expect("it is received"))
        };
        (0..100).for_each(|_| jobs.push(address(1), job(1)));
        (0..2).for_each(|_| jobs.push(address(2), job(2)));
        for _ in 0..5 {
            jobs.pop().expect("a job")();
        }
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2, 1, 2, 1]);
        assert_eq!(std::iter::from_fn(|| jobs.pop()).count(), 97);
        assert!(jobs.0.is_empty());
    }

    #[test]
    fn a_panic_takes_no_thread_along() {
        let (hashing, (sender, receiver)) = (Hashing::start().expect("threads"), mpsc::channel());
        for _ in 0..64 {
            hashing.queue(address(1), || panic!("as a test"));
        }
        hashing.queue(address(1), move || sender.send(()).expect("it is received"));
        assert_eq!(receiver.recv_timeout(std::time::Duration::from_secs(10)), Ok(()));
    }
}
