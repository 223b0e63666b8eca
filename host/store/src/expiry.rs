//! What a cache of another registry evicts: what nobody pulls any more, and what was pulled longest ago where there is too much.
//!
//! Others pull and fetch meanwhile, and no lock keeps them from it. Whatever is gone is fetched again by the next who asks for it,
//! also where a hold or a manifest was left without its bytes, or bytes without a hold: neither is one. So nothing need
//! survive a crash, either.

use crate::backend::{Source, Unit, Wait};
use crate::collect::repositories::names;
use crate::error::{CollectError, Error};
use crate::{Inner, Store, unless_damaged, waited};
use garbage::{Key, key};
use names::{Algorithm, Digest, RepositoryName, Tag};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime};
use tree::{digest_in_link, digest_of_name};

/// How much of the most that is kept is left where there is more, in hundredths: it is some time until there is again.
const LEFT: u64 = 90;

/// The longest URL.
const MAX_URL: u64 = 64 << 10;

/// How many directories are removed before their room is given back.
const PIECES: usize = 256;

/// What stays in a cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    /// What was pulled less long ago; `None`: for ever.
    pub unused: Option<Duration>,
    /// So many bytes at most; `None`: as many as there are.
    pub bytes: Option<u64>,
    /// How many bytes are to be free on the disk. Where that is more than there can be, nothing goes for it.
    pub room: u64,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many manifests, of repositories.
    pub manifests: usize,
    /// How many blobs, manifests' bytes among them.
    pub blobs: usize,
    /// How many bytes these had.
    pub bytes: u64,
    /// How many bytes are left.
    pub left: u64,
}

/// What says whether the tree is a cache's.
fn mark() -> String {
    layout::in_directory(layout::CACHE, layout::REMOTE_URL)
}

/// Of which registry a tree is a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheOf {
    /// Of the one that was named. What is in it may go.
    This,
    /// Of the one at this URL, as the file of this name in the root says.
    Another {
        /// Where it is.
        url: String,
        /// What says so.
        file: String,
    },
    /// There is content in it that no cache has fetched. It cannot be fetched again, so nothing goes.
    None,
}

impl Store {
    /// Takes the tree for that of a cache of the registry at this URL, if it has no content, or a cache of that registry or of
    /// distribution's was in it.
    pub fn begin_cache(&self, url: &str) -> Result<CacheOf, Error> {
        let inner = &self.inner;
        if names(inner, layout::REPOSITORIES)?.is_empty() {
            inner.write_mark(url)?;
        }
        match inner.mark()? {
            Some(other) if other == url => Ok(CacheOf::This),
            Some(other) if other.is_empty() => Ok(CacheOf::None),
            Some(other) => Ok(CacheOf::Another { url: other, file: mark() }),
            None if waited(inner.backend.stat(layout::SCHEDULER_STATE, None, Wait::May))?.is_some() => {
                tracing::info!(
                    list = layout::SCHEDULER_STATE,
                    "the directory of a cache of distribution's is taken over"
                );
                inner.write_mark(url)?;
                Ok(CacheOf::This)
            }
            None => Ok(CacheOf::None),
        }
    }

    /// Takes the tree for that of a registry of its own: what is pushed to it is nowhere else.
    pub fn end_cache(&self) -> Result<(), Error> {
        let is_distributions = || waited(self.inner.backend.stat(layout::SCHEDULER_STATE, None, Wait::May));
        match self.inner.mark()? {
            Some(url) if url.is_empty() => Ok(()),
            None if is_distributions()?.is_none() => Ok(()),
            _ => self.inner.write_mark(""),
        }
    }

    /// Removes what is not to stay, with its tags. When it was pulled last is its [lease](crate::Options::pulls_renew), which is up to
    /// ten minutes early.
    ///
    /// # Errors
    /// Someone else removes things, or the storage fails. What was removed stays removed.
    pub fn expire(&self, kept: &Kept) -> Result<Expired, CollectError> {
        let inner = &*self.inner;
        let _alone = inner.backend.collect()?.ok_or(CollectError::Busy)?;
        // Somebody may have made a registry of it meanwhile.
        if inner.mark()?.is_none_or(|url| url.is_empty()) {
            return Ok(Expired::default());
        }
        let mut run = Run { inner, aside: Vec::new(), gone: Expired::default() };
        let done = run.all(kept);
        inner.backend.clear(std::mem::take(&mut run.aside));
        done.map(|()| run.gone)
    }
}

impl Inner {
    fn mark(&self) -> Result<Option<String>, Error> {
        let mark = waited(self.backend.read(&mark(), MAX_URL, Wait::May))?;
        Ok(mark.map(|mark| String::from_utf8_lossy(&mark.bytes).into_owned()))
    }

    fn write_mark(&self, url: &str) -> Result<(), Error> {
        let url = (layout::REMOTE_URL.to_owned(), Source::Bytes(url.to_owned().into()));
        self.backend.commit(&[Unit { directory: layout::CACHE.to_owned(), files: vec![url] }], true)
    }
}

/// Bytes, and when they were pulled last, from whichever repository.
struct Blob {
    digest: Digest,
    size: u64,
    used: SystemTime,
}

