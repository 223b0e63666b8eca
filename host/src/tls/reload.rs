//! Certificates change while the server runs: their files are looked at, and read again when they have.

use super::Source;
use credentials::{Version, version};
use rustls::ServerConfig;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the files are looked at. They are read when they have stayed as they are from one look to the next:
/// a certificate and its key are rarely replaced in the same moment.
const INTERVAL: Duration = Duration::from_secs(1);

/// Files, and the state in which they were last read.
pub(super) struct Watched {
    files: Vec<PathBuf>,
    read: Vec<Option<Version>>,
}

impl Watched {
    /// The files as they are now: to be made before they are read.
    pub(super) fn new(files: impl IntoIterator<Item = PathBuf>) -> Watched {
        let files: Vec<PathBuf> = files.into_iter().collect();
        let read = marks(&files);
        Watched { files, read }
    }
}

fn marks(files: &[PathBuf]) -> Vec<Option<Version>> {
    files.iter().map(|file| version(file)).collect()
}

/// Looks at the files for as long as the process runs. Connections that there are stay as they are.
pub(super) fn start(
    source: Source,
    mut watched: Watched,
    sender: watch::Sender<Arc<ServerConfig>>,
) -> std::io::Result<()> {
    let look = move || {
        let mut last = watched.read.clone();
        // Of which state it is said that it cannot serve. It is tried on: it may be the process that has no descriptors left.
        let mut told = None;
        loop {
            std::thread::sleep(INTERVAL);
            let now = marks(&watched.files);
            let settled = now == last;
            last.clone_from(&now);
            if now == watched.read {
                told = None;
                continue;
            }
            if !settled {
                continue;
            }
            match source.load() {
                Ok(config) => {
                    watched.read = now;
                    sender.send_replace(Arc::new(config));
                    tracing::info!(
                        "the certificate was read again: new connections get what is in its files now"
                    );
                }
                Err(error) => {
                    if told.as_ref() != Some(&now) {
                        tracing::error!("{error}; the certificate that was read before stays in use");
                        told = Some(now);
                    }
                }
            }
        }
    };
    std::thread::Builder::new().name("certificates".into()).spawn(look).map(drop)
}
