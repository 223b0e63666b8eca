//! What a store needs of the place where its objects lie.
//!
//! Keys are the `layout` crate's: a directory, `/`, and a name. A directory is what the keys that begin with it have in
//! common; it need not be a thing of its own, and one without objects may be gone.

#![expect(async_fn_in_trait, reason = "a component has one thread, and nothing need be Send")]

use crate::{BATCH, Error};
use platform::Stream;
use std::time::Duration;
use tree::Unit;

/// Names in a directory, in bytewise order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Each once, and of objects that lie deeper their first component alone.
    pub names: Vec<String>,
    /// Whether there are names after these.
    pub more: bool,
}

/// The whole of a small object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Small {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it was when it was read, as far as the place can tell.
    pub etag: String,
    /// How long ago it was written, by the clock of the place, where that says so.
    pub age: Option<Duration>,
}

/// Why a session cannot be written to.
#[derive(Debug)]
pub enum SessionError {
    /// There is none.
    Unknown,
    /// Another request is writing to it.
    Busy,
    /// Another request has written to it meanwhile: it stands at this offset, and nothing of this one's bytes counts.
    Moved(u64),
    /// Anything else.
    Error(Error),
}

impl From<Error> for SessionError {
    fn from(error: Error) -> SessionError {
        SessionError::Error(error)
    }
}

/// What storage is told beside where its objects lie.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether nothing is written. `storage.maintenance.readonly.enabled`.
    pub read_only: bool,
    /// How long an upload under way makes its repository one that is listed; an older one may be removed.
    /// `storage.maintenance.uploadpurging.age`.
    pub upload_age: Duration,
    /// How often old uploads are removed, where they are. `storage.maintenance.uploadpurging.interval`.
    pub purging: Option<Duration>,
}

/// Where objects lie. Several requests use it at once.
pub trait Objects: Sized + 'static {
    /// An object opened for reading.
    type Object: Object;
    /// An upload that someone writes to.
    type Session: Session;

    /// What it was told.
    fn options(&self) -> &Options;

    /// The whole of an object; none where there is none. One of more than `limit` bytes is an error.
    async fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, Error>;

    /// The same, and what is known of it.
    async fn read_small(&self, key: &str, limit: u64) -> Result<Option<Small>, Error> {
        let bytes = self.read(key, limit).await?;
        Ok(bytes.map(|bytes| Small { bytes, ..Small::default() }))
    }

    /// Whether garbage is collected here while things are stored (docs/decisions/0018). Then an age is known of what was read,
    /// and it can be [written anew](Objects::write_anew).
    fn is_collected(&self) -> bool {
        false
    }

    /// Writes an object as it was read, so that its age begins anew; `false` where there is none any more, or another.
    async fn write_anew(&self, _key: &str, _read: &Small) -> Result<bool, Error> {
        Ok(true)
    }

    /// How many bytes an object has; none where there is none.
    async fn size(&self, key: &str) -> Result<Option<u64>, Error>;

    /// Opens an object for reading; none where there is none.
    async fn open(&'static self, key: &str) -> Result<Option<Self::Object>, Error>;

    /// Writes files in their order, each whole or not at all, and returns when they survive a crash. A file that lies
    /// under its digest and has the same size stays as it is.
    async fn write(&self, unit: &Unit) -> Result<(), Error>;

    /// The names of the directories in a directory that come after `after`, `limit` at most; none of a directory that is
    /// not there. What it costs depends on `limit`, not on how many there are.
    async fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Listing, Error>;

    /// Removes a directory with all that is in it, `deciding` first, which is the name in it that readers go by; `false`
    /// where that is not there.
    async fn remove(&self, directory: &str, deciding: &str) -> Result<bool, Error>;

    /// The same, if what `deciding` says is what `goes`. What someone else writes there meanwhile stays, as far as the place
    /// can see to that. `false` where nothing was removed.
    async fn remove_if(
        &self,
        directory: &str,
        deciding: &str,
        goes: impl AsyncFn(&[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error>;

    /// Removes what lies in a directory but `deciding`, by which readers go: what is left of one whose removal was cut short.
    async fn remove_rest(&self, directory: &str, deciding: &str) -> Result<(), Error>;

    /// Begins an upload in a directory of its own, with no bytes; `started_at` is kept under
    /// [`layout::STARTED_AT`].
    async fn begin(&self, directory: &str, started_at: &str) -> Result<(), Error>;

    /// How many bytes an upload has; none where there is none.
    async fn upload_size(&self, directory: &str) -> Result<Option<u64>, Error>;

    /// Opens an upload to write to it.
    async fn session(&'static self, directory: &str) -> Result<Self::Session, SessionError>;

    /// Ends an upload and forgets its bytes.
    async fn end(&'static self, directory: &str) -> Result<(), SessionError>;
}

/// The names of the directories in a directory, some at a time.
pub(crate) struct Names<'a, O> {
    objects: &'a O,
    directory: &'a str,
    after: Option<String>,
    ended: bool,
    /// How many come at a time.
    pub batch: usize,
}

impl<'a, O: Objects> Names<'a, O> {
    pub fn new(objects: &'a O, directory: &'a str) -> Names<'a, O> {
        Names { objects, directory, after: None, ended: false, batch: BATCH }
    }

    /// The next ones; none when all have come.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let listing = self.objects.list(self.directory, self.after.as_deref(), self.batch).await?;
        self.after = listing.names.last().cloned();
        self.ended = !listing.more;
        Ok(Some(listing.names))
    }
}

/// An object opened for reading.
pub trait Object: 'static {
    /// How many bytes it has.
    fn size(&self) -> u64;

    /// A URL at which clients get it without us, where there is one.
    fn elsewhere(&self) -> Option<String> {
        None
    }

    /// `length` bytes from `offset` on; one at least.
    async fn read(&self, offset: u64, length: u64) -> Result<Stream, Error>;
}

/// An upload that someone writes to. What was written counts when it was saved or published; dropped before that, the
/// upload stands where it stood.
pub trait Session {
    /// How many bytes it has, with those that were written.
    fn size(&self) -> u64;

    /// What was saved with the bytes it had when it was opened, if these are still the bytes: it may be damaged, or that
    /// of another program.
    fn state(&self) -> Option<Vec<u8>>;

    /// Hands on its bytes from `offset` on, as it was opened: to be done before anything is written. Where some are missing
    /// it ends early.
    async fn read(
        &mut self,
        offset: u64,
        each: impl AsyncFnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Says where the bytes will be published, before any are written: they may be brought there at once, and are seen
    /// there only when [`publish`](Session::publish) returns.
    fn aim(&mut self, _key: &str) {}

    /// Adds bytes at the end.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error>;

    /// Makes what was written count, with the state that belongs to it.
    async fn save(self, state: &[u8]) -> Result<(), SessionError>;

    /// Leaves the upload as it was opened. Whoever does so has a reason to tell: if this fails too, the log says so.
    async fn undo(self);

    /// Makes its bytes the object `key`, whole, returns when they survive a crash, and ends the upload.
    async fn publish(self, key: &str) -> Result<(), SessionError>;
}
