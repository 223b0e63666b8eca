//! The log: what the program has to say, and one access line for each request, in two places. Standard error gets all of
//! it, in the form of `log.formatter`; standard output gets the requests alone, in Apache's combined format.

mod combined;
mod lines;

use crate::body::RequestBody;
use crate::config::{self, Formatter};
use crate::metrics::{self, Requests};
use crate::notifications::{Action, Notifications, Request, Target};
use crate::socket::Peer;
use crate::state::Note;
use bytes::Bytes;
use http::header::{HeaderValue, REFERER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{StatusCode, request};
use lines::Lines;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

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

/// Where the access lines go in Apache's format, where they do.
static COMBINED: OnceLock<Option<NonBlocking>> = OnceLock::new();

/// How much is written at a time where lines come faster than they are taken: what a pipe takes in one piece (PIPE_BUF),
/// so that lines of several writers to one pipe do not mix.
const BATCH: usize = 4096;

/// For how long lines gather after some were written. To wake who writes costs more than to make a line, and takes time
/// from whoever is served at the moment. A process that is killed loses what has gathered.
const GATHER: Duration = Duration::from_millis(20);

/// How many lines may wait to be written. Room for all of them is made at the start, with 40 bytes a line.
const LINES: usize = 4096;

/// How many bytes of what a client chose stand in the line of its request, before they are escaped: of the target, and of
/// each header. With [`LINES`] it bounds what waits for a reader that takes nothing.
const SHOWN: usize = 2048;

/// What stands at the end of what is not shown whole.
const MORE: &str = "…";

/// How many of these bytes are shown: no character of UTF-8 in part.
fn shown(bytes: &[u8]) -> usize {
    if bytes.len() <= SHOWN {
        return bytes.len();
    }
    let begins = |at: &usize| bytes[*at] & 0b1100_0000 != 0b1000_0000;
    (SHOWN - 3..=SHOWN).rev().find(begins).unwrap_or(SHOWN)
}

/// How many bytes of the message of a refusal are shown: it may repeat what the line has already.
const MESSAGE: usize = 256;

/// A text, as far as it is shown.
fn cut(text: &str) -> Cow<'_, str> {
    match text.split_at(shown(text.as_bytes())) {
        (whole, "") => whole.into(),
        (part, _) => (part.to_owned() + MORE).into(),
    }
}

/// What is written to in batches: what comes to an idle one is written at once, what comes then waits for [`GATHER`] to pass.
struct Batches<W: Write> {
    to: BufWriter<W>,
    /// When the last batch ended.
    ended: Option<Instant>,
}

impl<W: Write> Write for Batches<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(ended) = self.ended.take() {
            thread::sleep(GATHER.saturating_sub(ended.elapsed()));
        }
        self.to.write(line)
    }

    /// The end of a batch.
    fn flush(&mut self) -> io::Result<()> {
        self.ended = Some(Instant::now());
        self.to.flush()
    }
}

/// Writes from a thread of its own, whole lines. They wait for a slow reader rather than get lost: what was refused or
/// failed is worth knowing.
fn writer(to: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .lossy(false)
        .finish(Batches { to: BufWriter::with_capacity(BATCH, to), ended: None })
}

