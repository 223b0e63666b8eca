//! The htpasswd file: made where there is none, and read again when it has changed.

use crate::make::make_once;
use crate::source::OpenError;
use crate::version::{Version, version};
use crate::{lock, random};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use htpasswd::{COST, Users};
use std::io;
use std::mem::replace;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often it is looked at whether the file has changed, in milliseconds.
const EVERY: u64 = 1000;

/// For how long a file has stood still that is read at the first look: what is written in place is empty at first, and no
/// password is right then.
const STILL: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Known {
    /// The version that was read.
    read: Option<Version>,
    /// Whether it is said already that it cannot be read.
    failing: bool,
    /// The version at the last look.
    seen: Option<Version>,
}

pub struct File {
    path: PathBuf,
    users: RwLock<Arc<Users>>,
    version: Mutex<Known>,
    begun: Instant,
    /// When it is to be looked at again, in milliseconds after `begun`.
    due: AtomicU64,
}

impl File {
    pub fn open(path: &Path) -> Result<File, OpenError> {
        let name = || path.display().to_string();
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(|source| OpenError::Unmade { path: name(), source })?;
                std::fs::read(path)
            }
            read => read,
        };
        let text = text.map_err(|source| OpenError::Unreadable { path: name(), source })?;
        let users = parse(path, &text);
        Ok(File {
            path: path.into(),
            users: RwLock::new(Arc::new(users)),
            // It may have changed since it was read: the first look takes it for new.
            version: Mutex::default(),
            begun: Instant::now(),
            due: AtomicU64::new(EVERY),
        })
    }

    pub fn users(&self) -> Arc<Users> {
        self.users.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// Whether someone is to look at the file.
    pub fn is_due(&self) -> bool {
        self.now() >= self.due.load(Ordering::Relaxed)
    }

    /// Whether whoever asks is the one to do so.
    pub fn take_turn(&self) -> bool {
        let (now, due) = (self.now(), self.due.load(Ordering::Relaxed));
        now >= due
            && self.due.compare_exchange(due, now + EVERY, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Reads the file if it has changed and stands still: for a while, or since the last look. What cannot be read changes
    /// nothing, is said once, and is tried again at each look: it may be the process that has no descriptors left.
    pub fn reread(&self) {
        let mut known = lock(&self.version);
        let version = version(&self.path);
        let seen = replace(&mut known.seen, version);
        if version.is_some() && known.read == version {
            // Where it was away, it is back as it was.
            known.failing = false;
            return;
        }
        if version.is_some_and(|now| seen != version && !stands_still(now)) {
            return;
        }
        let path = self.path.display();
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) => {
                if !replace(&mut known.failing, true) {
                    tracing::error!(%path, %error, "the passwords cannot be read: what they were still holds");
                }
                return;
            }
        };
        let first = known.read.is_none() && !known.failing;
        let users = Arc::new(match first && version.is_some() {
            // Read at the start: nothing to say a second time.
            true => Users::parse(&String::from_utf8_lossy(&text)).0,
            false => parse(&self.path, &text),
        });
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        if !first {
            tracing::info!(%path, "the passwords have changed and were read again");
        }
        known.failing = false;
        known.read = version;
    }
}

/// Whether a file has not changed for a while. Its change in the future says nothing: a clock was set.
fn stands_still((.., seconds, nanoseconds): Version) -> bool {
    let changed =
        Duration::new(seconds.try_into().unwrap_or_default(), nanoseconds.try_into().unwrap_or_default());
    SystemTime::now().duration_since(UNIX_EPOCH + changed).is_ok_and(|age| age > STILL)
}

fn parse(path: &Path, text: &[u8]) -> Users {
    let (users, problems) = Users::parse(&String::from_utf8_lossy(text));
    for problem in problems {
        tracing::warn!("{}, {problem}", path.display());
    }
    if users.is_empty() {
        tracing::warn!("{} has no user in it: nobody can log in", path.display());
    }
    users
}

/// Makes a file with one user and a password that nobody knows yet, as distribution does.
fn make(path: &Path) -> io::Result<()> {
    let password = URL_SAFE_NO_PAD.encode(random());
    let hash = bcrypt::hash(&password, COST).map_err(|error| io::Error::other(error.to_string()))?;
    if make_once(path, format!("docker:{hash}\n").as_bytes())? {
        tracing::warn!(user = "docker", password, path = %path.display(), "htpasswd is missing, provisioning with default user");
    }
    Ok(())
}
