//! Publication: prepare everything, sync what was prepared, make it visible in order, sync the directories.
//!
//! Each sync may cost a commit of the file system's journal. So all names are prepared before the first sync, and
//! all are moved before the second: two commits whatever is published, the other syncs find nothing left to do.

use super::marks::Marks;
use super::write_behind::begin_to_write;
use super::{ATTEMPTS, Files, draft, tree};
use crate::backend::{Source, Stamp, Unit, Wait};
use crate::error::Error;
use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Files are made for everyone to read, less what the process's mask takes away, as distribution makes them.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// What was changed longer ago is on disk, whoever wrote it: the kernel writes everything after half a minute, if it is
/// not told otherwise.
const ON_DISK_AFTER: Duration = Duration::from_secs(600);

/// What a name is to become.
struct Move {
    from: Arc<OwnedFd>,
    name: String,
    to: OwnedFd,
    key: String,
    /// Whether something of that name is there, which has a meaning until it is replaced.
    replaces: bool,
}

struct Commit<'a, 'm> {
    files: &'a Files,
    durable: bool,
    marks: &'m mut Marks<'a>,
    /// Files to sync before any name is moved.
    contents: Vec<(OwnedFd, String)>,
    /// Uploads' bytes, likewise.
    uploads: Vec<(OwnedFd, String)>,
    moves: Vec<Move>,
    /// Directories prepared in the staging area, likewise.
    prepared: Vec<OwnedFd>,
    /// Directories to sync after names were moved, besides those that are marked.
    directories: BTreeSet<String>,
    /// All that has to be there in the end.
    keys: Vec<String>,
}

