//! When a file's times are believed to tell its next change.

use crate::backend::Stamp;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a file must have been left alone. Generous: the clock of another machine may differ, and some file systems
/// keep times in seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The same where times come from this machine's clock and in nanoseconds: that ticks every few milliseconds.
const SETTLED_AFTER_HERE: Duration = Duration::from_millis(100);

/// File systems whose times come from this machine's clock, by the numbers that Linux gives them: ext4 (and 2 and 3), XFS,
/// Btrfs, F2FS, ZFS, tmpfs, overlayfs.
const HERE: [u64; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630];

pub(super) const STAMP: StatxFlags = StatxFlags::TYPE
    .union(StatxFlags::INO)
    .union(StatxFlags::SIZE)
    .union(StatxFlags::CTIME)
    .union(StatxFlags::MTIME);

/// Takes stamps of the files of one file system.
pub(super) struct Stamper {
    here: bool,
}

impl Stamper {
    /// For the file system on which the root lies.
    pub fn new(root: impl AsFd) -> Stamper {
        Stamper { here: rustix::fs::fstatfs(root).is_ok_and(|found| HERE.contains(&(found.f_type as u64))) }
    }

    pub fn of(&self, fd: impl AsFd) -> Result<Stamp, Errno> {
        let before = SystemTime::now();
        Ok(self.stamp(&rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, STAMP)?, before))
    }

    /// `before`: the time before the question. Asked after it, a delay would pass a file off as settled.
    pub fn stamp(&self, stat: &Statx, before: SystemTime) -> Stamp {
        let changed = (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec);
        // Whole milliseconds are the time of a file system that keeps no finer ones.
        let after = match self.here && !changed.1.is_multiple_of(1_000_000) {
            true => SETTLED_AFTER_HERE,
            false => SETTLED_AFTER,
        };
        let line = before.checked_sub(after).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Stamp {
            file: FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile,
            size: stat.stx_size,
            object: (u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor), stat.stx_ino),
            changed: [changed, (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec)],
            settled: line.is_some_and(|line| changed < (line.as_secs() as i64, line.subsec_nanos())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AtFlags, Duration, STAMP, Stamper, UNIX_EPOCH};
    use crate::files::tests::Directory;

    #[test]
    fn a_file_is_settled_two_seconds_after_its_last_change_or_a_tenth_of_one_where_its_times_are_fine() {
        let directory = Directory::new("settled");
        let path = directory.0.join("file");
        std::fs::write(&path, "").unwrap();
        // An old modification time does not make it so: anyone can set that.
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let mut stat = rustix::fs::statx(rustix::fs::CWD, &path, AtFlags::empty(), STAMP).unwrap();
        let mut hold = |here: bool, nanoseconds: u32, milliseconds: u64| {
            stat.stx_ctime.tv_nsec = nanoseconds;
            let changed = UNIX_EPOCH + Duration::new(stat.stx_ctime.tv_sec as u64, nanoseconds);
            let stamper = Stamper { here };
            for (before, settled) in [
                (changed - Duration::from_secs(3600), false),
                (changed, false),
                (changed + Duration::from_millis(milliseconds - 1), false),
                (changed + Duration::from_millis(milliseconds + 1), true),
            ] {
                let stamp = stamper.stamp(&stat, before);
                assert_eq!(
                    stamp.settled,
                    settled,
                    "{here} {nanoseconds} {:?}",
                    before.duration_since(changed)
                );
            }
        };
        hold(true, 123_456_789, 100);
        hold(true, 0, 2000);
        hold(true, 4_000_000, 2000);
        hold(false, 123_456_789, 2000);
    }
}
