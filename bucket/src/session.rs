//! An upload that someone writes to.
//!
//! There is what is [kept] of it between two requests: the parts that S3 has, the bytes that follow on them, and the state of
//! the hash over both. And there are the [parts] themselves, which are sent while the bytes come.
//!
//! [kept]: crate::kept
//! [parts]: crate::parts

use crate::bucket::{Bucket, Fault};
use crate::kept::Kept;
use crate::parts::Parts;
use names::{Algorithm, Digest};
use objects::{Error, Session, SessionError};
use platform::drain;
use s3::Condition;

/// How many bytes of an upload are handed on at a time where they are read again.
const CHUNK: usize = 256 << 10;

/// An upload, opened for writing.
pub struct Upload {
    bucket: &'static Bucket,
    parts: Parts,
    /// How many bytes the parts had when it was opened.
    in_parts: u64,
    state: Vec<u8>,
    /// Why nothing can be added to it any more. What comes then is of no use.
    ended: Option<SessionError>,
}

impl Upload {
    /// Opens an upload.
    pub async fn open(bucket: &'static Bucket, directory: &str) -> Result<Upload, SessionError> {
        let kept = Kept::read(bucket, directory).await?;
        let (in_parts, state) = (kept.0.record().in_parts(), kept.0.record().state.clone());
        Ok(Upload { bucket, parts: Parts::new(bucket, kept), in_parts, state, ended: None })
    }

    /// Forgets the upload.
    pub async fn end(self) -> Result<(), SessionError> {
        Ok(self.parts.forget().await?)
    }

    /// Makes the upload's bytes the object `key`.
    async fn make(&mut self, key: &str) -> Result<(), SessionError> {
        let size = self.parts.size();
        let Some(etag) = self.parts.complete(key).await? else {
            // Whoever publishes has hashed it, and S3 does so once more.
            let digest = layout::blob_digest(key).filter(|digest| digest.algorithm() == Algorithm::Sha256);
            let hash = digest.as_ref().map(Digest::hex);
            let written = self.bucket.write(key, self.parts.tail(), &Condition::Whatever, hash).await;
            return written.map(drop).map_err(|fault| fault.unexpected("write", key).into());
        };
        if self.parts.key() == key || self.bucket.size(key).await? == Some(size) {
            return Ok(());
        }
        // Only what we have made: someone else may have made an object of the same upload.
        let Err(fault) = self.bucket.copy(self.parts.key(), &etag, key, size).await else { return Ok(()) };
        if self.bucket.size(key).await? == Some(size) {
            // He had the same bytes.
            return Ok(());
        }
        // It was there a moment ago.
        let fault = if let Fault::Absent = fault { Fault::Changed } else { fault };
        Err(self.parts.stopped(fault).await)
    }
}

impl Session for Upload {
    fn size(&self) -> u64 {
        self.parts.size()
    }

    fn state(&self) -> Option<Vec<u8>> {
        Some(self.state.clone())
    }

    async fn read(
        &mut self,
        offset: u64,
        mut each: impl AsyncFnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let skipped = usize::try_from(offset.saturating_sub(self.in_parts)).unwrap_or(usize::MAX);
        let tail = self.parts.tail().get(skipped..).unwrap_or_default().to_vec();
        if let length @ 1.. = self.in_parts.saturating_sub(offset) {
            let (mut came, mut parts) = (0, self.parts.read(offset, length).await?);
            let counted = async |bytes: Vec<u8>| {
                came += bytes.len() as u64;
                each(bytes).await
            };
            drain(&mut parts, CHUNK, counted).await?;
            // What comes after bytes that are missing would be taken for them.
            if came < length {
                return Ok(());
            }
        }
        each(tail).await
    }

    fn aim(&mut self, key: &str) {
        self.parts.aim(key);
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        if self.ended.is_some() {
            return Ok(());
        }
        match self.parts.add(&bytes).await {
            Err(SessionError::Error(error)) => Err(error),
            // Whoever sends the bytes is told when they have come.
            Err(ended) => {
                self.ended = Some(ended);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn save(mut self, state: &[u8]) -> Result<(), SessionError> {
        let settled = match self.ended.take() {
            Some(ended) => Err(ended),
            None => self.parts.settle().await,
        };
        if let Err(error) = settled {
            self.undo().await;
            return Err(error);
        }
        let saved = self.parts.save(state).await;
        // Anything else may have been written all the same, and then it is these parts that count.
        if let Err(SessionError::Moved(_) | SessionError::Unknown) = saved {
            self.undo().await;
        }
        saved
    }

    async fn undo(self) {
        if let Err(error) = self.parts.undo().await {
            platform::log!("an upload is not as it was: {error}");
        }
    }

    async fn publish(mut self, key: &str) -> Result<(), SessionError> {
        let made = match self.ended.take() {
            Some(ended) => Err(ended),
            None => self.make(key).await,
        };
        if let Err(error) = made {
            self.undo().await;
            return Err(error);
        }
        if let Err(error) = self.parts.remove().await {
            platform::log!("a finished upload is not cleared away: {error}");
        }
        Ok(())
    }
}
