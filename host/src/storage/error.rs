//! Why storage could not do what it was asked, wherever content lies.

use bucket::BadSetting;
use names::Digest;
use objects::manifests::Missing;
use objects::uploads;
use std::sync::Arc;
use tokio::task::JoinError;

/// Why there is no storage.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be used.
    #[error(transparent)]
    Files(#[from] store::OpenError),
    /// Nothing can be done with a setting.
    #[error(transparent)]
    Bucket(#[from] BadSetting),
    /// The other registry cannot be asked.
    #[error("proxy.remoteurl: {0}")]
    Upstream(#[from] upstream::Error),
    /// The directory is a cache of another registry than the one that is named.
    #[error(
        "storage.filesystem.rootdirectory is a cache of {url}, and not of proxy.remoteurl: give the cache a directory of its own; if both \
         are one registry, write its new URL into the file {file} there"
    )]
    CacheOf {
        /// Where that one is.
        url: String,
        /// What says so, within the directory.
        file: String,
    },
    /// It cannot be told of which registry the directory is a cache.
    #[error(transparent)]
    Mark(#[from] store::Error),
    /// There is no key to the bucket.
    #[error("there is no key to the bucket: {advice}: {why}")]
    Role {
        /// What would be one.
        advice: &'static str,
        /// Why there is none. It has no secret.
        why: String,
    },
    /// There can be no thread that asks for new keys to it.
    #[error("no thread can be begun that asks for keys to the bucket: {0}")]
    Thread(std::io::Error),
}

/// Why storage could not do what it was asked. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said so.
    #[error(transparent)]
    Files(#[from] store::Error),
    /// The bucket did.
    #[error(transparent)]
    Bucket(#[from] objects::Error),
    /// The other registry did, of which this one is a cache.
    #[error("the upstream registry (proxy.remoteurl): {0}")]
    Upstream(#[from] upstream::Error),
    /// It said so to someone who asked for the same.
    #[error("{0}")]
    Fetch(Arc<Error>),
    /// It gave other bytes than it should have.
    #[error("the upstream registry (proxy.remoteurl) gives bytes of the digest {0} for another one")]
    OtherBytes(Digest),
    /// It did not give all of them.
    #[error("the upstream registry (proxy.remoteurl) broke off: {0}")]
    Cut(String),
    /// Whoever was at it is gone.
    #[error("the work was not ended: {0}")]
    Gone(#[from] JoinError),
    /// The same, of a fetch.
    #[error("what was being fetched from the upstream registry (proxy.remoteurl) is gone")]
    Lost,
}

impl Error {
    /// Whether it is the upstream registry that does not give what it was asked for.
    pub fn is_upstreams(&self) -> bool {
        match self {
            Error::Fetch(error) => error.is_upstreams(),
            error => matches!(error, Error::Upstream(_) | Error::Cut(_) | Error::OtherBytes(_)),
        }
    }

    /// What it means to whoever asks.
    pub fn kind(&self) -> objects::Kind {
        match self {
            Error::Files(store::Error::Full(_)) => objects::Kind::Full,
            Error::Files(store::Error::ReadOnly(_)) => objects::Kind::ReadOnly,
            Error::Files(store::Error::Unavailable(_)) => objects::Kind::Unavailable,
            Error::Bucket(error) => error.kind,
            Error::Fetch(error) => error.kind(),
            Error::Upstream(error) if error.kind == upstream::Kind::Odd => objects::Kind::Failed,
            Error::Upstream(_) | Error::Cut(_) | Error::Lost => objects::Kind::Unavailable,
            Error::Files(_) | Error::OtherBytes(_) | Error::Gone(_) => objects::Kind::Failed,
        }
    }
}

/// Of an upload that a cache makes of what it fetches.
impl From<UploadError> for Error {
    fn from(error: UploadError) -> Error {
        match error {
            UploadError::Storage(error) => error,
            UploadError::DigestMismatch(actual) => Error::OtherBytes(actual),
            UploadError::Interrupted { why, .. } => Error::Cut(why),
            UploadError::Unknown | UploadError::WrongOffset(_) | UploadError::Busy => Error::Lost,
        }
    }
}

/// Why an upload did not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such session.
    #[error("there is no such upload")]
    Unknown,
    /// It stands at this offset.
    #[error("the upload stands at {0}")]
    WrongOffset(u64),
    /// Someone else is writing to it.
    #[error("another request is writing to the upload")]
    Busy,
    /// The body broke off; what came is kept, up to this offset.
    #[error("the body broke off, and the upload stands at {offset}: {why}")]
    Interrupted {
        /// Where it stands.
        offset: u64,
        /// Why it broke off.
        why: String,
    },
    /// The bytes have this digest.
    #[error("the bytes have the digest {0}")]
    DigestMismatch(Digest),
    /// The storage failed.
    #[error(transparent)]
    Storage(Error),
}

impl From<store::UploadError> for UploadError {
    fn from(error: store::UploadError) -> UploadError {
        use store::UploadError as Why;
        match error {
            Why::Unknown => UploadError::Unknown,
            Why::WrongOffset(offset) => UploadError::WrongOffset(offset),
            Why::Busy => UploadError::Busy,
            Why::Interrupted { offset, why } => UploadError::Interrupted { offset, why },
            Why::DigestMismatch { actual } => UploadError::DigestMismatch(actual),
            Why::Storage(error) => UploadError::Storage(error.into()),
        }
    }
}

impl From<uploads::UploadError> for UploadError {
    fn from(error: uploads::UploadError) -> UploadError {
        use uploads::UploadError as Why;
        match error {
            Why::Unknown => UploadError::Unknown,
            Why::WrongOffset(offset) => UploadError::WrongOffset(offset),
            Why::Busy => UploadError::Busy,
            Why::Interrupted(offset) => {
                UploadError::Interrupted { offset, why: "the client went away, or fell silent".into() }
            }
            Why::DigestMismatch(actual) => UploadError::DigestMismatch(actual),
            Why::Storage(error) => UploadError::Storage(error.into()),
        }
    }
}

impl From<objects::Error> for UploadError {
    fn from(error: objects::Error) -> UploadError {
        UploadError::Storage(error.into())
    }
}

impl From<JoinError> for UploadError {
    fn from(error: JoinError) -> UploadError {
        UploadError::Storage(error.into())
    }
}

/// Why a manifest was not stored.
pub enum PutError {
    /// Not all of what it needs is there.
    Missing(Missing),
    /// The storage failed.
    Storage(Error),
}

impl<E: Into<Error>> From<E> for PutError {
    fn from(error: E) -> PutError {
        PutError::Storage(error.into())
    }
}
