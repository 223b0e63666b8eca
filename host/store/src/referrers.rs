//! Which manifests are about which others.
//!
//! What a manifest is about follows from its bytes, so an entry in the index never becomes wrong (what may change is
//! the media type that it was pushed as, and who pushes it writes the entry too): one whose manifest is gone is
//! passed over, and one that is missing is made from the bytes. Which revisions were looked at stands beside the
//! entries; whoever asks compares that with the revisions there are, and looks at the others first. So an index that
//! another program did not keep, or that someone removed, is complete before it is used. A revision without a link or
//! without bytes was not looked at: another program is about to write them, or has left the directory when it removed
//! the link.
//!
//! A descriptor has its manifest's annotations, and so mebibytes of them: no more than one is held at a time, besides the page
//! and what is written together.

use crate::backend::{Fault, Stamp, Unit, Wait};
use crate::error::Error;
use crate::{Inner, Store, now, unless_damaged, waited};
use names::{Algorithm, Digest, RepositoryName};
use protocol::manifest::{MANIFEST_LIMIT, Referrer, artifact_type_of, referrer};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tree::{
    After, DescriptorPage, Loose, ReferrersPage, ReferrersQuery, after, digest_of_name, indexed, loose_in,
    referrer_entry,
};

/// How many entries are written at a time, and how many names are read.
const BATCH: usize = 256;

/// How many bytes of descriptors are written at a time.
const BATCH_BYTES: usize = 8 << 20;

/// The most bytes of the list of revisions that were looked at: a line has less than a hundred.
const MAX_INDEXED: u64 = 256 << 20;

/// The stamps of a directory for each algorithm.
pub(crate) type Stamps = [Option<Stamp>; Algorithm::ALL.len()];

/// A page, and the stamps of all it was made from: the revisions, and the subject's entries.
pub(crate) struct Known {
    stamps: [Stamps; 2],
    /// How many manifests had been put: one that comes back need not change any directory.
    puts: usize,
    page: ReferrersPage,
}

impl Store {
    /// The manifests in the repository that are about another one. None is no error.
    pub fn referrers(
        &self,
        repository: &RepositoryName,
        query: &ReferrersQuery,
    ) -> Result<ReferrersPage, Error> {
        let inner = &self.inner;
        let key = key(repository, query);
        if let Some(known) = waited(inner.known_referrers(repository, query, &key, Wait::May))? {
            return Ok(known);
        }
        let puts = inner.puts(repository).load(Ordering::Acquire);
        let stamps = [inner.stamps(|of| layout::revisions(repository, of))?, Stamps::default()];
        let (loose, whole) = inner.complete(repository, &stamps[0])?;
        let of_subject = |of| layout::referrers_of(repository, &query.subject, of);
        let stamps = [stamps[0], inner.stamps(of_subject)?];
        let page = inner.page(repository, query, &loose)?;
        if whole && stamps.iter().flatten().flatten().all(|stamp| stamp.settled) {
            let weight = page.descriptors.len();
            inner.referrers.put(&key, Arc::new(Known { stamps, puts, page: page.clone() }), weight);
        }
        Ok(page)
    }

    /// [`referrers`](Store::referrers), if it need not wait.
    pub fn referrers_now(
        &self,
        repository: &RepositoryName,
        query: &ReferrersQuery,
    ) -> Option<Result<ReferrersPage, Error>> {
        let known = self.inner.known_referrers(repository, query, &key(repository, query), Wait::Never);
        now(known.and_then(|known| known.ok_or(Fault::WouldWait)))
    }
}

/// Whether a directory is as it was, or still absent.
fn same(known: &Option<Stamp>, now: &Option<Stamp>) -> bool {
    match (known, now) {
        (Some(known), Some(now)) => now.same(known),
        (known, now) => known.is_none() && now.is_none(),
    }
}

fn key(repository: &RepositoryName, query: &ReferrersQuery) -> String {
    let ReferrersQuery { subject, artifact_type, after, limit, room } = query;
    format!("{repository} {subject} {artifact_type:?} {after:?} {limit} {room}")
}

