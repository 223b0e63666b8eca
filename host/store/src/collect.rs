//! Collecting garbage: content that no manifest needs, while others go on storing things (docs/decisions/0016).
//!
//! First all repositories are looked through for what their manifests name. Then what nobody named is removed, a few pieces
//! at a time, and for each few everybody else is kept from storing anything: for milliseconds, in which what they said
//! meanwhile that they need is read, and the leases are looked at once more.

mod marks;
mod sweep;
mod untagged;

use crate::backend::{Collector, Wait};
use crate::error::{CollectError, Error};
use crate::lease::since;
use crate::{Inner, Store, waited};
use marks::Marks;
use names::{Algorithm, Digest, RepositoryName, Tag};
use protocol::manifest::References;
use std::collections::BTreeSet;
use std::time::Duration;
use tree::digest_of_name;

/// How many names of one directory are held at a time.
const BATCH: usize = 1000;

/// How many pieces are removed while others are kept out.
const PIECES: usize = 32;

/// How deep directories may lie that are no repositories and are looked into for some.
const DEPTH: usize = 32;

/// What garbage is.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// Whether it is only found, and nothing is written at all.
    pub dry_run: bool,
    /// Whether manifests are garbage that no tag leads to: not itself, not through an index, and not as what it is about.
    pub delete_untagged: bool,
    /// What was pushed, or asked for as clients do before they push, less long ago is none. With less than
    /// ten minutes nobody may be pushing: that is how old a lease gets before it is renewed.
    pub grace: Duration,
}

/// A piece of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// A repository's manifest, without its bytes.
    Manifest {
        /// The repository.
        repository: RepositoryName,
        /// Its digest.
        digest: Digest,
    },
    /// Bytes, with all holds on them.
    Blob {
        /// Their digest.
        digest: Digest,
        /// How many they are.
        size: u64,
    },
}

/// What came of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many blobs and manifests are needed.
    pub needed: usize,
    /// How many blobs would be garbage if they were older.
    pub young: usize,
    /// How many manifests were garbage.
    pub manifests: usize,
    /// How many blobs were.
    pub blobs: usize,
    /// How many bytes they had.
    pub bytes: u64,
}

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
        let collector = match how.dry_run {
            true => None,
            false => Some(inner.backend.collect()?.ok_or(CollectError::Busy)?),
        };
        let mut run = Run {
            inner,
            how,
            each,
            collector,
            needed: Marks::default(),
            expanded: Marks::default(),
            said: Vec::new(),
            found: Collected::default(),
            aside: Vec::new(),
            changed: BTreeSet::new(),
        };
        // Whoever stores something from here on says what it needs; who began before has ended.
        run.excluding(|_| Ok(()))?;
        if inner.backend.list(layout::REPOSITORIES, None, 0)?.is_none()
            && inner.backend.list(layout::BLOBS, None, 0)?.is_some()
        {
            let what = "is not there, and blobs are: bring it back, or remove them by hand";
            return Err(CollectError::unknown(layout::REPOSITORIES, what));
        }
        let mut repositories = Vec::new();
        run.walk(layout::REPOSITORIES, "", &mut repositories)?;
        for repository in &repositories {
            run.manifests(repository)?;
        }
        // A manifest must not come back without what it needs; a blob and holds on it may.
        inner.backend.sync(std::mem::take(&mut run.changed))?;
        run.sweep(&repositories)?;
        inner.backend.sync(std::mem::take(&mut run.changed))?;
        run.found.needed = run.needed.len();
        Ok(run.found)
    }
}

struct Run<'a> {
    inner: &'a Inner,
    how: &'a Collection,
    each: &'a mut dyn FnMut(&Garbage),
    /// None where nothing is written.
    collector: Option<Box<dyn Collector + 'a>>,
    needed: Marks,
    /// Manifests whose references are needed already.
    expanded: Marks,
    /// What others said that they need, since the collection began.
    said: Vec<Digest>,
    found: Collected,
    /// Whose bytes have yet to give their room back.
    aside: Vec<String>,
    /// Directories in which something was that a crash could bring back.
    changed: BTreeSet<String>,
}

/// A manifest of a repository.
struct Revision {
    /// As which it is held.
    digest: Digest,
    /// Whose bytes it is.
    content: Digest,
    /// Whether its lease is younger than the grace.
    is_young: bool,
}

impl<'a> Run<'a> {
    /// Keeps others from storing anything while `work` is done, which is told what they said that they need.
    fn excluding(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        let excluded = match &mut self.collector {
            Some(collector) => Some(collector.exclude()?),
            None => None,
        };
        for digest in excluded.iter().flat_map(|excluded| &excluded.needed) {
            self.needed.insert(digest);
            self.said.push(digest.clone());
        }
        let done = work(self);
        drop(excluded);
        self.inner.backend.clear(std::mem::take(&mut self.aside));
        done
    }

    /// Frees a directory's name; its bytes are freed when others may go on.
    fn set_aside(&mut self, directory: &str) -> Result<bool, Error> {
        self.changed.insert(layout::split(directory).0.to_owned());
        self.inner.backend.set_aside(directory, &mut self.aside)
    }

