//! The backend that keeps objects as files in one directory tree.
//!
//! Every name is resolved beneath the root: a symbolic link that leads out of it is refused. What is in the page
//! cache and the kernel's name cache is read without waiting (`RESOLVE_CACHED`, `RWF_NOWAIT`).

mod collection;
mod commit;
mod draft;
mod marks;
mod removal;
mod root;
mod staging;
mod stamp;
mod tree;
mod write_behind;

pub(crate) use staging::random_id;

use crate::backend::{
    Backend, Collector, Draft, DraftError, Fault, Guard, Listing, Object, Small, Stamp, Unit, Wait,
};
use crate::error::{Error, OpenError};
use bytes::Bytes;
use garbage::Needed;
use marks::Marks;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};
use stamp::{STAMP, Stamper};
use std::collections::BTreeSet;
use std::io::{ErrorKind, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// How often an open is tried again that the kernel gave up because names were moved meanwhile.
const OPEN_ATTEMPTS: usize = 100;

/// How often something starts over because another process makes or removes the same directories meanwhile.
const ATTEMPTS: usize = 16;

const LED_OUT: &str = "a symbolic link on this path leads out of the storage's root, or is an absolute one; \
    mount what it leads to in its place, as with mount --bind, or make the link a relative one";

/// Files beneath a root directory.
pub(crate) struct Files {
    root: OwnedFd,
    /// Where the root was when it was opened, as we were told, and as the kernel calls it.
    path: PathBuf,
    own_path: Option<PathBuf>,
    /// Whether the kernel lets us call openat2; some containers' system call filters do not.
    openat2: bool,
    /// Whether a durable commit syncs.
    fsync: bool,
    staging: staging::Staging,
    stamps: Stamper,
    unsynced: marks::Unsynced,
}

impl Files {
    /// Opens the tree beneath `root`, which is made where it is absent.
    pub fn open(root: &Path, fsync: bool) -> Result<Files, OpenError> {
        std::fs::create_dir_all(root).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => OpenError::NoDirectory { root: root.to_owned() },
            _ => OpenError::Make { root: root.to_owned(), source },
        })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|error| OpenError::Open { root: root.to_owned(), source: error.into() })?;
        let probe = rustix::fs::openat2(&fd, ".", flags, Mode::empty(), ResolveFlags::BENEATH);
        let files = Files {
            stamps: Stamper::new(&fd),
            path: root.to_owned(),
            own_path: root::own_path(&fd),
            root: fd,
            openat2: probe.is_ok(),
            fsync,
            staging: staging::Staging::default(),
            unsynced: marks::Unsynced::default(),
        };
        files.refuse_to_be_led_out()?;
        Ok(files)
    }

    /// Opens beneath the root; `None` when there is nothing of that name.
    fn open_at(&self, key: &str, flags: OFlags, wait: Wait) -> Result<Option<OwnedFd>, Fault> {
        let flags = flags | OFlags::CLOEXEC;
        let result = match (self.openat2, wait) {
            (true, Wait::Never) => {
                let resolve = ResolveFlags::BENEATH | ResolveFlags::CACHED;
                match rustix::fs::openat2(&self.root, key, flags, Mode::empty(), resolve) {
                    Err(Errno::AGAIN) => return Err(Fault::WouldWait),
                    result => result,
                }
            }
            (true, Wait::May) => self.open_patiently(key, flags),
            (false, Wait::Never) => return Err(Fault::WouldWait),
            (false, Wait::May) => tree::open_by_steps(&self.root, key, flags),
        };
        match result {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::XDEV | Errno::LOOP) => {
                Err(Error::new("open", key, std::io::Error::other(LED_OUT)).into())
            }
            // A socket.
            Err(Errno::NXIO) => Err(no_file(key).into()),
            Err(error) => Err(Error::new("open", key, error).into()),
        }
    }

    fn open_patiently(&self, key: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut attempts = 0;
        loop {
            match rustix::fs::openat2(&self.root, key, flags, Mode::empty(), ResolveFlags::BENEATH) {
                Err(Errno::AGAIN | Errno::INTR) if attempts < OPEN_ATTEMPTS => attempts += 1,
                result => return result,
            }
        }
    }

    /// [`open_at`](Files::open_at) for those that may wait.
    fn open_waiting(&self, key: &str, flags: OFlags) -> Result<Option<OwnedFd>, Error> {
        crate::waited(self.open_at(key, flags, Wait::May))
    }

    /// A directory that is there.
    fn directory(&self, key: &str) -> Result<Option<OwnedFd>, Error> {
        match key {
            "" => match self.root.try_clone() {
                Ok(fd) => Ok(Some(fd)),
                Err(error) => Err(Error::new("duplicate", "the root", error)),
            },
            _ => self.open_waiting(key, OFlags::RDONLY | OFlags::DIRECTORY),
        }
    }

    /// A file open for reading, with its stamp.
    fn file(&self, key: &str, wait: Wait) -> Result<Option<(OwnedFd, Stamp)>, Fault> {
        // A pipe that someone has put there would keep us waiting for one who writes to it.
        let Some(fd) = self.open_at(key, OFlags::RDONLY | OFlags::NONBLOCK, wait)? else { return Ok(None) };
        let stamp = self.stamps.of(&fd).map_err(|error| Error::new("stat", key, error))?;
        match stamp.file {
            true => Ok(Some((fd, stamp))),
            false => Err(no_file(key).into()),
        }
    }
}

