//! What tells one state of a file from another.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What changes when a file does, or when another takes its place: device, inode, size, and change time in seconds and
/// nanoseconds. The size tells apart what is written within one tick of the clock.
pub type Version = (u64, u64, u64, i64, i64);

/// The version of a file, links followed: a Kubernetes secret is replaced by turning a link round, other tools rename, and some
/// write in place. `None` where there is none.
pub fn version(path: &Path) -> Option<Version> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
}
