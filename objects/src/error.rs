use std::fmt;

/// What a failure means to whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no room left.
    Full,
    /// Nothing may be written.
    ReadOnly,
    /// It cannot be reached for the moment.
    Unavailable,
    /// Whoever keeps the objects does not do it for us.
    Refused,
    /// Anything else.
    Failed,
}

/// Why something could not be done.
#[derive(Clone, Debug)]
pub struct Error {
    /// What it means.
    pub kind: Kind,
    /// What went wrong, of what, and which setting to look at: for the log, so without secrets.
    pub text: String,
}

impl Error {
    /// A failure to `verb` the object `key`.
    pub fn new(kind: Kind, verb: &str, key: &str, why: impl fmt::Display) -> Error {
        Error { kind, text: format!("cannot {verb} {key}: {why}") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// Passes over one thing that cannot be looked at, so that it hides no others; what is wrong with all of the storage stays an
/// error.
pub(crate) fn unless_damaged<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == Kind::Failed => {
            platform::log!("passed over: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
