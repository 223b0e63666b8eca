//! What the manifests of all repositories need.

use super::{CollectError, PER_BEAT, Pages, Run, all, repository_name};
use crate::bucket::Bucket;
use garbage::{Revision, unknown};
use layout::Part;
use names::{Digest, RepositoryName, Tag};
use std::collections::HashSet;
use std::time::Duration;
use tree::{MAX_LINK, digest_in_link};

/// Whether there is a place for repositories at all.
pub(super) async fn are_there(bucket: &'static Bucket) -> Result<(), CollectError> {
    let is_there = async |directory: &str| -> Result<bool, CollectError> {
        Ok(!bucket.list(directory, None, 1).await?.names.is_empty())
    };
    if is_there(layout::REPOSITORIES).await? {
        return Ok(());
    }
    match is_there(layout::BLOBS).await? {
        true => Err(CollectError::unknown(layout::REPOSITORIES, unknown::NO_REPOSITORIES)),
        false => Err(CollectError::Nothing),
    }
}

/// What a repository has, as it was listed.
#[derive(Default)]
struct Repository {
    /// Links to manifests, with their sizes and ages.
    revisions: Vec<(Digest, u64, Option<Duration>)>,
    tags: Vec<Tag>,
}

impl Run<'_> {
    /// Looks through all of them, and removes the manifests that are garbage.
    pub(super) async fn repositories(&mut self) -> Result<(), CollectError> {
        let (mut name, mut listed): (Option<RepositoryName>, _) = (None, Repository::default());
        let mut seen = HashSet::new();
        let mut pages = Pages::new(self.bucket, layout::REPOSITORIES);
        while let Some(page) = pages.next().await? {
            for object in page {
                let Some((spelled, rest)) = layout::repository_in(&object.name) else { continue };
                if name.as_ref().is_none_or(|name| name.as_str() != spelled) {
                    let Some(next) = repository_name(spelled, rest)? else { continue };
                    if let Some(last) = name.replace(next.clone()) {
                        self.repository(&last, std::mem::take(&mut listed)).await?;
                    }
                    if !seen.insert(next) {
                        let what = "is listed twice: this bucket has no list in the order of names, and nothing can be collected in it";
                        return Err(CollectError::unknown(spelled, what));
                    }
                }
                match layout::part(rest) {
                    Some(Part::Revision(digest)) => listed.revisions.push((digest, object.size, object.age)),
                    Some(Part::Tag(tag)) => listed.tags.push(tag),
                    Some(Part::Layer(_)) | None => {}
                }
            }
            self.turn.beat().await?;
        }
        match name {
            Some(last) => self.repository(&last, listed).await,
            None => Ok(()),
        }
    }

    /// Finds out what a repository's manifests need, after those of them are removed that are garbage.
    async fn repository(&mut self, name: &RepositoryName, listed: Repository) -> Result<(), CollectError> {
        let looked =
            listed.revisions.iter().map(|(digest, size, age)| self.revision(name, digest, *size, *age));
        let looked = all(looked).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut revisions: Vec<Revision> = looked.into_iter().flatten().collect();
        let mut tagged: Vec<Digest> = Vec::new();
        for some in listed.tags.chunks(PER_BEAT) {
            self.turn.beat().await?;
            for found in all(some.iter().map(|tag| self.tagged(name, tag))).await {
                tagged.extend(found?);
            }
        }
        if self.how.delete_untagged {
            revisions = self.without_untagged(name, revisions, &tagged).await?;
        }
        for revision in &revisions {
            self.needed.insert(&revision.digest);
        }
        self.expand(Some(name), revisions.into_iter().map(|revision| revision.content).collect()).await?;
        // Of very old trees, where manifests are held as blobs are.
        self.expand_any(tagged).await
    }

    async fn revision(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
        age: Option<Duration>,
    ) -> Result<Option<Revision>, CollectError> {
        let key = layout::in_directory(&layout::revision(name, digest), layout::LINK);
        let is_young = age.is_none_or(|age| self.how.is_leased(age));
        let digest = digest.clone();
        Ok(match self.content(&key, &digest, size).await? {
            None => None,
            Some(Some(content)) => Some(Revision { digest, content, is_young }),
            // It is in the place of one in which this was.
            Some(None) => Some(Revision { content: digest.clone(), digest, is_young: true }),
        })
    }

    /// What a tag names.
    async fn tagged(&self, name: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, CollectError> {
        let key = layout::in_directory(&layout::tag(name, tag), layout::CURRENT_LINK);
        let Some(link) = self.bucket.read_small(&key, MAX_LINK as usize).await? else { return Ok(None) };
        match digest_in_link(&link.bytes) {
            None if self.how.delete_untagged => Err(CollectError::unknown(&key, unknown::NAMES_NOTHING)),
            found => Ok(found),
        }
    }
}