struct Run<'a> {
    inner: &'a Inner,
    aside: Vec<String>,
    gone: Expired,
}

impl Run<'_> {
    fn all(&mut self, kept: &Kept) -> Result<(), CollectError> {
        let mut repositories = Vec::new();
        self.repositories(layout::REPOSITORIES, "", &mut repositories)?;
        let mut used = HashMap::new();
        for repository in &repositories {
            self.used_of(repository, &mut used)?;
        }
        let blobs = self.blobs(&used)?;
        drop(used);
        let missing = match kept.room {
            0 => 0,
            room => room.saturating_sub(self.inner.backend.room().unwrap_or(room)),
        };
        let Some(until) = until(&blobs, kept, missing) else {
            self.gone.left = blobs.iter().map(|blob| blob.size).sum();
            return Ok(());
        };
        // What somebody has pulled meanwhile stays.
        let mut stays = HashSet::new();
        for repository in &repositories {
            self.manifests(repository, until, &mut stays)?;
            for (digest, used) in self.layers(repository)? {
                match used <= until {
                    true => drop(self.remove(&layout::layer(repository, &digest))?),
                    false => drop(stays.insert(key(&digest))),
                }
            }
        }
        for Blob { digest, size, used } in blobs {
            if used <= until && !stays.contains(&key(&digest)) && self.remove(&layout::blob(&digest))? {
                self.gone.blobs += 1;
                self.gone.bytes += size;
            } else {
                self.gone.left += size;
            }
        }
        Ok(())
    }

    /// Adds the repositories in a directory, whose own name is `name`, and below it. What has another name is nobody's.
    fn repositories(
        &self,
        directory: &str,
        name: &str,
        found: &mut Vec<RepositoryName>,
    ) -> Result<(), CollectError> {
        for component in names(self.inner, directory)? {
            let name = layout::in_directory(name, &component);
            let Ok(repository) = name.parse::<RepositoryName>() else { continue };
            found.push(repository);
            self.repositories(&layout::in_directory(directory, &component), &name, found)?;
        }
        Ok(())
    }

    /// The digests under which a repository has links of a kind, and when the lease of each was renewed last.
    fn links(
        &self,
        repository: &RepositoryName,
        all: fn(&RepositoryName, Algorithm) -> String,
        one: fn(&RepositoryName, &Digest) -> String,
    ) -> Result<Vec<(Digest, SystemTime)>, CollectError> {
        let mut found = Vec::new();
        for algorithm in Algorithm::ALL {
            for hex in names(self.inner, &all(repository, algorithm))? {
                let Some(digest) = digest_of_name(algorithm, &hex) else { continue };
                let link = layout::in_directory(&one(repository, &digest), layout::LINK);
                let stamp =
                    unless_damaged(waited(self.inner.backend.stat(&link, None, Wait::May)))?.flatten();
                found.extend(stamp.map(|stamp| (digest, stamp.modified())));
            }
        }
        Ok(found)
    }

    fn layers(&self, repository: &RepositoryName) -> Result<Vec<(Digest, SystemTime)>, CollectError> {
        let all = |name: &RepositoryName, algorithm: Algorithm| {
            layout::in_directory(&layout::layers(name), algorithm.as_str())
        };
        self.links(repository, all, layout::layer)
    }

    /// Takes note of when what a repository has was pulled last.
    fn used_of(
        &self,
        repository: &RepositoryName,
        used: &mut HashMap<Key, SystemTime>,
    ) -> Result<(), CollectError> {
        let layers = self.layers(repository)?;
        let revisions = self.links(repository, layout::revisions, layout::revision)?;
        for (digest, at) in layers.into_iter().chain(revisions) {
            let last = used.entry(key(&digest)).or_insert(at);
            *last = at.max(*last);
        }
        Ok(())
    }

    /// All bytes that lie here.
    fn blobs(&self, used: &HashMap<Key, SystemTime>) -> Result<Vec<Blob>, CollectError> {
        let mut found = Vec::new();
        for algorithm in Algorithm::ALL {
            let all = layout::in_directory(layout::BLOBS, algorithm.as_str());
            for part in names(self.inner, &all)? {
                for hex in names(self.inner, &layout::in_directory(&all, &part))? {
                    let Some(digest) = digest_of_name(algorithm, &hex) else { continue };
                    let data = layout::in_directory(&layout::blob(&digest), layout::DATA);
                    let stamp =
                        unless_damaged(waited(self.inner.backend.stat(&data, None, Wait::May)))?.flatten();
                    let Some(stamp) = stamp else { continue };
                    // A fetch ends just now, or nobody knows of them.
                    let used = used.get(&key(&digest)).copied().unwrap_or(stamp.modified());
                    found.push(Blob { digest, size: stamp.size, used });
                }
            }
        }
        Ok(found)
    }

    /// Removes a repository's manifests that were pulled last at that time or before, and then the tags that lead to none.
    fn manifests(
        &mut self,
        repository: &RepositoryName,
        until: SystemTime,
        stays: &mut HashSet<Key>,
    ) -> Result<(), CollectError> {
        let mut referrers = Vec::new();
        let mut removed = 0;
        for (digest, used) in self.links(repository, layout::revisions, layout::revision)? {
            if used > until {
                stays.insert(key(&digest));
                continue;
            }
            let referrer = unless_damaged(self.inner.referrer(repository, &digest))?.flatten().flatten();
            referrers.extend(referrer.map(|found| layout::referrer(repository, &found.subject, &digest)));
            removed += usize::from(self.remove(&layout::revision(repository, &digest))?);
        }
        if removed == 0 {
            return Ok(());
        }
        self.gone.manifests += removed;
        for tag in names(self.inner, &layout::tags(repository))? {
            let Ok(tag) = tag.parse::<Tag>() else { continue };
            let mut leads_nowhere = |link: &[u8]| {
                let Some(digest) = digest_in_link(link) else { return Ok(true) };
                Ok(waited(self.inner.revision(repository, &digest, Wait::May))?.is_none())
            };
            let (directory, unsynced) = (layout::tag(repository, &tag), &mut BTreeSet::new());
            self.inner.backend.remove_if(&directory, layout::CURRENT_LINK, &mut leads_nowhere, unsynced)?;
        }
        if !referrers.is_empty() {
            // What was looked at for them is forgotten, lest one come back and not be looked at.
            self.remove(&layout::in_directory(&layout::referrers(repository), layout::INDEXED))?;
        }
        referrers.iter().try_for_each(|entry| self.remove(entry).map(drop))
    }

    fn remove(&mut self, directory: &str) -> Result<bool, CollectError> {
        let removed = self.inner.backend.set_aside(directory, &mut self.aside)?;
        if self.aside.len() >= PIECES {
            self.inner.backend.clear(std::mem::take(&mut self.aside));
        }
        Ok(removed)
    }
}

