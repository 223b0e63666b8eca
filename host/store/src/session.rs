//! One upload session while someone writes to it. All of it waits for the disk.

use crate::Inner;
use crate::backend::{Draft, DraftError, Source, Unit};
use crate::boot::Boot;
use crate::error::UploadError;
use bytes::Bytes;
use names::{Algorithm, Digest, RepositoryName};
use std::sync::{Arc, PoisonError};
use tree::hash::{self, Hash};

/// How many bytes are read at a time where bytes have to be hashed again.
const REREAD: usize = 256 << 10;

/// An upload of more bytes is put on disk before the repository is locked against deletions: who deletes waits for those who
/// publish, and whoever comes next waits for both.
const SYNCED_FIRST: u64 = 8 << 20;

/// What becomes of the bytes that came, when the writer is dropped or the body ends early.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// They are kept.
    Keep,
    /// The session goes back to where it was.
    Undo,
}

/// A session's lock within this process, held until it is dropped.
pub(crate) struct Lock {
    inner: Arc<Inner>,
    session: String,
}

impl Lock {
    /// `None` when another one has it.
    pub fn take(inner: &Arc<Inner>, session: &str) -> Option<Lock> {
        let mut held = inner.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(session.to_owned()).then(|| Lock { inner: inner.clone(), session: session.to_owned() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut held = self.inner.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.session);
    }
}

/// Writes to a session and hashes what it writes. Whatever way it is dropped, the session is left such that it can be
/// continued.
pub(crate) struct Writer {
    draft: Box<dyn Draft>,
    hash: Hash,
    start: (u64, Hash),
    unfinished: Unfinished,
    settled: bool,
    /// Dropped last: after the session was left in order.
    lock: Lock,
}

impl Writer {
    /// Opens the session whose lock this is, at the offset `at` where one is given. `algorithm` is the one that will be
    /// asked for, where that is known.
    pub fn open(
        lock: Lock,
        at: Option<u64>,
        unfinished: Unfinished,
        algorithm: Option<Algorithm>,
    ) -> Result<Writer, UploadError> {
        let draft = open_draft(&lock)?;
        if at.is_some_and(|at| at != draft.len()) {
            return Err(UploadError::WrongOffset(draft.len()));
        }
        let hash = hash_so_far(&*draft, &lock.inner.boot, algorithm)?;
        let start = (draft.len(), hash.clone());
        Ok(Writer { draft, hash, start, unfinished, settled: false, lock })
    }

    /// Where the session stood when it was opened.
    pub fn start(&self) -> u64 {
        self.start.0
    }

    /// Appends. On an error nothing of it was written.
    pub fn write(&mut self, parts: &[Bytes]) -> Result<(), UploadError> {
        self.draft.append(parts)?;
        parts.iter().for_each(|part| self.hash.update(part));
        Ok(())
    }

    /// Leaves the session in order and returns its offset.
    pub fn close(mut self) -> u64 {
        self.settle();
        self.draft.len()
    }

    /// Publishes the session's bytes as a blob that the repository holds, and returns its size; says before that whether they are
    /// `verified`.
    pub fn publish(
        mut self,
        repository: &RepositoryName,
        digest: &Digest,
        verified: impl FnOnce(),
    ) -> Result<u64, UploadError> {
        let actual = match digest.algorithm() == self.hash.algorithm() {
            true => self.hash.clone().digest(),
            false => {
                let mut hash = Hash::new(digest.algorithm());
                reread(&*self.draft, 0, |bytes| hash.update(bytes))?;
                hash.digest()
            }
        };
        if actual != *digest {
            return Err(UploadError::DigestMismatch { actual });
        }
        verified();
        let session = self.lock.session.clone();
        // The bytes come last. If their move fails the session still has them, and a hold without bytes is none.
        let bytes = Unit {
            directory: layout::blob(digest),
            files: vec![(layout::DATA.to_owned(), Source::Upload(session.clone()))],
        };
        if self.draft.len() > SYNCED_FIRST {
            self.draft.sync()?;
        }
        let inner = &self.lock.inner;
        let _shared = inner.writer(repository).read().unwrap_or_else(PoisonError::into_inner);
        let _uncollected = inner.backend.share(&|| vec![digest.into()])?;
        let units = [tree::hold(repository, digest, digest).into(), bytes];
        inner.store_units(&units, &units[..1], digest)?;
        inner.renew(&layout::layer(repository, digest))?;
        inner.remember_holder(repository, digest);
        self.settled = true;
        if let Err(error) = inner.backend.end_draft(&session) {
            tracing::warn!(%error, "cannot clear away a finished upload");
        }
        Ok(self.draft.len())
    }

    fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        if self.unfinished == Unfinished::Undo {
            let (offset, hash) = self.start.clone();
            match self.draft.truncate(offset) {
                Ok(()) if self.draft.len() == offset => self.hash = hash,
                // What is there is hashed again by the next one who writes.
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, "cannot take back what a failed finish has appended to an upload");
                }
            }
        }
        let state = hash::encode(&self.lock.inner.boot.0, self.draft.len(), &self.hash);
        if let Err(error) = self.draft.keep_state(&state) {
            tracing::warn!(%error, "cannot keep an upload's hash state; its bytes will be read again");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.settle();
    }
}

fn open_draft(lock: &Lock) -> Result<Box<dyn Draft>, UploadError> {
    match lock.inner.backend.open_draft(&lock.session) {
        Ok(Some(draft)) => Ok(draft),
        Ok(None) => Err(UploadError::Unknown),
        Err(DraftError::Busy) => Err(UploadError::Busy),
        Err(DraftError::Error(error)) => Err(error.into()),
    }
}

/// Ends the session whose lock this is and forgets its bytes.
pub(crate) fn cancel(lock: Lock) -> Result<(), UploadError> {
    let _locked = open_draft(&lock)?;
    Ok(lock.inner.backend.end_draft(&lock.session)?)
}

/// [`cancel`], also of a session without a file for its bytes: it was never whole, or finished by a process that was killed.
pub(crate) fn purge(lock: Lock) -> Result<(), UploadError> {
    let _locked = match open_draft(&lock) {
        Err(UploadError::Unknown) => None,
        draft => Some(draft?),
    };
    Ok(lock.inner.backend.end_draft(&lock.session)?)
}

/// Makes a session without bytes hash with this algorithm from the start.
pub(crate) fn expect(lock: &Lock, algorithm: Algorithm) -> Result<(), UploadError> {
    let state = hash::encode(&lock.inner.boot.0, 0, &Hash::new(algorithm));
    Ok(open_draft(lock)?.keep_state(&state)?)
}

/// The hash of what a session has: from the kept state, and the bytes after it if there are any; from all bytes if the
/// state does not fit them. The bytes there are decide.
fn hash_so_far(draft: &dyn Draft, boot: &Boot, algorithm: Option<Algorithm>) -> Result<Hash, UploadError> {
    if let (0, Some(algorithm)) = (draft.len(), algorithm) {
        return Ok(Hash::new(algorithm));
    }
    let kept = draft.state()?.and_then(|text| hash::decode(&boot.0, &text));
    let unknown = || (0, Hash::new(algorithm.unwrap_or(Algorithm::Sha256)));
    let (from, mut hash) = kept.filter(|(offset, _)| *offset <= draft.len()).unwrap_or_else(unknown);
    reread(draft, from, |bytes| hash.update(bytes))?;
    Ok(hash)
}

fn reread(draft: &dyn Draft, from: u64, mut each: impl FnMut(&[u8])) -> Result<(), UploadError> {
    let mut at = from;
    let mut buffer = vec![0; REREAD.min((draft.len() - from) as usize)];
    while at < draft.len() {
        match draft.read_at(&mut buffer, at)? {
            0 => return Err(UploadError::WrongOffset(at)),
            read => {
                each(&buffer[..read]);
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store};

    #[test]
    fn what_was_published_is_not_taken_back_whatever_goes_wrong_after_that() {
        let root = std::env::temp_dir().join(format!("pierhead-published-{}", std::process::id()));
        let store = Store::open(Options::new(&root)).unwrap();
        let name: RepositoryName = "a".parse().unwrap();
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let session = layout::upload(&name, &id);
        let lock = Lock::take(&store.inner, &session).unwrap();
        let mut writer = Writer::open(lock, None, Unfinished::Undo, None).unwrap();
        writer.write(&[Bytes::from_static(b"bytes")]).unwrap();
        // As a commit does that fails when it syncs the directory.
        let blob = root.join("blob");
        std::fs::rename(root.join(&session).join(layout::DATA), &blob).unwrap();
        drop(writer);
        assert_eq!(std::fs::read(blob).unwrap(), b"bytes");
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_session_has_one_writer_in_this_process() {
        let root = std::env::temp_dir().join(format!("pierhead-session-{}", std::process::id()));
        let inner = Store::open(Options::new(&root)).unwrap().inner;
        let first = Lock::take(&inner, "one").unwrap();
        assert!(Lock::take(&inner, "one").is_none());
        assert!(Lock::take(&inner, "two").is_some());
        drop(first);
        assert!(Lock::take(&inner, "one").is_some());
        std::fs::remove_dir(root).unwrap();
    }
}
