//! Threads that hash passwords: few, and run while nobody else wants the core. Where that is never, one more sees to it that
//! logins get through.

use crate::lock;
use crate::turns::Turns;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};

/// Something to be hashed. Two threads may do it at once.
type Job = Arc<dyn Fn() + Send + Sync>;

/// How much others go before the thread that stands in (setpriority(2)).
const NICE: i32 = 10;

/// How long a thread that gets no time may keep someone waiting before another hashes the same.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is being hashed.
struct Running {
    job: Job,
    since: Instant,
    /// Whether the thread that stands in has taken it too.
    doubled: bool,
}

#[derive(Default)]
struct State {
    waiting: Turns<Job>,
    /// By thread.
    running: HashMap<usize, Running>,
}

impl State {
    /// What the thread that stands in has to do: first what has been running for too long, then what waits behind it.
    fn overdue(&mut self, patience: Duration) -> Option<Job> {
        let mut late =
            self.running.values_mut().filter(|running| running.since.elapsed() >= patience).peekable();
        late.peek()?;
        match late.find(|running| !running.doubled) {
            Some(running) => {
                running.doubled = true;
                Some(running.job.clone())
            }
            None => self.waiting.pop(),
        }
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// Hashes one after the other, for ever.
    fn work(&self, thread: usize) {
        loop {
            let mut state = lock(&self.state);
            let job = loop {
                match state.waiting.pop() {
                    Some(job) => break job,
                    None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            let running = Running { job: job.clone(), since: Instant::now(), doubled: false };
            state.running.insert(thread, running);
            drop(state);
            run(&job);
            lock(&self.state).running.remove(&thread);
        }
    }

    /// Does what other threads get no time for, for ever.
    fn stand_in(&self, patience: Duration) {
        loop {
            let mut state = lock(&self.state);
            let job = loop {
                state = match state.overdue(patience) {
                    Some(job) => break job,
                    None if state.running.is_empty() && state.waiting.is_empty() => {
                        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
                    }
                    None => {
                        let waited = self.changed.wait_timeout(state, patience);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            };
            drop(state);
            run(&job);
        }
    }
}

fn run(job: &Job) {
    // The panic itself has been printed. The thread is there for others too.
    if catch_unwind(AssertUnwindSafe(|| job())).is_err() {
        tracing::error!("a password could not be hashed");
    }
}

/// Makes way for every other thread at once (SCHED_IDLE, sched(7)): one that is merely nice keeps its core for some
/// milliseconds. Where that is forbidden, being nice has to do.
fn make_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let thread = thread_priority::thread_native_id();
    let _ = thread_priority::set_thread_priority_and_policy(thread, ThreadPriority::Min, idle);
}

/// On Linux a priority is that of a thread.
fn be_nice() {
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Half as many as there are cores.
fn threads() -> io::Result<usize> {
    Ok((std::thread::available_parallelism()?.get() / 2).max(1))
}

pub struct Hashing(Arc<Queue>);

impl Hashing {
    /// Starts the threads, and the one that stands in for them.
    pub fn start() -> io::Result<Hashing> {
        Hashing::with_patience(PATIENCE)
    }

    fn with_patience(patience: Duration) -> io::Result<Hashing> {
        let queue = Arc::new(Queue::default());
        for number in 0..threads()? {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("hashing-{number}")).spawn(move || {
                be_nice();
                make_way();
                queue.work(number);
            })?;
        }
        let standing_in = queue.clone();
        std::thread::Builder::new().name("hashing-standin".into()).spawn(move || {
            be_nice();
            standing_in.stand_in(patience);
        })?;
        Ok(Hashing(queue))
    }

    /// Has something done for whoever is at this address: at least once, and where time is short by two threads at once.
    /// How much may wait is for whoever calls this to bound.
    pub fn queue(&self, from: IpAddr, job: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.state).waiting.push(from, Arc::new(job));
        self.0.changed.notify_all();
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
    fn a_panic_takes_no_thread_along() {
        let (hashing, (sender, receiver)) = (Hashing::start().expect("threads"), mpsc::channel());
        for _ in 0..64 {
            hashing.queue(address(1), || panic!("as a test"));
        }
        hashing.queue(address(1), move || sender.send(()).expect("it is received"));
        assert_eq!(receiver.recv_timeout(std::time::Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn a_thread_that_gets_no_time_holds_nobody_up() {
        let hashing = Hashing::with_patience(Duration::from_millis(50)).expect("threads");
        let (sender, receiver) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (calls, released) = (Mutex::new(0), Mutex::new(released));
        let threads = threads().expect("cores");
        let stuck = Arc::new((calls, released));
        for number in 0..threads {
            let (stuck, sender, first) = (stuck.clone(), sender.clone(), Mutex::new(true));
            hashing.queue(address(1), move || {
                if std::mem::take(&mut *lock(&first)) {
                    // As a thread does that nobody lets run.
                    *lock(&stuck.0) += 1;
                    let _ = lock(&stuck.1).recv();
                } else {
                    sender.send(number).expect("it is received");
                }
            });
        }
        let behind = sender.clone();
        hashing.queue(address(1), move || behind.send(usize::MAX).expect("it is received"));
        let mut done: Vec<_> = (0..=threads)
            .map(|_| receiver.recv_timeout(Duration::from_secs(10)).expect("it is done"))
            .collect();
        done.sort_unstable();
        assert_eq!(done, (0..threads).chain([usize::MAX]).collect::<Vec<_>>());
        assert_eq!(*lock(&stuck.0), threads);
        drop(release);
    }
}
