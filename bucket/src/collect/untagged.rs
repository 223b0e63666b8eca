//! Manifests that no tag leads to.

use super::{CollectError, PIECES, Run, all};
use garbage::{Garbage, Graph, Revision};
use names::{Digest, RepositoryName};
use objects::referrers::referrer;

impl Run<'_> {
    /// Removes the manifests that no tag leads to, and returns all others.
    pub(super) async fn without_untagged(
        &mut self,
        repository: &RepositoryName,
        revisions: Vec<Revision>,
        tagged: &[Digest],
    ) -> Result<Vec<Revision>, CollectError> {
        let mut named = Vec::new();
        for some in revisions.chunks(PIECES) {
            self.turn.beat().await?;
            named.extend(
                all(some.iter().map(|revision| self.references(Some(repository), &revision.content))).await,
            );
        }
        let mut named = named.into_iter();
        let mut graph = Graph::new(revisions, |_| {
            named.next().expect("as many as revisions").map(Option::unwrap_or_default)
        })?;
        tagged.iter().chain(&self.said).for_each(|digest| graph.keep_digest(digest));
        self.found.young_manifests += graph.keep_young();
        let mut is_gone = vec![false; graph.revisions().len()];
        for numbers in graph.garbage().chunks(PIECES) {
            let digest = |number: &usize| graph.revisions()[*number].digest.clone();
            let said = self.turn.condemn(numbers.iter().map(digest).collect()).await?;
            said.iter().for_each(|needed| graph.keep_digest(&needed.digest));
            self.hear(said).await?;
            let loose: Vec<usize> =
                numbers.iter().copied().filter(|number| !graph.is_kept(*number)).collect();
            let damaged =
                loose.iter().map(|number| self.is_damaged(repository, &graph.revisions()[*number].digest));
            let damaged = all(damaged).await;
            let mut going = Vec::new();
            for (number, damaged) in loose.into_iter().zip(damaged) {
                if !damaged? {
                    is_gone[number] = true;
                    going.push(graph.revisions()[number].digest.clone());
                }
            }
            if !self.how.dry_run {
                self.remove_manifests(repository, &going).await?;
            }
            let manifest = |digest| Garbage::Manifest { repository: repository.clone(), digest };
            self.report(&going.into_iter().map(manifest).collect::<Vec<_>>());
        }
        let all = graph.into_revisions().into_iter().zip(is_gone);
        Ok(all.filter(|(_, is_gone)| !is_gone).map(|(revision, _)| revision).collect())
    }

    /// Whether a link to a manifest says something else than that: it is in the place of one in which this was.
    async fn is_damaged(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, CollectError> {
        let key = layout::in_directory(&layout::revision(repository, digest), layout::LINK);
        // It is read whatever its size.
        Ok(self.content(&key, digest, 0).await? == Some(None))
    }

    /// Removes links to manifests, and the entries that they had as referrers.
    async fn remove_manifests(
        &mut self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<(), CollectError> {
        let found = all(digests.iter().map(|digest| referrer(self.bucket, repository, digest))).await;
        let mut entries = Vec::new();
        for (digest, found) in digests.iter().zip(found) {
            if let Some(referrer) = found?.flatten() {
                let entry = layout::referrer(repository, &referrer.subject, digest);
                entries.push(layout::in_directory(&entry, layout::DESCRIPTOR));
            }
        }
        let in_revision = |digest, name| layout::in_directory(&layout::revision(repository, digest), name);
        self.turn.remove(digests.iter().map(|digest| in_revision(digest, layout::LINK)).collect()).await?;
        self.turn
            .remove(digests.iter().map(|digest| in_revision(digest, layout::MEDIA_TYPE)).collect())
            .await?;
        if !entries.is_empty() {
            // Lest one come back and not be looked at.
            self.turn
                .remove(vec![layout::in_directory(&layout::referrers(repository), layout::INDEXED)])
                .await?;
        }
        self.turn.remove(entries).await?;
        self.turn.pardon().await
    }
}