    /// The names of all repositories in a directory, whose own name is `name`, and below it.
    fn walk(&self, directory: &str, name: &str, found: &mut Vec<RepositoryName>) -> Result<(), CollectError> {
        self.all_to_be_seen(directory)?;
        self.names(directory, &mut |component| {
            let name = layout::in_directory(name, component);
            let below = layout::in_directory(directory, component);
            match name.parse::<RepositoryName>() {
                Ok(repository) => {
                    found.push(repository);
                    self.walk(&below, &name, found)
                }
                // Distribution's directories, and ours.
                Err(_) if component.starts_with('_') => Ok(()),
                Err(_) if self.has_manifests(&below, DEPTH)? => Err(CollectError::unknown(
                    &below,
                    "has manifests and is not the name of a repository: move it elsewhere",
                )),
                Err(_) => Ok(()),
            }
        })
    }

    /// Whether anything in a directory that is no repository looks like one.
    fn has_manifests(&self, directory: &str, depth: usize) -> Result<bool, CollectError> {
        if depth == 0 {
            return Ok(true);
        }
        let mut has = false;
        self.names(directory, &mut |name| {
            let below = layout::in_directory(directory, name);
            has = has || name == layout::MANIFESTS || self.has_manifests(&below, depth - 1)?;
            Ok(())
        })?;
        Ok(has)
    }

    /// The names of the directories in a directory, in their order.
    fn names(
        &self,
        directory: &str,
        each: &mut dyn FnMut(&str) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        let mut last = None::<String>;
        while let Some(listing) = self.inner.backend.list(directory, last.as_deref(), BATCH)? {
            listing.names.iter().try_for_each(|name| each(name))?;
            if !listing.more {
                break;
            }
            last = listing.names.last().cloned();
        }
        Ok(())
    }

    /// Fails where a list would leave something out.
    fn all_to_be_seen(&self, directory: &str) -> Result<(), CollectError> {
        match self.inner.backend.hidden(directory)? {
            None => Ok(()),
            Some(name) => Err(CollectError::unknown(
                &layout::in_directory(directory, &name),
                "is a symbolic link, or has a name that is not UTF-8, and is not looked into: put what it leads to in its place",
            )),
        }
    }

    /// Finds out what a repository's manifests need, after those of them are removed that are garbage.
    fn manifests(&mut self, repository: &RepositoryName) -> Result<(), CollectError> {
        let tags = layout::tags(repository);
        let above = layout::split(&tags).0;
        self.all_to_be_seen(above)?;
        self.all_to_be_seen(&tags)?;
        let mut revisions = Vec::new();
        for algorithm in Algorithm::ALL {
            let directory = layout::revisions(repository, algorithm);
            self.all_to_be_seen(layout::split(&directory).0)?;
            self.all_to_be_seen(&directory)?;
            self.names(&directory, &mut |hex| {
                if let Some(digest) = digest_of_name(algorithm, hex) {
                    revisions.extend(self.revision(repository, digest)?);
                }
                Ok(())
            })?;
        }
        let mut tagged = Vec::new();
        self.names(&tags, &mut |name| {
            if let Ok(tag) = name.parse::<Tag>() {
                let directory = layout::tag(repository, &tag);
                let key = layout::in_directory(&directory, layout::CURRENT_LINK);
                tagged.extend(waited(self.inner.link(&key, Wait::May))?.map(|link| link.digest));
            }
            Ok(())
        })?;
        if self.how.delete_untagged {
            revisions = self.without_untagged(repository, revisions, &tagged)?;
        }
        for revision in &revisions {
            self.needed.insert(&revision.digest);
            self.need_manifest(&revision.content)?;
        }
        // Of very old trees, where manifests are held as blobs are.
        tagged.iter().try_for_each(|digest| self.need_manifest(digest))
    }

    fn revision(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Option<Revision>, CollectError> {
        let key = layout::in_directory(&layout::revision(repository, &digest), layout::LINK);
        if let Some(link) = waited(self.inner.link(&key, Wait::May))? {
            let is_young = since(link.renewed) < self.how.grace;
            return Ok(Some(Revision { digest, content: link.digest, is_young }));
        }
        // A link in which there is no digest is in the place of one in which this was.
        let is_there = waited(self.inner.backend.stat(&key, None, Wait::May))?.is_some();
        Ok(is_there.then(|| Revision { content: digest.clone(), digest, is_young: true }))
    }

    /// A manifest's bytes are needed, and all that they name.
    fn need_manifest(&mut self, digest: &Digest) -> Result<(), CollectError> {
        self.needed.insert(digest);
        if self.expanded.insert(digest) {
            for named in self.references(digest)?.needed {
                self.needed.insert(&named);
            }
        }
        Ok(())
    }

    /// What a manifest names. One whose bytes are gone names nothing.
    fn references(&self, digest: &Digest) -> Result<References, CollectError> {
        let unknown = |why: String| CollectError::unknown(&layout::blob(digest), &why);
        match waited(self.inner.manifest_bytes(digest, Wait::May)) {
            Ok(None) => Ok(References::default()),
            Ok(Some(bytes)) => References::read(&bytes)
                .map_err(|error| unknown(format!("is the manifest {digest}, and cannot be read: {error}"))),
            Err(error @ Error::Corrupt { .. }) => {
                Err(unknown(format!("is a manifest: {error}; delete {digest}, or bring its bytes back")))
            }
            Err(error) => Err(error.into()),
        }
    }
}