/// Begins to log, from threads of its own. The log is complete once the guards are dropped, unless who reads it takes more
/// than a second for what is left.
pub fn start(log: &config::Log) -> Vec<WorkerGuard> {
    let (errors, guard) = writer(io::stderr());
    let mut guards = vec![guard];
    let combined = (!log.accesslog_disabled).then(|| {
        let (output, guard) = writer(io::stdout());
        guards.push(guard);
        output
    });
    let _ = COMBINED.set(combined);
    let level = match log.level {
        config::Level::Error => LevelFilter::ERROR,
        config::Level::Warn => LevelFilter::WARN,
        config::Level::Info => LevelFilter::INFO,
        config::Level::Debug => LevelFilter::DEBUG,
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(errors);
    // What libraries say through the crate `log` is left out: rustls has a line for each client that breaks off.
    match log.formatter {
        Formatter::Auto if io::stderr().is_terminal() => {
            set_global_default(subscriber.with_target(false).finish())
        }
        _ => set_global_default(subscriber.event_format(Lines::new(log)).finish()),
    }
    .expect("the log is started once");
    guards
}

/// The status of a request whose client was gone before there was an answer, as distribution and nginx log it.
pub const CLIENT_CLOSED: u16 = 499;

/// What becomes the access line of a request when it is dropped: once its answer is sent or has broken off, or when its client
/// is gone before there is one.
pub struct AccessLine {
    /// The request's number.
    pub id: RequestId,
    /// Who asked.
    pub remote: Peer,
    /// The address of the client for which a trusted proxy asked.
    pub client: Option<IpAddr>,
    /// When.
    pub begun: Instant,
    /// How.
    pub method: http::Method,
    /// For what, as it was asked.
    pub uri: http::Uri,
    /// In which version of HTTP.
    pub version: http::Version,
    /// From where the client says it was sent here.
    pub referer: Option<HeaderValue>,
    /// What the client says it is.
    pub agent: Option<HeaderValue>,
    /// For what, as a component understands it; nothing where none was asked.
    pub note: Option<Note>,
    /// The answer's status; [`CLIENT_CLOSED`] until there is one.
    pub status: u16,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
    /// The request's body, unless it has none.
    pub body: Option<RequestBody>,
    /// Whether the answer was sent to its end.
    pub complete: bool,
    /// The answer's body, where that says why it was refused.
    pub refusal: Option<Bytes>,
    /// What counts the request, where requests are counted.
    pub counted: Option<Rc<Requests>>,
    /// Who is told what it did, where someone is, and which host it asked for.
    pub told: Option<(Notifications, String)>,
}

/// What the registry's JSON says of a request that was refused: of several errors, the first.
struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    /// What an answer's body says; nothing where it is not the registry's.
    fn of(body: &[u8]) -> Option<Refusal> {
        let told: serde_json::Value = serde_json::from_slice(body).ok()?;
        let text = |name| Some(told["errors"].get(0)?.get(name)?.as_str()?.to_owned());
        Some(Refusal { code: text("code")?, message: text("message").unwrap_or_default() })
    }
}

impl AccessLine {
    /// That of a request, which has no answer yet.
    pub fn begin(
        id: RequestId,
        remote: Peer,
        client: Option<IpAddr>,
        head: &request::Parts,
        body: Option<RequestBody>,
    ) -> Box<AccessLine> {
        let header = |name| head.headers.get(name).cloned();
        Box::new(AccessLine {
            id,
            remote,
            client,
            begun: Instant::now(),
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            referer: header(REFERER),
            agent: header(USER_AGENT),
            note: None,
            status: CLIENT_CLOSED,
            sent: 0,
            body,
            complete: false,
            refusal: None,
            counted: None,
            told: None,
        })
    }

    /// The path and query, without the query where that has a password or a token in it: some write there what belongs into a
    /// form.
    fn target(&self) -> &str {
        let is_secret = |query: &str| ["password=", "token="].iter().any(|name| query.contains(name));
        match self.uri.query() {
            Some(query) if is_secret(query) => self.uri.path(),
            _ => self.uri.path_and_query().map_or("", PathAndQuery::as_str),
        }
    }

    fn count(&self) {
        if let Some(requests) = &self.counted {
            requests.count(&metrics::Request {
                route: self.note.as_ref().map(|note| note.route.as_str()),
                method: &self.method,
                status: self.status,
                duration: self.begun.elapsed(),
                received: self.received(),
                sent: self.sent,
            });
        }
    }

