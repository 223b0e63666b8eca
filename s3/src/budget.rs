use std::time::Duration;

/// How often something is tried in all.
const TRIES: u32 = 5;
/// For how long after the first try another one is begun, beside the time that a try may take.
const PERIOD: Duration = Duration::from_secs(30);
/// How long to wait after the first try, at most; each time twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How often and for how long something is tried: five times, within 30 s and the time that one try may take.
#[derive(Debug)]
pub struct Budget {
    tries_left: u32,
    wait: Duration,
    ends: u64,
}

impl Budget {
    /// For something that is tried for the first time at `now`, in nanoseconds of any clock, and may take so long each time: a
    /// connection that says nothing is no reason to give up.
    pub fn new(now: u64, patience: Duration) -> Budget {
        let ends = now.saturating_add((PERIOD + patience).as_nanos() as u64);
        Budget { tries_left: TRIES - 1, wait: FIRST_WAIT, ends }
    }

    /// How many nanoseconds to wait before the next try; `None` when the budget is spent. `random` spreads those who
    /// failed at the same moment: they wait for between half of the time and all of it.
    pub fn again(&mut self, now: u64, random: u64) -> Option<u64> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        let wait = self.wait.as_nanos() as u64;
        self.wait *= 2;
        let wait = wait / 2 + random % (wait / 2 + 1);
        (now.saturating_add(wait) < self.ends).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_spent_after_five_tries() {
        let mut budget = Budget::new(7, Duration::ZERO);
        let waits: Vec<_> = std::iter::from_fn(|| budget.again(7, 0)).collect();
        assert_eq!(waits, [50_000_000, 100_000_000, 200_000_000, 400_000_000]);
        assert_eq!(budget.again(7, 0), None);
    }

    #[test]
    fn it_is_spent_after_thirty_seconds_and_what_a_try_may_take() {
        let mut budget = Budget::new(0, Duration::ZERO);
        assert!(budget.again(29_000_000_000, u64::MAX).is_some());
        assert_eq!(budget.again(29_900_000_000, 0), None);
        let mut budget = Budget::new(0, Duration::from_secs(120));
        assert!(budget.again(120_000_000_000, u64::MAX).is_some());
        assert_eq!(budget.again(150_000_000_000, 0), None);
    }
}
