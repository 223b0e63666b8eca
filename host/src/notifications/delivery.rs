//! Delivering to one endpoint, an event after another.

use super::counters::Counted;
use super::event::Event;
use super::{Endpoint, Url, references};
use crate::redirects::elsewhere;
use crate::storage::Storage;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use upstream::causes;

/// The type of what is posted.
const EVENTS: HeaderValue = HeaderValue::from_static("application/vnd.docker.distribution.events.v2+json");

/// How often a request is sent elsewhere.
const REDIRECTS: usize = 5;

/// What delivers to one endpoint.
pub struct Delivery {
    endpoint: Endpoint,
    url: Url,
    http: Client,
    /// Where manifests are, if it is told what they refer to.
    references: Option<Storage>,
    counted: Counted,
    /// How often in a row it did not take an event.
    failures: usize,
}

impl Delivery {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// The system's certificates cannot be read, or the endpoint has no URL.
    pub fn new(
        endpoint: &Endpoint,
        references: Option<Storage>,
        counted: Counted,
    ) -> Result<Delivery, String> {
        let url = endpoint.url.clone().ok_or("an endpoint has no URL")?;
        let mut endpoint = endpoint.clone();
        endpoint.headers.entry(CONTENT_TYPE).or_insert(EVENTS);
        let http = upstream::client()
            .pool_max_idle_per_host(1)
            // It would leave out what some headers say.
            .redirect(Policy::none())
            .build()
            .map_err(causes)?;
        Ok(Delivery { endpoint, url, http, references, counted, failures: 0 })
    }

    /// Delivers what comes, until the server stops: then what waits, until a first failure.
    pub async fn run(mut self, mut events: mpsc::Receiver<Arc<Event>>, mut stopping: watch::Receiver<bool>) {
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                _ = stopping.wait_for(|stopping| *stopping), if !events.is_closed() => {
                    events.close();
                    continue;
                }
            };
            let Some(event) = event else { return };
            if !self.deliver(&event, &mut stopping).await {
                events.close();
                let lost = 1 + events.len();
                self.counted.lost(lost as u64);
                tracing::warn!(
                    endpoint = self.endpoint.name,
                    lost,
                    "events are lost: the server stops, and the endpoint does not take them"
                );
                return;
            }
        }
    }

    /// Delivers one, however often it takes; `false` if that is not to be waited for any more.
    async fn deliver(&mut self, event: &Event, stopping: &mut watch::Receiver<bool>) -> bool {
        // Only now: many of them would be much to keep waiting.
        let body = event.envelope(self.manifest(event).await.as_deref());
        loop {
            let is_last = *stopping.borrow();
            let Err(reason) = self.attempt(body.clone()).await else {
                if self.failures > 0 {
                    tracing::info!(endpoint = self.endpoint.name, "an endpoint takes events again");
                }
                self.failures = 0;
                return true;
            };
            self.failures += 1;
            if self.failures == 1 {
                tracing::warn!(
                    endpoint = self.endpoint.name,
                    reason,
                    "an endpoint does not take events: they wait for it"
                );
            }
            if is_last {
                return false;
            }
            let pause = async {
                if self.failures >= self.endpoint.threshold {
                    sleep(self.endpoint.backoff).await;
                }
            };
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = pause => {}
            }
        }
    }

    /// The manifest that an event is about, if it is told what that refers to, and as long as it is there.
    async fn manifest(&self, event: &Event) -> Option<Bytes> {
        let (storage, (repository, digest)) = (self.references.clone()?, event.manifest()?);
        let found = timeout(self.endpoint.timeout, references::manifest(storage, repository, digest)).await;
        let why = match found {
            Ok(Ok(found)) => return found,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.endpoint.timeout),
        };
        let endpoint = &self.endpoint.name;
        tracing::warn!(
            endpoint,
            repository,
            digest,
            why,
            "an event does not say what its manifest refers to"
        );
        None
    }

    /// Posts it, wherever the endpoint is, in the time that all of that may take.
    async fn attempt(&self, body: Bytes) -> Result<(), String> {
        let patience = self.endpoint.timeout;
        match timeout(patience, self.post(body)).await {
            Ok(posted) => posted,
            Err(_) => {
                self.counted.failed();
                Err(format!("no answer within {patience:?}"))
            }
        }
    }

    /// Posts it, and again where the endpoint says that it is now.
    async fn post(&self, body: Bytes) -> Result<(), String> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.post_to(url.clone(), body.clone()).await?;
            let status = answer.status();
            let is_resent = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            let reason = match elsewhere(&answer, &self.url) {
                Some(there) if is_resent && there.is_same_host => {
                    url = there.url;
                    continue;
                }
                Some(there) => not_there(status, there.url.host_str().unwrap_or_default()),
                None => format!("it answers {status}"),
            };
            self.counted.answered(status);
            return if status.is_success() { Ok(()) } else { Err(reason) };
        }
        self.counted.failed();
        Err("it sends events elsewhere again and again".into())
    }

    async fn post_to(&self, url: Url, body: Bytes) -> Result<Response, String> {
        let sent = self.http.post(url).headers(self.endpoint.headers.clone()).body(body).send().await;
        sent.map_err(|error| {
            self.counted.failed();
            causes(error)
        })
    }
}

/// Why an endpoint gets no events where it says that it is: what headers and the URL say is for one host alone, and by other statuses it
/// would be asked for events, and not be sent any.
fn not_there(status: StatusCode, host: &str) -> String {
    format!(
        "it answers {status} to {host}, where events are not sent: only to the same host, and by 307 or 308; write the URL where it is"
    )
}
