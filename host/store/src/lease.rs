//! Leases: who was told that something is there builds on it, before any manifest says that it is needed. A link's time is
//! when it was last asked for in a way that says so; a collection of garbage leaves alone what has a young one.

use crate::backend::{Fault, Wait};
use crate::error::Error;
use crate::{Inner, waited};
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

/// How old a lease is when it is renewed: a write for what is asked for again and again, but not each time.
pub(crate) const RENEWED_AFTER: Duration = Duration::from_secs(600);

/// How long ago something happened; no time where that lies in the future.
pub(crate) fn since(then: SystemTime) -> Duration {
    SystemTime::now().duration_since(then).unwrap_or_default()
}

impl Inner {
    /// To be called when a client is about to be told that there is what this link leads to; `false` when the link is gone.
    /// `renewed` is the link's time.
    pub fn lease(&self, key: &str, renewed: SystemTime, wait: Wait) -> Result<bool, Fault> {
        if since(renewed) < RENEWED_AFTER || self.is_read_only() {
            return Ok(true);
        }
        if wait == Wait::Never {
            return Err(Fault::WouldWait);
        }
        let _shared = self.backend.share(&Vec::new)?;
        self.renew(key).map_err(Fault::from)
    }

    /// Whether the file system was found read-only lately. Then nobody pushes, and there is no need to wait for each lease.
    fn is_read_only(&self) -> bool {
        let since = *self.read_only_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < RENEWED_AFTER)
    }

    /// The same for those who keep collections out anyway.
    pub fn renew(&self, key: &str) -> Result<bool, Error> {
        match waited(self.backend.stat(key, None, Wait::May))? {
            None => return Ok(false),
            Some(stamp) if since(stamp.modified()) < RENEWED_AFTER => return Ok(true),
            Some(_) => {}
        }
        self.backend.touch(key).or_else(|error| {
            // Who may not do that may not push either.
            tracing::debug!(%error, "a lease was not renewed");
            if matches!(error, Error::ReadOnly(_)) {
                *self.read_only_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Ok(true)
        })
    }
}
