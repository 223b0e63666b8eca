use names::Digest;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// What the system said, where. For the log: it names paths of the tree.
#[derive(Debug)]
pub struct Cause {
    /// What was being done, as in "rename".
    pub doing: &'static str,
    /// To what, relative to the root.
    pub path: String,
    /// What came of it.
    pub source: io::Error,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.doing, self.path, self.source)
    }
}

/// Why the store could not do what it was asked. Nothing is half done when one of these comes back. The text is
/// for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No space, no inode or no quota is left. The same call succeeds once there is.
    #[error("the storage is full: {0}")]
    Full(Cause),
    /// The file system is mounted read-only.
    #[error("the storage is read-only: {0}")]
    ReadOnly(Cause),
    /// The disk fails, or the process is short of something for the moment (file descriptors, memory).
    #[error("the storage is unavailable: {0}")]
    Unavailable(Cause),
    /// What lies in the tree is not what its name says.
    #[error("the storage is damaged: {path} {what}")]
    Corrupt {
        /// Which object, relative to the root.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// Anything else, such as missing permissions: trying again will not help.
    #[error("the storage failed: {0}")]
    Failed(Cause),
}

impl Error {
    /// Sorts what the system said by what the caller can do about it.
    pub(crate) fn new(doing: &'static str, path: &str, source: impl Into<io::Error>) -> Error {
        use rustix::io::Errno;
        let source = source.into();
        let errno = source.raw_os_error().map(Errno::from_raw_os_error);
        let cause = Cause { doing, path: path.to_owned(), source };
        match errno {
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Error::Full(cause),
            Some(Errno::ROFS) => Error::ReadOnly(cause),
            Some(
                Errno::MFILE
                | Errno::NFILE
                | Errno::NOMEM
                | Errno::IO
                | Errno::STALE
                | Errno::AGAIN
                | Errno::INTR
                | Errno::TIMEDOUT
                | Errno::NODEV
                | Errno::NXIO
                | Errno::SHUTDOWN,
            ) => Error::Unavailable(cause),
            _ => Error::Failed(cause),
        }
    }
}

/// Why garbage was not collected, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Another process does.
    #[error("garbage is being collected in this storage already: wait until that has ended")]
    Busy,
    /// Nothing was ever pushed here.
    #[error(
        "there is no {} in this directory: nothing was pushed to it yet, or it is not the one that is served (storage.filesystem.rootdirectory)",
        layout::REPOSITORIES
    )]
    Nothing,
    /// It cannot be told what something needs.
    #[error("{path} {what}. What it needs is not known, so no blob was removed")]
    Unknown {
        /// Where it lies, relative to the root.
        path: String,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// What was removed before stays removed.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl CollectError {
    pub(crate) fn unknown(path: &str, what: &str) -> CollectError {
        CollectError::Unknown { path: path.to_owned(), what: what.to_owned() }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The root directory is not there and cannot be made.
    #[error("cannot make the storage's root directory {}: {source}; make it, or set storage.filesystem.rootdirectory to one that this user may write", .root.display())]
    Make {
        /// The root asked for.
        root: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is something else of that name.
    #[error("the storage's root directory {} is a file, or a link to what is not there; storage.filesystem.rootdirectory has to name a directory, or what can be made one", .root.display())]
    NoDirectory {
        /// The root asked for.
        root: PathBuf,
    },
    /// The root directory cannot be opened.
    #[error("cannot open the storage's root directory {}: {source}; storage.filesystem.rootdirectory has to name a directory that this user may read and enter", .root.display())]
    Open {
        /// The root asked for.
        root: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What everything lies in is elsewhere.
    #[error("{} is a symbolic link that leads out of the storage's root directory, or an absolute one; mount what it leads to in its place, as with mount --bind, or set storage.filesystem.rootdirectory to where it is", .path.display())]
    LedOut {
        /// The link.
        path: PathBuf,
    },
}

/// Why an upload could not be continued.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The repository has no such session: it was finished, cancelled, cleaned away, or never was.
    #[error("there is no such upload")]
    Unknown,
    /// The session stands at this offset, not at the one that was named. Nothing was written.
    #[error("the upload stands at offset {0}")]
    WrongOffset(u64),
    /// Another request is writing to the session. Nothing was written.
    #[error("another request is writing to this upload")]
    Busy,
    /// The body ended in an error. The session stands at `offset`: `append` keeps what came, `finish` goes back to
    /// where it began.
    #[error("the body ended before its end, the upload stands at offset {offset}: {why}")]
    Interrupted {
        /// Where the session stands now.
        offset: u64,
        /// What the body said.
        why: String,
    },
    /// The bytes have another digest. The session is as it was before the call.
    #[error("the bytes have the digest {actual}")]
    DigestMismatch {
        /// What the bytes hash to.
        actual: Digest,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Why a manifest was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutManifestError {
    /// The repository lacks what the manifest needs: every missing thing is named.
    #[error("the repository does not hold {} blobs and {} manifests that the manifest needs", .blobs.len(), .manifests.len())]
    Missing {
        /// Blobs that the repository does not hold, in the order of the request.
        blobs: Vec<Digest>,
        /// Manifests that the repository does not have, in the order of the request.
        manifests: Vec<Digest>,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] Error),
}
