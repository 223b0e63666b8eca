//! The one call that rustix lacks, and so the one place without `forbid(unsafe_code)`.
//!
//! `posix_fadvise` could do it in safe code, but it drops from the page cache what it has written, and what was just
//! pushed is what is pulled next.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

/// Tells the kernel to begin to write these bytes of a file to disk; it does not wait for that, and it makes nothing
/// survive a crash. `length` 0 means to the end. Where the kernel will not, the sync that follows does all of it.
pub(super) fn begin_to_write(fd: &OwnedFd, offset: u64, length: u64) {
    let (Ok(offset), Ok(length)) = (i64::try_from(offset), i64::try_from(length)) else { return };
    // SAFETY: the descriptor is open for as long as it is borrowed, and the call touches no memory of ours.
    unsafe { libc::sync_file_range(fd.as_raw_fd(), offset, length, libc::SYNC_FILE_RANGE_WRITE) };
}
