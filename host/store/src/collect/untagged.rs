//! Manifests that no tag leads to.

use super::marks::{Key, key};
use super::{Garbage, PIECES, Revision, Run};
use crate::backend::Wait;
use crate::error::CollectError;
use crate::waited;
use names::{Digest, RepositoryName};
use std::collections::HashMap;

/// The manifests of a repository, and who keeps whom: an index its manifests, and a manifest those that are about it.
struct Graph {
    revisions: Vec<Revision>,
    /// Whom each one keeps.
    keeps: Vec<Vec<usize>>,
    /// By digest, also by that of the bytes.
    numbers: HashMap<Key, usize>,
    kept: Vec<bool>,
}

impl Graph {
    fn keep(&mut self, number: usize) {
        let mut next = vec![number];
        while let Some(number) = next.pop() {
            if !std::mem::replace(&mut self.kept[number], true) {
                next.extend(&self.keeps[number]);
            }
        }
    }

    fn keep_digest(&mut self, digest: &Digest) {
        if let Some(number) = self.numbers.get(&key(digest)) {
            self.keep(*number);
        }
    }

    /// Those that are not kept, each after all that would keep it: until it is removed, whoever needs one of those saves
    /// it too. An index that lists what it is about stays, and so does that.
    fn garbage(&self) -> Vec<usize> {
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

impl Run<'_> {
    /// Removes the manifests that no tag leads to, and returns all others.
    pub(super) fn without_untagged(
        &mut self,
        repository: &RepositoryName,
        revisions: Vec<Revision>,
        tagged: &[Digest],
    ) -> Result<Vec<Revision>, CollectError> {
        let mut graph = self.graph(repository, revisions)?;
        tagged.iter().for_each(|digest| graph.keep_digest(digest));
        self.said.iter().for_each(|digest| graph.keep_digest(digest));
        let mut heard = self.said.len();
        for number in 0..graph.revisions.len() {
            if graph.revisions[number].is_young && !graph.kept[number] {
                self.found.young_manifests += 1;
                graph.keep(number);
            }
        }
        let mut is_gone = vec![false; graph.revisions.len()];
        for numbers in graph.garbage().chunks(PIECES) {
            let (mut gone, mut referrers) = (Vec::new(), Vec::new());
            let removed = self.excluding(|run| {
                run.said[heard..].iter().for_each(|digest| graph.keep_digest(digest));
                heard = run.said.len();
                for number in numbers {
                    if !graph.kept[*number]
                        && run.remove_manifest(repository, &mut graph, *number, &mut referrers)?
                    {
                        is_gone[*number] = true;
                        let digest = graph.revisions[*number].digest.clone();
                        gone.push(Garbage::Manifest { repository: repository.clone(), digest });
                    }
                }
                run.forget_referrers(repository, &referrers)
            });
            self.report(&gone);
            removed?;
        }
        let all = graph.revisions.into_iter().zip(is_gone);
        Ok(all.filter(|(_, is_gone)| !is_gone).map(|(revision, _)| revision).collect())
    }

    fn graph(&self, repository: &RepositoryName, revisions: Vec<Revision>) -> Result<Graph, CollectError> {
        let mut numbers = HashMap::new();
        for (number, revision) in revisions.iter().enumerate() {
            numbers.insert(key(&revision.content), number);
        }
        for (number, revision) in revisions.iter().enumerate() {
            numbers.insert(key(&revision.digest), number);
        }
        let mut keeps = vec![Vec::new(); revisions.len()];
        for (number, revision) in revisions.iter().enumerate() {
            let references = self.references(Some(repository), &revision.content)?;
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

    /// Removes a manifest, unless someone has asked for it since it was looked at. Nobody stores anything now.
    fn remove_manifest(
        &mut self,
        repository: &RepositoryName,
        graph: &mut Graph,
        number: usize,
        referrers: &mut Vec<String>,
    ) -> Result<bool, CollectError> {
        if self.how.dry_run {
            return Ok(true);
        }
        let digest = &graph.revisions[number].digest;
        let directory = layout::revision(repository, digest);
        let link = layout::in_directory(&directory, layout::LINK);
        let inner = self.inner;
        let Some(stamp) = waited(inner.backend.stat(&link, None, Wait::May))? else { return Ok(false) };
        if self.is_leased(stamp.modified()) {
            graph.keep(number);
            return Ok(false);
        }
        let referrer = inner.referrer(repository, digest)?.flatten();
        if let Some(referrer) = referrer {
            referrers.push(layout::referrer(repository, &referrer.subject, digest));
        }
        Ok(self.set_aside(&directory)?)
    }

    /// Removes the entries that manifests had as referrers which are gone. What was looked at for them is forgotten, too, lest one
    /// come back and not be looked at.
    fn forget_referrers(
        &mut self,
        repository: &RepositoryName,
        entries: &[String],
    ) -> Result<(), CollectError> {
        if !entries.is_empty() {
            let seen = layout::in_directory(&layout::referrers(repository), layout::INDEXED);
            self.inner.backend.remove(&seen)?;
        }
        for entry in entries {
            self.set_aside(entry)?;
        }
        Ok(())
    }
}
