//! One upload session while someone writes to it.
//!
//! Who writes is settled in the database: a writer raises the session's epoch, and every statement of its own says
//! which epoch it is of. One that was overtaken changes nothing any more. The rows come first and what they are worth,
//! the session's size and hash state, comes after them in one statement: whatever happens between, the session stands where
//! it stood.

use crate::bindings::exports::pierhead::storage::types::{Body, Error};
use crate::bindings::exports::pierhead::storage::uploads::UploadError;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::content::{ROW, ROWS, Reader, at};
use crate::database::{Database, Value, number, optional, text};
use crate::path::Path;
use futures_channel::mpsc;
use futures_util::future::join;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use names::{Algorithm, Digest, UploadId};
use std::pin::Pin;
use tree::hash::{self, Hash};
use wit_bindgen::{StreamReader, StreamResult};

/// For how many seconds a writer has the session without a word: so long one that has died holds up the next.
const BUSY: &str = "10";

/// After how many nanoseconds a writer says that it is there.
const WORD: u64 = 2_000_000_000;

/// How many rows are on their way into the database at once: when it is done with one, it has the next.
const AT_ONCE: usize = 3;

/// How many rows are written before they are acknowledged.
const ROWS_PER_WORD: u64 = 16;

/// How long to wait for another writer, and how often to look: a client that comes back is often faster than the news
/// that its first connection is dead.
const WAITS: u32 = 20;
const WAIT: u64 = 50_000_000;

/// A state as it is kept.
pub fn state(offset: u64, hash: &Hash) -> Value {
    Value::Blob(hash::encode(&hash::ALWAYS, offset, hash))
}

/// What becomes of the bytes that come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They are the session's, as far as they came.
    Append,
    /// They are the session's only if it is finished with them.
    Finish,
}

/// A session and its one writer.
pub struct Session {
    database: Database,
    id: UploadId,
    epoch: u64,
    purpose: Purpose,
    content: u64,
    /// Where the session stands, for all others.
    start: u64,
    /// How many bytes are in whole rows that were written.
    written: u64,
    /// The row that is not written yet.
    tail: Vec<u8>,
    hash: Hash,
}

impl Session {
    /// Becomes the session's writer, at the offset `at` where one is given. `algorithm` is the one that will be asked
    /// for, where that is known.
    pub async fn open(
        path: &Path,
        id: &UploadId,
        at: Option<u64>,
        purpose: Purpose,
        algorithm: Option<Algorithm>,
    ) -> Result<Session, UploadError> {
        let database = Database::open_relaxed().await?;
        let claim = format!(
            "UPDATE uploads SET epoch = epoch + 1, busy = unixepoch() + {BUSY} \
             WHERE id = ?1 AND path = ?2 AND busy <= unixepoch() AND (?3 IS NULL OR size = ?3) \
             RETURNING content, size, state, epoch"
        );
        let mut waits = Waits::default();
        let mut row = loop {
            let values = vec![text(id), text(path), optional(at.map(number))];
            match database.row(&claim, values).await? {
                Some(row) => break row,
                None => waits.after(refusal(&database, path, id, at).await?).await?,
            }
        };
        let (content, start) = (row.number()?, row.number()?);
        let kept = hash::decode(&hash::ALWAYS, &row.bytes()?).filter(|(offset, _)| *offset == start);
        let epoch = row.number()?;
        let mut session = Session {
            database,
            id: id.clone(),
            epoch,
            purpose,
            content,
            start,
            written: start / ROW * ROW,
            tail: Vec::new(),
            hash: Hash::new(algorithm.unwrap_or(Algorithm::Sha256)),
        };
        match kept {
            // Nothing is lost by another algorithm yet.
            Some((0, kept)) => session.hash = algorithm.map_or(kept, Hash::new),
            Some((_, kept)) => session.hash = kept,
            None => session.hash = session.reread(session.start, session.hash.clone()).await?,
        }
        session.tail = session.read_tail().await?;
        Ok(session)
    }

