use crate::backend::{Fault, Unit, Wait};
use crate::error::{Error, PutManifestError};
use crate::{Inner, Store, now, unless_damaged, waited};
use bytes::Bytes;
use garbage::named_by;
use names::{Digest, Reference, RepositoryName, Tag};
use protocol::manifest::MANIFEST_LIMIT;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use tree::hash::digest_of;
use tree::{PutManifest, digest_in_link, looks_like_a_manifest, referrer_entry};

/// Manifests up to this many bytes are hashed where the request is: it takes some tens of microseconds.
const HASHED_AT_ONCE: u64 = 64 << 10;

/// How often a manifest is stored anew that another process deletes meanwhile.
const ATTEMPTS: usize = 10;

/// A manifest as it was stored.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// What the bytes hash to.
    pub digest: Digest,
    /// The media type kept beside it, if one was.
    pub media_type: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

impl Store {
    /// The manifest; `None` when the repository has no such tag or revision. Clients ask by digest before they push an index:
    /// what they were told is there is left alone by collections of garbage for a while.
    pub fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Manifest>, Error> {
        waited(self.inner.manifest(repository, reference, Wait::May))
    }

    /// The same, for nobody who builds on the answer: nothing is left alone for it.
    pub fn manifest_unleased(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Manifest>, Error> {
        waited(self.inner.manifest_by_digest(repository, digest, false, Wait::May))
    }

    /// [`manifest`](Store::manifest), if it need not wait.
    pub fn manifest_now(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Option<Result<Option<Manifest>, Error>> {
        now(self.inner.manifest(repository, reference, Wait::Never))
    }

    /// Stores a manifest, lists it among its subject's referrers and points its tags at it. Repeating it changes
    /// nothing. In a crash some prefix survives of: bytes, revision, the entry among the referrers, then for each tag
    /// its index and the tag itself.
    ///
    /// # Errors
    /// [`PutManifestError::Missing`] names all that the repository lacks; then nothing was stored.
    pub fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: PutManifest,
    ) -> Result<(), PutManifestError> {
        let inner = &self.inner;
        let digest = manifest.digest.clone();
        let _shared = inner.writer(repository).read().unwrap_or_else(|e| e.into_inner());
        let _uncollected = inner.backend.share(&|| named_by(&manifest))?;
        inner.check(repository, &manifest)?;
        let units: Vec<Unit> = manifest.units(repository).into_iter().map(Unit::from).collect();
        let stored = inner.store_units(&units, &units, &digest);
        inner.puts(repository).fetch_add(1, Ordering::Release);
        stored?;
        inner.renew(&layout::revision(repository, &digest))?;
        Ok(())
    }

    /// Removes a manifest, every tag that names it and its entry among its subject's referrers; `false` when the repository has no such manifest. Its blobs
    /// stay, and so do manifests it refers to.
    pub fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
        let inner = &self.inner;
        let _excluded = inner.writer(repository).write().unwrap_or_else(|e| e.into_inner());
        let is_revision = waited(inner.revision(repository, digest, Wait::May))?.is_some();
        if !is_revision && waited(inner.layer_manifest(repository, digest, Wait::May))?.is_none() {
            return Ok(false);
        }
        // Tags first: a tag without its manifest is worse than a manifest without its tag.
        inner.remove_tags_of(repository, digest, &mut || Ok(true))?;
        if !is_revision {
            // Linked where a very old tree has its manifests, which are about no other.
            return inner.backend.remove(&layout::layer(repository, digest));
        }
        let referrer = inner.referrer(repository, digest)?.flatten();
        let removed = inner.backend.remove(&layout::revision(repository, digest))?;
        // Another process may have put it meanwhile: its tags go too, if it saw the manifest before that was removed, and
        // else the manifest is there again.
        let back = || Ok(waited(inner.revision(repository, digest, Wait::May))?.is_some());
        inner.remove_tags_of(repository, digest, &mut || back().map(|back| !back))?;
        if let Some(referrer) = referrer {
            inner.forget_referrer(repository, digest, &referrer)?;
            if back()? {
                inner.backend.commit(&[referrer_entry(repository, digest, referrer).into()], true)?;
            }
        }
        Ok(removed)
    }

    /// Removes a tag; `false` when there is none. The manifest and its other tags stay.
    pub fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<bool, Error> {
        let inner = &self.inner;
        let _excluded = inner.writer(repository).write().unwrap_or_else(|e| e.into_inner());
        inner.backend.remove(&layout::tag(repository, tag))
    }
}

impl Inner {
    /// Makes units visible, and those that are `kept` anew where another process removes some of them meanwhile: then all
    /// of it is as if it had come afterwards. Within this process nobody does, while [`writer`](Inner::writer) is shared.
    pub fn store_units(&self, units: &[Unit], kept: &[Unit], digest: &Digest) -> Result<(), Error> {
        self.backend.commit(units, true)?;
        for _ in 0..ATTEMPTS {
            if self.are_there(kept)? {
                return Ok(());
            }
            self.backend.commit(kept, true)?;
        }
        Err(Error::new("store what someone else deletes again and again,", digest.as_str(), Errno::AGAIN))
    }

