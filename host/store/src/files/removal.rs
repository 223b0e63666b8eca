//! Removal: what is removed is gone at once, and what another process has just written does not go along.

use super::marks::Marks;
use super::{ATTEMPTS, Files, tree};
use crate::error::Error;
use ::tree::MAX_LINK;
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

/// See [`Backend::remove`](crate::backend::Backend::remove).
pub(super) fn remove(files: &Files, key: &str) -> Result<bool, Error> {
    let mut aside = Vec::new();
    let removed = set_aside(files, key, &mut aside)?;
    if removed && files.fsync {
        let parent = layout::split(key).0;
        if let Some(fd) = files.directory(parent)? {
            rustix::fs::fsync(&fd).map_err(|error| Error::new("remove", key, error))?;
        }
    }
    clear(files, aside);
    Ok(removed)
}

/// See [`Backend::set_aside`](crate::backend::Backend::set_aside).
pub(super) fn set_aside(files: &Files, key: &str, aside: &mut Vec<String>) -> Result<bool, Error> {
    let (parent_key, name) = layout::split(key);
    let Some(parent) = files.directory(parent_key)? else { return Ok(false) };
    // A full disk may have no room for the staging directory. Removing makes room, so do it in place.
    if let Ok(staging) = files.staging() {
        let to = files.staging.name();
        match rustix::fs::renameat(&parent, name, &*staging, to.as_str()) {
            Ok(()) => {
                aside.push(to);
                return Ok(true);
            }
            Err(Errno::NOENT) => return Ok(false),
            Err(_) => {}
        }
    }
    tree::remove_in(&parent, name).map_err(|error| Error::new("remove", key, error))
}

/// See [`Backend::clear`](crate::backend::Backend::clear).
pub(super) fn clear(files: &Files, aside: Vec<String>) {
    for name in aside {
        let cleared = files.staging().map(|staging| tree::remove_in(&*staging, name.as_str()));
        if let Ok(Err(error)) = cleared {
            tracing::warn!(%error, "cannot clear away what was removed");
        }
    }
}

/// See [`Backend::remove_if`](crate::backend::Backend::remove_if).
pub(super) fn remove_if(
    files: &Files,
    directory: &str,
    deciding: &str,
    goes: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
    changed: &mut BTreeSet<String>,
) -> Result<bool, Error> {
    let key = layout::in_directory(directory, deciding);
    let (within, name) = layout::split(&key);
    let Some(parent) = files.directory(within)? else { return Ok(false) };
    let staging = files.staging().ok();
    let gone = match &staging {
        Some(staging) => take(files, staging, &parent, name, &key, goes)?,
        None => take_in_place(&parent, name, &key, goes)?,
    };
    if gone {
        clear_rest(files, staging.as_deref(), directory, deciding)?;
        changed.insert(layout::split(directory).0.to_owned());
        // As a rule they are gone, too.
        if files.directory(directory)?.is_some() {
            changed.extend([directory, within].map(ToOwned::to_owned));
        }
    }
    Ok(gone)
}

/// Takes a file away if it says what `goes`.
fn take(
    files: &Files,
    staging: &OwnedFd,
    parent: &OwnedFd,
    name: &str,
    key: &str,
    goes: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let failed = |error| Error::new("remove", key, error);
    let staged = files.staging.name();
    match rustix::fs::renameat(parent, name, staging, staged.as_str()) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(false),
        Err(_) => return take_in_place(parent, name, key, goes),
    }
    // What was taken cannot be replaced any more, so it is looked at now.
    let gone = match tree::read_in(staging, &staged, MAX_LINK) {
        Ok(bytes) => goes(&bytes.unwrap_or_default()),
        Err(error) => Err(failed(error)),
    };
    if !matches!(gone, Ok(true)) {
        put_back(files, staging, &staged, key)?;
    }
    let _ = rustix::fs::unlinkat(staging, staged.as_str(), AtFlags::empty());
    gone
}

/// The same where there is no staging directory, or no room in it: what another process writes between the look and the
/// removal goes along.
fn take_in_place(
    parent: &OwnedFd,
    name: &str,
    key: &str,
    goes: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let failed = |error| Error::new("remove", key, error);
    let Some(bytes) = tree::read_in(parent, name, MAX_LINK).map_err(failed)? else { return Ok(false) };
    if !goes(&bytes)? {
        return Ok(false);
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Gives what was taken its name again, unless someone else has it meanwhile.
fn put_back(files: &Files, staging: &OwnedFd, staged: &str, key: &str) -> Result<(), Error> {
    let failed = |error| Error::new("put back", key, error);
    let (within, name) = layout::split(key);
    let mut marks = Marks::new(files, files.fsync);
    for _ in 0..ATTEMPTS {
        let parent = files.make_directory(within, &mut |parent| marks.mark(parent))?;
        let linked = match rustix::fs::linkat(staging, staged, &parent, name, AtFlags::empty()) {
            // Not every file system has second names.
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::renameat(staging, staged, &parent, name)
            }
            linked => linked,
        };
        match linked {
            Err(Errno::NOENT) => {}
            Ok(()) | Err(Errno::EXIST) => return marks.sync(&[], [within.to_owned()].into()),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(Errno::AGAIN))
}

/// Removes what lies beside the deciding file, which nobody goes by without it, and the directories that are empty then:
/// another process may be writing here anew.
fn clear_rest(
    files: &Files,
    staging: Option<&OwnedFd>,
    directory: &str,
    deciding: &str,
) -> Result<(), Error> {
    let Some(fd) = files.directory(directory)? else { return Ok(()) };
    let (above, name) = layout::split(directory);
    let entries = rustix::fs::Dir::read_from(&fd).map_err(|error| Error::new("list", directory, error))?;
    let mut staged = Vec::new();
    for entry in entries.flatten() {
        let part = entry.file_name();
        let kept =
            matches!(part.to_bytes(), b"." | b"..") || deciding.split('/').next() == part.to_str().ok();
        let to = files.staging.name();
        match staging {
            _ if kept => {}
            Some(staging) if rustix::fs::renameat(&fd, part, staging, to.as_str()).is_ok() => staged.push(to),
            _ => drop(tree::remove_in(&fd, part)),
        }
    }
    let (mut at, _) = layout::split(deciding);
    while !at.is_empty() {
        let _ = rustix::fs::unlinkat(&fd, at, AtFlags::REMOVEDIR);
        (at, _) = layout::split(at);
    }
    if let Some(above) = files.directory(above)? {
        let _ = rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR);
    }
    for name in staged {
        let _ = tree::remove_in(staging.expect("there is where it was put"), name.as_str());
    }
    Ok(())
}
