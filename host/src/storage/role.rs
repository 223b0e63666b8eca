//! Keys to a bucket that no setting names: AWS or Azure gives them for an hour or so to who runs in the right place.

use super::OpenError;
use bucket::{Bucket, Role, Settings, Signer};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How often to ask. New ones come minutes before the old ones end.
const INTERVAL: Duration = Duration::from_secs(60);

/// Keys that are asked for, again and again.
pub struct Given {
    role: Role,
    runtime: Runtime,
}

impl Given {
    /// Gets the first.
    ///
    /// # Errors
    /// Nobody gives any.
    pub fn first(settings: &Settings) -> Result<(Arc<dyn Signer>, Given), OpenError> {
        let none = |why| OpenError::Role { advice: settings.advice(), why };
        let role = Role::of(settings).map_err(none)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| none(error.to_string()))?;
        let first = runtime.block_on(role.keys()).map_err(none)?;
        Ok((first, Given { role, runtime }))
    }

    /// Gets others before they end, on a thread of its own, for as long as the process lives.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn renew(self, bucket: &'static Bucket) -> Result<(), OpenError> {
        let Given { role, runtime } = self;
        let work = move || {
            let mut told = false;
            loop {
                std::thread::sleep(INTERVAL);
                match runtime.block_on(role.keys()) {
                    Ok(keys) => {
                        bucket.use_keys(keys);
                        told = false;
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut told, true) {
                            tracing::warn!(
                                error,
                                "no new keys to the bucket can be had; the old ones still hold"
                            );
                        }
                    }
                }
            }
        };
        let begun = std::thread::Builder::new().name("keys".into()).spawn(work);
        begun.map(drop).map_err(OpenError::Thread)
    }
}
