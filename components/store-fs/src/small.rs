//! Small files that were read lately. Each is looked at before it is believed: one call instead of three.

use crate::files::{FOLLOW, Files, found};
use crate::wasi_bindings::wasi::clocks::system_clock::{self, Instant};
use objects::Error;
use std::cell::RefCell;
use std::collections::HashMap;

/// Files up to this many bytes are remembered: a link has a hundred.
pub const SMALL: u64 = 1024;

/// How many are.
const REMEMBERED: usize = 1000;

/// How long a file has to have been left alone, in seconds, for a later change to show in its times: a clock ticks only
/// so often.
const SETTLED: i64 = 2;

/// What tells one state of a file from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    changed: [(i64, u32); 2],
}

impl Stamp {
    /// Whether a later change must show.
    fn is_settled(&self) -> bool {
        let now = system_clock::now().seconds;
        self.changed.iter().all(|(seconds, _)| seconds + SETTLED < now)
    }
}

/// Small files by their keys.
#[derive(Default)]
pub struct Lately(RefCell<HashMap<String, (Stamp, Vec<u8>)>>);

impl Lately {
    /// A file's bytes, if it is still as it was.
    pub fn get(&self, key: &str, now: &Stamp) -> Option<Vec<u8>> {
        self.0.borrow().get(key).filter(|(stamp, _)| stamp == now).map(|(_, bytes)| bytes.clone())
    }

    /// Remembers what was read after `stamp` was taken.
    pub fn put(&self, key: &str, stamp: Stamp, bytes: &[u8]) {
        if !stamp.is_settled() || bytes.len() as u64 > SMALL {
            return;
        }
        let mut lately = self.0.borrow_mut();
        if lately.len() >= REMEMBERED {
            lately.clear();
        }
        lately.insert(key.to_owned(), (stamp, bytes.to_vec()));
    }
}

/// The state of a file now; none where there is none, or where the host does not tell its times.
pub async fn stamp(files: &Files, key: &str) -> Result<Option<Stamp>, Error> {
    let stat = found(files.root.stat_at(FOLLOW, files.path(key)).await, "stat", key)?;
    Ok(stat.and_then(|stat| {
        let time = |time: Instant| (time.seconds, time.nanoseconds);
        let changed = [time(stat.data_modification_timestamp?), time(stat.status_change_timestamp?)];
        Some(Stamp { size: stat.size, changed })
    }))
}
