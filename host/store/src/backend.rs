//! What the store needs of a place to keep objects in: a directory.
//!
//! Keys are the `layout` crate's. An object is small and written whole, or it is an upload's bytes, which are
//! appended to and then published under a key. The meaning of the keys is the store's business alone.

use crate::error::Error;
use crate::since;
use bytes::Bytes;
use garbage::Needed;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// May a call wait for a disk or a network?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It may: the caller is on a blocking thread.
    May,
    /// It must not: [`Fault::WouldWait`] instead.
    Never,
}

/// Why there is no answer.
pub(crate) enum Fault {
    /// It would take waiting. Only with [`Wait::Never`].
    WouldWait,
    /// The backend failed.
    Error(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Error(error)
    }
}

/// Tells one state of an object from every other, provided that it is [`settled`](Stamp::settled).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// Whether it is a file: not a directory, nor what someone else has put in the place of one.
    pub file: bool,
    /// How many bytes.
    pub size: u64,
    /// Which object: device and inode.
    pub object: (u64, u64),
    /// When it was changed last: change time and modification time, seconds and nanoseconds each.
    pub changed: [(i64, u32); 2],
    /// Whether the object had been left alone for long enough that a later change must show in `changed`. A clock
    /// ticks only so often: two changes within a tick leave the same time behind.
    pub settled: bool,
}

impl Stamp {
    /// Whether both were taken of the same state. Proves it only where the older one is settled.
    pub fn same(&self, other: &Stamp) -> bool {
        self.size == other.size && self.object == other.object && self.changed == other.changed
    }

    /// When it was modified last, to the second: what [`touch`](Backend::touch) sets.
    pub fn modified(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.changed[1].0.try_into().unwrap_or_default())
    }

    /// How long ago it was changed, to the second; no time where that lies in the future.
    pub fn age(&self) -> Duration {
        let changed = Duration::from_secs(self.changed[0].0.try_into().unwrap_or_default());
        since(UNIX_EPOCH + changed)
    }
}

/// A small object, read whole.
pub(crate) struct Small {
    pub bytes: Bytes,
    /// Taken before the bytes were read.
    pub stamp: Stamp,
}

/// An object open for reading. It stays readable when it is deleted meanwhile.
pub(crate) trait Object: Send + Sync {
    /// Taken when it was opened.
    fn stamp(&self) -> Stamp;
    /// Fills `buffer` from `offset` on, in part when no more is at hand without waiting; returns how many bytes.
    /// 0 means that the object ends there.
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize, Fault>;
}

/// Where bytes to be published come from.
pub(crate) enum Source {
    /// From memory.
    Bytes(Bytes),
    /// They are the bytes of the upload in this directory, which loses them.
    Upload(String),
}

/// A directory and what shall lie in it. Where there is no such directory yet, it appears with all of it at once
/// (an upload's bytes excepted); in one that exists, the files appear in their order, each whole. A file that is
/// there with the same bytes stays as it is, until one was written; from then on all are. An upload's bytes, which were
/// hashed, replace what is there.
pub(crate) struct Unit {
    pub directory: String,
    pub files: Vec<(String, Source)>,
}

impl From<tree::Unit> for Unit {
    fn from(unit: tree::Unit) -> Unit {
        let files = unit.files.into_iter().map(|(name, bytes)| (name, Source::Bytes(bytes))).collect();
        Unit { directory: unit.directory, files }
    }
}

/// Some names of a list, in bytewise order.
pub(crate) struct Listing {
    pub names: Vec<String>,
    /// Whether there are names after these.
    pub more: bool,
    /// Of the directory, taken before it was read.
    pub stamp: Stamp,
}

/// Why an upload's bytes cannot be had for writing.
pub(crate) enum DraftError {
    /// Another process is writing to them.
    Busy,
    Error(Error),
}

impl From<Error> for DraftError {
    fn from(error: Error) -> DraftError {
        DraftError::Error(error)
    }
}

/// An upload's bytes, locked against other processes until it is dropped.
pub(crate) trait Draft: Send {
    /// How many bytes there are.
    fn len(&self) -> u64;
    /// Writes at the end. On an error nothing was written.
    fn append(&mut self, parts: &[Bytes]) -> Result<(), Error>;
    /// Forgets what lies beyond `len`; less may be left when the upload lost bytes. What was published stays as it is.
    fn truncate(&mut self, len: u64) -> Result<(), Error>;
    /// Puts the bytes on disk, where a commit would. After an error the upload has none.
    fn sync(&mut self) -> Result<(), Error>;
    /// Reads back; returns how many bytes, 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error>;
    /// What was kept with [`keep_state`](Draft::keep_state).
    fn state(&self) -> Result<Option<Vec<u8>>, Error>;
    /// Keeps something beside the bytes. It may be lost, or found damaged, after a crash.
    fn keep_state(&mut self, state: &[u8]) -> Result<(), Error>;
}

