//! Publication: prepare everything, sync what was prepared, make it visible in order, sync the directories.
//!
//! Each sync may cost a commit of the file system's journal. So all names are prepared before the first sync, and
//! all are moved before the second: two commits whatever is published, the other syncs find nothing left to do.

use super::write_behind::begin_to_write;
use super::{Files, stamp_of, tree};
use crate::backend::{Source, Unit};
use crate::error::Error;
use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files are made for everyone to read, less what the process's mask takes away, as distribution makes them.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// How often a commit starts over because another one made the same directory meanwhile.
const ATTEMPTS: usize = 16;

/// Directories that were given an entry which no sync has made to last yet. Who builds on such an entry syncs the
/// directory too, whoever made it.
#[derive(Default)]
pub(super) struct Unsynced(Mutex<HashMap<String, u64>>);

impl Unsynced {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn mark(&self, directory: &str) {
        *self.lock().entry(directory.to_owned()).or_default() += 1;
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Of the directories above `key`, those that are marked.
    fn above(&self, key: &str, found: &mut BTreeSet<String>) {
        let marked = self.lock();
        let mut at = key;
        while !marked.is_empty() && !at.is_empty() {
            at = layout::split(at).0;
            if marked.contains_key(at) {
                found.insert(at.to_owned());
            }
        }
    }
}

/// What a name is to become.
struct Move {
    from: Arc<OwnedFd>,
    name: String,
    to: OwnedFd,
    key: String,
    /// Whether something of that name is there, which has a meaning until it is replaced.
    replaces: bool,
}

struct Commit<'a> {
    files: &'a Files,
    durable: bool,
    /// Files to sync before any name is moved.
    contents: Vec<(OwnedFd, String)>,
    /// Uploads' bytes, likewise.
    uploads: Vec<(OwnedFd, String)>,
    moves: Vec<Move>,
    /// Directories prepared in the staging area, likewise.
    prepared: Vec<OwnedFd>,
    /// Directories to sync after names were moved.
    directories: BTreeSet<String>,
}

/// See [`Backend::commit`](crate::backend::Backend::commit).
pub(super) fn commit(files: &Files, units: &[Unit], durable: bool) -> Result<(), Error> {
    let mut attempts = 0;
    loop {
        let mut commit = Commit {
            files,
            durable,
            contents: Vec::new(),
            uploads: Vec::new(),
            moves: Vec::new(),
            prepared: Vec::new(),
            directories: BTreeSet::new(),
        };
        let result = commit.run(units);
        commit.clear();
        match result {
            Ok(true) => return Ok(()),
            Ok(false) if attempts < ATTEMPTS => attempts += 1,
            Ok(false) => return Err(Error::new("publish", &units[0].directory, Errno::AGAIN)),
            Err(error) => return Err(error),
        }
    }
}

