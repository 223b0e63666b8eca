//! Leases: who was told that something is there builds on it, before any manifest says that it is needed. A link's time is
//! when it was last asked for in a way that says so; a collection of garbage leaves alone what has a young one.

use crate::backend::{Fault, Wait};
use crate::error::Error;
use crate::{Inner, since, waited};
use garbage::RENEWED_AFTER;
use std::sync::PoisonError;
use std::time::{Instant, SystemTime};

impl Inner {
    /// To be called when a client is about to be told that there is what the link in this directory leads to; `false` when the
    /// link is gone. `renewed` is the link's time.
    pub fn lease(&self, directory: &str, renewed: SystemTime, wait: Wait) -> Result<bool, Fault> {
        if since(renewed) < RENEWED_AFTER || self.does_without() {
            return Ok(true);
        }
        if wait == Wait::Never {
            return Err(Fault::WouldWait);
        }
        match self.backend.share_soon() {
            Ok(_shared) => self.renew(directory).map_err(Fault::from),
            // Who cannot write here cannot push here either, and who only reads shall not be kept from that.
            Err(error) => {
                if !matches!(error, Error::ReadOnly(_)) {
                    tracing::warn!(%error, "for ten minutes, what clients are told is there may be collected as garbage");
                }
                self.do_without();
                Ok(true)
            }
        }
    }

    fn do_without(&self) {
        *self.without_leases_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether no lease could be renewed lately: then it is not tried again for each.
    fn does_without(&self) -> bool {
        let since = *self.without_leases_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < RENEWED_AFTER)
    }

    /// [`lease`](Inner::lease), for those who keep collections out anyway.
    pub fn renew(&self, directory: &str) -> Result<bool, Error> {
        let key = layout::in_directory(directory, layout::LINK);
        match waited(self.backend.stat(&key, None, Wait::May))? {
            None => return Ok(false),
            Some(stamp) if since(stamp.modified()) < RENEWED_AFTER => return Ok(true),
            Some(_) => {}
        }
        self.backend.touch(&key).or_else(|error| {
            tracing::debug!(%error, "a lease was not renewed");
            if matches!(error, Error::ReadOnly(_)) {
                self.do_without();
            }
            Ok(true)
        })
    }
}
