//! How those who store things and those who collect garbage keep out of each other's way, in whatever process they are:
//! locks of the file system, and a file in which the former tell the latter what they need.

use super::commit::FILE_MODE;
use super::{ATTEMPTS, Files, tree};
use crate::backend::{Collector, Excluded, Guard};
use crate::error::Error;
use ::tree::MAX_LINK;
use garbage::{Needed, lines, told};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How often, and how long after each other, it is tried to be the one who collects: who stores something looks into the
/// lock for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// How long who needs nothing waits for a lock.
const SOON: Duration = Duration::from_secs(2);

/// How long who collects keeps others at the gate while those within end, and how often: a process that was stopped
/// within must not stop all others.
const WITHIN: Duration = Duration::from_secs(1);
const TURNS: u32 = 60;

/// How long after each other a lock is tried for.
const POLL: Duration = Duration::from_millis(1);

/// What a file system says that has no locks.
const NO_LOCKS: [Errno; 4] = [Errno::OPNOTSUPP, Errno::NOSYS, Errno::NOLCK, Errno::INVAL];

/// See [`Backend::share`](crate::backend::Backend::share).
pub(super) fn share(files: &Files, needed: &dyn Fn() -> Vec<Needed>) -> Result<Guard, Error> {
    let Some(commits) = shared(files, None)? else { return Ok(Box::new(())) };
    tell(files, needed)?;
    Ok(Box::new(commits))
}

/// See [`Backend::share_soon`](crate::backend::Backend::share_soon).
pub(super) fn share_soon(files: &Files) -> Result<Guard, Error> {
    Ok(Box::new(shared(files, Some(Instant::now() + SOON))?))
}

/// The lock of those who store something, until `deadline` where there is one; `None` on a file system without locks.
fn shared(files: &Files, deadline: Option<Instant>) -> Result<Option<OwnedFd>, Error> {
    for _ in 0..ATTEMPTS {
        let gate = files.lock_file(layout::GATE)?;
        match lock(&gate, FlockOperation::LockShared, deadline) {
            Ok(()) => {}
            // Nobody can collect here while others store things.
            Err(error) if NO_LOCKS.contains(&error) => return Ok(None),
            Err(error) => return Err(not_locked(layout::GATE, error)),
        }
        let commits = files.lock_file(layout::COMMITS)?;
        lock(&commits, FlockOperation::LockShared, deadline)
            .map_err(|error| not_locked(layout::COMMITS, error))?;
        if is_in_place(&gate) && is_in_place(&commits) {
            return Ok(Some(commits));
        }
    }
    Err(not_locked(layout::COMMITS, Errno::AGAIN))
}

/// Whether a file was not removed since it was opened: then others lock another one.
fn is_in_place(fd: &OwnedFd) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_nlink > 0)
}

/// Writes down what is needed, if anyone collects.
fn tell(files: &Files, needed: &dyn Fn() -> Vec<Needed>) -> Result<(), Error> {
    let key = layout::in_directory(layout::COLLECTION, layout::NEEDED);
    let Some(fd) = files.open_waiting(&key, OFlags::RDONLY)? else { return Ok(()) };
    if flock(&fd, FlockOperation::NonBlockingLockShared).is_ok() {
        // One who did has been killed.
        return Ok(());
    }
    // A line begins anew, whatever became of the one before it: perhaps a full disk took but a part.
    let lines = ["\n", &lines(&needed())].concat();
    let Some(fd) = files.open_waiting(&key, OFlags::WRONLY | OFlags::APPEND)? else { return Ok(()) };
    let written = std::fs::File::from(fd).write_all(lines.as_bytes());
    written.map_err(|error| Error::new("write to", &key, error))
}

/// See [`Backend::touch`](crate::backend::Backend::touch).
pub(super) fn touch(files: &Files, key: &str) -> Result<bool, Error> {
    let failed = |error| Error::new("set the time of", key, error);
    let (directory, name) = layout::split(key);
    let Some(directory) = files.directory(directory)? else { return Ok(false) };
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    match rustix::fs::utimensat(&directory, name, &times, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        // Another user's file, in a directory where this one may replace it.
        Err(Errno::ACCESS | Errno::PERM) => write_anew(files, &directory, name).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Replaces a small file by one with the same bytes; `false` when there is none.
fn write_anew(files: &Files, directory: &OwnedFd, name: &str) -> Result<bool, Errno> {
    let Some(bytes) = tree::read_in(directory, name, MAX_LINK)? else { return Ok(false) };
    let staging = files.staging().map_err(|_| Errno::ACCESS)?;
    let staged = files.staging.name();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&*staging, staged.as_str(), flags, FILE_MODE)?;
    let mut file = std::fs::File::from(fd);
    let written = file.write_all(&bytes).and_then(|()| file.sync_data());
    let moved = written
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        .and_then(|()| rustix::fs::renameat(&*staging, staged.as_str(), directory, name));
    if moved.is_err() {
        let _ = rustix::fs::unlinkat(&*staging, staged.as_str(), AtFlags::empty());
    }
    moved.map(|()| true)
}

/// See [`Backend::collect`](crate::backend::Backend::collect).
pub(super) fn collect(files: &Files) -> Result<Option<Box<dyn Collector + '_>>, Error> {
    let anyone = Mode::RWXU | Mode::RWXG | Mode::RWXO;
    let is_new = files.directory(layout::STAGING)?.is_none();
    // A full disk may have no room for it; there is another way to remove things.
    if let Ok(own) = files.staging() {
        files.like_the_tree(&own, anyone);
        if is_new && let Some(staging) = files.directory(layout::STAGING)? {
            files.like_the_tree(&staging, anyone);
        }
    }
    let needed = files.own_file(layout::NEEDED)?;
    for tried in 0..TRIES {
        match flock(&needed, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let emptied = rustix::fs::ftruncate(&needed, 0);
                emptied.map_err(|error| Error::new("empty", layout::NEEDED, error))?;
                return Ok(Some(Box::new(Lock { files, needed: needed.into() })));
            }
            Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE * (tried + 1).min(5)),
            Err(error) => return Err(not_locked(layout::NEEDED, error)),
        }
    }
    Ok(None)
}

