//! Passwords that were right not long ago, as marks from which they cannot be told.

use crate::{Entry, Identity, Mark};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// How many are kept in each of two halves: when the newer is full, the older is forgotten.
const HALF: usize = 10_000;

/// Of how many networks that a password came from it is known: of the last ones.
const NETWORKS: usize = 16;

/// Whose a password was, for which entry, and until when that is taken for granted.
pub struct Right {
    pub identity: Identity,
    pub entry: Entry,
    pub until: Instant,
    /// The networks that it came from, and under what the user's failures from there are counted.
    pub networks: Vec<(IpAddr, Mark)>,
}

impl Right {
    /// Under what failures from a network are counted, if the password came from there before.
    pub fn failing(&self, network: IpAddr) -> Option<&Mark> {
        self.networks.iter().find(|(known, _)| *known == network).map(|(_, failing)| failing)
    }

    /// It came from there too.
    pub fn came_from(&mut self, network: IpAddr, failing: Mark) {
        if self.networks.len() == NETWORKS {
            self.networks.remove(0);
        }
        self.networks.push((network, failing));
    }
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
    pub fn get(&mut self, mark: &Mark, entry: &Entry, now: Instant) -> Option<&mut Right> {
        if let Some(right) = self.older.remove(mark) {
            self.add(*mark, right);
        }
        if self.newer.get(mark).is_some_and(|right| right.entry != *entry || now >= right.until) {
            self.newer.remove(mark);
        }
        self.newer.get_mut(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::mark;
    use std::sync::Arc;
    use std::time::Duration;

    fn right(entry: &Entry, until: Instant) -> Right {
        Right { identity: Identity::default(), entry: entry.clone(), until, networks: Vec::new() }
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

    #[test]
    fn the_last_networks_that_a_password_came_from_are_known() {
        let mut right = right(&None, Instant::now());
        let network = |number: u8| IpAddr::from([192, 0, 2, number]);
        for number in 0..=NETWORKS as u8 {
            assert_eq!(right.failing(network(number)), None);
            right.came_from(network(number), mark(number.into()));
            assert_eq!(right.failing(network(number)), Some(&mark(number.into())));
        }
        assert_eq!((right.failing(network(0)), right.networks.len()), (None, NETWORKS));
    }
}
