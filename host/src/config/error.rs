//! What is wrong with a configuration. No message carries a value: any of them may be a secret that was
//! written in the wrong place.

use std::fmt::Display;
use std::io;

/// Why the server does not start with this configuration. The message says where the fault is, which setting
/// it concerns and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({source}); name a configuration file that this user may read")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not a configuration.
    #[error("{place}: {problem}")]
    Malformed {
        /// The file, and the line where it is known.
        place: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A setting cannot have this value.
    #[error("{place}: {key}: {problem}")]
    Setting {
        /// The file and line, or the variable.
        place: String,
        /// The setting.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The setting is known, means something that must not be ignored, and is not built.
    #[error("{place}: {key}: this version does not support this, and will not start as if it did; {remedy}")]
    Unsupported {
        /// The file and line, or the variable.
        place: String,
        /// The setting.
        key: String,
        /// What to do.
        remedy: String,
    },
    /// The address to listen on cannot be found.
    #[error("{setting}: the host of {addr} cannot be resolved ({source}); write an address of this machine")]
    Unresolved {
        /// The setting.
        setting: &'static str,
        /// The address as given.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
}

impl ConfigError {
    pub(super) fn malformed(place: impl Display, problem: impl Into<String>) -> ConfigError {
        ConfigError::Malformed { place: place.to_string(), problem: problem.into() }
    }

    pub(super) fn setting(
        place: impl Display,
        key: impl Into<String>,
        problem: impl Into<String>,
    ) -> ConfigError {
        ConfigError::Setting { place: place.to_string(), key: key.into(), problem: problem.into() }
    }

    pub(super) fn unsupported(place: impl Display, key: impl Into<String>, remedy: String) -> ConfigError {
        ConfigError::Unsupported { place: place.to_string(), key: key.into(), remedy }
    }
}
