use crate::Inner;
use crate::backend::{Fault, Stamp, Wait};
use crate::error::Error;
use names::{Digest, RepositoryName};
use std::sync::Arc;
use std::time::SystemTime;
use tree::{MAX_LINK, digest_in_link, may_stand_for};

/// What a link says.
#[derive(Clone)]
pub(crate) struct Link {
    /// Whose bytes.
    pub digest: Digest,
    /// Of a manifest: the media type kept beside its revision link.
    pub media_type: Option<Arc<str>>,
    /// When its lease was renewed last.
    pub renewed: SystemTime,
}

/// A link as it was read, and the state of its file then.
#[derive(Clone)]
pub(crate) struct Known {
    stamp: Stamp,
    link: Link,
}

impl Inner {
    /// The digest in a link; `None` when there is no such link, or no digest in it.
    pub fn link(&self, key: &str, wait: Wait) -> Result<Option<Link>, Fault> {
        self.link_with(key, None, wait)
    }

    /// A repository's link to a manifest, with the media type kept beside it.
    pub fn revision(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        wait: Wait,
    ) -> Result<Option<Link>, Fault> {
        let directory = layout::revision(repository, digest);
        let link = self.link_with(&layout::in_directory(&directory, layout::LINK), Some(&directory), wait)?;
        Ok(link.filter(|link| may_stand_for(&link.digest, digest)))
    }

    /// Looks at the link's file on every call, and reads it when it is not as it was: one system call as a rule.
    fn link_with(&self, key: &str, revision: Option<&str>, wait: Wait) -> Result<Option<Link>, Fault> {
        if let Some(known) = self.links.get(key) {
            match self.backend.stat(key, Some(&known.stamp), wait)? {
                Some(stamp) if stamp.same(&known.stamp) => return Ok(Some(known.link)),
                Some(_) => {}
                None => {
                    self.links.remove(key);
                    return Ok(None);
                }
            }
        }
        let small = match self.backend.read(key, MAX_LINK, wait) {
            Ok(Some(small)) => small,
            Ok(None) => return Ok(None),
            Err(Fault::Error(error @ Error::Corrupt { .. })) => {
                tracing::warn!(%error, "a link that is none is passed over");
                return Ok(None);
            }
            Err(fault) => return Err(fault),
        };
        let Some(digest) = digest_in_link(&small.bytes) else {
            tracing::warn!(key, "a link without a digest in it is passed over");
            return Ok(None);
        };
        // After the link: whoever changes the media type writes it first, and the link again after it.
        let media_type = match revision {
            Some(directory) => self.media_type(directory, wait)?,
            None => None,
        };
        let link = Link { digest, media_type, renewed: small.stamp.modified() };
        if small.stamp.settled {
            let weight = link.digest.as_str().len() + link.media_type.as_ref().map_or(0, |text| text.len());
            self.links.put(key, Known { stamp: small.stamp, link: link.clone() }, weight);
        }
        Ok(Some(link))
    }

    fn media_type(&self, revision: &str, wait: Wait) -> Result<Option<Arc<str>>, Fault> {
        let key = layout::in_directory(revision, layout::MEDIA_TYPE);
        let small = self.backend.read(&key, MAX_LINK, wait)?;
        Ok(small.and_then(|small| std::str::from_utf8(&small.bytes).ok().map(Arc::from)))
    }
}
