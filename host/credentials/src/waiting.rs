//! Those who wait for what is said of a password.

use crate::{Mark, Verdict};
use std::collections::HashMap;
use std::net::IpAddr;
use tokio::sync::oneshot::{Receiver, Sender, channel};

/// How many passwords may wait, and how many of them may have come from one address.
const ALL: usize = 1024;
const SHARE: usize = ALL / 4;

/// The passwords that are asked about, and for each those who wait.
#[derive(Default)]
pub struct Waiting {
    passwords: HashMap<Mark, (IpAddr, Vec<Sender<Verdict>>)>,
    /// How many passwords there are from an address.
    addresses: HashMap<IpAddr, usize>,
}

impl Waiting {
    /// Waits with the others. Nothing where nobody waits for this password.
    pub fn join(&mut self, mark: &Mark) -> Option<Receiver<Verdict>> {
        let (_, others) = self.passwords.get_mut(mark)?;
        let (sender, receiver) = channel();
        others.push(sender);
        Some(receiver)
    }

    /// Whether one more password may wait that comes from this address.
    pub fn has_room(&self, from: IpAddr) -> bool {
        self.passwords.len() < ALL && self.addresses.get(&from).is_none_or(|&count| count < SHARE)
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty() && self.addresses.is_empty()
    }

    /// Waits for a password, as the first.
    pub fn begin(&mut self, mark: Mark, from: IpAddr) -> Receiver<Verdict> {
        let (sender, receiver) = channel();
        self.passwords.insert(mark, (from, vec![sender]));
        *self.addresses.entry(from).or_default() += 1;
        receiver
    }

    /// Those who wait for a password, and from now on no longer. To be told once the lock on this is free: who is told wakes
    /// up at once, and may take the core of a thread that hashes.
    pub fn end(&mut self, mark: &Mark) -> Vec<Sender<Verdict>> {
        let Some((from, waiting)) = self.passwords.remove(mark) else { return Vec::new() };
        if let Some(count) = self.addresses.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&from);
            }
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::mark;

    #[test]
    fn an_address_that_brings_many_fills_its_share_alone() {
        let mut waiting = Waiting::default();
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        for number in 0..SHARE {
            assert!(waiting.has_room(one), "{number}");
            drop(waiting.begin(mark(number), one));
        }
        assert!(!waiting.has_room(one) && waiting.has_room(other));
        drop(waiting.end(&mark(0)));
        assert!(waiting.has_room(one));
        (1..SHARE).for_each(|number| drop(waiting.end(&mark(number))));
        assert!(waiting.is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_waits_however_many_addresses_there_are() {
        let mut waiting = Waiting::default();
        for number in 0..ALL {
            let from = IpAddr::from([192, 0, 2, (number % 256) as u8]);
            assert!(waiting.has_room(from), "{number}");
            drop(waiting.begin(mark(number), from));
        }
        assert!(!waiting.has_room(IpAddr::from([198, 51, 100, 1])));
    }
}
