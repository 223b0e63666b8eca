use sha2::{Digest as _, Sha256};
use tree::hash::Time;

/// Names the time since the machine was started. The kernel keeps what a killed process has written; of what a
/// machine that lost its power had not synced, nobody knows what is left. So a state counts only in the boot in which
/// it was kept.
pub(crate) struct Boot(pub Time);

impl Boot {
    /// The one we are in. Where the kernel does not say, it is one that nobody else is in: then states are kept for
    /// this process only.
    pub fn current() -> Boot {
        let id = std::fs::read("/proc/sys/kernel/random/boot_id")
            .ok()
            .or_else(|| Some(crate::files::random_id().ok()?.as_str().into()));
        Boot(Sha256::digest(id.unwrap_or_default()).into())
    }
}
