//! An upload's bytes in its session's directory.

use super::commit::FILE_MODE;
use super::marks::Marks;
use super::write_behind::begin_to_write;
use super::{ATTEMPTS, Files, tree};
use crate::backend::{Draft, DraftError};
use crate::error::Error;
use bytes::Bytes;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::io::IoSlice;
use std::os::fd::OwnedFd;

/// How many bytes are written before the kernel is told to begin to put them on disk, so that the sync at the end
/// has little left to wait for.
const WRITE_BEHIND: u64 = 8 << 20;

/// How large a kept state may be: anything larger is none of ours.
const MAX_STATE: u64 = 4096;

struct FileDraft {
    data: OwnedFd,
    directory: OwnedFd,
    key: String,
    len: u64,
    /// Up to where the kernel was told to write; `None` where nothing is synced.
    written_behind: Option<u64>,
}

/// See [`Backend::begin_draft`](crate::backend::Backend::begin_draft).
pub(super) fn begin(files: &Files, directory: &str, started_at: &str) -> Result<(), Error> {
    files.in_its_place()?;
    let mut begun = begin_once(files, directory, started_at)?;
    // Someone else may remove the directory of uploads meanwhile, because it is empty: a program that shows the tree as a
    // bucket does.
    for _ in 1..ATTEMPTS {
        match begun {
            Err(Errno::NOENT) => begun = begin_once(files, directory, started_at)?,
            _ => break,
        }
    }
    begun.map_err(|error| Error::new("begin the upload", directory, error))
}

fn begin_once(files: &Files, directory: &str, started_at: &str) -> Result<Result<(), Errno>, Error> {
    let (sessions, id) = layout::split(directory);
    let mut marks = Marks::new(files, files.fsync);
    // The session need not last, but the repository's directory will hold more than uploads.
    let parent = files.make_directory(sessions, &mut |parent| marks.mark(parent))?;
    marks.sync(&[], BTreeSet::new())?;
    while let Some(spare) = files.staging.take_spare() {
        let staging = files.staging()?;
        let reused = tree::open_in(&*staging, &spare)
            .and_then(|fd| fill(&fd, started_at))
            .and_then(|()| rustix::fs::renameat(&*staging, spare.as_str(), &parent, id));
        if reused.is_ok() {
            return Ok(Ok(()));
        }
        // Perhaps the disk is full, and this makes room.
        let _ = tree::remove_in(&*staging, spare.as_str());
    }
    // Nobody knows of it before it is there, so it may be made in place.
    let made = tree::make_in(&parent, id);
    Ok(made.and_then(|fd| fill(&fd, started_at)).inspect_err(|_| {
        // Or the purge does.
        let _ = tree::remove_in(&parent, id);
    }))
}

