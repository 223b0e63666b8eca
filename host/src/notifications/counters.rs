//! What is counted of events, under the names that distribution gives it.

use http::StatusCode;
use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

/// What is counted of events, for each endpoint. Clones count together.
#[derive(Clone)]
pub struct Counters {
    events: IntCounterVec,
    pending: IntGaugeVec,
    status: IntCounterVec,
}

/// What is counted of the events for one endpoint.
#[derive(Clone)]
pub struct Counted {
    counters: Counters,
    endpoint: String,
}

impl Default for Counters {
    fn default() -> Counters {
        let options =
            |name: &str, help: &str| Opts::new(name, help).namespace("registry").subsystem("notifications");
        let counter = |name: &str, help: &str, label: &str| {
            IntCounterVec::new(options(name, help), &[label, "endpoint"])
                .expect("names and labels that may be")
        };
        let pending = options("pending_total", "The gauge of pending events in queue.");
        Counters {
            events: counter("events_total", "The number of total events.", "type"),
            pending: IntGaugeVec::new(pending, &["endpoint"]).expect("a name and a label that may be"),
            status: counter("status_total", "The number of status code.", "code"),
        }
    }
}

impl Counters {
    /// Those of one endpoint.
    pub fn of(&self, endpoint: &str) -> Counted {
        Counted { counters: self.clone(), endpoint: endpoint.to_owned() }
    }

    /// All of them.
    pub fn all(&self) -> [Box<dyn Collector>; 3] {
        let Counters { events, pending, status } = self.clone();
        [Box::new(events), Box::new(pending), Box::new(status)]
    }
}

impl Counted {
    fn event(&self, kind: &str, many: u64) {
        self.counters.events.with_label_values(&[kind, self.endpoint.as_str()]).inc_by(many);
    }

    fn no_longer_pending(&self, many: u64) {
        self.counters.pending.with_label_values(&[&self.endpoint]).sub(many as i64);
    }

    /// How many wait.
    pub fn pending(&self) -> u64 {
        self.counters.pending.with_label_values(&[&self.endpoint]).get().try_into().unwrap_or(0)
    }

    /// One came.
    pub fn came(&self) {
        self.event("Events", 1);
        self.counters.pending.with_label_values(&[&self.endpoint]).inc();
    }

    /// The endpoint answered with this.
    pub fn answered(&self, status: StatusCode) {
        // `200 OK`, as in distribution.
        let code = status.to_string();
        self.counters.status.with_label_values(&[&code, &self.endpoint]).inc();
        match status.is_success() {
            true => {
                self.event("Successes", 1);
                self.no_longer_pending(1);
            }
            false => self.event("Failures", 1),
        }
    }

    /// It did not answer.
    pub fn failed(&self) {
        self.event("Errors", 1);
    }

    /// So many never reach it.
    pub fn lost(&self, many: u64) {
        self.event("Lost", many);
        self.no_longer_pending(many);
    }
}
