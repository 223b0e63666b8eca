//! An upload that someone writes to.
//!
//! An upload has an object of its own, [`layout::SESSION`], that says what there is of it: the parts that S3 keeps, the
//! bytes that follow on them, and the state of the hash over both. It is replaced whole, and only where it still is the
//! one that was read: of two who write at the same time one finds that the upload has moved. Should both have sent the same
//! part, its entity tag tells whose it is, and S3 completes no upload with another's.

use crate::bucket::{Bucket, Fault};
use crate::parts::Parts;
use crate::wasi_bindings::wit_stream;
use guest_store::{Error, Kind, Session, SessionError};
use names::{Algorithm, Digest};
use s3::{Condition, HEAD, LEAST_PART, Record};
use wit_bindgen::{StreamReader, StreamResult};

/// What is kept of an upload beside its tail has at most so many bytes: 10 000 parts, and the state of a hash.
const MAX_KEPT: usize = 2 << 20;

/// Of how many bytes on a request is not sent at once.
const LONG: usize = 64 << 10;

/// How many bytes of an upload are handed on at a time where they are read again.
const CHUNK: usize = 256 << 10;

/// How many bytes an upload has; none where there is none.
pub async fn size(bucket: &Bucket, directory: &str) -> Result<Option<u64>, Error> {
    let key = layout::in_directory(directory, layout::SESSION);
    match bucket.read_head(&key, HEAD).await? {
        Some(head) => match Record::size_in(&head) {
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

/// An upload, opened for writing.
pub struct Upload {
    bucket: &'static Bucket,
    directory: String,
    /// What the object that tells of the upload has to be when it is replaced.
    condition: Condition,
    /// How many bytes the parts had when it was opened.
    in_parts: u64,
    state: Vec<u8>,
    parts: Parts,
}

impl Upload {
    /// Opens an upload.
    pub async fn open(bucket: &'static Bucket, directory: &str) -> Result<Upload, SessionError> {
        let key = layout::in_directory(directory, layout::SESSION);
        let kept = bucket.read_tagged(&key, LEAST_PART as usize + MAX_KEPT).await?;
        let (record, condition) = match kept {
            Some((bytes, etag)) => {
                (Record::decode(&bytes).ok_or_else(|| damaged(&key))?, Condition::Is(etag))
            }
            None if begun(bucket, directory).await? => (Record::default(), Condition::Absent),
            None => return Err(SessionError::Unknown),
        };
        let in_parts = record.in_parts();
        let Record { upload, parts, state, tail } = record;
        let data = layout::in_directory(directory, layout::DATA);
        let parts = Parts::new(bucket, data, upload, parts, tail);
        Ok(Upload { bucket, directory: directory.to_owned(), condition, in_parts, state, parts })
    }

    /// Forgets the upload.
    pub async fn end(self) -> Result<(), SessionError> {
        self.parts.forget().await?;
        Ok(self.bucket.remove_all(&self.directory).await?)
    }

    /// Replaces what tells of the upload.
    async fn keep(&self, state: &[u8]) -> Result<(), SessionError> {
        let key = layout::in_directory(&self.directory, layout::SESSION);
        let (id, there) = self.parts.there();
        let record = Record {
            upload: id.map(str::to_owned),
            parts: there.to_vec(),
            state: state.to_vec(),
            tail: self.parts.tail().to_vec(),
        };
        let bytes = record.encode();
        // Whoever is told so while a long tail is still being sent may not hear it.
        let moved = match &self.condition {
            Condition::Is(etag) if bytes.len() > LONG => self.bucket.etag(&key).await?.as_ref() != Some(etag),
            _ => false,
        };
        let written = match moved {
            true => Err(Fault::Changed),
            false => self.bucket.write(&key, &bytes, &self.condition, None).await,
        };
        match written {
            Ok(_) => Ok(()),
            Err(Fault::Changed | Fault::Absent) => {
                match self.bucket.read_tagged(&key, LEAST_PART as usize + MAX_KEPT).await? {
                    // It was us, and the answer was lost.
                    Some((now, _)) if now == bytes => Ok(()),
                    Some((now, _)) => {
                        Err(SessionError::Moved(Record::size_in(&now).ok_or_else(|| damaged(&key))?))
                    }
                    None => Err(SessionError::Unknown),
                }
            }
            Err(Fault::Error(error)) => Err(error.into()),
        }
    }

    /// Makes the upload's bytes the object `key`.
    async fn make(&mut self, key: &str) -> Result<(), Error> {
        let size = self.parts.size();
        if !self.parts.complete().await? {
            // Whoever publishes has hashed it, and S3 does so once more.
            let digest = layout::blob_digest(key).filter(|digest| digest.algorithm() == Algorithm::Sha256);
            let hash = digest.as_ref().map(Digest::hex);
            let written = self.bucket.write(key, self.parts.tail(), &Condition::Whatever, hash).await;
            return written.map(drop).map_err(|fault| fault.unexpected("write", key));
        }
        if self.parts.key() == key || self.bucket.size(key).await? == Some(size) {
            return Ok(());
        }
        let data = layout::in_directory(&self.directory, layout::DATA);
        self.bucket.copy(&data, key, size).await.map_err(|fault| fault.unexpected("copy", &data))
    }
}

impl Session for Upload {
    fn size(&self) -> u64 {
        self.parts.size()
    }

    fn state(&self) -> Option<Vec<u8>> {
        Some(self.state.clone())
    }

    async fn bytes(&mut self, offset: u64) -> Result<StreamReader<u8>, Error> {
        let skipped = usize::try_from(offset.saturating_sub(self.in_parts)).unwrap_or(usize::MAX);
        let tail = self.parts.tail().get(skipped..).unwrap_or_default().to_vec();
        let source = match self.in_parts.saturating_sub(offset) {
            0 => None,
            length => {
                self.parts.for_reading().await?;
                let data = layout::in_directory(&self.directory, layout::DATA);
                Some((self.bucket.stream(&data, offset, length).await?, length))
            }
        };
        let (mut writer, reader) = wit_stream::new();
        guest_task::spawn(async move {
            if let Some((mut source, mut left)) = source {
                let mut chunk = Vec::with_capacity(CHUNK);
                loop {
                    let (result, read) = source.read(chunk).await;
                    left -= left.min(read.len() as u64);
                    chunk = writer.write_all(read).await;
                    if !chunk.is_empty() {
                        return;
                    }
                    if result == StreamResult::Dropped {
                        break;
                    }
                }
                // What comes after bytes that are missing would be taken for them.
                if left > 0 {
                    return;
                }
            }
            // Whoever reads may have gone away.
            let _ = writer.write_all(tail).await;
        });
        Ok(reader)
    }

    fn aim(&mut self, key: &str) {
        self.parts.aim(key);
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        self.parts.add(&bytes).await
    }

    async fn save(mut self, state: &[u8]) -> Result<(), SessionError> {
        let kept = match self.parts.settle().await {
            Ok(()) => self.keep(state).await,
            Err(error) => Err(error.into()),
        };
        if kept.is_err() {
            self.undo().await?;
        }
        kept
    }

    async fn undo(self) -> Result<(), Error> {
        self.parts.undo().await
    }

    async fn publish(mut self, key: &str) -> Result<(), SessionError> {
        if let Err(error) = self.make(key).await {
            self.undo().await?;
            return Err(error.into());
        }
        if let Err(error) = self.bucket.remove_all(&self.directory).await {
            guest_log::log!("a finished upload is not cleared away: {error}");
        }
        Ok(())
    }
}
