//! Wrong passwords, counted.

use crate::Mark;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many are kept in each of two halves: when the newer is full, the older is forgotten.
const HALF: usize = 10_000;

/// How many there were, and when the first was.
type Count = (usize, Instant);

pub struct Failures {
    limit: usize,
    window: Duration,
    newer: HashMap<Mark, Count>,
    older: HashMap<Mark, Count>,
}

impl Failures {
    /// `limit` of them may come within `window`.
    pub fn new(limit: usize, window: Duration) -> Failures {
        Failures { limit, window, newer: HashMap::new(), older: HashMap::new() }
    }

    fn count(&mut self, who: &Mark) -> Option<&mut Count> {
        if let Some(count) = self.older.remove(who) {
            self.insert(*who, count);
        }
        self.newer.get_mut(who)
    }

    fn insert(&mut self, who: Mark, count: Count) {
        if self.newer.len() >= HALF {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(who, count);
    }

    /// How long to wait, for whom there were too many.
    pub fn wait(&mut self, who: &Mark, now: Instant) -> Option<Duration> {
        let (limit, window) = (self.limit, self.window);
        let (count, first) = self.count(who)?;
        let over = now.saturating_duration_since(*first);
        (*count >= limit && over < window).then(|| window - over)
    }

    /// Counts another one, unless there were too many: then, how long to wait.
    pub fn add(&mut self, who: &Mark, now: Instant) -> Result<(), Duration> {
        if let Some(wait) = self.wait(who, now) {
            return Err(wait);
        }
        let window = self.window;
        match self.count(who) {
            Some((count, first)) if now.saturating_duration_since(*first) < window => *count += 1,
            _ => self.insert(*who, (1, now)),
        }
        Ok(())
    }

    /// Takes one back.
    pub fn forgive(&mut self, who: &Mark) {
        if let Some((count, _)) = self.count(who) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.newer.remove(who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Mark = [1; 32];
    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn after_too_many_within_the_window_the_rest_of_it_is_to_be_waited() {
        let (mut failures, start) = (Failures::new(3, WINDOW), Instant::now());
        for second in 0..3 {
            assert_eq!(failures.add(&WHO, start + Duration::from_secs(second)), Ok(()));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(failures.add(&WHO, later), Err(Duration::from_secs(40)));
        assert_eq!(failures.wait(&[2; 32], later), None);
        assert_eq!(failures.add(&WHO, start + WINDOW), Ok(()));
        assert_eq!(failures.wait(&WHO, start + WINDOW), None);
    }

    #[test]
    fn what_was_right_does_not_count() {
        let (mut failures, now) = (Failures::new(1, WINDOW), Instant::now());
        for _ in 0..5 {
            assert_eq!(failures.add(&WHO, now), Ok(()));
            assert!(failures.add(&WHO, now).is_err());
            failures.forgive(&WHO);
        }
        assert!(failures.newer.is_empty());
    }

    #[test]
    fn many_names_use_bounded_memory() {
        let (mut failures, now) = (Failures::new(1, WINDOW), Instant::now());
        for number in 0..5 * HALF {
            let mut who = [0; 32];
            who[..8].copy_from_slice(&number.to_le_bytes());
            assert_eq!(failures.add(&who, now), Ok(()));
        }
        assert!(failures.newer.len() + failures.older.len() <= 2 * HALF);
    }
}
