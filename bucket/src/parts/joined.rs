//! The object that is made of parts.

use super::Parts;
use crate::bucket::Fault;
use objects::{Error, SessionError};
use platform::Stream;
use tree::hash::Hash;

impl Parts {
    /// Makes an object of the parts that there are, and returns its entity tag.
    pub(super) async fn join(&mut self, target: &str) -> Result<String, SessionError> {
        let upload = self.upload().await?;
        let fault = match upload.complete(&self.there).await {
            Ok(Some(etag)) => return Ok(etag),
            // It may be there, and an answer was lost; or of two who end it the other one was quicker.
            Ok(None) => Fault::Absent,
            Err(fault @ (Fault::Absent | Fault::Lost)) => fault,
            Err(fault) => return Err(self.stopped(fault).await),
        };
        if let Some(etag) = self.made(target).await? {
            return Ok(etag);
        }
        // What is there is what he makes, of other bytes, and not to be removed.
        let is_anothers = matches!(fault, Fault::Lost) && self.bucket.etag(&self.key).await?.is_some();
        Err(self.stopped(if is_anothers { Fault::Changed } else { fault }).await)
    }

    /// The entity tag of the object, if it has the bytes that are to be published as `target`.
    async fn made(&self, target: &str) -> Result<Option<String>, Error> {
        let Some((size, etag)) = self.bucket.head(&self.key).await? else { return Ok(None) };
        if size != self.size() {
            return Ok(None);
        }
        if self.key == target {
            // Nobody publishes any others there.
            return Ok(Some(etag));
        }
        let Some(digest) = layout::blob_digest(target) else { return Ok(None) };
        let mut hash = Hash::new(digest.algorithm());
        match self.bucket.hash(&self.key, &etag, size, &mut hash).await {
            Ok(()) => Ok((hash.digest() == digest).then_some(etag)),
            Err(Fault::Error(error) | Fault::NotImplemented(error) | Fault::OtherKind(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// `length` bytes of the parts that were there from the beginning, up to their end. An object is made of these for it:
    /// whoever goes on with the upload finds that S3 has forgotten it, and begins again with that object.
    pub async fn read(&mut self, offset: u64, length: u64) -> Result<Stream, Error> {
        self.known = false;
        let mut fault = Fault::Absent;
        if let Some(upload) = &self.upload {
            match upload.complete(&self.there).await {
                Ok(_) | Err(Fault::Absent) => {}
                Err(Fault::Lost) => fault = Fault::Lost,
                Err(fault) => return Err(self.unreadable(fault).await),
            }
        }
        let Some(etag) = self.object().await? else { return Err(self.unreadable(fault).await) };
        match self.bucket.stream_of((&self.key, &etag), offset, length).await {
            Ok(stream) => {
                // What is hashed is what is copied.
                self.joined = (offset == 0).then_some(etag);
                Ok(stream)
            }
            Err(fault) => Err(self.unreadable(fault).await),
        }
    }

    async fn unreadable(&mut self, fault: Fault) -> Error {
        match self.stopped(fault).await {
            SessionError::Error(error) => error,
            _ => Fault::Changed.unexpected("read", &self.key),
        }
    }

    /// The entity tag of an object that may begin with the parts: S3 has made it of them, and of what came after them.
    pub(super) async fn object(&self) -> Result<Option<String>, Error> {
        let length = self.kept.record().in_parts();
        let found = self.bucket.head(&self.key).await?;
        Ok(found.filter(|(size, _)| *size >= length).map(|(_, etag)| etag))
    }
}
