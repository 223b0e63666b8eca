//! Threads that hash passwords: few, and of low priority.

use crate::lock;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// How much others go before these threads (setpriority(2)): hashing is nobody's hurry but the one's who logs in.
const NICE: i32 = 10;

#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<Job>>,
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
                        match jobs.pop_front() {
                            Some(job) => break job,
                            None => jobs = queue.filled.wait(jobs).unwrap_or_else(PoisonError::into_inner),
                        }
                    };
                    drop(jobs);
                    job();
                }
            })?;
        }
        Ok(Hashing(queue))
    }

    /// Has something done. How much may wait is for whoever calls this to bound.
    pub fn queue(&self, job: impl FnOnce() + Send + 'static) {
        lock(&self.0.jobs).push_back(Box::new(job));
        self.0.filled.notify_one();
    }
}
