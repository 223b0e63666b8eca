use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How many turns there may be before those are forgotten that nobody waits for.
const FORGOTTEN_FROM: usize = 256;

/// Turns at things that are done once at a time, and waited for by all others who want the same.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// The turns at one of them.
    pub fn of(&self, what: String) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= FORGOTTEN_FROM {
            all.retain(|_, turns| turns.strong_count() > 0);
        }
        let known = all.entry(what).or_default();
        known.upgrade().unwrap_or_else(|| {
            let turns = Arc::default();
            *known = Arc::downgrade(&turns);
            turns
        })
    }
}
