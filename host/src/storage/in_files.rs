//! Work in a directory. It is done where it holds up no one.

use crate::config::Config;
use std::time::Duration;
use tokio::task::{JoinError, spawn_blocking};

/// How old what was fetched in part must be to be cleared away.
const FETCH_AGE: Duration = Duration::from_secs(24 * 3600);

/// Does what may wait for the disk where it holds up no one.
pub async fn blocking<T, E, F>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, F>
where
    T: Send + 'static,
    E: Send + 'static,
    F: From<E> + From<JoinError>,
{
    Ok(spawn_blocking(work).await??)
}

/// How the store of files is opened that a configuration is about.
pub fn files(config: &Config) -> store::Options {
    store::Options {
        root: config.storage.filesystem.rootdirectory.clone(),
        fsync: config.storage.filesystem.fsync,
        cache: config.limits.cache,
        upload_age: match config.proxy.remoteurl {
            // What was being fetched when a process was killed.
            Some(_) => FETCH_AGE,
            None => config.storage.uploadpurging.age,
        },
        read_only: config.storage.readonly,
        pulls_renew: config.proxy.remoteurl.is_some(),
    }
}
