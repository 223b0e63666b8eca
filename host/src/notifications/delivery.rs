//! Delivering to one endpoint, an event after another.

use super::counters::Counted;
use super::event::{Event, References};
use super::{Endpoint, Url};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, Response};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
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
    references: Option<References>,
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
        references: Option<References>,
        counted: Counted,
    ) -> Result<Delivery, String> {
        let url = endpoint.url.clone().ok_or("an endpoint has no URL")?;
        let mut endpoint = endpoint.clone();
        endpoint.headers.entry(CONTENT_TYPE).or_insert(EVENTS);
        let http = upstream::client()
            .timeout(endpoint.timeout)
            .pool_max_idle_per_host(1)
            .redirect(Policy::custom(follow))
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
        let body = event.envelope(self.references.as_ref()).await;
        loop {
            let Err(reason) = self.post(body.clone()).await else {
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
            let pause = async {
                if self.failures >= self.endpoint.threshold {
                    sleep(self.endpoint.backoff).await;
                }
            };
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return false,
                () = pause => {}
            }
        }
    }

    async fn post(&self, body: Bytes) -> Result<(), String> {
        let answer = self
            .http
            .post(self.url.clone())
            .headers(self.endpoint.headers.clone())
            .body(body)
            .send()
            .await
            .map_err(|error| {
                self.counted.failed();
                causes(error)
            })?;
        self.counted.answered(answer.status());
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(format!("it answers {status}{}", elsewhere(&answer))),
            status => Err(format!("it answers {status}")),
        }
    }
}

/// What to do where an endpoint is elsewhere.
fn elsewhere(answer: &Response) -> String {
    let at = answer.headers().get(LOCATION).and_then(|at| answer.url().join(at.to_str().ok()?).ok());
    let host = at.as_ref().and_then(Url::host_str).map(|host| format!(" to {host}")).unwrap_or_default();
    format!(
        "{host}, where events are not sent: only to the same host, and by 307 or 308; write the URL where it is"
    )
}

/// Whether an event is posted again where the endpoint says: to the same host, for what its headers say is for that alone, and not
/// without TLS where it was asked with it. By other statuses than these it would be asked for there, and not posted.
fn follow(attempt: Attempt<'_>) -> Action {
    let stays = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
        && attempt.previous().len() <= REDIRECTS
        && attempt.previous().last().is_some_and(|last| {
            last.host() == attempt.url().host()
                && (last.scheme() == "http" || attempt.url().scheme() == "https")
        });
    if stays { attempt.follow() } else { attempt.stop() }
}