/// See [`Backend::commit`](crate::backend::Backend::commit).
pub(super) fn commit(files: &Files, units: &[Unit], durable: bool) -> Result<(), Error> {
    files.in_its_place()?;
    let mut marks = Marks::new(files, durable);
    let mut failed = None;
    for _ in 0..=ATTEMPTS {
        let mut commit = Commit {
            files,
            durable,
            marks: &mut marks,
            contents: Vec::new(),
            uploads: Vec::new(),
            moves: Vec::new(),
            prepared: Vec::new(),
            directories: BTreeSet::new(),
            keys: Vec::new(),
        };
        let result = commit.run(units);
        commit.clear();
        match result {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    // So that nobody after us syncs what we have left; if this fails, they do.
    let _ = marks.sync(&[], BTreeSet::new());
    Err(failed.unwrap_or_else(|| Error::new("publish", &units[0].directory, Errno::AGAIN)))
}

impl Commit<'_, '_> {
    /// `false` when another commit came between.
    fn run(&mut self, units: &[Unit]) -> Result<bool, Error> {
        for unit in units {
            self.prepare(unit)?;
        }
        if self.durable {
            self.sync_contents()?;
        }
        let mut moved = false;
        while let Some(next) = self.moves.first() {
            if moved && next.replaces {
                // Not every file system keeps the order of moves: a tag must not lose what it named for something
                // that a crash takes away.
                self.marks.sync(&self.keys, std::mem::take(&mut self.directories))?;
            }
            let (directory, name) = layout::split(&next.key);
            self.marks.mark(directory);
            match rustix::fs::renameat(&*next.from, next.name.as_str(), &next.to, name) {
                Ok(()) => drop(self.moves.remove(0)),
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => return Ok(false),
                Err(error) => return Err(Error::new("publish", &next.key, error)),
            }
            moved = true;
        }
        self.marks.sync(&self.keys, std::mem::take(&mut self.directories))?;
        Ok(true)
    }

    fn prepare(&mut self, unit: &Unit) -> Result<(), Error> {
        let memory_only = unit.files.iter().all(|(_, source)| matches!(source, Source::Bytes(_)));
        if memory_only && !unit.files.is_empty() && self.files.directory(&unit.directory)?.is_none() {
            return self.prepare_whole(unit);
        }
        self.make_directory(&unit.directory)?;
        self.keys.push(unit.directory.clone());
        let mut written = false;
        for (name, source) in &unit.files {
            let key = layout::in_directory(&unit.directory, name);
            let parent = self.make_directory(layout::split(&key).0)?;
            self.keys.push(key.clone());
            match source {
                Source::Upload(session) => self.prepare_upload(session, key, parent)?,
                Source::Bytes(bytes) => {
                    if !written && let Some((fd, stamp)) = self.present(&key, bytes)? {
                        self.keep(fd, &stamp, key, &unit.directory);
                        continue;
                    }
                    self.prepare_file(key, parent, bytes)?;
                }
            }
            written = true;
        }
        Ok(())
    }

    /// Something is there already, perhaps written by another program that syncs nothing, or by one that was killed.
    fn keep(&mut self, fd: OwnedFd, stamp: &Stamp, key: String, unit: &str) {
        if stamp.age() > ON_DISK_AFTER {
            return;
        }
        self.directories.extend([layout::split(&key).0.to_owned(), layout::split(unit).0.to_owned()]);
        self.contents.push((fd, key));
    }

    fn prepare_file(&mut self, key: String, to: OwnedFd, bytes: &Bytes) -> Result<(), Error> {
        let staging = self.files.staging()?;
        let name = self.files.staging.name();
        let there = rustix::fs::statat(&to, layout::split(&key).1, AtFlags::SYMLINK_NOFOLLOW);
        // Before it is written, so that what a full disk cuts short is cleared away.
        let next =
            Move { from: staging.clone(), name: name.clone(), to, key: key.clone(), replaces: there.is_ok() };
        self.moves.push(next);
        self.write(&staging, &name, bytes, &key)
    }

    /// A unit whose directory is absent appears by one rename.
    fn prepare_whole(&mut self, unit: &Unit) -> Result<(), Error> {
        let parent_key = layout::split(&unit.directory).0.to_owned();
        let parent = self.make_directory(&parent_key)?;
        self.keys.push(unit.directory.clone());
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
            let mut at: Option<OwnedFd> = None;
            for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
                let below = tree::make_in(at.as_ref().unwrap_or(&top), folder).map_err(failed)?;
                self.prepared.extend(at.replace(below));
            }
            let parent = at.as_ref().unwrap_or(&top);
            self.write(parent, file, bytes, &layout::in_directory(&unit.directory, name))?;
            self.prepared.extend(at);
        }
        self.prepared.push(top);
        Ok(())
    }

    fn prepare_upload(&mut self, session: &str, key: String, to: OwnedFd) -> Result<(), Error> {
        let data = layout::in_directory(session, layout::DATA);
        let absent = |key| Error::new("open", key, Errno::NOENT);
        let fd = self.open(&data)?.ok_or_else(|| absent(&data))?;
        let from = self.files.directory(session)?.ok_or_else(|| absent(session))?;
        self.uploads.push((fd, data));
        let name = layout::DATA.to_owned();
        // Bytes are what their digest says: those that are replaced were the same, or damaged and meant nothing.
        self.moves.push(Move { from: Arc::new(from), name, to, key, replaces: false });
        Ok(())
    }

    fn open(&self, key: &str) -> Result<Option<OwnedFd>, Error> {
        // Open for writing where it may be: a sync that fails cuts an upload off, and some network file systems
        // sync only what they may write.
        match self.files.open_waiting(key, OFlags::RDWR | OFlags::NONBLOCK) {
            Err(Error::Failed(_) | Error::ReadOnly(_)) => {
                self.files.open_waiting(key, OFlags::RDONLY | OFlags::NONBLOCK)
            }
            result => result,
        }
    }

    /// The file under this key, if it has these bytes.
    fn present(&self, key: &str, bytes: &Bytes) -> Result<Option<(OwnedFd, Stamp)>, Error> {
        let Some(fd) = self.open(key)? else { return Ok(None) };
        let failed = |error| Error::new("compare", key, error);
        let stamp = self.files.stamps.of(&fd).map_err(failed)?;
        if stamp.size != bytes.len() as u64 {
            return Ok(None);
        }
        let mut found = vec![0; bytes.len()];
        let filled = super::fill(&fd, &mut found, Wait::May).map_err(failed)?;
        Ok((found[..filled] == **bytes).then_some((fd, stamp)))
    }

    fn make_directory(&mut self, key: &str) -> Result<OwnedFd, Error> {
        let marks = &mut *self.marks;
        self.files.make_directory(key, &mut |parent| marks.mark(parent))
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
            draft::sync(&fd, &key)?;
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

    /// Removes what was prepared and not moved.
    fn clear(&mut self) {
        for left in self.moves.drain(..).filter(|left| left.name != layout::DATA) {
            if let Err(error) = tree::remove_in(&*left.from, left.name.as_str()) {
                tracing::warn!(%error, key = left.key, "cannot remove what was prepared and not published");
            }
        }
    }
}
