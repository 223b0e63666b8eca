//! What the targets that speak with a running server share.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU8, Ordering};
use tests::{Probe, Response, converse};

const COUNTERS: usize = 1 << 12;
const METHODS: [&str; 7] = ["DELETE ", "GET ", "HEAD ", "OPTIONS ", "PATCH ", "POST ", "PUT "];

/// libFuzzer sees nothing of the server's code. Each kind of answer is one of these counters instead, which it reads
/// as it reads those of code: an input that brings an answer that was not seen before is kept, and varied.
#[used]
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static ANSWERS: [AtomicU8; COUNTERS] = [const { AtomicU8::new(0) }; COUNTERS];

/// A running server, and what has been sent to it.
#[derive(Debug, Default)]
pub struct Sent {
    probe: Probe,
}

impl Sent {
    /// Sends an input as it is.
    pub fn request(&mut self, input: &[u8]) {
        let method = METHODS.iter().find(|method| input.starts_with(method.as_bytes()));
        count(method.unwrap_or(&""), &self.probe.send(input));
    }

    /// Sends the conversation that an input stands for.
    pub fn dialogue(&mut self, input: &[u8]) {
        count("", &converse(&mut self.probe, input));
    }
}

/// What tells one kind of answer from another: the status, which headers there are, and which error it is. Numbers
/// in a message are left out: they differ without end.
fn count(method: &str, found: &[Response]) {
    for response in found {
        let mut hasher = DefaultHasher::new();
        (method, response.status, &response.interim).hash(&mut hasher);
        for (name, _) in &response.headers {
            name.hash(&mut hasher);
        }
        if response.status >= 400 {
            let words = response.body.iter().filter(|byte| !byte.is_ascii_digit());
            words.take(120).collect::<Vec<_>>().hash(&mut hasher);
        }
        ANSWERS[hasher.finish() as usize % COUNTERS].fetch_add(1, Ordering::Relaxed);
    }
}