fn no_file(key: &str) -> Error {
    Error::Corrupt { path: key.to_owned(), what: "is no file".to_owned() }
}

/// Reads at an offset, retrying what a signal cut short.
fn read_at(fd: impl AsFd, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize, Errno> {
    let flags = match wait {
        Wait::Never => ReadWriteFlags::NOWAIT,
        Wait::May => ReadWriteFlags::empty(),
    };
    rustix::io::retry_on_intr(|| rustix::io::preadv2(&fd, &mut [IoSliceMut::new(buffer)], offset, flags))
}

/// Reads from the beginning until the buffer is full or the file ends; returns how many bytes.
fn fill(fd: impl AsFd, buffer: &mut [u8], wait: Wait) -> Result<usize, Errno> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_at(&fd, &mut buffer[filled..], filled as u64, wait)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Why nothing was read.
fn unread(key: &str, error: Errno, wait: Wait) -> Fault {
    match error {
        // OPNOTSUPP: a file system that cannot tell whether it would wait.
        Errno::AGAIN | Errno::OPNOTSUPP if wait == Wait::Never => Fault::WouldWait,
        _ => Error::new("read", key, error).into(),
    }
}

struct OpenFile {
    fd: OwnedFd,
    stamp: Stamp,
    key: String,
}

impl Object for OpenFile {
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize, Fault> {
        read_at(&self.fd, buffer, offset, wait).map_err(|error| unread(&self.key, error, wait))
    }
}

impl Backend for Files {
    fn check(&self) -> Result<(), Error> {
        Files::check(self)
    }

    fn room(&self) -> Option<u64> {
        Files::room(self)
    }

    fn stat(&self, key: &str, known: Option<&Stamp>, wait: Wait) -> Result<Option<Stamp>, Fault> {
        if let Some(known) = known {
            // One call, which could be led astray by a symbolic link, and could wait if the kernel has forgotten
            // the name. But it is the object that was opened beneath the root before, or it does not count; and a
            // name that was asked for lately is remembered.
            let before = SystemTime::now();
            match rustix::fs::statx(&self.root, key, AtFlags::empty(), STAMP) {
                Ok(stat) => {
                    let stamp = self.stamps.stamp(&stat, before);
                    if stamp.object == known.object {
                        return Ok(Some(stamp));
                    }
                }
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
                Err(_) => {}
            }
        }
        let Some(fd) = self.open_at(key, OFlags::PATH, wait)? else { return Ok(None) };
        Ok(Some(self.stamps.of(&fd).map_err(|error| Error::new("stat", key, error))?))
    }

    fn read(&self, key: &str, limit: u64, wait: Wait) -> Result<Option<Small>, Fault> {
        let Some((fd, stamp)) = self.file(key, wait)? else { return Ok(None) };
        if stamp.size > limit {
            let what = format!("has {} bytes, where at most {limit} make sense", stamp.size);
            return Err(Error::Corrupt { path: key.to_owned(), what }.into());
        }
        let mut bytes = vec![0; stamp.size as usize];
        let filled = fill(&fd, &mut bytes, wait).map_err(|error| unread(key, error, wait))?;
        // Cut off since it was looked at, perhaps; its stamp says so to whoever looks next.
        bytes.truncate(filled);
        Ok(Some(Small { bytes: Bytes::from(bytes), stamp }))
    }

    fn open(&self, key: &str, wait: Wait) -> Result<Option<Arc<dyn Object>>, Fault> {
        let Some((fd, stamp)) = self.file(key, wait)? else { return Ok(None) };
        Ok(Some(Arc::new(OpenFile { fd, stamp, key: key.to_owned() })))
    }

    fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Option<Listing>, Error> {
        let Some(fd) = self.directory(directory)? else { return Ok(None) };
        let stamp = self.stamps.of(&fd).map_err(|error| Error::new("stat", directory, error))?;
        let (names, more) =
            tree::list(fd, after, limit).map_err(|error| Error::new("list", directory, error))?;
        Ok(Some(Listing { names, more, stamp }))
    }

    fn any(&self, directory: &str, file: &str, wanted: &dyn Fn(&str) -> bool) -> Result<bool, Error> {
        let Some(fd) = self.directory(directory)? else { return Ok(false) };
        tree::any(fd, file, wanted).map_err(|error| Error::new("list", directory, error))
    }

    fn commit(&self, units: &[Unit], durable: bool) -> Result<(), Error> {
        commit::commit(self, units, durable && self.fsync)
    }

    fn remove(&self, directory: &str) -> Result<bool, Error> {
        removal::remove(self, directory)
    }

    fn remove_if(
        &self,
        directory: &str,
        deciding: &str,
        goes: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
        changed: &mut BTreeSet<String>,
    ) -> Result<bool, Error> {
        removal::remove_if(self, directory, deciding, goes, changed)
    }

    fn set_aside(&self, directory: &str, aside: &mut Vec<String>) -> Result<bool, Error> {
        removal::set_aside(self, directory, aside)
    }

    fn clear(&self, aside: Vec<String>) {
        removal::clear(self, aside);
    }

    fn hidden(&self, directory: &str) -> Result<Option<String>, Error> {
        let Some(fd) = self.directory(directory)? else { return Ok(None) };
        tree::hidden(fd).map_err(|error| Error::new("list", directory, error))
    }

    fn share(&self, needed: &dyn Fn() -> Vec<Needed>) -> Result<Guard, Error> {
        collection::share(self, needed)
    }

    fn share_soon(&self) -> Result<Guard, Error> {
        collection::share_soon(self)
    }

    fn touch(&self, key: &str) -> Result<bool, Error> {
        collection::touch(self, key)
    }

    fn collect(&self) -> Result<Option<Box<dyn Collector + '_>>, Error> {
        collection::collect(self)
    }

    fn sync(&self, directories: BTreeSet<String>) -> Result<(), Error> {
        Marks::new(self, self.fsync).sync(&[], directories)
    }

    fn begin_draft(&self, directory: &str, started_at: &str) -> Result<(), Error> {
        draft::begin(self, directory, started_at)
    }

    fn end_draft(&self, directory: &str) -> Result<(), Error> {
        draft::end(self, directory)
    }

    fn open_draft(&self, directory: &str) -> Result<Option<Box<dyn Draft>>, DraftError> {
        draft::open(self, directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Source;

    pub(super) struct Directory(pub std::path::PathBuf);

    impl Directory {
        pub fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("pierhead-files-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_kernel_that_lets_us_not_call_openat2_is_served_a_step_at_a_time() {
        let directory = Directory::new("steps");
        let files = Files { openat2: false, ..Files::open(&directory.0, true).unwrap() };
        let bytes = |text: &'static str| Source::Bytes(Bytes::from_static(text.as_bytes()));
        let unit = Unit {
            directory: "a/b".into(),
            files: vec![("c/d".into(), bytes("one")), ("e".into(), bytes("two"))],
        };
        for _ in 0..2 {
            files.commit(std::slice::from_ref(&unit), true).unwrap();
        }
        let read = |key| crate::waited(files.read(key, 10, Wait::May));
        assert_eq!(read("a/b/c/d").unwrap().unwrap().bytes, "one");
        assert!(read("a/b/x").unwrap().is_none());
        assert!(read("x/b/c").unwrap().is_none());
        assert!(matches!(files.read("a/b/e", 10, Wait::Never), Err(Fault::WouldWait)));
        assert_eq!(files.list("a/b", None, 10).unwrap().unwrap().names, ["c"]);

        std::os::unix::fs::symlink("/etc", directory.0.join("out")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.0.join("a/passwd")).unwrap();
        assert!(read("out/passwd").is_err() || read("out/passwd").unwrap().is_none());
        assert!(read("a/passwd").is_err());
        assert!(files.remove("a/b").unwrap());
        assert!(!files.remove("a/b").unwrap());
    }

    #[test]
    fn bytes_that_are_there_are_not_written_again() {
        use std::os::unix::fs::MetadataExt;
        let directory = Directory::new("again");
        let files = Files::open(&directory.0, true).unwrap();
        let unit = |one: &'static str, two: &'static str| Unit {
            directory: "docker/registry/v2/a".into(),
            files: [("one", one), ("two", two)]
                .map(|(name, text)| (name.into(), Source::Bytes(Bytes::from_static(text.as_bytes()))))
                .into(),
        };
        let at = directory.0.join("docker/registry/v2/a");
        let inode = |name: &str| std::fs::metadata(at.join(name)).unwrap().ino();
        files.commit(&[unit("1", "2")], true).unwrap();
        let before = (inode("one"), inode("two"));
        files.commit(&[unit("1", "2")], true).unwrap();
        assert_eq!((inode("one"), inode("two")), before);
        // What comes after something new is written even if it is the same.
        files.commit(&[unit("3", "2")], true).unwrap();
        assert!(inode("one") != before.0 && inode("two") != before.1);
        let between = (inode("one"), inode("two"));
        files.commit(&[unit("3", "4")], true).unwrap();
        assert!(inode("one") == between.0 && inode("two") != between.1);
        assert!(files.unsynced.is_empty());
    }
}
