//! Passwords that were right not long ago, as marks from which they cannot be told.

use crate::Mark;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// How many are kept in each of two halves: when the newer is full, the older is forgotten.
const HALF: usize = 10_000;

/// The entry that a password was right for, and until when that is taken for granted.
type Right = (Arc<str>, Instant);

#[derive(Default)]
pub struct Remembered {
    newer: HashMap<Mark, Right>,
    older: HashMap<Mark, Right>,
}

impl Remembered {
    pub fn add(&mut self, mark: Mark, hash: Arc<str>, until: Instant) {
        if self.newer.len() >= HALF {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(mark, (hash, until));
    }

    /// Whether a password was right for this very entry.
    pub fn holds(&mut self, mark: &Mark, hash: &Arc<str>, now: Instant) -> bool {
        if let Some(right) = self.older.remove(mark) {
            self.add(*mark, right.0, right.1);
        }
        let Some((known, until)) = self.newer.get(mark) else { return false };
        let holds = known == hash && now < *until;
        if !holds {
            self.newer.remove(mark);
        }
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn mark(number: usize) -> Mark {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&number.to_le_bytes());
        mark
    }

    #[test]
    fn what_is_asked_about_stays_and_the_rest_is_bounded() {
        let (mut remembered, hash, now) = (Remembered::default(), Arc::from("hash"), Instant::now());
        for number in 0..5 * HALF {
            remembered.add(mark(number), Arc::clone(&hash), now + Duration::from_secs(60));
            assert!(remembered.holds(&mark(0), &hash, now), "{number}");
        }
        assert!(remembered.newer.len() + remembered.older.len() <= 2 * HALF + 1);
        assert!(!remembered.holds(&mark(1), &hash, now));
    }

    #[test]
    fn nothing_holds_for_longer_than_it_may_or_for_another_entry() {
        let (mut remembered, hash, now) = (Remembered::default(), Arc::from("hash"), Instant::now());
        let later = now + Duration::from_secs(60);
        remembered.add(mark(1), Arc::clone(&hash), later);
        remembered.add(mark(2), Arc::clone(&hash), later);
        assert!(!remembered.holds(&mark(1), &hash, later));
        assert!(!remembered.holds(&mark(2), &Arc::from("changed"), now));
        assert!(!remembered.holds(&mark(2), &hash, now), "a change is not taken back");
    }
}
