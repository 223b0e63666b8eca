//! Passwords that were right not long ago, as marks from which they cannot be told.

use crate::{Entry, Identity, Mark};
use std::collections::HashMap;
use std::time::Instant;

/// How many are kept in each of two halves: when the newer is full, the older is forgotten.
const HALF: usize = 10_000;

/// Whose a password was, for which entry, and until when that is taken for granted.
pub struct Right {
    pub identity: Identity,
    pub entry: Entry,
    pub until: Instant,
}

#[derive(Default)]
pub struct Remembered {
    newer: HashMap<Mark, Right>,
    older: HashMap<Mark, Right>,
}

impl Remembered {
    pub fn add(&mut self, mark: Mark, right: Right) {
        if self.newer.len() >= HALF {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(mark, right);
    }

    /// Whose a password was, if it was right for this very entry.
    pub fn get(&mut self, mark: &Mark, entry: &Entry, now: Instant) -> Option<Identity> {
        if let Some(right) = self.older.remove(mark) {
            self.add(*mark, right);
        }
        let right = self.newer.get(mark)?;
        if right.entry != *entry || now >= right.until {
            self.newer.remove(mark);
            return None;
        }
        Some(right.identity.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::mark;
    use std::sync::Arc;
    use std::time::Duration;

    fn right(entry: &Entry, until: Instant) -> Right {
        Right { identity: Identity::default(), entry: entry.clone(), until }
    }

    #[test]
    fn what_is_asked_about_stays_and_the_rest_is_bounded() {
        let (mut remembered, entry, now) = (Remembered::default(), Some(Arc::from("hash")), Instant::now());
        for number in 0..5 * HALF {
            remembered.add(mark(number), right(&entry, now + Duration::from_secs(60)));
            assert!(remembered.get(&mark(0), &entry, now).is_some(), "{number}");
        }
        assert!(remembered.newer.len() + remembered.older.len() <= 2 * HALF + 1);
        assert!(remembered.get(&mark(1), &entry, now).is_none());
    }

    #[test]
    fn nothing_holds_for_longer_than_it_may_or_for_another_entry() {
        let (mut remembered, entry, now) = (Remembered::default(), Some(Arc::from("hash")), Instant::now());
        let later = now + Duration::from_secs(60);
        remembered.add(mark(1), right(&entry, later));
        remembered.add(mark(2), right(&entry, later));
        assert!(remembered.get(&mark(1), &entry, later).is_none());
        assert!(remembered.get(&mark(2), &Some(Arc::from("changed")), now).is_none());
        assert!(remembered.get(&mark(2), &entry, now).is_none(), "a change is not taken back");
    }
}