impl Inner {
    /// What a manifest in the repository is about; the outer `None` where there is no such manifest.
    pub fn referrer(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Option<Referrer>>, Error> {
        let Some(link) = waited(self.revision(repository, digest, Wait::May))? else { return Ok(None) };
        match waited(self.manifest_bytes(&link.digest, Wait::May)) {
            Ok(bytes) => Ok(bytes.map(|bytes| referrer(&bytes, digest, link.media_type.as_deref()))),
            // Bytes that are no longer what they were are no manifest.
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(%error, %digest, "a manifest is left out of the referrers");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a manifest that is gone out of the index: first from those that were looked at, lest it come back and not
    /// be looked at.
    pub fn forget_referrer(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        referrer: &Referrer,
    ) -> Result<(), Error> {
        let seen = self.seen(repository)?;
        if seen.lines().any(|line| line == digest.as_str()) {
            let rest = seen.lines().filter(|line| *line != digest.as_str()).flat_map(|line| [line, "\n"]);
            if let Err(error) = self.backend.commit(&[indexed(repository, rest.collect()).into()], true) {
                // A full disk has no room for it. Without it all are looked at again.
                warn(repository, &error);
                self.backend
                    .remove(&layout::in_directory(&layout::referrers(repository), layout::INDEXED))?;
            }
        }
        self.backend.remove(&layout::referrer(repository, &referrer.subject, digest)).map(drop)
    }

    fn stamps(&self, directory: impl Fn(Algorithm) -> String) -> Result<Stamps, Error> {
        let mut stamps = Stamps::default();
        for (stamp, algorithm) in stamps.iter_mut().zip(Algorithm::ALL) {
            *stamp = waited(self.backend.stat(&directory(algorithm), None, Wait::May))?;
        }
        Ok(stamps)
    }

    /// The page that is remembered, if all it was made from is as it was.
    fn known_referrers(
        &self,
        repository: &RepositoryName,
        query: &ReferrersQuery,
        key: &str,
        wait: Wait,
    ) -> Result<Option<ReferrersPage>, Fault> {
        let Some(known) = self.referrers.get(key) else { return Ok(None) };
        if known.puts != self.puts(repository).load(Ordering::Acquire) {
            self.referrers.remove(key);
            return Ok(None);
        }
        let [revisions, entries] = &known.stamps;
        for (at, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            let same = self.unchanged(&layout::revisions(repository, algorithm), &revisions[at], wait)?
                && self.unchanged(
                    &layout::referrers_of(repository, &query.subject, algorithm),
                    &entries[at],
                    wait,
                )?;
            if !same {
                self.referrers.remove(key);
                return Ok(None);
            }
        }
        Ok(Some(known.page.clone()))
    }

    fn unchanged(&self, directory: &str, known: &Option<Stamp>, wait: Wait) -> Result<bool, Fault> {
        Ok(same(known, &self.backend.stat(directory, known.as_ref(), wait)?))
    }

    /// The revisions that were looked at, as the index says, a digest a line.
    fn seen(&self, repository: &RepositoryName) -> Result<String, Error> {
        let key = layout::in_directory(&layout::referrers(repository), layout::INDEXED);
        // What is no such list is made anew.
        let small = unless_damaged(waited(self.backend.read(&key, MAX_INDEXED, Wait::May)))?.flatten();
        Ok(small.and_then(|small| String::from_utf8(small.bytes.into()).ok()).unwrap_or_default())
    }

    /// Looks at the revisions that nobody has looked at, and adds them to the index. Gives back what could not be
    /// written there, with its subject (storage that takes no writes answers all the same), and whether there was no
    /// revision that is yet to be looked at.
    fn complete(&self, repository: &RepositoryName, stamps: &Stamps) -> Result<(Loose, bool), Error> {
        let unchanged = |known: Stamps| known.iter().zip(stamps).all(|(known, now)| same(known, now));
        if self.indexed.get(repository.as_str()).is_some_and(unchanged) {
            return Ok((Loose::new(), true));
        }
        // While manifests are added, but not while one is removed.
        let _shared = self.writer(repository).read().unwrap_or_else(|e| e.into_inner());
        let seen = self.seen(repository)?;
        let known: HashSet<&str> = seen.lines().collect();
        let (mut looked_at, mut whole) = (String::new(), true);
        let mut found = Found { inner: self, repository, batch: Vec::new(), size: 0, loose: Loose::new() };
        for algorithm in Algorithm::ALL {
            let listing = self.backend.list(&layout::revisions(repository, algorithm), None, usize::MAX)?;
            for hex in listing.into_iter().flat_map(|listing| listing.names) {
                let Some(digest) = digest_of_name(algorithm, &hex) else { continue };
                if !known.contains(digest.as_str()) {
                    match unless_damaged(self.referrer(repository, &digest))?.flatten() {
                        Some(Some(referrer)) => found.push(digest.clone(), referrer),
                        Some(None) => {}
                        None => {
                            whole = false;
                            continue;
                        }
                    }
                }
                looked_at.push_str(digest.as_str());
                looked_at.push('\n');
            }
        }
        let loose = found.finish();
        if loose.is_empty() && looked_at != seen {
            let index = self.backend.commit(&[indexed(repository, looked_at).into()], true);
            whole &= index.inspect_err(|error| warn(repository, error)).is_ok();
        }
        if loose.is_empty() && whole && stamps.iter().flatten().all(|stamp| stamp.settled) {
            self.indexed.put(repository.as_str(), *stamps, size_of::<Stamps>());
        }
        Ok((loose, whole))
    }

    fn page(
        &self,
        repository: &RepositoryName,
        query: &ReferrersQuery,
        loose: &Loose,
    ) -> Result<ReferrersPage, Error> {
        let mut page = DescriptorPage::new(query.limit, query.room);
        'full: for algorithm in Algorithm::ALL {
            let mut after = match after(query.after.as_deref(), algorithm) {
                After::None => continue,
                After::All => None,
                After::Hex(hex) => Some(hex.to_owned()),
            };
            loop {
                let directory = layout::referrers_of(repository, &query.subject, algorithm);
                let names = waited(self.names(&directory, after.as_deref(), BATCH, |_| true, 0, Wait::May))?;
                let (names, more) = names.map(|names| (names.names, names.more)).unwrap_or_default();
                let last = names.last().filter(|_| more).cloned();
                // Those that are not on disk, as far as this part of the list goes.
                let others = loose_in(loose, &query.subject, algorithm, after.as_deref(), last.as_deref());
                let mut digests: BTreeSet<Digest> =
                    names.iter().filter_map(|hex| digest_of_name(algorithm, hex)).collect();
                digests.extend(others.cloned());
                for digest in digests {
                    let descriptor = match loose.contains_key(&digest) {
                        true => self.referrer(repository, &digest)?.flatten().map(|found| found.descriptor),
                        false => self.descriptor(repository, &query.subject, &digest)?,
                    };
                    let wanted = |text: &String| {
                        query.artifact_type.is_none() || artifact_type_of(text) == query.artifact_type
                    };
                    if let Some(descriptor) = descriptor.filter(wanted)
                        && !page.push(digest.as_str().to_owned(), &descriptor)
                    {
                        break 'full;
                    }
                }
                match last {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
        }
        Ok(page.finish())
    }

    /// What an entry says, if its manifest is there.
    fn descriptor(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        digest: &Digest,
    ) -> Result<Option<String>, Error> {
        if waited(self.revision(repository, digest, Wait::May))?.is_none() {
            return Ok(None);
        }
        let directory = layout::referrer(repository, subject, digest);
        let key = layout::in_directory(&directory, layout::DESCRIPTOR);
        if let Some(bytes) = waited(self.remembered(&key, Wait::May))? {
            return Ok(String::from_utf8(bytes.into()).ok());
        }
        let small = waited(self.backend.read(&key, 2 * MANIFEST_LIMIT as u64, Wait::May))?;
        // A later push of the same bytes as another media type makes it another.
        if let Some(small) = small.as_ref().filter(|small| small.stamp.settled) {
            self.manifests.put(&key, (small.stamp, small.bytes.clone()), small.bytes.len());
        }
        Ok(small.and_then(|small| String::from_utf8(small.bytes.into()).ok()))
    }
}

/// What was found, on its way into the index.
struct Found<'a> {
    inner: &'a Inner,
    repository: &'a RepositoryName,
    batch: Vec<(Digest, Referrer)>,
    /// How many bytes of descriptors are in the batch.
    size: usize,
    /// What could not be written.
    loose: Loose,
}

impl Found<'_> {
    fn push(&mut self, digest: Digest, referrer: Referrer) {
        self.size += referrer.descriptor.len();
        self.batch.push((digest, referrer));
        if self.batch.len() >= BATCH || self.size >= BATCH_BYTES {
            self.write();
        }
    }

    fn write(&mut self) {
        self.size = 0;
        let batch = std::mem::take(&mut self.batch);
        let subjects: Vec<_> =
            batch.iter().map(|(digest, found)| (digest.clone(), found.subject.clone())).collect();
        let entry =
            |(digest, found): (Digest, Referrer)| referrer_entry(self.repository, &digest, found).into();
        let units: Vec<Unit> = batch.into_iter().map(entry).collect();
        // Where one could not be written the others would not be either.
        if self.loose.is_empty() {
            match self.inner.backend.commit(&units, true) {
                Ok(()) => return,
                Err(error) => warn(self.repository, &error),
            }
        }
        self.loose.extend(subjects);
    }

    fn finish(mut self) -> Loose {
        if !self.batch.is_empty() {
            self.write();
        }
        self.loose
    }
}

/// Of a tree that takes no writes nobody expects any.
fn warn(repository: &RepositoryName, error: &Error) {
    if !matches!(error, Error::ReadOnly(_)) {
        tracing::warn!(%error, %repository, "the index of referrers could not be written");
    }
}
