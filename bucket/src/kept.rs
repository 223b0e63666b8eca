//! What is kept of an upload, in an object of its own: [`layout::SESSION`]. It is replaced whole, and only where it still is
//! the one that was read, so that of two who write one finds that the upload has moved.

use crate::bucket::{Bucket, Fault};
use objects::{Error, Kind, SessionError};
use platform::random;
use s3::{Condition, HEAD, LEAST_PART, MAX_PART, Record};
use std::ops::Range;
use tree::hash::{self, Hash};

/// What is kept of an upload beside its tail has at most so many bytes: 10 000 parts, and the state of a hash.
const MAX_KEPT: usize = 2 << 20;

/// Of how many bytes on a request is not sent at once.
const LONG: usize = 64 << 10;

/// How many part numbers are taken at a time.
const NUMBERS: u32 = 100;

/// How many are left for the parts that uploads end with.
const ENDS: u32 = 100;

/// The numbers of parts that others may follow on.
pub const NUMBERED: Range<u32> = 1..MAX_PART - ENDS + 1;

/// Those of the part that an upload ends with. One of them is drawn, so that two who end it do not meet.
pub const LAST: Range<u32> = NUMBERED.end..MAX_PART + 1;

/// How many bytes an upload has; none where there is none.
pub async fn size(bucket: &Bucket, directory: &str) -> Result<Option<u64>, Error> {
    let key = layout::in_directory(directory, layout::SESSION);
    match bucket.read_head_tagged(&key, HEAD).await? {
        Some((head, _)) => match Record::size_in(&head) {
            Some(size) => Ok(Some(size)),
            None => Err(damaged(&key)),
        },
        // Nothing has been written to it.
        None => Ok(begun(bucket, directory).await?.then_some(0)),
    }
}

async fn begun(bucket: &Bucket, directory: &str) -> Result<bool, Error> {
    let key = layout::in_directory(directory, layout::STARTED_AT);
    Ok(bucket.size(&key).await?.is_some())
}

fn damaged(key: &str) -> Error {
    Error::new(Kind::Failed, "go on with", key, "it is damaged, or of another version")
}

/// What is kept of an upload, as it was read.
pub struct Kept {
    bucket: &'static Bucket,
    directory: String,
    /// What the object has to be when it is replaced.
    condition: Condition,
    /// Without its tail, which is in memory once: whoever goes on with it has that.
    record: Record,
}

impl Kept {
    /// Reads it; its tail is apart.
    pub async fn read(bucket: &'static Bucket, directory: &str) -> Result<(Kept, Vec<u8>), SessionError> {
        let key = layout::in_directory(directory, layout::SESSION);
        let kept = bucket.read_tagged(&key, LEAST_PART as usize + MAX_KEPT).await?;
        let (mut record, condition) = match kept {
            Some((bytes, etag)) => {
                (Record::decode(&bytes).ok_or_else(|| damaged(&key))?, Condition::Is(etag))
            }
            None if begun(bucket, directory).await? => (Record::default(), Condition::Absent),
            None => return Err(SessionError::Unknown),
        };
        let tail = std::mem::take(&mut record.tail);
        Ok((Kept { bucket, directory: directory.to_owned(), condition, record }, tail))
    }

    /// What it says, but for its tail.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Where the object lies that an upload in parts makes: the first one, or the one of this number.
    pub fn data(&self, number: Option<u64>) -> String {
        let name = number.map_or_else(|| layout::DATA.to_owned(), layout::data_again);
        layout::in_directory(&self.directory, &name)
    }

    fn key(&self) -> String {
        layout::in_directory(&self.directory, layout::SESSION)
    }

    /// Whether the upload still stands where it stood when this was read; an error where it does not.
    pub async fn look(&self) -> Result<(), SessionError> {
        let key = self.key();
        match (self.bucket.read_head_tagged(&key, HEAD).await?, &self.condition) {
            (Some((_, now)), Condition::Is(etag)) if now == *etag => Ok(()),
            (Some((head, _)), _) => Err(moved(&key, &head)),
            (None, Condition::Absent) if begun(self.bucket, &self.directory).await? => Ok(()),
            (None, _) => Err(SessionError::Unknown),
        }
    }

