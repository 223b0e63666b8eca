//! Who knows the passwords: a file, or a directory.

use crate::file::File;
use crate::hashing::Hashing;
use crate::ldap::{Directory, DirectoryOptions, Fault};
use crate::{Asked, Entry, Identity, Outcome, Unanswered, lock, network};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Who knows the passwords.
#[derive(Clone, Debug)]
pub enum SourceOptions {
    /// An htpasswd file.
    File(PathBuf),
    /// A directory, over LDAP.
    Directory(Box<DirectoryOptions>),
}

/// Why there are no passwords.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("{path}: cannot be read ({source}); name a file that this user may read (auth.htpasswd.path)")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// There is no file, and none can be made.
    #[error(
        "{path}: is not there and cannot be made ({source}); make it with htpasswd -B -c (auth.htpasswd.path)"
    )]
    Unmade {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Something is configured in a way that the directory does not take.
    #[error("{0}")]
    Directory(String),
    /// There are no threads to hash or ask on.
    #[error("cannot start a thread: {0}")]
    Threads(#[from] io::Error),
}

pub enum Source {
    File(Arc<File>, Hashing),
    Directory(Directory),
}

impl Source {
    pub fn open(options: &SourceOptions) -> Result<Source, OpenError> {
        Ok(match options {
            SourceOptions::File(path) => Source::File(Arc::new(File::open(path)?), Hashing::start()?),
            SourceOptions::Directory(options) => {
                Source::Directory(Directory::start(DirectoryOptions::clone(options))?)
            }
        })
    }

    /// Whether it is to be looked at whether it has changed.
    pub fn is_due(&self) -> bool {
        matches!(self, Source::File(file, _) if file.is_due())
    }

    /// Looks at it, if that is due and nobody else does.
    pub async fn refresh(&self) {
        if let Source::File(file, _) = self
            && file.take_turn()
        {
            let file = file.clone();
            // Should the task fail, what was read last still holds.
            let _ = tokio::task::spawn_blocking(move || file.reread()).await;
        }
    }

    /// The entry for which a password of this user would have to be right; `none` where there is no such user.
    pub fn entry(&self, user: &str) -> Option<Entry> {
        match self {
            Source::File(file, _) => file.users().entry(user).map(|entry| Some(entry.hash.clone())),
            Source::Directory(_) => Some(None),
        }
    }
}

/// Has someone asked about a password, on another thread; what comes of it is settled there.
pub fn ask(asked: Asked) {
    let inner = asked.inner.clone();
    match &inner.source {
        Source::File(file, hashing) => {
            let file = file.clone();
            hashing.queue(network(asked.from), move || {
                let outcome = compare(&file, &asked);
                asked.answer(Ok(outcome));
            });
        }
        Source::Directory(directory) => {
            let task = directory.clone();
            directory.spawn(async move {
                let outcome = log_in(&task, &asked).await;
                asked.answer(outcome);
            });
        }
    }
}

/// Compares a password with the file's entry.
fn compare(file: &File, asked: &Asked) -> Outcome {
    let users = file.users();
    match users.verify(&asked.user, asked.password.as_ref()) {
        Some(entry) => {
            let identity = Identity { name: asked.user.clone(), groups: Vec::new() };
            Outcome::Right(identity, Some(entry.hash.clone()))
        }
        None => Outcome::Wrong(users.entry(&asked.user).map(|_| asked.user.clone())),
    }
}

/// Asks the directory about a password.
async fn log_in(directory: &Directory, asked: &Asked) -> Result<Outcome, Unanswered> {
    let unavailable = |fault: Fault| {
        match fault {
            Fault::Lasting(..) => tracing::error!("the directory of users cannot be asked: {fault}"),
            _ => tracing::warn!("the directory of users cannot be asked: {fault}"),
        }
        Unanswered::Unavailable
    };
    if asked.password.is_empty() {
        return Ok(Outcome::Wrong(None));
    }
    let (mut session, person) =
        directory.find(&asked.user, network(asked.from)).await.map_err(unavailable)?;
    let Some(person) = person else {
        session.proves_nothing(&asked.password).await.map_err(unavailable)?;
        return Ok(Outcome::Wrong(None));
    };
    let inner = &asked.inner;
    // A directory takes many spellings of one name, and all of them are one user's.
    let failing = inner.failing(&person.dn, asked.from);
    lock(&inner.failures).add(&failing, Instant::now()).map_err(Unanswered::TooMany)?;
    let proved = session.proves(&person.dn, &asked.password).await;
    if !matches!(proved, Ok(false)) {
        lock(&inner.failures).forgive(&failing);
    }
    match proved.map_err(unavailable)? {
        true => {
            let groups = session.groups(&person).await.map_err(unavailable)?;
            Ok(Outcome::Right(Identity { name: person.name, groups }, None))
        }
        false => Ok(Outcome::Wrong(Some(person.name))),
    }
}
