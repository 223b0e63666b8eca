use crate::backend::{Fault, Stamp, Wait};
use crate::content::Content;
use crate::error::Error;
use crate::links::Link;
use crate::{Inner, Store, now, waited};
use bytes::Bytes;
use garbage::Needed;
use names::{Digest, RepositoryName};
use tree::{hold, may_stand_for};

/// Blobs up to this many bytes are read when they are opened.
const SMALL: u64 = 64 << 10;

/// Blobs up to this many bytes are remembered.
const REMEMBERED: u64 = 16 << 10;

impl Store {
    /// How many bytes the blob has; `None` when the repository does not hold it. Clients ask before they push: what they were
    /// told is there is left alone by collections of garbage for a while.
    pub fn stat_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<u64>, Error> {
        waited(self.inner.claim_blob(repository, digest, Wait::May))
    }

    /// [`stat_blob`](Store::stat_blob), if it need not wait.
    pub fn stat_blob_now(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Option<Result<Option<u64>, Error>> {
        now(self.inner.claim_blob(repository, digest, Wait::Never))
    }

    /// Opens the blob for reading; `None` when the repository does not hold it.
    pub fn open_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Content>, Error> {
        waited(self.inner.open_blob(repository, digest, Wait::May))
    }

    /// [`open_blob`](Store::open_blob), if it need not wait.
    pub fn open_blob_now(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Option<Result<Option<Content>, Error>> {
        now(self.inner.open_blob(repository, digest, Wait::Never))
    }

    /// Makes `to` hold a blob that `from` holds; `false` when `from` does not hold it. Repeating it changes nothing.
    pub fn mount(&self, to: &RepositoryName, from: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
        let inner = &self.inner;
        let _shared = inner.writer(to).read().unwrap_or_else(|e| e.into_inner());
        let held = || inner.hold(from, digest, Wait::May).ok().flatten();
        let _uncollected =
            inner.backend.share(&|| held().iter().chain([digest]).map(Needed::from).collect())?;
        let Some(held) = waited(inner.hold(from, digest, Wait::May))? else { return Ok(false) };
        if waited(inner.stat_bytes(&held, Wait::May))?.is_none() {
            return Ok(false);
        }
        inner.make_hold(to, digest, &held)?;
        Ok(true)
    }

    /// How many bytes lie under a digest, whoever holds them.
    pub fn size_of(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        waited(self.inner.stat_bytes(digest, Wait::May))
    }

    /// Makes a repository hold a blob that lies here, whoever else holds it; `false` when it does not. The caller knows by other
    /// means that it is the repository's. Repeating it changes nothing.
    pub fn adopt(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
        let inner = &self.inner;
        let _shared = inner.writer(repository).read().unwrap_or_else(|e| e.into_inner());
        let _uncollected = inner.backend.share(&|| vec![digest.into()])?;
        if waited(inner.stat_bytes(digest, Wait::May))?.is_none() {
            return Ok(false);
        }
        inner.make_hold(repository, digest, digest)?;
        Ok(true)
    }

    /// A repository that lately held the blob, where one is remembered: a hint for [`mount`](Store::mount).
    pub fn holder(&self, digest: &Digest) -> Option<RepositoryName> {
        self.inner.holders.get(digest.as_str())
    }

    /// Makes the repository no longer hold the blob; `false` when it did not. The bytes stay, and so do other
    /// repositories' holds.
    pub fn delete_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
        let inner = &self.inner;
        let _excluded = inner.writer(repository).write().unwrap_or_else(|e| e.into_inner());
        // A hold without bytes is none, and stays: perhaps another process is about to publish them.
        if waited(inner.stat_blob(repository, digest, Wait::May))?.is_none() {
            return Ok(false);
        }
        inner.backend.remove(&layout::layer(repository, digest))
    }
}

impl Inner {
    /// Makes a repository hold the bytes of `held` as `digest`, for those who keep collections out.
    fn make_hold(&self, repository: &RepositoryName, digest: &Digest, held: &Digest) -> Result<(), Error> {
        let hold = [hold(repository, digest, held).into()];
        self.store_units(&hold, &hold, digest)?;
        self.renew(&layout::layer(repository, digest))?;
        self.remember_holder(repository, digest);
        Ok(())
    }