/// The lock of the one who collects.
struct Lock<'a> {
    files: &'a Files,
    /// Stands where the next one will write.
    needed: std::fs::File,
}

impl Lock<'_> {
    /// Both locks, alone; `None` where those within do not end.
    fn alone(&self) -> Result<Option<Guard>, Error> {
        let gate = self.files.own_file(layout::GATE)?;
        lock(&gate, FlockOperation::LockExclusive, None).map_err(|error| not_locked(layout::GATE, error))?;
        let commits = self.files.own_file(layout::COMMITS)?;
        match lock(&commits, FlockOperation::LockExclusive, Some(Instant::now() + WITHIN)) {
            Ok(()) => Ok(Some(Box::new((gate, commits)))),
            Err(Errno::TIMEDOUT) => Ok(None),
            Err(error) => Err(not_locked(layout::COMMITS, error)),
        }
    }
}

impl Collector for Lock<'_> {
    fn exclude(&mut self) -> Result<Excluded, Error> {
        for _ in 0..TURNS {
            let Some(guard) = self.alone()? else {
                std::thread::sleep(PAUSE);
                continue;
            };
            // Whoever has cleared it away has cleared away what others said.
            if rustix::fs::fstat(&self.needed).is_ok_and(|stat| stat.st_nlink == 0) {
                return Err(Error::new(REMOVED, layout::COLLECTION, Errno::STALE));
            }
            let mut text = String::new();
            let read = self.needed.read_to_string(&mut text);
            read.map_err(|error| Error::new("read", layout::NEEDED, error))?;
            // Who was killed, or had no room, while they wrote a line has stored nothing.
            return Ok(Excluded { needed: told(&text).collect(), guard });
        }
        Err(not_locked(layout::COMMITS, Errno::TIMEDOUT))
    }
}

const REMOVED: &str = "go on (the directory was removed meanwhile: run the collection again):";

fn flock(fd: &OwnedFd, operation: FlockOperation) -> Result<(), Errno> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(fd, operation))
}

/// Locks, waiting until the `deadline` where there is one.
fn lock(fd: &OwnedFd, operation: FlockOperation, deadline: Option<Instant>) -> Result<(), Errno> {
    let Some(deadline) = deadline else { return flock(fd, operation) };
    let operation = match operation {
        FlockOperation::LockShared => FlockOperation::NonBlockingLockShared,
        _ => FlockOperation::NonBlockingLockExclusive,
    };
    loop {
        match flock(fd, operation) {
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(POLL),
            Err(Errno::WOULDBLOCK) => return Err(Errno::TIMEDOUT),
            done => return done,
        }
    }
}

fn not_locked(name: &str, error: Errno) -> Error {
    let doing = match NO_LOCKS.contains(&error) {
        true => "lock (where a file system has no locks, no garbage can be collected)",
        false => "lock",
    };
    Error::new(doing, &layout::in_directory(layout::COLLECTION, name), error)
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
        let key = layout::in_directory(layout::COLLECTION, name);
        if let Some(fd) = self.open_waiting(&key, OFlags::RDWR)? {
            return Ok(fd);
        }
        self.in_its_place()?;
        let is_new = self.directory(layout::COLLECTION)?.is_none();
        let directory = self.make_directory(layout::COLLECTION, &mut |_| {})?;
        if is_new {
            self.like_the_tree(&directory, Mode::RWXU | Mode::RWXG | Mode::RWXO);
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, name, flags, FILE_MODE);
        let fd = opened.map_err(|error| Error::new("open", &key, error))?;
        self.like_the_tree(&fd, FILE_MODE);
        Ok(fd)
    }

    /// What root makes belongs to whom the tree belongs to, and may be written by whom the tree may: a server that is not
    /// root has to write there. `most` is what anyone may do at most.
    fn like_the_tree(&self, fd: &OwnedFd, most: Mode) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let tree = self.directory(layout::ROOT).ok().flatten().and_then(|tree| rustix::fs::fstat(&tree).ok());
        if let Some(stat) = tree {
            // Where that is not possible, the server says what it may not open.
            let (user, group) =
                (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
            let _ = rustix::fs::fchown(fd, Some(user), Some(group));
            let _ = rustix::fs::fchmod(fd, Mode::from_raw_mode(stat.st_mode) & most);
        }
    }
}