/// Something that lasts until it is dropped.
pub(crate) type Guard = Box<dyn Send>;

/// The right to collect garbage, which one process has at a time.
pub(crate) trait Collector {
    /// Waits for all who [share](Backend::share), and keeps others out until what comes back is dropped.
    fn exclude(&mut self) -> Result<Excluded, Error>;
}

/// Nobody stores anything.
pub(crate) struct Excluded {
    /// What others said they need, since they were last excluded.
    pub needed: Vec<Needed>,
    pub guard: Guard,
}

/// A place to keep objects in.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Whether it can be read, and still is where it was.
    fn check(&self) -> Result<(), Error>;
    /// How many bytes may still be written, if that is known.
    fn room(&self) -> Option<u64>;
    /// The object's stamp; `None` when there is none. `known` is what the caller saw last and makes the answer
    /// cheaper when it still holds.
    fn stat(&self, key: &str, known: Option<&Stamp>, wait: Wait) -> Result<Option<Stamp>, Fault>;
    /// The whole of a small object; [`Error::Corrupt`] when it has more than `limit` bytes.
    fn read(&self, key: &str, limit: u64, wait: Wait) -> Result<Option<Small>, Fault>;
    /// Opens an object.
    fn open(&self, key: &str, wait: Wait) -> Result<Option<Arc<dyn Object>>, Fault>;
    /// The names of the directories in a directory, those after `after`, `limit` at most; `None` when there is no
    /// such directory. Memory is bounded by `limit`.
    fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Option<Listing>, Error>;
    /// Whether any directory in a directory is `wanted` by its name and has something called `file` in it. No more of
    /// them are looked at than need be.
    fn any(&self, directory: &str, file: &str, wanted: &dyn Fn(&str) -> bool) -> Result<bool, Error>;
    /// Makes units visible in their order and, where `durable`, returns when they survive a crash; a crash before
    /// that leaves a prefix of them. On an error an upload's bytes are still with the upload when its unit is the last;
    /// if the error was in making them survive, none of them are.
    fn commit(&self, units: &[Unit], durable: bool) -> Result<(), Error>;
    /// Removes a directory with all that is in it, at once and to survive a crash; `false` when there is none.
    fn remove(&self, directory: &str) -> Result<bool, Error>;
    /// [`remove`](Backend::remove), if what its file `deciding` says, by which readers go, is what `goes`. It is asked when
    /// nobody can change that any more; what another process writes there from then on stays. `false` when nothing was
    /// removed. What was survives a crash once the directories that are added to `changed` are [synced](Backend::sync).
    fn remove_if(
        &self,
        directory: &str,
        deciding: &str,
        goes: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
        changed: &mut BTreeSet<String>,
    ) -> Result<bool, Error>;
    /// [`remove`](Backend::remove) in two steps: afterwards the name is free, and the bytes may still be there, in what is
    /// added to `aside`. It survives a crash once the directory that it lay in is [synced](Backend::sync).
    fn set_aside(&self, directory: &str, aside: &mut Vec<String>) -> Result<bool, Error>;
    /// Removes what was set aside.
    fn clear(&self, aside: Vec<String>);
    /// Something in a directory that [`list`](Backend::list) would not tell of although it can lead to objects: a symbolic
    /// link, or a name that is not UTF-8.
    fn hidden(&self, directory: &str) -> Result<Option<String>, Error>;
    /// Keeps others, in this process and elsewhere, from collecting garbage until what comes back is dropped, and tells one
    /// who is at it what is about to be `needed`.
    fn share(&self, needed: &dyn Fn() -> Vec<Needed>) -> Result<Guard, Error>;
    /// The same for who needs nothing, and gives up soon.
    fn share_soon(&self) -> Result<Guard, Error>;
    /// Gives a file the time of this moment; `false` when there is none.
    fn touch(&self, key: &str) -> Result<bool, Error>;
    /// To collect garbage; `None` when someone else does.
    fn collect(&self) -> Result<Option<Box<dyn Collector + '_>>, Error>;
    /// Makes survive a crash what these directories hold, and what they no longer hold.
    fn sync(&self, directories: BTreeSet<String>) -> Result<(), Error>;
    /// Makes an upload without bytes in a new directory, which need not survive a crash.
    fn begin_draft(&self, directory: &str, started_at: &str) -> Result<(), Error>;
    /// Removes an upload, with the bytes it still has.
    fn end_draft(&self, directory: &str) -> Result<(), Error>;
    /// An upload's bytes, for writing; `None` when there is no such upload.
    fn open_draft(&self, directory: &str) -> Result<Option<Box<dyn Draft>>, DraftError>;
}
