//! Events: what becomes of content here is told to endpoints over HTTP, as distribution's notifications tell it, one event in
//! a request. What an endpoint does not take waits in memory, in order, and is tried again until it does.

mod counters;
mod delivery;
mod event;
mod references;

pub use event::{Event, Request, Target};

/// What is done with content.
pub use crate::imports::bindings::pierhead::host::http::Action;

use crate::config::{Config, Net};
use crate::storage::Storage;
use counters::{Counted, Counters};
use delivery::Delivery;
use event::Source;
use http::HeaderMap;
use prometheus::core::Collector;
use reqwest::Url;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};

/// Who is told, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is called, in the log and among what is counted.
    pub name: String,
    /// Where events are posted to, which may be a secret.
    pub url: Option<Url>,
    /// What each request says beside, such as a password.
    pub headers: HeaderMap,
    /// How long a request may take.
    pub timeout: Duration,
    /// After how many failures in a row it is left alone for a while.
    pub threshold: usize,
    /// For how long.
    pub backoff: Duration,
    /// The media types of which it is not told.
    pub ignored_types: Vec<String>,
    /// What it is not told of.
    pub ignored_actions: Vec<Action>,
    /// How many events may wait for it.
    pub queue: usize,
}

/// Begins to tell those whom the configuration names, where there are some, on the thread and for as long as these tasks run.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn begin(
    config: &Config,
    storage: &Storage,
    on: &LocalSet,
) -> io::Result<Option<(Notifications, Deliveries)>> {
    let endpoints: Vec<&Endpoint> = config.notifications.told().collect();
    if endpoints.is_empty() {
        return Ok(None);
    }
    let references = config.notifications.includereferences.then(|| storage.clone());
    Notifications::begin(&endpoints, Source::new(source(config)), references, on).map(Some)
}

/// What this server is called among others: the machine's name, and the port that it listens on, where it does on one.
fn source(config: &Config) -> String {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    match config.http.addr.rsplit_once(':').filter(|_| config.http.net != Net::Unix) {
        Some((_, port)) => format!("{machine}:{port}"),
        None => machine,
    }
}

/// Those who are told. Clones are the same.
#[derive(Clone)]
pub struct Notifications(Arc<Shared>);

struct Shared {
    source: Source,
    queues: Vec<Queue>,
    counters: Counters,
}

/// What waits for an endpoint.
struct Queue {
    endpoint: Endpoint,
    events: mpsc::Sender<Arc<Event>>,
    losses: Mutex<Losses>,
}

/// Events that an endpoint has not got, for there was no room.
#[derive(Default)]
struct Losses {
    /// When it was said last.
    told: Option<Instant>,
    /// How many there were since.
    since: u64,
}

/// How often it is said that events are lost.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What delivers to those who are told.
pub struct Deliveries {
    under_way: JoinSet<()>,
    stopping: watch::Sender<bool>,
    waiting: Waiting,
}

/// What waits, of all endpoints.
#[derive(Clone)]
pub struct Waiting(Vec<(String, Counted)>);

impl Notifications {
    /// With `references`, what manifests refer to is told as well.
    fn begin(
        endpoints: &[&Endpoint],
        source: Source,
        references: Option<Storage>,
        on: &LocalSet,
    ) -> io::Result<(Notifications, Deliveries)> {
        let (counters, mut under_way) = (Counters::default(), JoinSet::new());
        let (stopping, stopped) = watch::channel(false);
        let (mut queues, mut counted) = (Vec::new(), BTreeMap::new());
        for endpoint in endpoints {
            let (events, waiting) = mpsc::channel(endpoint.queue);
            let (told, references) = (counters.of(&endpoint.name), references.clone());
            counted.insert(endpoint.name.clone(), told.clone());
            let delivery = Delivery::new(endpoint, references, told).map_err(io::Error::other)?;
            under_way.spawn_local_on(delivery.run(waiting, stopped.clone()), on);
            queues.push(Queue { endpoint: (*endpoint).clone(), events, losses: Mutex::default() });
        }
        let shared = Shared { source, queues, counters };
        let waiting = Waiting(counted.into_iter().collect());
        Ok((Notifications(Arc::new(shared)), Deliveries { under_way, stopping, waiting }))
    }

    /// Tells of something. It never waits: what no queue has room for is lost, and said to be.
    pub fn tell(&self, action: Action, target: Target, request: Request, actor: Option<String>) {
        let event = Arc::new(Event::new(action, target, request, actor, self.0.source.clone()));
        for queue in &self.0.queues {
            queue.put(&event, &self.0.counters);
        }
    }

    /// What is counted of them.
    pub fn counters(&self) -> [Box<dyn Collector>; 3] {
        self.0.counters.all()
    }
}

impl Waiting {
    /// Says of each endpoint that what waits for it is lost, where something does.
    pub fn tell_lost(&self) {
        for (endpoint, counted) in &self.0 {
            if let lost @ 1.. = counted.pending() {
                tracing::warn!(
                    endpoint,
                    lost,
                    "events are lost: the server stops before the endpoint has taken them"
                );
            }
        }
    }
}

impl Deliveries {
    /// What waits to be delivered.
    pub fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Delivers what waits, as far as endpoints take it at the first attempt, and nothing that comes now.
    pub async fn finish(mut self) {
        self.stopping.send_replace(true);
        while self.under_way.join_next().await.is_some() {}
    }
}

impl Losses {
    /// Adds so many. How many there were since it was said last comes back, where there were any and it is to be said now.
    fn grow(&mut self, more: u64) -> Option<u64> {
        self.since += more;
        if self.since == 0 || self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.since))
    }
}

impl Queue {
    fn put(&self, event: &Arc<Event>, counters: &Counters) {
        let Endpoint { name, ignored_types, ignored_actions, .. } = &self.endpoint;
        let is_ignored =
            event.media_type().is_some_and(|of| ignored_types.iter().any(|ignored| ignored == of))
                || ignored_actions.contains(&event.action());
        if is_ignored {
            return;
        }
        // Before it can be delivered.
        let counted = counters.of(name);
        counted.came();
        let (more, why) = match self.events.try_send(event.clone()) {
            Err(TrySendError::Closed(_)) => (1, "nothing is delivered to the endpoint any more"),
            // Some, if this one is not.
            sent => (
                u64::from(sent.is_err()),
                "as many wait for the endpoint as may (notifications.endpoints.queue)",
            ),
        };
        counted.lost(more);
        if let Some(lost) = self.losses.lock().unwrap_or_else(PoisonError::into_inner).grow(more) {
            tracing::error!(endpoint = name, lost, queue = self.endpoint.queue, "events are lost: {why}");
        }
    }
}