impl Commit<'_> {
    /// `false` when another commit came between.
    fn run(&mut self, units: &[Unit]) -> Result<bool, Error> {
        for unit in units {
            self.prepare(unit)?;
        }
        if self.durable {
            self.sync_contents()?;
        }
        let mut moved = false;
        while !self.moves.is_empty() {
            let next = &self.moves[0];
            if self.durable && moved && next.replaces {
                // Not every file system keeps the order of moves: a tag must not lose what it named for something
                // that a crash takes away.
                self.sync_directories()?;
                self.directories =
                    self.moves.iter().map(|left| layout::split(&left.key).0.to_owned()).collect();
                moved = false;
                continue;
            }
            let name = layout::split(&next.key).1;
            match rustix::fs::renameat(&*next.from, next.name.as_str(), &next.to, name) {
                Ok(()) => drop(self.moves.remove(0)),
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => return Ok(false),
                Err(error) => return Err(Error::new("publish", &next.key, error)),
            }
            moved = true;
        }
        if self.durable {
            self.sync_directories()?;
        }
        Ok(true)
    }

    fn prepare(&mut self, unit: &Unit) -> Result<(), Error> {
        let memory_only = unit.files.iter().all(|(_, source)| matches!(source, Source::Bytes(_)));
        if memory_only && !unit.files.is_empty() && self.files.directory(&unit.directory)?.is_none() {
            return self.prepare_whole(unit);
        }
        self.make_directory(&unit.directory)?;
        self.directories.insert(layout::split(&unit.directory).0.to_owned());
        let mut written = false;
        for (name, source) in &unit.files {
            let key = layout::in_directory(&unit.directory, name);
            let parent_key = layout::split(&key).0.to_owned();
            let parent = self.make_directory(&parent_key)?;
            self.directories.insert(parent_key);
            match source {
                Source::Bytes(bytes) => {
                    if let Some(same) = (!written).then(|| self.present(&key, bytes)).transpose()?.flatten() {
                        self.contents.push((same, key));
                        continue;
                    }
                    let staging = self.files.staging()?;
                    let name = self.files.staging.name();
                    let there = rustix::fs::statat(&parent, layout::split(&key).1, AtFlags::SYMLINK_NOFOLLOW);
                    // Before it is written, so that what a full disk cuts short is cleared away.
                    self.moves.push(Move {
                        from: staging.clone(),
                        name: name.clone(),
                        to: parent,
                        key: key.clone(),
                        replaces: there.is_ok(),
                    });
                    self.write(&staging, &name, bytes, &key)?;
                }
                Source::Upload(session) => self.prepare_upload(session, key, parent, written)?,
            }
            written = true;
        }
        Ok(())
    }

    /// A unit whose directory is absent appears by one rename.
    fn prepare_whole(&mut self, unit: &Unit) -> Result<(), Error> {
        let parent_key = layout::split(&unit.directory).0.to_owned();
        let parent = self.make_directory(&parent_key)?;
        self.directories.insert(parent_key);
        let staging = self.files.staging()?;
        let staged = self.files.staging.name();
        let failed = |error| Error::new("prepare", &unit.directory, error);
        let top = tree::make_in(&*staging, &staged).map_err(failed)?;
        self.moves.push(Move {
            from: staging,
            name: staged,
            to: parent,
            key: unit.directory.clone(),
            replaces: false,
        });
        for (name, source) in &unit.files {
            let Source::Bytes(bytes) = source else { continue };
            let (folders, file) = layout::split(name);
            let mut at = top.try_clone().map_err(|error| Error::new("duplicate", &unit.directory, error))?;
            for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
                let below = tree::make_in(&at, folder).map_err(failed)?;
                self.prepared.push(std::mem::replace(&mut at, below));
            }
            self.write(&at, file, bytes, &layout::in_directory(&unit.directory, name))?;
            self.prepared.push(at);
        }
        Ok(())
    }

    fn prepare_upload(
        &mut self,
        session: &str,
        key: String,
        to: OwnedFd,
        replace: bool,
    ) -> Result<(), Error> {
        let data = layout::in_directory(session, layout::DATA);
        let fd = self.open(&data)?.ok_or_else(|| Error::new("open", &data, Errno::NOENT))?;
        if !replace && let Some(present) = self.open(&key)? {
            let size = |fd| stamp_of(fd).map(|stamp| stamp.size).map_err(|e| Error::new("stat", &key, e));
            if size(&present)? == size(&fd)? {
                self.contents.push((present, key));
                return Ok(());
            }
        }
        let from = self.files.directory(session)?.ok_or_else(|| Error::new("open", session, Errno::NOENT))?;
        self.uploads.push((fd, data));
        // Bytes are what their digest says, whichever of two are found.
        self.moves.push(Move {
            from: Arc::new(from),
            name: layout::DATA.to_owned(),
            to,
            key,
            replaces: false,
        });
        Ok(())
    }

    fn open(&self, key: &str) -> Result<Option<OwnedFd>, Error> {
        // Open for writing where it may be: a sync that fails cuts an upload off, and some network file systems
        // sync only what they may write.
        match self.files.open_waiting(key, OFlags::RDWR) {
            Err(Error::Failed(_) | Error::ReadOnly(_)) => self.files.open_waiting(key, OFlags::RDONLY),
            result => result,
        }
    }

    /// The file under this key, if it has these bytes.
    fn present(&self, key: &str, bytes: &Bytes) -> Result<Option<OwnedFd>, Error> {
        let Some(fd) = self.open(key)? else { return Ok(None) };
        let failed = |error| Error::new("compare", key, error);
        if stamp_of(&fd).map_err(failed)?.size != bytes.len() as u64 {
            return Ok(None);
        }
        let mut found = vec![0; bytes.len()];
        let mut filled = 0;
        while filled < found.len() {
            match super::read_at(&fd, &mut found[filled..], filled as u64, crate::backend::Wait::May) {
                Ok(0) => return Ok(None),
                Ok(read) => filled += read,
                Err(error) => return Err(failed(error)),
            }
        }
        Ok((found == *bytes).then_some(fd))
    }

    fn make_directory(&mut self, key: &str) -> Result<OwnedFd, Error> {
        let Commit { files, directories, durable, .. } = self;
        files.make_directory(key, &mut |parent| {
            if *durable {
                files.unsynced.mark(parent);
            }
            directories.insert(parent.to_owned());
        })
    }

    fn write(&mut self, parent: &OwnedFd, name: &str, bytes: &Bytes, key: &str) -> Result<(), Error> {
        let failed = |error| Error::new("write", key, error);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(parent, name, flags, FILE_MODE).map_err(failed)?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::write(&fd, rest)).map_err(failed)?;
            rest = &rest[written..];
        }
        self.contents.push((fd, key.to_owned()));
        Ok(())
    }

    fn sync_contents(&mut self) -> Result<(), Error> {
        // This starts the writing of all before the waiting for the first: their blocks are allocated in the
        // journal's transaction that the first sync commits.
        for (fd, _) in self.uploads.iter().chain(&self.contents) {
            begin_to_write(fd, 0, 0);
        }
        for (fd, key) in self.uploads.drain(..) {
            if let Err(error) = rustix::fs::fsync(&fd) {
                // Nobody knows which of its bytes are on disk, and the next sync would not tell: the upload starts
                // again.
                let _ = rustix::fs::ftruncate(&fd, 0);
                return Err(Error::new("sync", &key, error));
            }
        }
        for (fd, key) in self.contents.drain(..) {
            rustix::fs::fsync(&fd).map_err(|error| Error::new("sync", &key, error))?;
        }
        for fd in self.prepared.drain(..) {
            rustix::fs::fsync(&fd)
                .map_err(|error| Error::new("sync a directory in", layout::STAGING, error))?;
        }
        Ok(())
    }

    fn sync_directories(&mut self) -> Result<(), Error> {
        for fd in self.prepared.drain(..) {
            rustix::fs::fsync(&fd)
                .map_err(|error| Error::new("sync a directory", "in the staging area", error))?;
        }
        let unsynced = &self.files.unsynced;
        let mut directories = self.directories.clone();
        for directory in &self.directories {
            unsynced.above(directory, &mut directories);
        }
        for directory in directories {
            sync_directory(self.files, &directory)?;
        }
        Ok(())
    }

    /// Removes what was prepared and not moved.
    fn clear(&mut self) {
        for left in self.moves.drain(..).filter(|left| left.name != layout::DATA) {
            let name = CString::new(left.name).unwrap_or_default();
            if let Err(error) = tree::remove_in(&*left.from, &name) {
                tracing::warn!(%error, key = left.key, "cannot remove what was prepared and not published");
            }
        }
    }
}

