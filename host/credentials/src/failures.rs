//! Wrong passwords, counted.

use crate::Mark;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many are kept.
const MOST: usize = 20_000;

/// How many of them stay once there are that many: of those that are still within their window, the ones with the most wrong
/// passwords. Whoever brings many names with one wrong password each pushes out names like these alone. For a count to be
/// forgotten within its window, so many others have to come at least as near to the limit as it is: memory is bounded, and each
/// further guess at one name costs thousands at others.
const STAY: usize = MOST / 2;

/// So many times the limit may be refused because there were too many. Then a right password is refused too, wherever it came
/// from before: who shares an address with whoever it belongs to could go on guessing.
const REFUSALS: usize = 10;

struct Count {
    wrong: usize,
    /// How many more came when there were too many.
    refused: usize,
    /// When the first was.
    first: Instant,
}

/// There were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How long to wait.
    pub wait: Duration,
    /// Whether there were so many that nobody from there is told anything.
    pub closed: bool,
}

pub struct Failures {
    limit: usize,
    window: Duration,
    counts: HashMap<Mark, Count>,
}

impl Failures {
    /// `limit` of them may come within `window`.
    pub fn new(limit: usize, window: Duration) -> Failures {
        Failures { limit, window, counts: HashMap::new() }
    }

    fn insert(&mut self, who: Mark, count: Count) {
        if self.counts.len() >= MOST {
            self.make_room(count.first);
        }
        self.counts.insert(who, count);
    }

    fn make_room(&mut self, now: Instant) {
        let window = self.window;
        self.counts.retain(|_, count| now.saturating_duration_since(count.first) < window);
        let excess = self.counts.len().saturating_sub(STAY);
        let mut marks: Vec<_> =
            self.counts.iter().map(|(who, count)| (count.wrong, count.first, *who)).collect();
        if excess > 0 {
            let (fewest, ..) = marks.select_nth_unstable(excess);
            for (.., who) in fewest {
                self.counts.remove(who);
            }
        }
    }

    /// Whether there were too many.
    pub fn too_many(&self, who: &Mark, now: Instant) -> Option<TooMany> {
        let (limit, window) = (self.limit, self.window);
        let count = self.counts.get(who)?;
        let over = now.saturating_duration_since(count.first);
        let closed = count.refused >= limit.saturating_mul(REFUSALS);
        (count.wrong >= limit && over < window).then(|| TooMany { wait: window - over, closed })
    }

    /// Counts that another one is refused, if there were too many: then, how long to wait.
    pub fn refuse(&mut self, who: &Mark, now: Instant) -> Option<Duration> {
        let TooMany { wait, .. } = self.too_many(who, now)?;
        let count = self.counts.get_mut(who)?;
        count.refused = count.refused.saturating_add(1);
        Some(wait)
    }

    /// Counts another one, unless it is [refused](Failures::refuse).
    pub fn add(&mut self, who: &Mark, now: Instant) -> Result<(), Duration> {
        if let Some(wait) = self.refuse(who, now) {
            return Err(wait);
        }
        let window = self.window;
        match self.counts.get_mut(who) {
            Some(count) if now.saturating_duration_since(count.first) < window => count.wrong += 1,
            _ => self.insert(*who, Count { wrong: 1, refused: 0, first: now }),
        }
        Ok(())
    }

    /// Takes one back.
    pub fn forgive(&mut self, who: &Mark) {
        if let Some(count) = self.counts.get_mut(who) {
            count.wrong = count.wrong.saturating_sub(1);
            if count.wrong == 0 {
                self.counts.remove(who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::mark;

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
        assert_eq!(failures.too_many(&[2; 32], later), None);
        assert_eq!(failures.add(&WHO, start + WINDOW), Ok(()));
        assert_eq!(failures.too_many(&WHO, start + WINDOW), None);
    }

    #[test]
    fn after_ten_times_as_many_that_were_refused_nobody_is_told_anything() {
        let (mut failures, now) = (Failures::new(2, WINDOW), Instant::now());
        let closed = |failures: &mut Failures| failures.too_many(&WHO, now).map(|too_many| too_many.closed);
        for _ in 0..2 {
            assert_eq!((closed(&mut failures), failures.add(&WHO, now)), (None, Ok(())));
        }
        for _ in 0..2 * REFUSALS {
            assert_eq!((closed(&mut failures), failures.add(&WHO, now)), (Some(false), Err(WINDOW)));
        }
        assert_eq!(closed(&mut failures), Some(true));
        assert_eq!(failures.too_many(&WHO, now + WINDOW), None);
    }

    #[test]
    fn what_was_right_does_not_count() {
        let (mut failures, now) = (Failures::new(1, WINDOW), Instant::now());
        for _ in 0..5 {
            assert_eq!(failures.add(&WHO, now), Ok(()));
            assert!(failures.add(&WHO, now).is_err());
            failures.forgive(&WHO);
        }
        assert!(failures.counts.is_empty());
    }

    /// A wrong password for each of these names.
    fn flood(failures: &mut Failures, names: std::ops::Range<usize>, now: Instant) {
        for number in names {
            assert_eq!(failures.add(&mark(number), now), Ok(()));
        }
    }

    #[test]
    fn many_names_use_bounded_memory() {
        let (mut failures, now) = (Failures::new(1, WINDOW), Instant::now());
        flood(&mut failures, 0..5 * MOST, now);
        assert!(failures.counts.len() <= MOST);
    }

    #[test]
    fn many_names_do_not_push_out_the_one_that_is_guessed_at() {
        let (mut failures, now) = (Failures::new(3, WINDOW), Instant::now());
        let (at_the_limit, near) = ([1; 32], [2; 32]);
        (0..3).for_each(|_| assert_eq!(failures.add(&at_the_limit, now), Ok(())));
        (0..2).for_each(|_| assert_eq!(failures.add(&near, now), Ok(())));
        flood(&mut failures, 0..5 * MOST, now);
        assert_eq!(failures.add(&at_the_limit, now), Err(WINDOW));
        assert_eq!((failures.add(&near, now), failures.add(&near, now)), (Ok(()), Err(WINDOW)));
    }

    #[test]
    fn what_is_over_makes_room_first() {
        let (mut failures, start) = (Failures::new(3, WINDOW), Instant::now());
        (0..2).for_each(|_| flood(&mut failures, 0..MOST - 1, start));
        let later = start + WINDOW;
        flood(&mut failures, MOST..MOST + 2, later);
        assert_eq!(failures.counts.len(), 2);
    }
}
