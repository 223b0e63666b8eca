//! `proxy`: a cache of another registry, as in distribution.

use super::judge::{self, Given};
use super::{ConfigError, Driver, Storage};
use credentials::Secret;
use std::time::Duration;

/// `proxy`: of which registry this one is a cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// `proxy.remoteurl`: where that registry is; `None`: this one is a registry of its own.
    pub remoteurl: Option<String>,
    /// `proxy.username`: as whom it is asked.
    pub username: String,
    /// `proxy.password`: that one's password.
    pub password: Option<Secret>,
    /// `proxy.ttl`: how long content stays that nobody pulls. Zero: for ever.
    pub ttl: Duration,
    /// `proxy.maxsize`: how much is kept, in bytes. Zero: all.
    pub maxsize: usize,
    /// `proxy.fetches`: how many blobs are fetched at once.
    pub fetches: usize,
}

impl Proxy {
    /// Refuses what does not go together.
    pub(super) fn check(&self, storage: &Storage, given: &[Given]) -> Result<(), ConfigError> {
        if self.remoteurl.is_none() {
            return Ok(());
        }
        if storage.driver != Driver::Filesystem {
            let problem = "a cache keeps what it fetches in files; use storage.filesystem, or remove proxy";
            judge::refuse(given, "proxy.remoteurl", problem)?;
        }
        if storage.readonly {
            let problem =
                "a cache has to keep what it fetches, and takes no pushes anyway; remove it, or proxy";
            judge::refuse(given, "storage.maintenance.readonly.enabled", problem)?;
        }
        if self.username.is_empty() != self.password.is_none() {
            let (name, other) = match self.password {
                None => ("proxy.username", "proxy.password"),
                Some(_) => ("proxy.password", "proxy.username"),
            };
            judge::refuse(given, name, &format!("of no use without {other}; give both, or neither"))?;
        }
        Ok(())
    }

    /// What is likely not meant.
    pub(super) fn doubts(&self) -> Option<String> {
        let is_lost = self.remoteurl.is_none() && !self.username.is_empty();
        is_lost.then(|| {
            "proxy.username has no effect without proxy.remoteurl: this is no cache of another registry"
                .into()
        })
    }
}
