//! How those who store things and those who collect garbage keep out of each other's way, in whatever process they are:
//! locks of the file system, and a file in which the former tell the latter what they need.

use super::Files;
use super::commit::FILE_MODE;
use crate::backend::{Collector, Excluded, Guard};
use crate::error::Error;
use names::Digest;
use rustix::fs::{AtFlags, FlockOperation, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How often, and how long after each other, it is tried to be the one who collects: who stores something looks into the
/// lock for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// See [`Backend::share`](crate::backend::Backend::share).
pub(super) fn share(files: &Files, needed: &dyn Fn() -> Vec<Digest>) -> Result<Guard, Error> {
    let gate = files.lock_file(layout::GATE)?;
    if !lock(&gate, FlockOperation::LockShared, layout::GATE)? {
        // A file system without locks: nobody can collect on it while others store things.
        return Ok(Box::new(()));
    }
    let commits = files.lock_file(layout::COMMITS)?;
    lock(&commits, FlockOperation::LockShared, layout::COMMITS)?;
    tell(files, needed)?;
    Ok(Box::new(commits))
}

/// Writes down what is needed, if anyone collects.
fn tell(files: &Files, needed: &dyn Fn() -> Vec<Digest>) -> Result<(), Error> {
    let key = layout::in_directory(layout::COLLECTION, layout::NEEDED);
    let Some(fd) = files.open_waiting(&key, OFlags::RDONLY)? else { return Ok(()) };
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => {}
        // One who did has been killed.
        _ => return Ok(()),
    }
    let Some(fd) = files.open_waiting(&key, OFlags::WRONLY | OFlags::APPEND)? else { return Ok(()) };
    let lines: String = needed().iter().flat_map(|digest| [digest.as_str(), "\n"]).collect();
    std::fs::File::from(fd).write_all(lines.as_bytes()).map_err(|error| Error::new("write to", &key, error))
}

/// See [`Backend::touch`](crate::backend::Backend::touch).
pub(super) fn touch(files: &Files, key: &str) -> Result<bool, Error> {
    let (directory, name) = layout::split(key);
    let Some(directory) = files.directory(directory)? else { return Ok(false) };
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    match rustix::fs::utimensat(&directory, name, &times, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(Error::new("set the time of", key, error)),
    }
}

/// See [`Backend::collect`](crate::backend::Backend::collect).
pub(super) fn collect(files: &Files) -> Result<Option<Box<dyn Collector + '_>>, Error> {
    files.staging()?;
    if let Some(staging) = files.directory(layout::STAGING)? {
        files.like_the_tree(&staging);
    }
    let needed = files.own_file(layout::NEEDED)?;
    for tried in 0..TRIES {
        if lock(&needed, FlockOperation::NonBlockingLockExclusive, layout::NEEDED)? {
            rustix::fs::ftruncate(&needed, 0).map_err(|error| Error::new("empty", layout::NEEDED, error))?;
            return Ok(Some(Box::new(Lock { files, needed: needed.into() })));
        }
        std::thread::sleep(PAUSE * (tried + 1).min(5));
    }
    Ok(None)
}

/// The lock of the one who collects.
struct Lock<'a> {
    files: &'a Files,
    /// Stands where the next one will write.
    needed: std::fs::File,
}

impl Collector for Lock<'_> {
    fn exclude(&mut self) -> Result<Excluded, Error> {
        let gate = self.files.own_file(layout::GATE)?;
        lock(&gate, FlockOperation::LockExclusive, layout::GATE)?;
        let commits = self.files.own_file(layout::COMMITS)?;
        lock(&commits, FlockOperation::LockExclusive, layout::COMMITS)?;
        let mut text = String::new();
        let read = self.needed.read_to_string(&mut text);
        read.map_err(|error| Error::new("read", layout::NEEDED, error))?;
        // Who was killed while they wrote a line has stored nothing.
        let needed = text.lines().flat_map(str::parse).collect();
        Ok(Excluded { needed, _guard: Box::new((gate, commits)) })
    }
}

/// Locks; `false` where someone else's lock is in the way of one that does not wait, or where there are no locks.
fn lock(fd: &OwnedFd, operation: FlockOperation, name: &str) -> Result<bool, Error> {
    let waits = matches!(operation, FlockOperation::LockShared);
    match rustix::io::retry_on_intr(|| rustix::fs::flock(fd, operation)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK | Errno::INVAL) if waits => Ok(false),
        Err(error) => Err(Error::new("lock", name, error)),
    }
}

impl Files {
    /// One of the files in the collection's directory, made where it is absent, to be locked by those who share.
    fn lock_file(&self, name: &str) -> Result<OwnedFd, Error> {
        let key = layout::in_directory(layout::COLLECTION, name);
        match self.open_waiting(&key, OFlags::RDONLY)? {
            Some(fd) => Ok(fd),
            None => self.own_file(name),
        }
    }

    /// The same, open for writing: network file systems lock nothing else against all others.
    fn own_file(&self, name: &str) -> Result<OwnedFd, Error> {
        self.in_its_place()?;
        let directory = self.make_directory(layout::COLLECTION, &mut |_| {})?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, name, flags, FILE_MODE);
        let fd = opened.map_err(|error| Error::new("open", layout::COLLECTION, error))?;
        self.like_the_tree(&directory);
        self.like_the_tree(&fd);
        Ok(fd)
    }

    /// What root makes belongs to whom the tree belongs to: a server that is not root has to write there.
    fn like_the_tree(&self, fd: &OwnedFd) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let tree = self.directory(layout::ROOT).ok().flatten().and_then(|tree| rustix::fs::fstat(&tree).ok());
        if let Some(stat) = tree {
            // Where that is not possible, the server says what it may not open.
            let (user, group) =
                (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
            let _ = rustix::fs::fchown(fd, Some(user), Some(group));
        }
    }
}
