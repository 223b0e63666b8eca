//! What is counted of a cache, under the names that distribution gives it.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts};

/// What is counted of a cache, of blobs and of manifests. Clones count together.
#[derive(Clone)]
pub struct Counters {
    requests: IntCounterVec,
    hits: IntCounterVec,
    misses: IntCounterVec,
    pulled: IntCounterVec,
    pushed: IntCounterVec,
}

impl Default for Counters {
    fn default() -> Counters {
        let counter = |name: &str, help: &str| {
            let options = Opts::new(name, help).namespace("registry").subsystem("proxy");
            IntCounterVec::new(options, &["type"]).expect("it has a name and a label that may be")
        };
        Counters {
            requests: counter("requests_total", "Total number of requests for content."),
            hits: counter("hits_total", "Total number of those whose content was in the cache."),
            misses: counter("misses_total", "Total number of those whose content had to be fetched."),
            pulled: counter("pulled_bytes_total", "Total number of bytes fetched from the other registry."),
            pushed: counter("pushed_bytes_total", "Total number of bytes of content for clients."),
        }
    }
}

impl Counters {
    /// Content of so many bytes was asked for, and was here.
    pub fn hit(&self, kind: &str, size: u64) {
        self.counted(&self.hits, kind, size);
    }

    /// It was not.
    pub fn missed(&self, kind: &str, size: u64) {
        self.counted(&self.misses, kind, size);
    }

    fn counted(&self, by: &IntCounterVec, kind: &str, size: u64) {
        self.requests.with_label_values(&[kind]).inc();
        by.with_label_values(&[kind]).inc();
        self.pushed.with_label_values(&[kind]).inc_by(size);
    }

    /// So many bytes were fetched.
    pub fn fetched(&self, kind: &str, size: u64) {
        self.pulled.with_label_values(&[kind]).inc_by(size);
    }

    /// All of them.
    pub fn all(&self) -> [Box<dyn Collector>; 5] {
        let Counters { requests, hits, misses, pulled, pushed } = self.clone();
        [requests, hits, misses, pulled, pushed].map(|counter| Box::new(counter) as Box<dyn Collector>)
    }
}