/// Makes a directory's entries survive a crash. One that has gone has none.
fn sync_directory(files: &Files, key: &str) -> Result<(), Error> {
    let mark = files.unsynced.lock().get(key).copied();
    if let Some(fd) = files.directory(key)? {
        rustix::fs::fsync(&fd).map_err(|error| Error::new("sync the directory", key, error))?;
    }
    // Only if nobody has marked it since.
    let mut marked = files.unsynced.lock();
    if mark.is_some() && marked.get(key).copied() == mark {
        marked.remove(key);
    }
    Ok(())
}

/// See [`Backend::remove`](crate::backend::Backend::remove).
pub(super) fn remove(files: &Files, key: &str, durable: bool, fsync: bool) -> Result<bool, Error> {
    let (parent_key, name) = layout::split(key);
    let failed = |error| Error::new("remove", key, error);
    let c_name = CString::new(name).map_err(|error| Error::new("remove", key, error))?;
    let Some(parent) = files.directory(parent_key)? else { return Ok(false) };
    if !durable {
        return tree::remove_in(&parent, &c_name).map_err(failed);
    }
    // A full disk may have no room for the staging directory. Removing makes room, so do it in place.
    let staged = files.staging().ok().map(|staging| (staging, files.staging.name()));
    let removed = match &staged {
        Some((staging, to)) => match rustix::fs::renameat(&parent, name, &**staging, to.as_str()) {
            Ok(()) => true,
            Err(Errno::NOENT) => return Ok(false),
            Err(_) => tree::remove_in(&parent, &c_name).map_err(failed)?,
        },
        None => tree::remove_in(&parent, &c_name).map_err(failed)?,
    };
    if removed && fsync {
        sync_directory(files, parent_key)?;
    }
    if let Some((staging, to)) = staged
        && let Err(error) = tree::remove_in(&*staging, &CString::new(to).unwrap_or_default())
    {
        tracing::warn!(%error, key, "cannot clear away what was removed");
    }
    Ok(removed)
}
