//! Passwords: an htpasswd file, and what makes asking it cheap and guessing dear.
//!
//! A password is hashed on threads of its own, once; what was right is remembered for a while under a keyed hash, so
//! that neither the password nor anything that a password can be guessed from stays in memory. Whoever is wrong too
//! often has to wait.
#![forbid(unsafe_code)]

mod failures;
mod file;
mod hashing;
mod htpasswd;
mod remembered;

pub use file::OpenError;

use failures::Failures;
use file::File;
use hashing::Hashing;
use hmac::{Hmac, KeyInit, Mac};
use htpasswd::Entry;
use remembered::Remembered;
use sha2::Sha256;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// What is to be known before passwords can be asked about.
#[derive(Clone, Debug)]
pub struct Options {
    /// The htpasswd file.
    pub path: PathBuf,
    /// How long a right password is remembered.
    pub remember: Duration,
    /// How many wrong passwords for one user may come from one address within `window`.
    pub failures: usize,
    /// How long a wrong password counts.
    pub window: Duration,
}

/// Who someone is whose password was right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The groups that the user is in.
    pub groups: Vec<String>,
}

/// Why a password was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// More passwords are waiting to be hashed than there may be.
    Unavailable,
    /// There were too many wrong ones: nothing more is tried for so long.
    TooMany(Duration),
}

/// Who someone is; nobody when the password is wrong.
pub type Verdict = Result<Option<Identity>, Unanswered>;

/// Stands for a user's name and password together, and tells neither.
type Mark = [u8; 32];

/// Those who wait for one password to be hashed.
type Waiting = Mutex<HashMap<Mark, Vec<oneshot::Sender<Verdict>>>>;

/// The passwords. Clones are the same.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    key: [u8; 32],
    file: File,
    hashing: Hashing,
    remember: Duration,
    remembered: Mutex<Remembered>,
    failures: Mutex<Failures>,
    waiting: Waiting,
}

/// A lock, whether or not someone panicked who held it: what it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes nobody can know.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(bytes.len()), "the system has random numbers");
    bytes
}

impl Credentials {
    /// Reads the file, or makes one where there is none, and logs what is wrong with it.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or there can be no threads.
    pub fn open(options: &Options) -> Result<Credentials, OpenError> {
        Ok(Credentials(Arc::new(Inner {
            key: random(),
            file: File::open(&options.path)?,
            hashing: Hashing::start()?,
            remember: options.remember,
            remembered: Mutex::default(),
            failures: Mutex::new(Failures::new(options.failures, options.window)),
            waiting: Mutex::default(),
        })))
    }

    /// Answers without waiting, where that can be: the password is remembered, or too many were wrong.
    pub fn verify_now(&self, user: &str, password: &str, from: IpAddr) -> Option<Verdict> {
        let inner = &*self.0;
        if inner.file.is_due() {
            return None;
        }
        inner.known(&inner.mark(user, password), user, from)
    }

    /// Whether this is the password of that user.
    pub async fn verify(&self, user: String, password: String, from: IpAddr) -> Verdict {
        let password = Zeroizing::new(password);
        let inner = &self.0;
        if inner.file.take_turn() {
            let inner = inner.clone();
            // Should the task fail, what was read last still holds.
            let _ = tokio::task::spawn_blocking(move || inner.file.reread()).await;
        }
        let mark = inner.mark(&user, &password);
        if let Some(verdict) = inner.known(&mark, &user, from) {
            return verdict;
        }
        let receiver = inner.join(mark, user, password, from)?;
        receiver.await.unwrap_or(Err(Unanswered::Unavailable))
    }
}

/// What those are told who wait for one password, in any case: also when it was never hashed.
struct Answer {
    inner: Arc<Inner>,
    mark: Mark,
    verdict: Verdict,
}

impl Answer {
    fn is(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        for waiting in lock(&self.inner.waiting).remove(&self.mark).unwrap_or_default() {
            // Who no longer waits has gone away.
            let _ = waiting.send(self.verdict.clone());
        }
    }
}

/// As much of an address as a client cannot choose: whoever has one of IPv6 has 2^64 of them (RFC 6177).
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        four => four,
    }
}

impl Inner {
    fn mark(&self, user: &str, password: &str) -> Mark {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length fits");
        mac.update(&user.len().to_le_bytes());
        mac.update(user.as_bytes());
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// What is known without hashing.
    fn known(&self, mark: &Mark, user: &str, from: IpAddr) -> Option<Verdict> {
        let now = Instant::now();
        if let Some(entry) = self.file.users().entry(user)
            && lock(&self.remembered).holds(mark, &entry.hash, now)
        {
            return Some(Ok(Some(Identity::default())));
        }
        let wait = lock(&self.failures).wait(&self.failing(user, from), now)?;
        Some(Err(Unanswered::TooMany(wait)))
    }

    /// Under what the failures of a user from an address are counted: as long as a name may be, as short is this.
    fn failing(&self, user: &str, from: IpAddr) -> Mark {
        self.mark(user, &format!("\0{}", network(from)))
    }

    /// Has the password hashed, or waits with those for whom it is being hashed.
    fn join(
        self: &Arc<Self>,
        mark: Mark,
        user: String,
        password: Zeroizing<String>,
        from: IpAddr,
    ) -> Result<oneshot::Receiver<Verdict>, Unanswered> {
        let (sender, receiver) = oneshot::channel();
        let failing = self.failing(&user, from);
        {
            let mut waiting = lock(&self.waiting);
            if let Some(others) = waiting.get_mut(&mark) {
                others.push(sender);
                return Ok(receiver);
            }
            // Counted before it is known: or else many at once would all come before the first was wrong.
            lock(&self.failures).add(&failing, Instant::now()).map_err(Unanswered::TooMany)?;
            waiting.insert(mark, vec![sender]);
        }
        let answer = Answer { inner: self.clone(), mark, verdict: Err(Unanswered::Unavailable) };
        let queued = self.hashing.queue(network(from), move || {
            let verdict = answer.inner.hash(&mark, &failing, &user, &password, from);
            answer.is(verdict);
        });
        if !queued {
            lock(&self.failures).forgive(&failing);
        }
        Ok(receiver)
    }

    fn hash(&self, mark: &Mark, failing: &Mark, user: &str, password: &str, from: IpAddr) -> Verdict {
        let users = self.file.users();
        let entry = users.entry(user);
        let right = match entry {
            Some(Entry { hash }) => bcrypt::verify(password, hash).unwrap_or(false),
            None => {
                // Nobody shall see from the time it takes who is a user here.
                let _ = bcrypt::verify(password, users.dummy());
                false
            }
        };
        match entry.filter(|_| right) {
            Some(Entry { hash }) => {
                lock(&self.remembered).add(*mark, hash.clone(), Instant::now() + self.remember);
                lock(&self.failures).forgive(failing);
                Ok(Some(Identity::default()))
            }
            None => {
                // A name that is nobody's may be a password in the wrong field.
                let user = entry.map(|_| user);
                tracing::info!(user, %from, "a wrong user name or password");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests;
