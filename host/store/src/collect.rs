//! Collecting garbage: content that no manifest needs, while others go on storing things (docs/decisions/0016).
//!
//! First all repositories are looked through for what their manifests name. Then what nobody named is removed, a few pieces
//! at a time, and for each few everybody else is kept from storing anything: for milliseconds, in which what they said
//! meanwhile that they need is read, and the leases are looked at once more.

pub(crate) mod repositories;
mod sweep;
mod untagged;

use crate::backend::{Collector, Excluded, Wait};
use crate::error::{CollectError, Error};
use crate::{Inner, Store, since, waited};
use garbage::{Collected, Collection, Garbage, Marks, Needed, Revision, unknown};
use names::{Algorithm, Digest, RepositoryName, Tag};
use protocol::manifest::{MANIFEST_LIMIT, References};
use std::collections::BTreeSet;
use std::sync::mpsc::{self, SyncSender};
use tree::{digest_of_name, may_stand_for};

/// How many directories are removed while others are kept out.
const PIECES: usize = 256;

/// How many times that may wait to give its room back while more is removed.
const CLEARED: usize = 4;

impl Store {
    /// Removes garbage, and tells `each` piece once it is gone. Others may store and delete things meanwhile, also in other
    /// processes: all that are servers of this kind.
    ///
    /// # Errors
    /// Where it cannot be told what something needs, no blob is removed.
    pub fn collect(
        &self,
        how: &Collection,
        each: &mut dyn FnMut(&Garbage),
    ) -> Result<Collected, CollectError> {
        let inner = &*self.inner;
        repositories::are_there(inner)?;
        let collector = match how.dry_run {
            true => None,
            false => Some(inner.backend.collect()?.ok_or(CollectError::Busy)?),
        };
        std::thread::scope(|scope| {
            let (clearing, aside) = mpsc::sync_channel(CLEARED);
            let clear = move || aside.into_iter().for_each(|some| inner.backend.clear(some));
            let cleared = std::thread::Builder::new().name("clear".into()).spawn_scoped(scope, clear);
            let run = Run {
                inner,
                how,
                each,
                collector,
                needed: Marks::default(),
                expanded: Marks::default(),
                leased: Marks::default(),
                heard: Marks::default(),
                said: Vec::new(),
                found: Collected::default(),
                aside: Vec::new(),
                clearing: cleared.is_ok().then_some(clearing),
                changed: BTreeSet::new(),
            };
            run.all()
        })
    }
}

struct Run<'a> {
    inner: &'a Inner,
    how: &'a Collection,
    each: &'a mut dyn FnMut(&Garbage),
    /// None where nothing is written.
    collector: Option<Box<dyn Collector + 'a>>,
    needed: Marks,
    /// Manifests whose references are needed already. Of one repository: in another, others may stand for them.
    expanded: Marks,
    /// What clients were told lately that it is there.
    leased: Marks,
    /// What others said that they need, since the collection began; each once.
    heard: Marks,
    said: Vec<Digest>,
    found: Collected,
    /// Whose bytes have yet to give their room back.
    aside: Vec<String>,
    /// Who makes them do that meanwhile; nobody where no thread could be had.
    clearing: Option<SyncSender<Vec<String>>>,
    /// Directories in which something was that a crash could bring back.
    changed: BTreeSet<String>,
}

impl<'a> Run<'a> {
    fn all(mut self) -> Result<Collected, CollectError> {
        // Whoever stores something from here on says what it needs; who began before has ended.
        self.excluding(|_| Ok(()))?;
        let mut repositories = repositories::all(self.inner)?;
        for repository in &repositories {
            self.manifests(repository)?;
        }
        // Someone may have moved one from where it was not looked for yet to where it no longer was.
        let seen: BTreeSet<RepositoryName> = repositories.iter().cloned().collect();
        for repository in repositories::all(self.inner)? {
            if !seen.contains(&repository) {
                self.manifests(&repository)?;
                repositories.push(repository);
            }
        }
        // A manifest must not come back without what it needs; a blob and holds on it may.
        self.inner.backend.sync(std::mem::take(&mut self.changed))?;
        self.sweep(&repositories)?;
        self.found.needed = self.needed.count();
        Ok(self.found)
    }

    /// Keeps others from storing anything while `work` is done, before which is read what they said that they need.
    fn excluding(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        let guard = match &mut self.collector {
            Some(collector) => {
                let Excluded { needed, guard } = collector.exclude()?;
                self.hear(needed)?;
                Some(guard)
            }
            None => None,
        };
        let done = work(self);
        drop(guard);
        let aside = std::mem::take(&mut self.aside);
        let left = match &self.clearing {
            Some(clearing) => clearing.send(aside).err().map(|unsent| unsent.0),
            None => Some(aside),
        };
        if let Some(aside) = left {
            self.inner.backend.clear(aside);
        }
        done
    }

    /// Others need these.
    fn hear(&mut self, said: Vec<Needed>) -> Result<(), CollectError> {
        for Needed { digest, is_child } in said.into_iter().collect::<BTreeSet<_>>() {
            if is_child {
                self.expand(None, digest.clone())?;
            }
            self.needed.insert(&digest);
            if self.heard.insert(&digest) {
                self.said.push(digest);
            }
        }
        Ok(())
    }

