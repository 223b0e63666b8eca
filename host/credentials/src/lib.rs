//! Passwords: an htpasswd file or a directory, and what makes asking it cheap and guessing dear.
//!
//! A password is hashed on threads of its own, or asked about over LDAP, once; what was right is remembered for a while
//! under a keyed hash, so that neither the password nor anything that a password can be guessed from stays in memory.
//! Whoever is wrong too often has to wait.
#![forbid(unsafe_code)]

mod failures;
mod file;
mod hashing;
mod ldap;
mod make;
mod remembered;
mod secret;
mod source;
mod turns;
mod version;
mod waiting;

pub use ldap::{
    DirectoryOptions, GroupOptions, attribute, check_directory, directory_url, filter, member_filter,
};
pub use make::{make_once, replace};
pub use secret::Secret;
pub use source::{OpenError, SourceOptions};
pub use url::Url;
pub use version::{Version, version};

use failures::Failures;
use hmac::{Hmac, KeyInit, Mac};
use remembered::{Remembered, Right};
use sha2::Sha256;
use source::Source;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use waiting::Waiting;
use zeroize::Zeroizing;

/// What is to be known before passwords can be asked about.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who knows the passwords.
    pub source: SourceOptions,
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
    /// The name, the same for each spelling of it that is taken.
    pub name: String,
    /// The groups that the user is in.
    pub groups: Vec<String>,
}

/// Why a password was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// More passwords are waiting than there may be, or whoever knows them does not answer.
    Unavailable,
    /// There were too many wrong ones: nothing more is tried for so long.
    TooMany(Duration),
}

/// Who someone is; nobody when the password is wrong.
pub type Verdict = Result<Option<Identity>, Unanswered>;

/// Stands for a user's name and password together, and tells neither.
type Mark = [u8; 32];

/// What whoever knows the passwords says of one.
enum Outcome {
    /// It is right, for this entry.
    Right(Identity, Entry),
    /// It is wrong for this user. A name that is nobody's is not told: it may be a password in the wrong field.
    Wrong(Option<String>),
}

/// What a password was right for: a change of it makes the password unknown. A directory does not tell of changes.
type Entry = Option<Arc<str>>;

/// The passwords. Clones are the same.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    key: [u8; 32],
    source: Source,
    remember: Duration,
    remembered: Mutex<Remembered>,
    failures: Mutex<Failures>,
    waiting: Mutex<Waiting>,
}

/// A lock, whether or not someone panicked who held it: what it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes nobody can know.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(bytes.len()), "the system has random numbers");
    bytes
}

impl Credentials {
    /// Reads the file, or makes one where there is none, and logs what is wrong with it; or asks the directory whether
    /// it can be asked.
    ///
    /// # Errors
    /// When the file can be neither read nor made, when what is configured of the directory does not fit it, or when
    /// there can be no threads.
    pub fn open(options: &Options) -> Result<Credentials, OpenError> {
        Ok(Credentials(Arc::new(Inner {
            key: random(),
            source: Source::open(&options.source)?,
            remember: options.remember,
            remembered: Mutex::default(),
            failures: Mutex::new(Failures::new(options.failures, options.window)),
            waiting: Mutex::default(),
        })))
    }

    /// Answers without waiting, where that can be: the password is remembered, or too many were wrong.
    pub fn verify_now(&self, user: &str, password: &str, from: IpAddr) -> Option<Verdict> {
        let inner = &*self.0;
        if inner.source.is_due() {
            return None;
        }
        inner.known(&inner.mark(user, password), user, from)
    }

    /// Whether this is the password of that user.
    pub async fn verify(&self, user: String, password: String, from: IpAddr) -> Verdict {
        let password = Zeroizing::new(password);
        let inner = &self.0;
        inner.source.refresh().await;
        let mark = inner.mark(&user, &password);
        if let Some(verdict) = inner.known(&mark, &user, from) {
            return verdict;
        }
        let receiver = inner.join(mark, user, password, from)?;
        receiver.await.unwrap_or(Err(Unanswered::Unavailable))
    }
}