/// Makes a session's directory one that has no bytes.
fn fill(fd: &OwnedFd, started_at: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(fd, layout::STARTED_AT, flags, FILE_MODE)?;
    if rustix::io::retry_on_intr(|| rustix::io::write(&file, started_at.as_bytes()))? < started_at.len() {
        return Err(Errno::NOSPC);
    }
    match rustix::fs::openat(
        fd,
        layout::HASH_STATE,
        OFlags::TRUNC | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(_) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    rustix::fs::openat(fd, layout::DATA, flags | OFlags::EXCL, FILE_MODE).map(drop)
}

/// See [`Backend::end_draft`](crate::backend::Backend::end_draft). The directory is kept for the next upload: making and
/// removing files costs more than all else that is done for a small blob.
pub(super) fn end(files: &Files, directory: &str) -> Result<(), Error> {
    let (sessions, id) = layout::split(directory);
    let failed = |error| Error::new("end the upload", directory, error);
    let Some(parent) = files.directory(sessions)? else { return Ok(()) };
    let fd = match tree::open_in(&parent, id) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    tree::remove_in(&fd, layout::DATA).map_err(failed)?;
    if let Some(spare) = files.staging.wants_spare()
        && is_spare(&fd).map_err(failed)?
        && rustix::fs::renameat(&parent, id, &*files.staging()?, spare.as_str()).is_ok()
    {
        files.staging.put_spare(spare);
        return Ok(());
    }
    tree::remove_in(&parent, id).map_err(failed)?;
    Ok(())
}

/// Whether there is nothing in a session's directory but what we make there ourselves.
fn is_spare(fd: &OwnedFd) -> Result<bool, Errno> {
    for entry in rustix::fs::Dir::read_from(fd)? {
        match entry?.file_name().to_str() {
            Ok("." | ".." | layout::STARTED_AT | layout::HASH_STATE) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// See [`Backend::open_draft`](crate::backend::Backend::open_draft).
pub(super) fn open(files: &Files, directory: &str) -> Result<Option<Box<dyn Draft>>, DraftError> {
    let key = layout::in_directory(directory, layout::DATA);
    let Some(fd) = files.directory(directory)? else { return Ok(None) };
    let Some(data) = files.open_waiting(&key, OFlags::RDWR)? else { return Ok(None) };
    match rustix::fs::flock(&data, FlockOperation::NonBlockingLockExclusive) {
        // What locks no files is shared with nobody who would ask for the lock.
        Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(Errno::AGAIN) => return Err(DraftError::Busy),
        Err(error) => return Err(Error::new("lock", &key, error).into()),
    }
    let stat = rustix::fs::fstat(&data).map_err(|error| Error::new("stat", &key, error))?;
    let len = stat.st_size as u64;
    let written_behind = files.fsync.then_some(len);
    let draft = FileDraft { data, directory: fd, key, len, written_behind };
    // Finished or cancelled by the one who held the lock before us?
    Ok(draft.has(&stat).then(|| Box::new(draft) as Box<dyn Draft>))
}

/// Puts an upload's bytes on disk. If that fails nobody knows which of them are there, and the next sync would not tell: it
/// has none then.
pub(super) fn sync(data: &OwnedFd, key: &str) -> Result<(), Error> {
    rustix::fs::fsync(data).map_err(|error| {
        let _ = rustix::fs::ftruncate(data, 0);
        Error::new("sync", key, error)
    })
}

impl FileDraft {
    /// Whether this is still the file of the upload's bytes, and no blob's.
    fn has(&self, data: &Stat) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::statat(&self.directory, layout::DATA, flags).is_ok_and(|now| now.st_ino == data.st_ino)
    }

    fn write_all(&self, parts: &[Bytes]) -> Result<u64, Errno> {
        let mut slices: Vec<IoSlice> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut slices = &mut slices[..];
        let mut at = self.len;
        // Empty ones first off, so that an end of progress is one.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match rustix::io::pwritev(&self.data, slices, at) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut slices, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(at)
    }
}

impl Draft for FileDraft {
    fn len(&self) -> u64 {
        self.len
    }

    fn append(&mut self, parts: &[Bytes]) -> Result<(), Error> {
        match self.write_all(parts) {
            Ok(len) => self.len = len,
            Err(error) => {
                self.truncate(self.len)?;
                return Err(Error::new("write", &self.key, error));
            }
        }
        if let Some(from) = self.written_behind
            && self.len.saturating_sub(from) >= WRITE_BEHIND
        {
            begin_to_write(&self.data, from, self.len - from);
            self.written_behind = Some(self.len);
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<(), Error> {
        let failed = |error| Error::new("cut off", &self.key, error);
        let stat = rustix::fs::fstat(&self.data).map_err(failed)?;
        if !self.has(&stat) {
            // They were published, and whatever went wrong after that, they are not the upload's to cut off.
            return Ok(());
        }
        // Never longer: a sync that failed has emptied it.
        let len = len.min(stat.st_size as u64);
        rustix::fs::ftruncate(&self.data, len).map_err(failed)?;
        self.len = len;
        self.written_behind = self.written_behind.map(|at| at.min(len));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        match self.written_behind {
            Some(_) => sync(&self.data, &self.key),
            None => Ok(()),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        super::read_at(&self.data, buffer, offset, crate::backend::Wait::May)
            .map_err(|error| Error::new("read", &self.key, error))
    }

    fn state(&self) -> Result<Option<Vec<u8>>, Error> {
        tree::read_in(&self.directory, layout::HASH_STATE, MAX_STATE)
            .map_err(|error| Error::new("read the hash state beside", &self.key, error))
    }

    fn keep_state(&mut self, state: &[u8]) -> Result<(), Error> {
        let failed = |error| Error::new("write the hash state beside", &self.key, error);
        // In place: what a crash leaves half written has the wrong check sum.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = rustix::fs::openat(&self.directory, layout::HASH_STATE, flags, mode).map_err(failed)?;
        match rustix::io::retry_on_intr(|| rustix::io::pwrite(&fd, state, 0)).map_err(failed)? {
            // The state of another algorithm is longer.
            written if written == state.len() => {
                rustix::fs::ftruncate(&fd, state.len() as u64).map_err(failed)
            }
            _ => Err(failed(Errno::NOSPC)),
        }
    }
}
