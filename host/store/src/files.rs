//! The backend that keeps objects as files in one directory tree.
//!
//! Every name is resolved beneath the root: a symbolic link that leads out of it is refused. What is in the page
//! cache and the kernel's name cache is read without waiting (`RESOLVE_CACHED`, `RWF_NOWAIT`).

mod commit;
mod draft;
mod marks;
mod staging;
mod tree;
mod write_behind;

pub(crate) use staging::random_id;

use crate::backend::{Backend, Draft, DraftError, Fault, Listing, Object, Small, Stamp, Unit, Wait};
use crate::error::{Error, OpenError};
use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::{Errno, ReadWriteFlags};
use std::io::IoSliceMut;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a file must have been left alone before its times are believed to tell its next change. Generous: clocks
/// tick every few milliseconds, but some file systems keep times in seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// How often an open is tried again that the kernel gave up because names were moved meanwhile.
const OPEN_ATTEMPTS: usize = 100;

const LED_OUT: &str = "a symbolic link on this path leads out of the storage's root; \
    mount what it leads to in its place, as with mount --bind";

/// Files beneath a root directory.
pub(crate) struct Files {
    root: OwnedFd,
    /// Whether the kernel lets us call openat2; some containers' system call filters do not.
    openat2: bool,
    /// Whether a durable commit syncs.
    fsync: bool,
    staging: staging::Staging,
    unsynced: marks::Unsynced,
}

impl Files {
    /// Opens the tree beneath `root`, which is made where it is absent.
    pub fn open(root: &Path, fsync: bool) -> Result<Files, OpenError> {
        std::fs::create_dir_all(root).map_err(|source| OpenError::Make { root: root.to_owned(), source })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|error| OpenError::Open { root: root.to_owned(), source: error.into() })?;
        let probe = rustix::fs::openat2(&fd, ".", flags, Mode::empty(), ResolveFlags::BENEATH);
        Ok(Files {
            root: fd,
            openat2: probe.is_ok(),
            fsync,
            staging: staging::Staging::default(),
            unsynced: marks::Unsynced::default(),
        })
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
        let Some(fd) = self.open_at(key, OFlags::RDONLY, wait)? else { return Ok(None) };
        let stamp = stamp_of(&fd).map_err(|error| Error::new("stat", key, error))?;
        Ok(Some((fd, stamp)))
    }
}

const STAMP: StatxFlags =
    StatxFlags::INO.union(StatxFlags::SIZE).union(StatxFlags::CTIME).union(StatxFlags::MTIME);

fn stamp_of(fd: impl AsFd) -> Result<Stamp, Errno> {
    let before = SystemTime::now();
    Ok(stamp(&rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, STAMP)?, before))
}

/// `before`: the time before the question. Asked after it, a delay would pass a file off as settled.
fn stamp(stat: &rustix::fs::Statx, before: SystemTime) -> Stamp {
    let changed = (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec);
    let line = before.checked_sub(SETTLED_AFTER).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Stamp {
        size: stat.stx_size,
        object: (u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor), stat.stx_ino),
        changed: [changed, (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec)],
        settled: line.is_some_and(|line| changed < (line.as_secs() as i64, line.subsec_nanos())),
    }
}

/// Reads at an offset, retrying what a signal cut short.
fn read_at(fd: impl AsFd, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize, Errno> {
    let flags = match wait {
        Wait::Never => ReadWriteFlags::NOWAIT,
        Wait::May => ReadWriteFlags::empty(),
    };
    rustix::io::retry_on_intr(|| rustix::io::preadv2(&fd, &mut [IoSliceMut::new(buffer)], offset, flags))
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
        match read_at(&self.fd, buffer, offset, wait) {
            Ok(read) => Ok(read),
            // OPNOTSUPP: a file system that cannot tell whether it would wait.
            Err(Errno::AGAIN | Errno::OPNOTSUPP) if wait == Wait::Never => Err(Fault::WouldWait),
            Err(error) => Err(Error::new("read", &self.key, error).into()),
        }
    }
}

impl Backend for Files {
    fn stat(&self, key: &str, known: Option<&Stamp>, wait: Wait) -> Result<Option<Stamp>, Fault> {
        if let Some(known) = known {
            // One call, which could be led astray by a symbolic link, and could wait if the kernel has forgotten
            // the name. But it is the object that was opened beneath the root before, or it does not count; and a
            // name that was asked for lately is remembered.
            let before = SystemTime::now();
            match rustix::fs::statx(&self.root, key, AtFlags::empty(), STAMP) {
                Ok(stat) => {
                    let stamp = stamp(&stat, before);
                    if stamp.object == known.object {
                        return Ok(Some(stamp));
                    }
                }
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
                Err(_) => {}
            }
        }
        let Some(fd) = self.open_at(key, OFlags::PATH, wait)? else { return Ok(None) };
        Ok(Some(stamp_of(&fd).map_err(|error| Error::new("stat", key, error))?))
    }

    fn read(&self, key: &str, limit: u64, wait: Wait) -> Result<Option<Small>, Fault> {
        let Some((fd, stamp)) = self.file(key, wait)? else { return Ok(None) };
        if stamp.size > limit {
            let what = format!("has {} bytes, where at most {limit} make sense", stamp.size);
            return Err(Error::Corrupt { path: key.to_owned(), what }.into());
        }
        let mut bytes = vec![0; stamp.size as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match read_at(&fd, &mut bytes[filled..], filled as u64, wait) {
                // Cut off since it was looked at; its stamp says so to whoever looks next.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(Errno::AGAIN | Errno::OPNOTSUPP) if wait == Wait::Never => return Err(Fault::WouldWait),
                Err(error) => return Err(Error::new("read", key, error).into()),
            }
        }
        bytes.truncate(filled);
        Ok(Some(Small { bytes: Bytes::from(bytes), stamp }))
    }

    fn open(&self, key: &str, wait: Wait) -> Result<Option<Arc<dyn Object>>, Fault> {
        let Some((fd, stamp)) = self.file(key, wait)? else { return Ok(None) };
        Ok(Some(Arc::new(OpenFile { fd, stamp, key: key.to_owned() })))
    }

    fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Option<Listing>, Error> {
        let Some(fd) = self.directory(directory)? else { return Ok(None) };
        let stamp = stamp_of(&fd).map_err(|error| Error::new("stat", directory, error))?;
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
        commit::remove(self, directory)
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

    struct Directory(std::path::PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
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
    fn a_file_is_settled_two_seconds_after_its_last_change() {
        let directory = Directory::new("settled");
        let path = directory.0.join("file");
        std::fs::write(&path, "").unwrap();
        // An old modification time does not make it so: anyone can set that.
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let stat = rustix::fs::statx(rustix::fs::CWD, &path, AtFlags::empty(), STAMP).unwrap();
        let changed = UNIX_EPOCH + Duration::new(stat.stx_ctime.tv_sec as u64, stat.stx_ctime.tv_nsec);
        for (before, settled) in [
            (changed - Duration::from_secs(3600), false),
            (changed, false),
            (changed + Duration::from_millis(1999), false),
            (changed + Duration::from_millis(2001), true),
        ] {
            assert_eq!(stamp(&stat, before).settled, settled, "{:?}", before.duration_since(changed));
        }
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
