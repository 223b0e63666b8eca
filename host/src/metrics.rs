//! What is counted of requests, for Prometheus, under the names that distribution gives it.

mod process;

use crate::connection::Admission;
use http::{Method, StatusCode};
use process::Process;
use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use std::sync::Arc;
use std::time::Duration;

/// The bounds of durations, in seconds: distribution's, and finer ones below.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];

/// The bounds of sizes, in bytes: from 1 KiB to 2 GiB, each twice the one before, as in distribution.
fn sizes() -> Vec<f64> {
    (10..32).map(|power| f64::from(1_u32 << power)).collect()
}

/// What is counted of requests.
#[derive(Clone)]
pub struct Requests {
    total: IntCounterVec,
    seconds: HistogramVec,
    received: HistogramVec,
    sent: HistogramVec,
}

/// A request that has its answer.
pub struct Request<'a> {
    /// What was asked for, in the log's words; nothing where no component was asked.
    pub route: Option<&'a str>,
    /// How.
    pub method: &'a Method,
    /// The answer's status.
    pub status: u16,
    /// How long it took until the answer was sent.
    pub duration: Duration,
    /// Bytes of its body that were read.
    pub received: u64,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
}

/// What distribution calls the handler of a route, where it has one.
fn handler(route: Option<&str>) -> &'static str {
    match route {
        Some("version") => "base",
        Some("catalog") => "catalog",
        Some("tags") => "tags",
        Some("manifest") => "manifest",
        Some("referrers") => "referrers",
        Some("blob") => "blob",
        Some("uploads") => "blob_upload",
        Some("upload") => "blob_upload_chunk",
        Some("token") => "token",
        Some("root") => "root",
        _ => "unknown",
    }
}

/// A method as Prometheus's own library writes it; what a client made up is not told from others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::PUT => "put",
        Method::POST => "post",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "unknown",
    }
}

impl Requests {
    /// Counts one.
    pub fn count(&self, request: &Request<'_>) {
        let (handler, method) = (handler(request.route), method(request.method));
        let status = StatusCode::from_u16(request.status);
        let code = status.as_ref().map_or("unknown", StatusCode::as_str);
        self.total.with_label_values(&[handler, method, code]).inc();
        self.seconds.with_label_values(&[handler, method]).observe(request.duration.as_secs_f64());
        self.received.with_label_values(&[handler]).observe(request.received as f64);
        self.sent.with_label_values(&[handler]).observe(request.sent as f64);
    }
}

/// A metric that is in the registry, too.
fn registered<T: Collector + Clone + 'static>(registry: &Registry, metric: T) -> prometheus::Result<T> {
    registry.register(Box::new(metric.clone())).map(|()| metric)
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    in_flight: IntGauge,
    process: Process,
    admission: Arc<Admission>,
}

impl Metrics {
    /// Nothing counted yet; what is in flight is `admission`'s to know.
    pub fn new(admission: Arc<Admission>) -> Metrics {
        Metrics::registered(admission).expect("each has a name of its own, and bounds that rise")
    }

    /// Shows what is counted elsewhere, too.
    pub fn show(&self, others: impl IntoIterator<Item = Box<dyn Collector>>) {
        for other in others {
            self.registry.register(other).expect("each has a name of its own");
        }
    }

    fn registered(admission: Arc<Admission>) -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let histogram = |name: &str, help: &str, bounds: Vec<f64>, labels: &[&str]| {
            let options =
                HistogramOpts::new(name, help).namespace("registry").subsystem("http").buckets(bounds);
            registered(&registry, HistogramVec::new(options, labels)?)
        };
        let options = |name: &str, help: &str| Opts::new(name, help).namespace("registry").subsystem("http");
        let total = options("requests_total", "Total number of HTTP requests made.");
        let total = registered(&registry, IntCounterVec::new(total, &["handler", "method", "code"])?)?;
        let in_flight = options("in_flight_requests", "The in-flight HTTP requests.");
        let in_flight = registered(&registry, IntGauge::with_opts(in_flight)?)?;
        let process = Process::registered(&registry)?;
        let requests = Requests {
            total,
            seconds: histogram(
                "request_duration_seconds",
                "The HTTP request latencies in seconds.",
                SECONDS.into(),
                &["handler", "method"],
            )?,
            received: histogram(
                "request_size_bytes",
                "The HTTP request sizes in bytes.",
                sizes(),
                &["handler"],
            )?,
            sent: histogram(
                "response_size_bytes",
                "The HTTP response sizes in bytes.",
                sizes(),
                &["handler"],
            )?,
        };
        Ok(Metrics { registry, requests, in_flight, process, admission })
    }

    /// What requests are counted with.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// All of it in Prometheus's text format, version 0.0.4.
    ///
    /// # Errors
    /// A metric has no value.
    pub fn text(&self) -> prometheus::Result<String> {
        self.in_flight.set(self.admission.in_flight() as i64);
        self.process.measure();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