    /// Takes numbers for parts that are sent to an upload that others may know. A part of theirs that is still under way
    /// has another number, and whoever has read this before finds that the upload has moved. `tail` is what was read of it,
    /// where that is still at hand.
    pub async fn take_numbers(&mut self, tail: Option<&[u8]>) -> Result<Range<u32>, SessionError> {
        let from = self.record.used + 1;
        let to = NUMBERED.end.min(from.saturating_add(NUMBERS));
        if from < to {
            let writer = Some(random());
            let tail = match tail {
                Some(tail) => tail.to_vec(),
                None => self.tail().await?,
            };
            self.replace(Record { used: to - 1, writer, tail, ..self.record.clone() }).await?;
        }
        Ok(from..to)
    }

    /// Reads the tail once more.
    async fn tail(&self) -> Result<Vec<u8>, SessionError> {
        let key = self.key();
        let Some((bytes, etag)) = self.bucket.read_tagged(&key, LEAST_PART as usize + MAX_KEPT).await? else {
            return Err(SessionError::Unknown);
        };
        if self.condition != Condition::Is(etag) {
            return Err(moved(&key, &bytes));
        }
        Ok(Record::decode(&bytes).ok_or_else(|| damaged(&key))?.tail)
    }

    /// Replaces it. After [`SessionError::Error`] it may have been replaced all the same.
    pub async fn replace(&mut self, mut record: Record) -> Result<(), SessionError> {
        let (key, bytes) = (self.key(), record.encode());
        record.tail = Vec::new();
        // Whoever is told so while a long tail is still being sent may not hear it.
        let changed = match &self.condition {
            Condition::Is(etag) if bytes.len() > LONG => self.bucket.etag(&key).await?.as_ref() != Some(etag),
            _ => false,
        };
        let written = match changed {
            true => Err(Fault::Changed),
            false => self.bucket.write(&key, &bytes, &self.condition, None).await,
        };
        let etag = match written {
            Ok(etag) => etag,
            Err(fault) => match (self.bucket.read_tagged(&key, LEAST_PART as usize + MAX_KEPT).await?, fault)
            {
                // It was us, and the answer was lost.
                (Some((now, etag)), _) if now == bytes => etag,
                (_, Fault::Error(error) | Fault::NotImplemented(error) | Fault::OtherKind(error)) => {
                    return Err(error.into());
                }
                (Some((now, _)), _) => return Err(moved(&key, &now)),
                (None, _) => return Err(SessionError::Unknown),
            },
        };
        // Who writes the first one may be late: the upload has ended, and is not to begin again.
        if self.condition == Condition::Absent && !begun(self.bucket, &self.directory).await? {
            self.bucket.delete(&key).await?;
            return Err(SessionError::Unknown);
        }
        (self.condition, self.record) = (Condition::Is(etag), record);
        Ok(())
    }

    /// Whether an object begins with the bytes of the parts. They are read again: others may have joined some of the parts
    /// with bytes of their own. `tail` is what was read of the upload's.
    pub async fn begins(&self, key: &str, etag: &str, tail: &[u8]) -> Result<bool, Fault> {
        let record = &self.record;
        let size = record.in_parts() + tail.len() as u64;
        let kept = hash::decode(&hash::ALWAYS, &record.state).filter(|(offset, _)| *offset == size);
        let Some((_, kept)) = kept else { return Ok(false) };
        let mut hash = Hash::new(kept.algorithm());
        self.bucket.hash(key, etag, record.in_parts(), &mut hash).await?;
        hash.update(tail);
        Ok(hash.digest() == kept.digest())
    }

    /// Removes all that there is of the upload.
    pub async fn remove(&self) -> Result<(), Error> {
        // What a crash leaves is found by when it began, so that goes last.
        self.bucket.remove_all_but(layout::STARTED_AT, &self.directory).await?;
        self.bucket.delete(&layout::in_directory(&self.directory, layout::STARTED_AT)).await?;
        // Someone may have written this anew while he still saw that the upload had begun.
        self.bucket.delete(&self.key()).await
    }
}

fn moved(key: &str, head: &[u8]) -> SessionError {
    match Record::size_in(head) {
        Some(size) => SessionError::Moved(size),
        None => damaged(key).into(),
    }
}
