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
        if since(renewed) < RENEWED_AFTER || self.is_unwritable() {
            return Ok(true);
        }
        if wait == Wait::Never {
            return Err(Fault::WouldWait);
        }
        match self.backend.share(&Vec::new) {
            Ok(_shared) => self.renew(key).map_err(Fault::from),
            Err(error) => Ok(self.do_without(&error)),
        }
    }

    /// Who cannot write here cannot push here either, and who only reads shall not be kept from that.
    fn do_without(&self, error: &Error) -> bool {
        tracing::debug!(%error, "a lease was not renewed");
        *self.unwritable_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        true
    }

    /// Whether a lease could not be renewed lately: then it is not tried again for each.
    fn is_unwritable(&self) -> bool {
        let since = *self.unwritable_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < RENEWED_AFTER)
    }

    /// The same for those who keep collections out anyway.
    pub fn renew(&self, key: &str) -> Result<bool, Error> {
        match waited(self.backend.stat(key, None, Wait::May))? {
            None => return Ok(false),
            Some(stamp) if since(stamp.modified()) < RENEWED_AFTER => return Ok(true),
            Some(_) => {}
        }
        self.backend.touch(key).or_else(|error| Ok(self.do_without(&error)))
    }
}
