//! Where things are prepared that shall appear whole: a directory per process, so that a later one can clear away
//! what was left behind by a crash.

use super::marks::Marks;
use super::{ATTEMPTS, Files, tree};
use crate::error::Error;
use names::UploadId;
use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// This process's staging directory, made when the first thing is written: a store that is only read from may be on
/// a read-only file system. It is locked for as long as the process lives; what is not locked is someone's who died.
#[derive(Default)]
pub(super) struct Staging {
    directory: Mutex<Option<Arc<OwnedFd>>>,
    next: AtomicU64,
    /// Names of directories of ended uploads.
    spares: Mutex<Vec<String>>,
}

/// How long something of another host lies in the staging area before it is taken for left behind: no request takes so
/// long to publish what it has prepared.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// How many directories of ended uploads are kept for the next ones.
const MAX_SPARES: usize = 64;

impl Staging {
    /// A directory of an ended upload, if there is one. It may have been cleared away by hand.
    pub fn take_spare(&self) -> Option<String> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// A name for one more spare directory, unless there are enough.
    pub fn wants_spare(&self) -> Option<String> {
        let spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        (spares.len() < MAX_SPARES).then(|| self.name())
    }

    /// Now it is there.
    pub fn put_spare(&self, name: String) {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// A name that nothing in the directory has.
    pub fn name(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

impl Files {
    /// The staging directory.
    pub(super) fn staging(&self) -> Result<Arc<OwnedFd>, Error> {
        let mut directory = self.staging.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fd) = &*directory {
            // Someone may have cleared the tree by hand while we run.
            if rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_nlink > 0) {
                return Ok(fd.clone());
            }
        }
        let failed = |error| Error::new("make a directory in", layout::STAGING, error);
        for _ in 0..ATTEMPTS {
            let mut marks = Marks::new(self, self.fsync);
            let all = self.make_directory(layout::STAGING, &mut |parent| marks.mark(parent))?;
            marks.sync(&[], BTreeSet::new())?;
            clear(&all);
            match own(&all) {
                Ok(Some(fd)) => return Ok(directory.insert(Arc::new(fd)).clone()),
                // Someone has cleared it away, or all of the staging area.
                Ok(None) | Err(Errno::NOENT) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(Errno::AGAIN))
    }
}

/// Makes a directory and locks it; `None` if someone cleared it away between the two.
fn own(all: &OwnedFd) -> Result<Option<OwnedFd>, Errno> {
    let fd = tree::make_in(all, random_id()?.as_str())?;
    // Some network file systems lock no directories. Then nobody else's lock succeeds either, and what a crash leaves
    // behind stays.
    let locked = rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive);
    // Whoever has locked it before us clears it away.
    Ok((locked != Err(Errno::WOULDBLOCK) && rustix::fs::fstat(&fd)?.st_nlink > 0).then_some(fd))
}

/// Removes what was left behind. What cannot be removed stays: it is in nobody's way.
fn clear(all: &OwnedFd) {
    let Ok(entries) = rustix::fs::Dir::read_from(all) else { return };
    let names: Vec<CString> = entries.flatten().map(|entry| entry.file_name().to_owned()).collect();
    for name in names.iter().filter(|name| !matches!(name.to_bytes(), b"." | b"..")) {
        if let Err(error) = remove_left_behind(all, name) {
            tracing::warn!(%error, ?name, "cannot clear away what an earlier process left in the staging area");
        }
    }
}

/// Removes what nobody goes on with: a directory of a process of ours that holds no lock on it, or anything else that
/// has lain there for long. Other hosts prepare things here too, under other names, and cannot lock them.
fn remove_left_behind(all: &OwnedFd, name: &CString) -> Result<(), Errno> {
    // Held until all is removed: whoever made the directory just now has yet to lock it, and makes another.
    let lock;
    if name.to_str().is_ok_and(|name| name.parse::<UploadId>().is_ok()) {
        let Ok(fd) = tree::open_in(all, name.as_c_str()) else { return Ok(()) };
        lock = fd;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(());
        }
    } else {
        let Ok(stat) = rustix::fs::statat(all, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(()) };
        let changed = Duration::from_secs(stat.st_mtime.try_into().unwrap_or(0));
        if !SystemTime::now().duration_since(UNIX_EPOCH + changed).is_ok_and(|age| age > LEFT_BEHIND) {
            return Ok(());
        }
    }
    tree::remove_in(all, name).map(drop)
}

/// A UUID nobody can guess.
pub(crate) fn random_id() -> Result<UploadId, Errno> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(UploadId::from_random(bytes))
}
