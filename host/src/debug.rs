//! `http.debug`: a second address, for those who watch the server: what is counted, and which checks fail.

use crate::config::{self, HEALTH};
use crate::health::Health;
use crate::listener::{self, ListenError};
use crate::metrics::Metrics;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How many connections there may be at once, each for one request.
const CONNECTIONS: usize = 64;

/// The longest that a client has.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest head of a request, in bytes.
const HEAD: usize = 16 << 10;

/// What is shown at the second address.
pub struct Debug {
    /// The checks.
    pub health: Arc<Health>,
    /// What is counted, where anything is.
    pub metrics: Option<Metrics>,
    /// How long a client has for its request and the answer; [`PATIENCE`] at most.
    pub patience: Duration,
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Debug {
    /// Listens where `config` says, where it says so, and answers for as long as the runtime lives in which this is called.
    ///
    /// # Errors
    /// Nothing can be listened on there.
    pub fn start(self, config: &config::Debug) -> Result<(), ListenError> {
        if config.addr.is_empty() {
            return Ok(());
        }
        let listener = listener::tcp(&config.listen_addresses()?, "http.debug.addr")?;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "listening for those who watch the server (http.debug)");
        }
        tokio::spawn(Arc::new(self).accept(listener, Arc::from(config.prometheus.path.as_str())));
        Ok(())
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, path: Arc<str>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let share = room.clone().acquire_owned().await.expect("it is never closed");
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "nobody can watch the server for the moment (http.debug)");
                    sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let (shown, path) = (self.clone(), path.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| ready(Ok::<_, Infallible>(shown.answer(&request, &path))));
                let mut builder = http1::Builder::new();
                builder
                    .timer(TokioTimer::new())
                    .keep_alive(false)
                    .title_case_headers(true)
                    .max_buf_size(HEAD);
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                let _ = timeout(shown.patience.min(PATIENCE), connection).await;
                drop(share);
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>, path: &str) -> Response<Full<Bytes>> {
        let metrics = self.metrics.as_ref().filter(|_| request.uri().path() == path);
        if metrics.is_none() && request.uri().path() != HEALTH {
            let metrics = if self.metrics.is_some() { path } else { "nothing else" };
            return answer(StatusCode::NOT_FOUND, TEXT, format!("here are {HEALTH} and {metrics}\n"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET and HEAD are served here\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match metrics.map(Metrics::text) {
            Some(Ok(text)) => answer(StatusCode::OK, METRICS, text),
            Some(Err(error)) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
            None => {
                let failures = self.health.failures();
                let status = match failures.is_empty() {
                    true => StatusCode::OK,
                    false => StatusCode::SERVICE_UNAVAILABLE,
                };
                let text = serde_json::to_string(&failures).expect("texts under texts are JSON");
                answer(status, JSON, text)
            }
        }
    }
}