/// Until when something must have been pulled last to go; `None` where all stays. `missing` bytes are to go in any case, if that
/// can be.
fn until(blobs: &[Blob], kept: &Kept, missing: u64) -> Option<SystemTime> {
    let all: u64 = blobs.iter().map(|blob| blob.size).sum();
    let fits = match kept.bytes {
        Some(most) if all > most => (u128::from(most) * u128::from(LEFT) / 100) as u64,
        _ => all,
    };
    let mut over = (all - fits).max(if missing > all { 0 } else { missing });
    let mut oldest: Vec<&Blob> = blobs.iter().collect();
    oldest.sort_by_key(|blob| blob.used);
    let unused = kept.unused.and_then(|unused| SystemTime::now().checked_sub(unused));
    let unused = unused.filter(|until| oldest.first().is_some_and(|blob| blob.used <= *until));
    let mut too_much = None;
    for blob in oldest {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(blob.size);
        too_much = Some(blob.used);
    }
    too_much.max(unused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tree::hash::digest_of;

    fn at(hours: u64) -> SystemTime {
        SystemTime::now() - Duration::from_secs(hours * 3600)
    }

    fn blobs(some: &[(u64, u64)]) -> Vec<Blob> {
        let one = |(size, hours): &(u64, u64)| {
            let digest = digest_of(Algorithm::Sha256, &hours.to_le_bytes());
            Blob { digest, size: *size, used: at(*hours) }
        };
        some.iter().map(one).collect()
    }

    fn goes(some: &[(u64, u64)], kept: Kept) -> Vec<u64> {
        let blobs = blobs(some);
        let until = until(&blobs, &kept, kept.room);
        let goes = |blob: &&Blob| until.is_some_and(|until| blob.used <= until);
        blobs.iter().filter(goes).map(|blob| blob.size).collect()
    }

    #[test]
    fn what_was_not_pulled_for_long_goes_and_beyond_that_what_was_pulled_longest_ago() {
        let some = [(10, 5), (20, 1), (30, 9), (40, 3)];
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        assert_eq!(goes(&some, Kept::default()), [0_u64; 0]);
        assert_eq!(goes(&some, Kept { unused: hours(10), ..Kept::default() }), [0_u64; 0]);
        assert_eq!(goes(&some, Kept { unused: hours(4), ..Kept::default() }), [10, 30]);
        assert_eq!(goes(&some, Kept { bytes: Some(100), ..Kept::default() }), [0_u64; 0]);
        assert_eq!(goes(&some, Kept { bytes: Some(99), ..Kept::default() }), [30]);
        assert_eq!(goes(&some, Kept { bytes: Some(70), ..Kept::default() }), [10, 30]);
        assert_eq!(goes(&some, Kept { bytes: Some(0), ..Kept::default() }), [10, 20, 30, 40]);
        assert_eq!(goes(&some, Kept { room: 1, ..Kept::default() }), [30]);
        assert_eq!(goes(&some, Kept { room: 100, ..Kept::default() }), [10, 20, 30, 40]);
        assert_eq!(goes(&some, Kept { room: 101, ..Kept::default() }), [0_u64; 0]);
        assert_eq!(goes(&some, Kept { unused: hours(8), bytes: Some(90), ..Kept::default() }), [30]);
        assert_eq!(goes(&[], Kept { unused: hours(0), bytes: Some(0), room: 1 }), [0_u64; 0]);
    }
}
