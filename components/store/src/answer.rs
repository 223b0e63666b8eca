use crate::bindings::exports::pierhead::storage::types;
use objects::{Error, Kind};

/// What whoever asked is told; the log is told the rest.
pub fn told(error: Error) -> types::Error {
    guest_log::log!("storage failed: {error}");
    match error.kind {
        Kind::Full => types::Error::Full,
        Kind::ReadOnly => types::Error::ReadOnly,
        Kind::Unavailable | Kind::Refused => types::Error::Unavailable,
        Kind::Failed => types::Error::Failed,
    }
}

/// A result as it goes through the seam.
pub trait Answer<T> {
    /// Logs what goes wrong.
    fn told(self) -> Result<T, types::Error>;
}

impl<T> Answer<T> for Result<T, Error> {
    fn told(self) -> Result<T, types::Error> {
        self.map_err(told)
    }
}