    /// Where the session stood when it was opened.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// How many bytes it has now.
    pub fn size(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    /// Takes a body to its end: rows are written while the next one is received and hashed. Whether it was whole.
    pub async fn receive(&mut self, body: Body) -> Result<bool, UploadError> {
        let Body { mut bytes, end } = body;
        let (mut tail, mut hash) = (std::mem::take(&mut self.tail), self.hash.clone());
        // It holds one for each of its senders, and no more.
        let (mut full, rows) = mpsc::channel(0);
        let receiving = async move {
            loop {
                let ended = fill(&mut bytes, &mut tail, &mut hash).await;
                let is_whole = tail.len() as u64 == ROW;
                // Nobody takes a row any more after one that could not be written.
                if is_whole && full.send((std::mem::take(&mut tail), hash.clone())).await.is_err() || ended {
                    return (tail, hash);
                }
            }
        };
        let (left, written) = join(receiving, self.write(rows)).await;
        self.written = written?;
        (self.tail, self.hash) = left;
        Ok(end.await.is_ok())
    }

    /// Writes rows that are whole, each with the state after it, and says where the last one ends.
    async fn write(&self, rows: mpsc::Receiver<(Vec<u8>, Hash)>) -> Result<u64, UploadError> {
        let mut rows = rows.peekable();
        if Pin::new(&mut rows).peek().await.is_some() {
            // Few uploads are as large as that.
            self.database.keep_log_short().await?;
        }
        let (mut written, mut word, mut since) = (self.written, monotonic_clock::now(), 0);
        let mut writes = stream::iter(written / ROW..)
            .zip(rows)
            .map(|(index, (row, hash))| async move { self.insert(index, row).await.map(|()| hash) })
            .buffered(AT_ONCE);
        while let Some(hash) = writes.try_next().await? {
            (written, since) = (written + ROW, since + 1);
            if since == ROWS_PER_WORD || monotonic_clock::now() - word >= WORD {
                self.touch(written, hash, BUSY).await?;
                (word, since) = (monotonic_clock::now(), 0);
            }
        }
        Ok(written)
    }

    /// Writes a row, if the session is still this writer's: otherwise the next word finds out.
    async fn insert(&self, index: u64, row: Vec<u8>) -> Result<(), UploadError> {
        if index >= ROWS {
            guest_log::log!("upload {} is larger than a blob can be in this store, 16 TiB", self.id);
            return Err(Error::Full.into());
        }
        let statement = "INSERT OR REPLACE INTO chunks (at, bytes) \
                         SELECT ?1, ?2 FROM uploads WHERE id = ?3 AND epoch = ?4";
        let row = Value::Blob(row);
        let values = vec![number(at(self.content, index)), row, text(&self.id), number(self.epoch)];
        Ok(self.database.run(statement, values).await?)
    }

    /// Says that the writer is there for some seconds more, and, where that is its purpose, how far it has come.
    async fn touch(&self, offset: u64, hash: Hash, busy: &str) -> Result<(), UploadError> {
        let mut values = vec![text(&self.id), number(self.epoch), text(busy)];
        let progress = match self.purpose {
            Purpose::Append => {
                values.extend([number(offset), state(offset, &hash)]);
                ", size = ?4, state = ?5"
            }
            Purpose::Finish => "",
        };
        let statement = format!(
            "UPDATE uploads SET busy = CASE ?3 WHEN '0' THEN 0 ELSE unixepoch() + ?3 END{progress} \
             WHERE id = ?1 AND epoch = ?2 RETURNING content"
        );
        // It has a row as long as the session is this writer's.
        match self.database.has(&statement, values).await? {
            true => Ok(()),
            false => Err(UploadError::Busy),
        }
    }

    /// Leaves the session to others with all that came, and returns its offset.
    pub async fn close(&mut self) -> Result<u64, UploadError> {
        let (offset, hash) = (self.size(), self.hash.clone());
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.insert(self.written / ROW, tail).await?;
        }
        self.touch(offset, hash, "0").await?;
        Ok(offset)
    }

    /// Leaves the session to others as it stands for them, because of an error.
    pub async fn abandon(mut self, error: UploadError) -> UploadError {
        self.purpose = Purpose::Finish;
        // If this fails too, they wait a little.
        let _ = self.touch(self.start, self.hash.clone(), "0").await;
        error
    }

    /// What the session's bytes hash to.
    pub async fn digest(&self, algorithm: Algorithm) -> Result<Digest, UploadError> {
        if self.hash.algorithm() == algorithm {
            return Ok(self.hash.clone().digest());
        }
        let mut hash = self.reread(self.written, Hash::new(algorithm)).await?;
        hash.update(&self.tail);
        Ok(hash.digest())
    }