    fn are_there(&self, units: &[Unit]) -> Result<bool, Error> {
        let keys = units
            .iter()
            .flat_map(|unit| unit.files.iter().map(|(name, _)| layout::in_directory(&unit.directory, name)));
        for key in keys {
            if waited(self.backend.stat(&key, None, Wait::May))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the tags that name a manifest, if `goes` says so of each.
    fn remove_tags_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        goes: &mut dyn FnMut() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let tags = self.backend.list(&layout::tags(repository), None, usize::MAX)?;
        let mut changed = BTreeSet::new();
        for tag in tags.into_iter().flat_map(|tags| tags.names).flat_map(|name| name.parse::<Tag>()) {
            let directory = layout::tag(repository, &tag);
            let key = layout::in_directory(&directory, layout::CURRENT_LINK);
            let link = unless_damaged(waited(self.link(&key, Wait::May)))?;
            if link.flatten().is_some_and(|link| link.digest == *digest) {
                let names_it = |link: &[u8]| digest_in_link(link).as_ref() == Some(digest);
                let goes = &mut |link: &[u8]| Ok(names_it(link) && goes()?);
                self.backend.remove_if(&directory, layout::CURRENT_LINK, goes, &mut changed)?;
            }
        }
        // All at once: a sync costs more than all else.
        self.backend.sync(changed)
    }

    fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        wait: Wait,
    ) -> Result<Option<Manifest>, Fault> {
        let tag = match reference {
            Reference::Digest(digest) => return self.manifest_by_digest(repository, digest, true, wait),
            Reference::Tag(tag) => layout::in_directory(&layout::tag(repository, tag), layout::CURRENT_LINK),
        };
        let mut link = self.link(&tag, wait)?;
        while let Some(named) = link {
            let found = self.manifest_by_digest(repository, &named.digest, self.pulls_renew, wait)?;
            if found.is_some() {
                return Ok(found);
            }
            // Perhaps the tag was moved meanwhile, and what it had named deleted.
            link = self.link(&tag, wait)?.filter(|now| now.digest != named.digest);
        }
        Ok(None)
    }

    /// `leased`: whether a client asks by digest, and may build on the answer.
    fn manifest_by_digest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        leased: bool,
        wait: Wait,
    ) -> Result<Option<Manifest>, Fault> {
        let found = match self.revision(repository, digest, wait)? {
            Some(link) => {
                if leased && !self.lease(&layout::revision(repository, digest), link.renewed, wait)? {
                    return Ok(None);
                }
                self.manifest_bytes(&link.digest, wait)?.map(|bytes| (link.media_type, bytes))
            }
            None => self.layer_manifest(repository, digest, wait)?.map(|bytes| (None, bytes)),
        };
        Ok(found.map(|(media_type, bytes)| Manifest {
            digest: digest.clone(),
            media_type: media_type.map(|text| text.as_ref().to_owned()),
            bytes,
        }))
    }

    /// The bytes of a manifest that some repository holds.
    pub fn manifest_bytes(&self, digest: &Digest, wait: Wait) -> Result<Option<Bytes>, Fault> {
        let key = layout::in_directory(&layout::blob(digest), layout::DATA);
        if let Some(bytes) = self.remembered(&key, wait)? {
            return Ok(Some(bytes));
        }
        if wait == Wait::Never && self.stat_bytes(digest, wait)?.is_some_and(|size| size > HASHED_AT_ONCE) {
            return Err(Fault::WouldWait);
        }
        let Some(small) = self.backend.read(&key, MANIFEST_LIMIT as u64, wait)? else { return Ok(None) };
        let actual = digest_of(digest.algorithm(), &small.bytes);
        if actual != *digest {
            return Err(Error::Corrupt { path: key, what: format!("has the digest {actual}") }.into());
        }
        self.manifests.put(&key, (small.stamp, small.bytes.clone()), small.bytes.len());
        Ok(Some(small.bytes))
    }

    /// The bytes of a manifest, or of a descriptor of one, that are remembered, if their file is as it was.
    pub fn remembered(&self, key: &str, wait: Wait) -> Result<Option<Bytes>, Fault> {
        let Some((stamp, bytes)) = self.manifests.get(key) else { return Ok(None) };
        if self.is_as_it_was(key, &stamp, wait)? {
            return Ok(Some(bytes));
        }
        self.manifests.remove(key);
        Ok(None)
    }

    /// Very old trees have their manifests linked among the layers. Not every layer is a manifest, so its bytes have
    /// to look like one.
    pub fn layer_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        wait: Wait,
    ) -> Result<Option<Bytes>, Fault> {
        let Some(held) = self.hold(repository, digest, wait)? else { return Ok(None) };
        match self.stat_bytes(&held, wait)? {
            Some(size) if size <= MANIFEST_LIMIT as u64 => {}
            _ => return Ok(None),
        }
        let bytes = self.manifest_bytes(&held, wait)?;
        Ok(bytes.filter(|bytes| looks_like_a_manifest(bytes)))
    }

    /// Names all that the repository lacks of what a manifest needs.
    fn check(&self, repository: &RepositoryName, manifest: &PutManifest) -> Result<(), PutManifestError> {
        let mut blobs = Vec::new();
        for digest in &manifest.blobs {
            match waited(self.stat_blob(repository, digest, Wait::May))? {
                Some(_) => self.remember_holder(repository, digest),
                None => blobs.push(digest.clone()),
            }
        }
        let mut manifests = Vec::new();
        for digest in &manifest.manifests {
            let here = match waited(self.revision(repository, digest, Wait::May))? {
                Some(link) => waited(self.stat_bytes(&link.digest, Wait::May))?.is_some(),
                None => waited(self.layer_manifest(repository, digest, Wait::May))?.is_some(),
            };
            if !here {
                manifests.push(digest.clone());
            }
        }
        match blobs.is_empty() && manifests.is_empty() {
            true => Ok(()),
            false => Err(PutManifestError::Missing { blobs, manifests }),
        }
    }
}