    /// Tells of what it did to content.
    fn tell(&mut self) {
        let Some((notifications, host)) = self.told.take() else { return };
        let Some((note, event)) = self.note.as_ref().and_then(|note| Some((note, note.event.as_ref()?)))
        else {
            return;
        };
        // What broke off was not pulled.
        if event.action == Action::Pull && !self.complete {
            return;
        }
        let agent = self.agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let request = Request {
            id: self.id.to_string(),
            addr: self.client.map_or_else(|| self.remote.to_string(), |client| client.to_string()),
            host: cut(&host).into_owned(),
            method: self.method.to_string(),
            useragent: cut(&agent.unwrap_or_default()).into_owned(),
        };
        let user = note.user.as_deref().map(|user| cut(user).into_owned());
        let target = Target {
            media_type: event.media_type.as_deref().map(|of| cut(of).into_owned()),
            digest: event.digest.clone(),
            size: event.size,
            repository: note.repository.clone().unwrap_or_default(),
            from_repository: event.source.clone(),
            // In part it would lead elsewhere.
            url: event.url.clone().filter(|url| url.len() <= SHOWN),
            tag: None,
            is_manifest: note.route == "manifest",
        };
        // An event has room for one tag.
        let tags = event.tags.iter().cloned().map(Some);
        for tag in if event.tags.is_empty() { vec![None] } else { tags.collect() } {
            notifications.tell(event.action, Target { tag, ..target.clone() }, request.clone(), user.clone());
        }
    }

    /// Bytes of the request's body that were read.
    fn received(&self) -> u64 {
        self.body.as_ref().map_or(0, RequestBody::bytes_read)
    }

    fn write(&self) {
        if let Some(output) = COMBINED.get().and_then(Option::as_ref) {
            // It fails when the thread behind it is gone, and so is the server.
            let _ = output.clone().write_all(&combined::line(self));
        }
        let failed = StatusCode::from_u16(self.status).is_ok_and(|status| status.is_server_error());
        let is_logged = match failed {
            true => tracing::enabled!(target: ACCESS, Level::ERROR),
            false => tracing::enabled!(target: ACCESS, Level::INFO),
        };
        if is_logged {
            self.log(failed);
        }
    }

    /// Adds it to the log; what the server failed at is an error there.
    fn log(&self, failed: bool) {
        let note = self.note.as_ref();
        let (remote, proxy): (&dyn fmt::Display, _) = match &self.client {
            Some(client) => (client, Some(tracing::field::display(&self.remote))),
            None => (&self.remote, None),
        };
        let duration: Duration = self.begun.elapsed();
        let (method, uri) = (cut(self.method.as_str()), cut(self.target()));
        let agent = self.agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let user = note.and_then(|note| note.user.as_deref()).map(cut);
        let refusal = self.refusal.as_ref().and_then(|body| Refusal::of(body));
        let message = refusal.as_ref().map(|refusal| {
            let text = &refusal.message;
            text.split_at(text.floor_char_boundary(MESSAGE)).0
        });
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: ACCESS,
                    $level,
                    method = &*method,
                    route = note.map(|note| note.route.as_str()),
                    repository = note.and_then(|note| note.repository.as_deref()),
                    reference = note.and_then(|note| note.reference.as_deref()),
                    user = user.as_deref(),
                    uri = &*uri,
                    agent = agent.as_deref().map(cut).as_deref(),
                    status = self.status,
                    bytes = self.sent,
                    received = self.received(),
                    duration_ms = duration.as_micros() as f64 / 1000.0,
                    request = %self.id,
                    remote = %remote,
                    proxy,
                    complete = self.complete,
                    err.code = refusal.as_ref().map(|refusal| refusal.code.as_str()),
                    err.message = message,
                    "request"
                )
            };
        }
        match failed {
            true => line!(Level::ERROR),
            false => line!(Level::INFO),
        }
    }
}

impl Drop for AccessLine {
    fn drop(&mut self) {
        self.count();
        self.write();
        self.tell();
    }
}