    /// Publishes the session's bytes as a blob that the repository holds. Then the session is no more.
    pub async fn publish(&mut self, path: &Path, digest: &Digest) -> Result<Published, UploadError> {
        let size = self.size();
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.insert(self.written / ROW, tail).await?;
        }
        // Whatever was written before reaches the disk with this.
        let transaction = Database::open().await?.begin().await?;
        let ended = "DELETE FROM uploads WHERE id = ?1 AND epoch = ?2 RETURNING content";
        if !transaction.has(ended, vec![text(&self.id), number(self.epoch)]).await? {
            return Err(UploadError::Busy);
        }
        let blob = "INSERT INTO blobs (digest, content, size) VALUES (?1, ?2, ?3) \
                    ON CONFLICT (digest) DO NOTHING RETURNING content";
        let is_new = transaction.has(blob, vec![text(digest), number(self.content), number(size)]).await?;
        if !is_new {
            let condemn = "INSERT INTO condemned (content) VALUES (?1)";
            transaction.run(condemn, vec![number(self.content)]).await?;
        }
        let hold = "INSERT OR IGNORE INTO holds (path, digest) VALUES (?1, ?2)";
        transaction.run(hold, vec![text(path), text(digest)]).await?;
        transaction.commit().await?;
        Ok(Published { size, is_new })
    }

    /// Goes on with the hash of the first bytes that are written.
    async fn reread(&self, end: u64, mut hash: Hash) -> Result<Hash, Error> {
        if end == 0 {
            return Ok(hash);
        }
        let mut reader = Reader::open(self.content, 0..end).await?;
        while let Some(bytes) = reader.next().await? {
            hash.update(&bytes);
        }
        Ok(hash)
    }

    /// What is in a row that is not full: it is written again with what comes.
    async fn read_tail(&self) -> Result<Vec<u8>, Error> {
        if self.written == self.start {
            return Ok(Vec::new());
        }
        let mut reader = Reader::open(self.content, self.written..self.start).await?;
        Ok(reader.next().await?.unwrap_or_default())
    }
}

/// Ends a session that nobody writes to, and forgets its bytes.
pub async fn cancel(path: &Path, id: &UploadId) -> Result<(), UploadError> {
    let of = "id = ?1 AND path = ?2 AND busy <= unixepoch()";
    let mut waits = Waits::default();
    loop {
        if condemn(of, vec![text(id), text(path)]).await? {
            return Ok(());
        }
        waits.after(refusal(&Database::open().await?, path, id, None).await?).await?;
    }
}

/// Ends the sessions of which a condition holds, whose bytes are removed later; whether there were any.
pub async fn condemn(of: &str, values: Vec<Value>) -> Result<bool, Error> {
    let transaction = Database::open().await?.begin().await?;
    let bytes = format!("INSERT INTO condemned (content) SELECT content FROM uploads WHERE {of}");
    transaction.run(&bytes, values).await?;
    // Not by the condition again: a statement later the clock may have gone on, and rows would stay that nobody knows of.
    let sessions = "DELETE FROM uploads WHERE content IN (SELECT content FROM condemned) RETURNING content";
    let ended = transaction.has(sessions, vec![]).await?;
    transaction.commit().await?;
    Ok(ended)
}

/// How often somebody has waited for the writer of a session.
#[derive(Default)]
struct Waits(u32);

impl Waits {
    /// Waits a little if that is what stands in the way, and not too often yet.
    async fn after(&mut self, refusal: UploadError) -> Result<(), UploadError> {
        if !matches!(refusal, UploadError::Busy) || self.0 == WAITS {
            return Err(refusal);
        }
        self.0 += 1;
        monotonic_clock::wait_for(WAIT).await;
        Ok(())
    }
}

/// What became of a session that was finished.
pub struct Published {
    /// How many bytes the blob has.
    pub size: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Why nobody could become the session's writer.
async fn refusal(
    database: &Database,
    path: &Path,
    id: &UploadId,
    at: Option<u64>,
) -> Result<UploadError, Error> {
    let look = "SELECT size, busy > unixepoch() FROM uploads WHERE id = ?1 AND path = ?2";
    let Some(mut row) = database.row(look, vec![text(id), text(path)]).await? else {
        return Ok(UploadError::Unknown);
    };
    let (size, is_busy) = (row.number()?, row.number()? > 0);
    Ok(match at {
        Some(at) if at != size && !is_busy => UploadError::WrongOffset(size),
        // It is, or was a moment ago.
        _ => UploadError::Busy,
    })
}

/// Takes bytes until the row is full or the body ends, and hashes what came; whether it ended.
async fn fill(bytes: &mut StreamReader<u8>, row: &mut Vec<u8>, hash: &mut Hash) -> bool {
    row.reserve_exact(ROW as usize - row.len());
    while (row.len() as u64) < ROW {
        let from = row.len();
        let (result, read) = bytes.read(std::mem::take(row)).await;
        *row = read;
        hash.update(&row[from..]);
        if result == StreamResult::Dropped {
            return true;
        }
    }
    false
}

impl From<Error> for UploadError {
    fn from(error: Error) -> UploadError {
        UploadError::Storage(error)
    }
}
