//! The log: human-readable on a terminal, JSON otherwise, one access line for each request.

use crate::config;
use crate::socket::Peer;
use crate::state::Note;
use std::fmt;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

/// A request's number as it stands in the log and in X-Request-Id.
#[derive(Clone, Copy)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where the access lines go among the targets.
pub const ACCESS: &str = "access";

/// Sends the log to standard error, from a thread of its own. The log is complete once the guard is
/// dropped.
pub fn start(level: config::Level) -> WorkerGuard {
    // Lines wait for a slow reader rather than get lost: what was refused or failed is worth knowing.
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(std::io::stderr());
    let level = match level {
        config::Level::Error => LevelFilter::ERROR,
        config::Level::Warn => LevelFilter::WARN,
        config::Level::Info => LevelFilter::INFO,
        config::Level::Debug => LevelFilter::DEBUG,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(writer);
    // What libraries say through the crate `log` is left out: rustls has a line for each client that breaks off.
    match std::io::stderr().is_terminal() {
        true => set_global_default(log.with_target(false).finish()),
        false => set_global_default(log.json().flatten_event(true).finish()),
    }
    .expect("the log is started once");
    guard
}

/// What becomes the access line of a request, once its answer is sent or has broken off.
pub struct AccessLine {
    /// The request's number.
    pub id: RequestId,
    /// Who asked.
    pub remote: Peer,
    /// When.
    pub begun: Instant,
    /// How.
    pub method: http::Method,
    /// For what; the path where no component said what it means.
    pub note: Option<Note>,
    /// The path and query.
    pub uri: String,
    /// The answer's status.
    pub status: u16,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
    /// Bytes of the request's body that were read.
    pub received: u64,
    /// Whether the answer was sent to its end.
    pub complete: bool,
}

impl AccessLine {
    /// Whether anyone wants it.
    pub fn wanted() -> bool {
        tracing::enabled!(target: ACCESS, tracing::Level::INFO)
    }

    /// Writes the line.
    pub fn write(&self) {
        let note = self.note.as_ref();
        let duration: Duration = self.begun.elapsed();
        tracing::info!(
            target: ACCESS,
            method = %self.method,
            route = note.map(|note| note.route.as_str()),
            repository = note.and_then(|note| note.repository.as_deref()),
            reference = note.and_then(|note| note.reference.as_deref()),
            user = note.and_then(|note| note.user.as_deref()),
            uri = self.uri,
            status = self.status,
            bytes = self.sent,
            received = self.received,
            duration_ms = duration.as_micros() as f64 / 1000.0,
            request = %self.id,
            remote = %self.remote,
            complete = self.complete,
            "request"
        );
    }
}
