//! What manifests need.

use super::{CollectError, PER_BEAT, Run, all};
use garbage::Needed;
use names::{Digest, RepositoryName};
use objects::blobs::data;
use protocol::manifest::{MANIFEST_LIMIT, References};
use std::collections::BTreeSet;
use tree::hash::digest_of;

/// Whose manifest it is, for people.
fn named(repository: Option<&RepositoryName>) -> &str {
    repository.map_or("a repository", RepositoryName::as_str)
}

impl Run<'_> {
    /// What a manifest names; `None` where its bytes are gone, or are more than a manifest has.
    pub(super) async fn references(
        &self,
        repository: Option<&RepositoryName>,
        digest: &Digest,
    ) -> Result<Option<References>, CollectError> {
        let key = data(digest);
        let read = self.bucket.read(&key, MANIFEST_LIMIT as u64).await;
        if read.is_err() && self.bucket.size(&key).await?.is_some_and(|size| size > MANIFEST_LIMIT as u64) {
            return match self.how.delete_untagged {
                false => Ok(None),
                true => {
                    let name = named(repository);
                    let what =
                        format!("is larger than any manifest, and is one of {name}: delete {digest} there");
                    Err(CollectError::unknown(&key, what))
                }
            };
        }
        let Some(bytes) = read? else { return Ok(None) };
        let actual = digest_of(digest.algorithm(), &bytes);
        if actual != *digest {
            let name = named(repository);
            let what = format!(
                "has the digest {actual} and is a manifest of {name}: delete {digest} there, or bring its bytes back"
            );
            return Err(CollectError::unknown(&key, what));
        }
        Ok(Some(References::find(&bytes)))
    }

    /// Manifests are needed, and all that they name, and all that the manifests name that they name as such.
    pub(super) async fn expand(
        &mut self,
        repository: Option<&RepositoryName>,
        digests: Vec<Digest>,
    ) -> Result<(), CollectError> {
        let mut children = BTreeSet::new();
        for digests in digests.chunks(PER_BEAT) {
            self.turn.beat().await?;
            let new: Vec<&Digest> = digests
                .iter()
                .filter(|digest| {
                    self.needed.insert(digest);
                    self.expanded.insert(digest)
                })
                .collect();
            let found = all(new.iter().map(|digest| self.references(repository, digest))).await;
            for (digest, references) in new.into_iter().zip(found) {
                match references? {
                    Some(References { needed, children: named, .. }) => {
                        self.needed.extend(&needed);
                        children.extend(named);
                    }
                    None => {
                        let name = named(repository);
                        platform::log!(
                            "the bytes of {digest}, a manifest of {name}, are gone, or too many: it keeps nothing"
                        );
                    }
                }
            }
        }
        Box::pin(self.expand_any(children.into_iter().collect())).await
    }

    /// The same of what is named as a manifest, and need be none: of a cache of builds, an index names layers.
    pub(super) async fn expand_any(&mut self, digests: Vec<Digest>) -> Result<(), CollectError> {
        self.needed.extend(&digests);
        let new: Vec<Digest> = digests.into_iter().filter(|digest| !self.expanded.has(digest)).collect();
        let mut manifests = Vec::new();
        for new in new.chunks(PER_BEAT) {
            self.turn.beat().await?;
            let sizes = all(new.iter().map(async |digest| self.bucket.size(&data(digest)).await));
            for (digest, size) in new.iter().zip(sizes.await) {
                if size?.is_some_and(|size| size <= MANIFEST_LIMIT as u64) {
                    manifests.push(digest.clone());
                }
            }
        }
        match manifests.is_empty() {
            true => Ok(()),
            false => self.expand(None, manifests).await,
        }
    }

    /// Others need these.
    pub(super) async fn hear(&mut self, said: Vec<Needed>) -> Result<(), CollectError> {
        let mut children = Vec::new();
        for Needed { digest, is_child } in said.into_iter().collect::<BTreeSet<_>>() {
            self.needed.insert(&digest);
            self.said.insert(digest.clone());
            if is_child {
                children.push(digest);
            }
        }
        self.expand_any(children).await
    }
}