    /// Frees a directory's name; its bytes are freed when others may go on.
    fn set_aside(&mut self, directory: &str) -> Result<bool, Error> {
        self.changed.insert(layout::split(directory).0.to_owned());
        self.inner.backend.set_aside(directory, &mut self.aside)
    }

    /// The digests whose directories are in a directory.
    fn digests(&self, directory: &str, algorithm: Algorithm) -> Result<Vec<Digest>, CollectError> {
        let names = repositories::names(self.inner, directory)?;
        Ok(names.iter().filter_map(|hex| digest_of_name(algorithm, hex)).collect())
    }

    /// Finds out what a repository's manifests need, after those of them are removed that are garbage.
    fn manifests(&mut self, repository: &RepositoryName) -> Result<(), CollectError> {
        repositories::to_be_seen(self.inner, repository)?;
        self.expanded = Marks::default();
        let mut revisions = Vec::new();
        for algorithm in Algorithm::ALL {
            for digest in self.digests(&layout::revisions(repository, algorithm), algorithm)? {
                revisions.extend(self.revision(repository, digest)?);
            }
        }
        let tagged = self.tagged(repository)?;
        if self.how.delete_untagged {
            revisions = self.without_untagged(repository, revisions, &tagged)?;
        }
        for revision in revisions {
            self.needed.insert(&revision.digest);
            if waited(self.inner.stat_bytes(&revision.content, Wait::May))?.is_none() {
                tracing::warn!(%repository, digest = %revision.digest, "the bytes of this manifest are gone: it keeps nothing");
            }
            self.expand(Some(repository), revision.content)?;
        }
        // Of very old trees, where manifests are held as blobs are.
        tagged.into_iter().try_for_each(|digest| self.expand(Some(repository), digest))
    }

    fn revision(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Option<Revision>, CollectError> {
        let key = layout::in_directory(&layout::revision(repository, &digest), layout::LINK);
        if let Some(link) = waited(self.inner.link(&key, Wait::May))?
            && may_stand_for(&link.digest, &digest)
        {
            let is_young = self.how.is_leased(since(link.renewed));
            return Ok(Some(Revision { digest, content: link.digest, is_young }));
        }
        // A link in which there is no digest, or a wrong one, is in the place of one in which this was.
        let is_there = waited(self.inner.backend.stat(&key, None, Wait::May))?.is_some();
        Ok(is_there.then(|| Revision { content: digest.clone(), digest, is_young: true }))
    }

    /// What a repository's tags name.
    fn tagged(&self, repository: &RepositoryName) -> Result<Vec<Digest>, CollectError> {
        let mut tagged = Vec::new();
        for tag in repositories::names(self.inner, &layout::tags(repository))?
            .iter()
            .flat_map(|name| name.parse::<Tag>())
        {
            let directory = layout::tag(repository, &tag);
            let key = layout::in_directory(&directory, layout::CURRENT_LINK);
            match waited(self.inner.link(&key, Wait::May))? {
                Some(link) => tagged.push(link.digest),
                None if self.how.delete_untagged
                    && waited(self.inner.backend.stat(&key, None, Wait::May))?.is_some() =>
                {
                    return Err(CollectError::unknown(&key, unknown::NAMES_NOTHING));
                }
                None => {}
            }
        }
        Ok(tagged)
    }

    /// A manifest's bytes are needed, and all that they name, and all that the manifests name that it names as such: these need
    /// not be manifests of a repository, where a blob of the same bytes is taken for one.
    fn expand(&mut self, repository: Option<&RepositoryName>, digest: Digest) -> Result<(), CollectError> {
        let mut next = vec![digest];
        while let Some(digest) = next.pop() {
            self.needed.insert(&digest);
            // Held under another digest than that of its bytes, perhaps.
            if let Some(repository) = repository
                && let Some(held) = waited(self.inner.hold(repository, &digest, Wait::May))?
                && held != digest
            {
                next.push(held);
            }
            let size = waited(self.inner.stat_bytes(&digest, Wait::May))?;
            // Of a cache of builds, an index names layers.
            if size.is_none_or(|size| size > MANIFEST_LIMIT as u64) || !self.expanded.insert(&digest) {
                continue;
            }
            let references = self.references(repository, &digest)?;
            for named in &references.needed {
                self.needed.insert(named);
            }
            next.extend(references.children);
        }
        Ok(())
    }

    /// What a manifest names. One whose bytes are gone names nothing.
    fn references(
        &self,
        repository: Option<&RepositoryName>,
        digest: &Digest,
    ) -> Result<References, CollectError> {
        match waited(self.inner.manifest_bytes(digest, Wait::May)) {
            Ok(bytes) => Ok(bytes.map(|bytes| References::find(&bytes)).unwrap_or_default()),
            Err(Error::Corrupt { path, what }) => {
                let name = repository.map_or("a repository", RepositoryName::as_str);
                let what = format!(
                    "{what} and is a manifest of {name}: delete {digest} there, or bring its bytes back"
                );
                Err(CollectError::unknown(&path, &what))
            }
            Err(error) => Err(error.into()),
        }
    }
}
