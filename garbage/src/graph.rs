//! Manifests that no tag leads to.

use crate::{Key, key};
use names::Digest;
use protocol::manifest::References;
use std::collections::HashMap;

/// A manifest of a repository.
pub struct Revision {
    /// As which it is held.
    pub digest: Digest,
    /// Whose bytes it is.
    pub content: Digest,
    /// Whether its lease is younger than the grace.
    pub is_young: bool,
}

/// The manifests of a repository, and who keeps whom: an index its manifests, and a manifest those that are about it.
pub struct Graph {
    revisions: Vec<Revision>,
    /// Whom each one keeps.
    keeps: Vec<Vec<usize>>,
    /// By digest, also by that of the bytes.
    numbers: HashMap<Key, usize>,
    kept: Vec<bool>,
}

impl Graph {
    /// Of these, of which `references` says what each one names. Nothing is kept yet.
    ///
    /// # Errors
    /// The first of `references`.
    pub fn new<E>(
        revisions: Vec<Revision>,
        mut references: impl FnMut(&Revision) -> Result<References, E>,
    ) -> Result<Graph, E> {
        let mut numbers = HashMap::new();
        for (number, revision) in revisions.iter().enumerate() {
            numbers.insert(key(&revision.content), number);
        }
        for (number, revision) in revisions.iter().enumerate() {
            numbers.insert(key(&revision.digest), number);
        }
        let mut keeps = vec![Vec::new(); revisions.len()];
        for (number, revision) in revisions.iter().enumerate() {
            let references = references(revision)?;
            let named = references.needed.iter().filter_map(|digest| numbers.get(&key(digest)));
            keeps[number].extend(named.filter(|named| **named != number));
            if let Some(subject) = references.subject.and_then(|subject| numbers.get(&key(&subject)))
                && *subject != number
            {
                keeps[*subject].push(number);
            }
        }
        Ok(Graph { kept: vec![false; revisions.len()], revisions, keeps, numbers })
    }

    /// Its manifests, by number.
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// Its manifests, for good.
    pub fn into_revisions(self) -> Vec<Revision> {
        self.revisions
    }

    /// Whether this one is kept.
    pub fn is_kept(&self, number: usize) -> bool {
        self.kept[number]
    }

    /// Keeps one, and whom that keeps.
    pub fn keep(&mut self, number: usize) {
        let mut next = vec![number];
        while let Some(number) = next.pop() {
            if !std::mem::replace(&mut self.kept[number], true) {
                next.extend(&self.keeps[number]);
            }
        }
    }

    /// The same of the one with this digest, if there is one.
    pub fn keep_digest(&mut self, digest: &Digest) {
        if let Some(number) = self.numbers.get(&key(digest)) {
            self.keep(*number);
        }
    }

    /// Keeps the young ones; how many of them were not kept.
    pub fn keep_young(&mut self) -> usize {
        let mut young = 0;
        for number in 0..self.revisions.len() {
            if self.revisions[number].is_young && !self.kept[number] {
                young += 1;
                self.keep(number);
            }
        }
        young
    }

    /// Those that are not kept, each after all that would keep it: until it is removed, whoever needs one of those saves
    /// it too. An index that lists what it is about stays, and so does that.
    pub fn garbage(&self) -> Vec<usize> {
        let mut keepers = vec![0_usize; self.revisions.len()];
        let loose = |number: &usize| !self.kept[*number];
        for number in (0..self.revisions.len()).filter(loose) {
            self.keeps[number].iter().for_each(|kept| keepers[*kept] += 1);
        }
        let mut order: Vec<usize> =
            (0..self.revisions.len()).filter(loose).filter(|number| keepers[*number] == 0).collect();
        let mut at = 0;
        while let Some(number) = order.get(at).copied() {
            for kept in &self.keeps[number] {
                keepers[*kept] -= 1;
                if keepers[*kept] == 0 && !self.kept[*kept] {
                    order.push(*kept);
                }
            }
            at += 1;
        }
        order
    }
}
