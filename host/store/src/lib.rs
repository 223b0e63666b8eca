//! The native store: repositories, manifests, tags, blobs and uploads in a directory tree that distribution opens too.
//!
//! * A repository *holds* a blob or a manifest by a link; bytes lie once for all repositories. A link whose bytes are
//!   missing is no hold.
//! * What becomes visible becomes visible whole, and what was acknowledged survives a crash. Whatever prefix of a
//!   commit a crash leaves behind is harmless.
//! * People edit the tree by hand. Nothing that is remembered is believed without a look at the disk.
//!
//! A function whose name ends in `_now` never waits: it answers from memory or page cache, or with `None`, which
//! means that it would have to wait. Its twin without `_now` waits on the calling thread; so do all other functions
//! that are not `async`.
#![deny(unsafe_code)]

mod backend;
mod blobs;
mod boot;
mod cache;
mod catalog;
mod collect;
mod content;
mod error;
mod expiry;
mod files;
mod growing;
mod lease;
mod links;
mod lists;
mod manifests;
mod purge;
mod read_only;
mod referrers;
mod session;
mod uploads;

pub use content::{Content, ContentBody};
pub use error::{Cause, CollectError, Error, OpenError, PutManifestError, UploadError};
pub use expiry::{CacheOf, Expired, Kept};
pub use garbage::{Collected, Collection, Garbage};
pub use growing::{Growing, Growth};
pub use manifests::Manifest;
pub use tree::{Page, PutManifest, ReferrersPage, ReferrersQuery};

use backend::{Backend, Fault, Stamp};
use bytes::Bytes;
use cache::Cache;
use read_only::ReadOnly;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

/// How to open a [`Store`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that has `docker/registry/v2` in it; it is made where it is absent.
    pub root: PathBuf,
    /// Whether what is acknowledged was synced to disk. `storage.filesystem.fsync`.
    pub fsync: bool,
    /// How many bytes are remembered: eight twentieths of them of manifests, four each of small blobs and of links
    /// (half a kilobyte a link), two of lists, one of referrers, one of whose referrers are known and who holds what.
    /// `limits.cache`.
    pub cache: usize,
    /// How long an upload under way makes its repository one that is listed; an older one may be
    /// [purged](Store::purge_uploads). `storage.maintenance.uploadpurging.age`.
    pub upload_age: Duration,
    /// Whether nothing is written: whatever would is refused, as on a disk that is read-only.
    /// `storage.maintenance.readonly.enabled`.
    pub read_only: bool,
    /// Whether every pull renews the lease of what is pulled, for [`expire`](Store::expire) to know what is used: in a
    /// cache of another registry.
    pub pulls_renew: bool,
}

impl Options {
    /// For tests, of a tree at `root`: what holds for a server its configuration says.
    pub fn new(root: impl Into<PathBuf>) -> Options {
        Options {
            root: root.into(),
            fsync: true,
            cache: 20 << 20,
            upload_age: Duration::from_secs(168 * 60 * 60),
            read_only: false,
            pulls_renew: false,
        }
    }
}

/// The store. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// How many locks the repositories share.
const WRITER_LOCKS: usize = 64;

struct Inner {
    backend: Box<dyn Backend>,
    upload_age: Duration,
    pulls_renew: bool,
    links: Cache<links::Known>,
    /// Manifests, and descriptors of them, by their keys.
    manifests: Cache<(Stamp, Bytes)>,
    blobs: Cache<(Stamp, Option<Bytes>)>,
    lists: Cache<Arc<lists::Window>>,
    referrers: Cache<Arc<referrers::Known>>,
    /// The repositories whose referrers were found complete, with the stamps of their revisions then.
    indexed: Cache<referrers::Stamps>,
    /// Who lately held a blob.
    holders: Cache<names::RepositoryName>,
    /// Storing manifests shares, deleting excludes, so that nothing goes between a check and what was checked for.
    writers: [RwLock<()>; WRITER_LOCKS],
    /// How many manifests were put in the repositories of each lock.
    puts: [AtomicUsize; WRITER_LOCKS],
    /// The upload sessions that someone in this process writes to.
    sessions: Mutex<HashSet<String>>,
    /// How many bytes uploads have received and not written yet.
    ahead: Arc<AtomicUsize>,
    /// When no lease could be renewed.
    without_leases_since: Mutex<Option<Instant>>,
    /// Tells whether the machine was restarted since a hash state was kept.
    boot: boot::Boot,
}

