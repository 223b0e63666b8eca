//! The root directory: what can be wrong with it at the start, and while the server runs.

use super::Files;
use crate::backend::Backend;
use crate::error::{Error, OpenError};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

const REPLACED: &str = "the storage's root directory was removed or replaced while the server runs, which has to be \
    started anew: make";

impl Files {
    /// Tells whoever starts the server that the directories in which all lies are elsewhere, rather than each who asks for
    /// anything.
    pub(super) fn refuse_to_be_led_out(&self) -> Result<(), OpenError> {
        let above = layout::ROOT.match_indices('/').map(|(end, _)| &layout::ROOT[..end]);
        for key in above.chain([layout::ROOT, layout::REPOSITORIES, layout::BLOBS]) {
            // Of what fails to open, this alone is not in the system's own words.
            if let Err(Error::Failed(cause)) = self.directory(key)
                && cause.source.raw_os_error().is_none()
            {
                return Err(OpenError::LedOut { path: self.path.join(key) });
            }
        }
        Ok(())
    }

    /// Tells whoever starts the server of a directory that this user may not write to, rather than the first who pushes.
    pub fn warn_where_not_writable(&self) {
        for below in ["", layout::ROOT, layout::REPOSITORIES, layout::BLOBS] {
            let (path, whole) = match below {
                "" => (".", self.path.clone()),
                _ => (below, self.path.join(below)),
            };
            let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            let (user, whole, root) =
                (rustix::process::geteuid().as_raw(), whole.display(), self.path.display());
            match rustix::fs::accessat(&self.root, path, access, AtFlags::EACCESS) {
                Err(Errno::ACCESS | Errno::PERM) => tracing::warn!(
                    "pushes will fail: user {user} may not write to {whole}; give it to them (chown -R {user} {root}), or \
                     set storage.maintenance.readonly.enabled"
                ),
                Err(Errno::ROFS) => {
                    tracing::warn!("pushes will fail: {whole} is on a read-only file system");
                }
                _ => continue,
            }
            return;
        }
    }

    /// Fails where the root was moved away or removed: nobody would look for what is written to it there.
    pub(super) fn in_its_place(&self) -> Result<(), Error> {
        match self.is_in_its_place() {
            true => Ok(()),
            false => Err(Error::new(REPLACED, layout::ROOT, Errno::STALE)),
        }
    }

    /// Whether all can be read, and nobody would look for it elsewhere.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !self.is_in_its_place() {
            let doing = "the storage's root directory was removed or replaced: find";
            return Err(Error::new(doing, layout::ROOT, Errno::STALE));
        }
        self.list(layout::ROOT, None, 1).map(drop)
    }

    /// See [`Backend::room`](crate::backend::Backend::room).
    pub(super) fn room(&self) -> Option<u64> {
        rustix::fs::fstatvfs(&self.root).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn is_in_its_place(&self) -> bool {
        let of = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
        let there = rustix::fs::stat(&self.path).map(of);
        // Not every file system keeps its numbers, so the kernel's own word counts as well.
        there == rustix::fs::fstat(&self.root).map(of) || own_path(&self.root) == self.own_path
    }
}

/// Where the kernel says that an open directory is; `None` where it does not say.
pub(super) fn own_path(fd: &OwnedFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()
}
