//! Manifests that no tag leads to.

use super::{PIECES, Run};
use crate::backend::Wait;
use crate::error::CollectError;
use crate::{since, waited};
use garbage::{Garbage, Graph, Revision};
use names::{Digest, RepositoryName};

impl Run<'_> {
    /// Removes the manifests that no tag leads to, and returns all others.
    pub(super) fn without_untagged(
        &mut self,
        repository: &RepositoryName,
        revisions: Vec<Revision>,
        tagged: &[Digest],
    ) -> Result<Vec<Revision>, CollectError> {
        let mut graph =
            Graph::new(revisions, |revision| self.references(Some(repository), &revision.content))?;
        tagged.iter().for_each(|digest| graph.keep_digest(digest));
        self.said.iter().for_each(|digest| graph.keep_digest(digest));
        let mut heard = self.said.len();
        self.found.young_manifests += graph.keep_young();
        let mut is_gone = vec![false; graph.revisions().len()];
        for numbers in graph.garbage().chunks(PIECES) {
            let (mut gone, mut referrers) = (Vec::new(), Vec::new());
            let removed = self.excluding(|run| {
                run.said[heard..].iter().for_each(|digest| graph.keep_digest(digest));
                heard = run.said.len();
                for number in numbers {
                    if !graph.is_kept(*number)
                        && run.remove_manifest(repository, &mut graph, *number, &mut referrers)?
                    {
                        is_gone[*number] = true;
                        let digest = graph.revisions()[*number].digest.clone();
                        gone.push(Garbage::Manifest { repository: repository.clone(), digest });
                    }
                }
                run.forget_referrers(repository, &referrers)
            });
            self.report(&gone);
            removed?;
        }
        let all = graph.into_revisions().into_iter().zip(is_gone);
        Ok(all.filter(|(_, is_gone)| !is_gone).map(|(revision, _)| revision).collect())
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
        let digest = &graph.revisions()[number].digest;
        let directory = layout::revision(repository, digest);
        let link = layout::in_directory(&directory, layout::LINK);
        let inner = self.inner;
        let Some(stamp) = waited(inner.backend.stat(&link, None, Wait::May))? else { return Ok(false) };
        if self.how.is_leased(since(stamp.modified())) {
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
