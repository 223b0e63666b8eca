//! What waits, by where it comes from.

use std::collections::VecDeque;
use std::net::IpAddr;

/// Each address has its turn, so that one that brings much delays what others bring by no more than one.
pub struct Turns<T>(VecDeque<(IpAddr, VecDeque<T>)>);

impl<T> Default for Turns<T> {
    fn default() -> Turns<T> {
        Turns(VecDeque::new())
    }
}

impl<T> Turns<T> {
    pub fn push(&mut self, from: IpAddr, what: T) {
        match self.0.iter_mut().find(|(address, _)| *address == from) {
            Some((_, waiting)) => waiting.push_back(what),
            None => self.0.push_back((from, VecDeque::from([what]))),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn pop(&mut self) -> Option<T> {
        let (from, mut waiting) = self.0.pop_front()?;
        let what = waiting.pop_front()?;
        if !waiting.is_empty() {
            self.0.push_back((from, waiting));
        }
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_brings_many_leaves_others_their_turn() {
        let mut turns = Turns::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        (0..100).for_each(|_| turns.push(address(1), 1));
        (0..2).for_each(|_| turns.push(address(2), 2));
        let first: Vec<u8> = (0..5).filter_map(|_| turns.pop()).collect();
        assert_eq!(first, [1, 2, 1, 2, 1]);
        assert_eq!(std::iter::from_fn(|| turns.pop()).count(), 97);
        assert!(turns.is_empty());
    }
}