    /// For [`holder`](Store::holder).
    pub fn remember_holder(&self, repository: &RepositoryName, digest: &Digest) {
        self.holders.put(digest.as_str(), repository.clone(), repository.as_str().len());
    }

    /// For [`stat_blob`](Store::stat_blob).
    fn claim_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        wait: Wait,
    ) -> Result<Option<u64>, Fault> {
        match self.layer(repository, digest, wait)? {
            Some(link) if self.lease(&layout::layer(repository, digest), link.renewed, wait)? => {
                self.stat_bytes(&link.digest, wait)
            }
            _ => Ok(None),
        }
    }

    /// A repository's link to a blob.
    fn layer(&self, repository: &RepositoryName, digest: &Digest, wait: Wait) -> Result<Option<Link>, Fault> {
        let key = layout::in_directory(&layout::layer(repository, digest), layout::LINK);
        Ok(self.link(&key, wait)?.filter(|link| may_stand_for(&link.digest, digest)))
    }

    /// Whose bytes the repository's hold on a blob names.
    pub fn hold(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        wait: Wait,
    ) -> Result<Option<Digest>, Fault> {
        Ok(self.layer(repository, digest, wait)?.map(|link| link.digest))
    }

    pub fn stat_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        wait: Wait,
    ) -> Result<Option<u64>, Fault> {
        match self.hold(repository, digest, wait)? {
            Some(held) => self.stat_bytes(&held, wait),
            None => Ok(None),
        }
    }

    /// Whether a file is the one that was stamped, and was not changed.
    pub fn is_as_it_was(&self, key: &str, known: &Stamp, wait: Wait) -> Result<bool, Fault> {
        Ok(self.backend.stat(key, Some(known), wait)?.is_some_and(|found| found.same(known)))
    }

    /// How many bytes lie under a digest, whoever holds them.
    pub fn stat_bytes(&self, digest: &Digest, wait: Wait) -> Result<Option<u64>, Fault> {
        let key = layout::in_directory(&layout::blob(digest), layout::DATA);
        let known = self.blobs.get(digest.as_str());
        let found = self.backend.stat(&key, known.as_ref().map(|(stamp, _)| stamp), wait)?;
        // Where something else lies in its place there are no bytes.
        let found = found.filter(|stamp| stamp.file);
        match (&found, known) {
            (Some(stamp), Some((known, _))) if stamp.same(&known) => {}
            (Some(stamp), _) => self.blobs.put(digest.as_str(), (*stamp, None), 0),
            (None, Some(_)) => self.blobs.remove(digest.as_str()),
            (None, None) => {}
        }
        Ok(found.map(|stamp| stamp.size))
    }

    fn open_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        wait: Wait,
    ) -> Result<Option<Content>, Fault> {
        let Some(Link { digest: held, renewed, .. }) = self.layer(repository, digest, wait)? else {
            return Ok(None);
        };
        if self.pulls_renew && !self.lease(&layout::layer(repository, digest), renewed, wait)? {
            return Ok(None);
        }
        let key = layout::in_directory(&layout::blob(&held), layout::DATA);
        if let Some((stamp, Some(bytes))) = self.blobs.get(held.as_str())
            && self.is_as_it_was(&key, &stamp, wait)?
        {
            return Ok(Some(Content::from(bytes)));
        }
        let Some(object) = self.backend.open(&key, wait)? else {
            self.blobs.remove(held.as_str());
            return Ok(None);
        };
        let stamp = object.stamp();
        if stamp.size > SMALL {
            return Ok(Some(Content::from(object)));
        }
        let mut bytes = vec![0; stamp.size as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match object.read_at(&mut bytes[filled..], filled as u64, wait)? {
                0 => return Err(cut_off(key, filled, bytes.len()).into()),
                read => filled += read,
            }
        }
        let bytes = Bytes::from(bytes);
        if stamp.settled && stamp.size <= REMEMBERED {
            self.blobs.put(held.as_str(), (stamp, Some(bytes.clone())), bytes.len());
        }
        Ok(Some(Content::from(bytes)))
    }
}

fn cut_off(path: String, found: usize, size: usize) -> Error {
    Error::Corrupt { path, what: format!("ends after {found} of {size} bytes") }
}