/// A password that is asked about. The first answer counts, and once this is dropped there is one: also when nobody came to
/// ask.
struct Asked {
    inner: Arc<Inner>,
    mark: Mark,
    /// Under what it is counted, should it be wrong.
    failing: Mark,
    user: String,
    password: Zeroizing<String>,
    from: IpAddr,
    answered: AtomicBool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.answer(Err(Unanswered::Unavailable));
    }
}

impl Asked {
    fn answer(&self, outcome: Result<Outcome, Unanswered>) {
        if !self.answered.swap(true, Ordering::Relaxed) {
            let verdict = self.settle(outcome);
            let waiting = lock(&self.inner.waiting).end(&self.mark);
            for sender in waiting {
                // Who no longer waits has gone away.
                let _ = sender.send(verdict.clone());
            }
        }
    }

    /// Takes note of what is said.
    fn settle(&self, outcome: Result<Outcome, Unanswered>) -> Verdict {
        let Inner { remembered, failures, remember, .. } = &*self.inner;
        match outcome {
            Ok(Outcome::Right(identity, entry)) => {
                let networks = vec![(network(self.from), self.failing)];
                let until = Instant::now() + *remember;
                lock(remembered).add(self.mark, Right { identity: identity.clone(), entry, until, networks });
                lock(failures).forgive(&self.failing);
                Ok(Some(identity))
            }
            Ok(Outcome::Wrong(user)) => {
                tracing::info!(user, from = %self.from, "a wrong user name or password");
                Ok(None)
            }
            Err(why) => {
                if why == Unanswered::Unavailable {
                    lock(failures).forgive(&self.failing);
                }
                Err(why)
            }
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

    /// What is known without asking. Where there were too many failures, what is remembered counts for those alone who were
    /// right from there before: or else who guesses would be told by it, as often as they like.
    fn known(&self, mark: &Mark, user: &str, from: IpAddr) -> Option<Verdict> {
        let (now, network) = (Instant::now(), network(from));
        if let Some(entry) = self.source.entry(user)
            && let Some(right) = lock(&self.remembered).get(mark, &entry, now)
        {
            let failures = lock(&self.failures);
            let holds = match right.failing(network) {
                Some(failing) => failures.too_many(failing, now).is_none_or(|too_many| !too_many.closed),
                None => {
                    let failing = self.failing(user, from);
                    let holds = failures.too_many(&failing, now).is_none();
                    if holds {
                        right.came_from(network, failing);
                    }
                    holds
                }
            };
            if holds {
                return Some(Ok(Some(right.identity.clone())));
            }
        }
        let wait = lock(&self.failures).refuse(&self.failing(user, from), now)?;
        Some(Err(Unanswered::TooMany(wait)))
    }

    /// Under what the failures of a user from an address are counted: as long as a name may be, as short is this.
    fn failing(&self, user: &str, from: IpAddr) -> Mark {
        self.mark(user, &format!("\0{}", network(from)))
    }

    /// Has the password asked about, or waits with those for whom it is being asked about.
    fn join(
        self: &Arc<Self>,
        mark: Mark,
        user: String,
        password: Zeroizing<String>,
        from: IpAddr,
    ) -> Result<oneshot::Receiver<Verdict>, Unanswered> {
        let failing = self.failing(&user, from);
        let receiver = {
            let mut waiting = lock(&self.waiting);
            if let Some(receiver) = waiting.join(&mark) {
                return Ok(receiver);
            }
            if !waiting.has_room(network(from)) {
                return Err(Unanswered::Unavailable);
            }
            // Counted before it is known: or else many at once would all come before the first was wrong.
            lock(&self.failures).add(&failing, Instant::now()).map_err(Unanswered::TooMany)?;
            waiting.begin(mark, network(from))
        };
        let answered = AtomicBool::new(false);
        source::ask(Asked { inner: self.clone(), mark, failing, user, password, from, answered });
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests;
