//! Directories: reading them in order, making them, removing them with all that is in them.

use super::{ATTEMPTS, Files};
use crate::error::Error;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use std::collections::BinaryHeap;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

/// Directories are made for everyone, less what the process's mask takes away, as distribution makes them.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// Opens beneath `root` a component at a time and follows no symbolic link: for kernels and system call filters
/// that do not let us say it in one call.
pub(super) fn open_by_steps(root: &OwnedFd, key: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (directory, name) = layout::split(key);
    let mut at: Option<OwnedFd> = None;
    for component in directory.split('/').filter(|c| !c.is_empty()) {
        let from = at.as_ref().unwrap_or(root);
        at = Some(rustix::fs::openat(from, component, step, Mode::empty())?);
    }
    rustix::fs::openat(at.as_ref().unwrap_or(root), name, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// The names of the directories in a directory that come after `after`, in bytewise order, the first `limit` of them;
/// and whether there are more. Names that are no UTF-8 are none of ours.
pub(super) fn list(fd: OwnedFd, after: Option<&str>, limit: usize) -> Result<(Vec<String>, bool), Errno> {
    let mut first = BinaryHeap::new();
    let mut more = false;
    let mut directory = Dir::new(fd)?;
    while let Some(entry) = directory.read() {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") || after.is_some_and(|after| name <= after) {
            continue;
        }
        if first.len() >= limit && first.peek().is_none_or(|last: &String| name >= last.as_str()) {
            more |= is_directory(&directory, &entry);
            continue;
        }
        if !is_directory(&directory, &entry) {
            continue;
        }
        first.push(name.to_owned());
        if first.len() > limit {
            first.pop();
            more = true;
        }
    }
    Ok((first.into_sorted_vec(), more))
}

/// Whether any directory in a directory is `wanted` by its name and has something called `file` in it. Names that are no
/// UTF-8 are none of ours.
pub(super) fn any(fd: OwnedFd, file: &str, wanted: &dyn Fn(&str) -> bool) -> Result<bool, Errno> {
    let mut directory = Dir::new(fd)?;
    while let Some(entry) = directory.read() {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !wanted(name) || !is_directory(&directory, &entry) {
            continue;
        }
        let path = layout::in_directory(name, file);
        match rustix::fs::statat(directory.fd()?, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => return Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Something in a directory that [`list`] passes over although it can lead to files: a symbolic link, or a name that is not
/// UTF-8.
pub(super) fn hidden(fd: OwnedFd) -> Result<Option<String>, Errno> {
    let mut directory = Dir::new(fd)?;
    while let Some(entry) = directory.read() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if kind(&directory, &entry)?.is_symlink()
            || matches!(name, std::borrow::Cow::Owned(_)) && is_directory(&directory, &entry)
        {
            return Ok(Some(name.into_owned()));
        }
    }
    Ok(None)
}

fn is_directory(parent: &Dir, entry: &rustix::fs::DirEntry) -> bool {
    kind(parent, entry).is_ok_and(FileType::is_dir)
}

fn kind(parent: &Dir, entry: &rustix::fs::DirEntry) -> Result<FileType, Errno> {
    match entry.file_type() {
        // Some file systems do not say.
        FileType::Unknown => {
            let stat = rustix::fs::statat(parent.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(FileType::from_raw_mode(stat.st_mode))
        }
        known => Ok(known),
    }
}

impl Files {
    /// Opens a directory that is made, with all above it, where it is absent. `made` is told the directory in which
    /// each was made, before it is.
    pub(super) fn make_directory(&self, key: &str, made: &mut dyn FnMut(&str)) -> Result<OwnedFd, Error> {
        // Another process may remove it, or what is above it, as soon as it is made.
        for _ in 0..ATTEMPTS {
            if let Some(fd) = self.directory(key)? {
                return Ok(fd);
            }
            let (parent_key, name) = layout::split(key);
            let parent = self.make_directory(parent_key, made)?;
            made(parent_key);
            match rustix::fs::mkdirat(&parent, name, DIRECTORY_MODE) {
                Ok(()) | Err(Errno::EXIST | Errno::NOENT) => {}
                Err(error) => return Err(Error::new("make the directory", key, error)),
            }
        }
        self.directory(key)?.ok_or_else(|| Error::new("open the directory just made", key, Errno::NOENT))
    }
}

/// Makes a directory in `parent` and opens it; one that is there will do.
pub(super) fn make_in(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(&parent, name, DIRECTORY_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    open_in(parent, name)
}

/// Opens a directory in `parent`, not through a symbolic link.
pub(super) fn open_in(parent: impl AsFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// The bytes of a file in `parent`, `limit` of them at most; `None` when there is none. Follows no symbolic link.
pub(super) fn read_in(parent: impl AsFd, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let limited = std::fs::File::from(fd).take(limit).read_to_end(&mut bytes);
    limited.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(Some(bytes))
}

/// Removes a file, or a directory with all that is in it; `false` when there is none. Follows no symbolic link.
pub(super) fn remove_in(parent: impl AsFd, name: impl Arg + Copy) -> Result<bool, Errno> {
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) => return Ok(true),
        Err(Errno::NOENT) => return Ok(false),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    let mut directory = Dir::new(open_in(&parent, name)?)?;
    // Another process that has it open may put something into it until it is removed.
    for _ in 0..ATTEMPTS {
        while let Some(entry) = directory.read() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                remove_in(directory.fd()?, entry.file_name())?;
            }
        }
        match rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => directory.rewind(),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::NOTEMPTY)
}
