//! Events: what becomes of content here is told to endpoints over HTTP, as distribution's notifications tell it, one event in
//! a request. What an endpoint does not take waits in memory, in order, and is tried again until it does.

mod counters;
mod delivery;
mod event;

pub use event::{Event, Request, Target};

/// What is done with content.
pub use crate::imports::bindings::pierhead::host::http::Action;

use crate::config::Config;
use crate::storage::Storage;
use counters::Counters;
use delivery::Delivery;
use event::{References, Source};
use http::HeaderMap;
use names::Reference;
use prometheus::core::Collector;
use reqwest::Url;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

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

/// Begins to tell those whom the configuration names, where there are some, for as long as the runtime lives in which this is
/// called.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn begin(config: &Config, storage: &Storage) -> io::Result<Option<(Notifications, Deliveries)>> {
    let endpoints: Vec<&Endpoint> = config.notifications.told().collect();
    if endpoints.is_empty() {
        return Ok(None);
    }
    let storage = storage.clone();
    let references: References = Arc::new(move |repository, digest| {
        let storage = storage.clone();
        Box::pin(async move {
            let (repository, digest) = (repository.parse().ok()?, digest.parse().ok()?);
            Some(storage.manifest(repository, Reference::Digest(digest)).await.ok()??.bytes)
        })
    });
    let references = config.notifications.includereferences.then_some(references);
    Notifications::begin(&endpoints, Source::new(source(&config.http.addr)), references).map(Some)
}

/// What this server is called among others: the machine's name, and the port that it listens on.
fn source(address: &str) -> String {
    match address.rsplit_once(':') {
        Some((_, port)) => format!("{}:{port}", rustix::system::uname().nodename().to_string_lossy()),
        None => address.to_owned(),
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
    /// Whether it was full when the last event came.
    full: AtomicBool,
}

/// What delivers to those who are told.
pub struct Deliveries {
    under_way: JoinSet<()>,
    stopping: watch::Sender<bool>,
}

impl Notifications {
    /// With `references`, what manifests refer to is told as well.
    fn begin(
        endpoints: &[&Endpoint],
        source: Source,
        references: Option<References>,
    ) -> io::Result<(Notifications, Deliveries)> {
        let (counters, mut under_way) = (Counters::default(), JoinSet::new());
        let (stopping, stopped) = watch::channel(false);
        let mut queues = Vec::new();
        for endpoint in endpoints {
            let (events, waiting) = mpsc::channel(endpoint.queue);
            let (told, references) = (counters.of(&endpoint.name), references.clone());
            let delivery = Delivery::new(endpoint, references, told).map_err(io::Error::other)?;
            under_way.spawn(delivery.run(waiting, stopped.clone()));
            queues.push(Queue { endpoint: (*endpoint).clone(), events, full: AtomicBool::new(false) });
        }
        let shared = Shared { source, queues, counters };
        Ok((Notifications(Arc::new(shared)), Deliveries { under_way, stopping }))
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

impl Deliveries {
    /// Delivers what waits, as far as endpoints take it at the first attempt, and nothing that comes now.
    pub async fn finish(mut self) {
        self.stopping.send_replace(true);
        while self.under_way.join_next().await.is_some() {}
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
        match self.events.try_send(event.clone()) {
            Ok(()) => self.full.store(false, Ordering::Relaxed),
            Err(TrySendError::Full(_)) => {
                counted.lost(1);
                if !self.full.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        endpoint = name,
                        queue = self.endpoint.queue,
                        "events are lost: as many wait for the endpoint as may (notifications.endpoints.queue)"
                    );
                }
            }
            // The server stops.
            Err(TrySendError::Closed(_)) => counted.lost(1),
        }
    }
}