impl Store {
    /// Opens the tree; nothing is read or written yet, so that one that is read-only opens too.
    ///
    /// # Errors
    /// The root cannot be made, or cannot be opened. The text names it, and the remedy.
    pub fn open(options: Options) -> Result<Store, OpenError> {
        let files = files::Files::open(&options.root, options.fsync)?;
        if !options.read_only {
            files.warn_where_not_writable();
        }
        let inner = Inner {
            backend: if options.read_only { Box::new(ReadOnly(files)) } else { Box::new(files) },
            upload_age: options.upload_age,
            pulls_renew: options.pulls_renew,
            links: Cache::new(options.cache / 20 * 4, 32),
            manifests: Cache::new(options.cache / 20 * 8, 32),
            blobs: Cache::new(options.cache / 20 * 4, 32),
            lists: Cache::new(options.cache / 20 * 2, 2),
            referrers: Cache::new(options.cache / 20, 1),
            indexed: Cache::new(options.cache / 40, 8),
            holders: Cache::new(options.cache / 40, 8),
            writers: std::array::from_fn(|_| RwLock::new(())),
            puts: std::array::from_fn(|_| AtomicUsize::new(0)),
            sessions: Mutex::default(),
            ahead: Arc::default(),
            without_leases_since: Mutex::default(),
            boot: boot::Boot::current(),
        };
        Ok(Store { inner: Arc::new(inner) })
    }
}

/// Which of the locks is the repository's, with others.
fn share(repository: &names::RepositoryName) -> usize {
    cache::spread(repository.as_str()) % WRITER_LOCKS
}

impl Inner {
    fn writer(&self, repository: &names::RepositoryName) -> &RwLock<()> {
        &self.writers[share(repository)]
    }

    fn puts(&self, repository: &names::RepositoryName) -> &AtomicUsize {
        &self.puts[share(repository)]
    }
}

impl Store {
    /// Whether the storage can be read, and still is where it was at the start. It may wait for as long as the disk does.
    ///
    /// # Errors
    /// It cannot, or is not.
    pub fn check(&self) -> Result<(), Error> {
        self.inner.backend.check()
    }

    /// How many bytes may still be written, if that is known.
    pub fn room(&self) -> Option<u64> {
        self.inner.backend.room()
    }
}

/// How long ago something happened; no time where that lies in the future.
fn since(then: SystemTime) -> Duration {
    SystemTime::now().duration_since(then).unwrap_or_default()
}

/// The answer of a `_now` function.
fn now<T>(result: Result<T, Fault>) -> Option<Result<T, Error>> {
    match result {
        Ok(value) => Some(Ok(value)),
        Err(Fault::Error(error)) => Some(Err(error)),
        Err(Fault::WouldWait) => None,
    }
}

/// Passes over one thing that is damaged or may not be read, so that it hides no others; what is wrong with all of the
/// storage stays an error.
fn unless_damaged<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error @ (Error::Failed(_) | Error::Corrupt { .. })) => {
            tracing::warn!(%error, "passed over");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The answer of its twin.
fn waited<T>(result: Result<T, Fault>) -> Result<T, Error> {
    match result {
        Ok(value) => Ok(value),
        Err(Fault::Error(error)) => Err(error),
        Err(Fault::WouldWait) => unreachable!("a call that may wait does"),
    }
}
