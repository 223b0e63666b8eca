use crate::bucket::{Bucket, Fault, found};
use crate::service::State;
use crate::tries::MAX_SMALL;
use crate::write::CLEARED;
use futures_util::{StreamExt, TryStreamExt, stream};
use objects::{Error, Kind};
use platform::{elapsed, wait};
use s3::{MAX_PART, Part, Source, WORKED, upload_id};
use std::time::Duration;

/// How long to wait until it is looked at again whether something was copied: at first, and at most.
const COPIED_AFTER: Duration = Duration::from_millis(20);
const COPIED_AT_MOST_AFTER: Duration = Duration::from_secs(2);

/// What an upload is called that the bucket is not told of.
const UNTOLD: &str = "untold";

/// An object that is made of parts. It appears when it is completed; until then the bucket keeps the parts under an id.
#[derive(Clone)]
pub struct Multipart {
    bucket: &'static Bucket,
    key: String,
    id: String,
}

impl Multipart {
    /// Begins one.
    pub async fn create(bucket: &'static Bucket, key: &str) -> Result<Multipart, Fault> {
        let Some(request) = bucket.settings.service.create_upload(key) else {
            return Ok(Multipart::known(bucket, key, UNTOLD.to_owned()));
        };
        let body = bucket.ask_all(&request, &[], MAX_SMALL).await?;
        match upload_id(&body) {
            Some(id) => Ok(Multipart::known(bucket, key, id)),
            None => {
                let endpoint = bucket.settings.service.names().endpoint;
                let why = format!("the answer is not what is said of it there; look at {endpoint}");
                Err(Fault::Error(Error::new(Kind::Failed, "begin to upload", key, why)))
            }
        }
    }

    /// One that was begun earlier.
    pub fn known(bucket: &'static Bucket, key: &str, id: String) -> Multipart {
        Multipart { bucket, key: key.to_owned(), id }
    }

    /// What the bucket calls it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the bucket still knows it. To be asked before a part is sent to one that was begun earlier: a server may answer
    /// that it knows no such upload, and close the connection while the part is still being sent, and then the answer is
    /// lost.
    pub async fn is_known(&self) -> Result<bool, Error> {
        let request = self.bucket.settings.service.look_at_upload(&self.key, &self.id);
        let Some(request) = request else { return Ok(true) };
        Ok(found(self.bucket.ask(&request, &[]).await, "look at the upload of", &self.key)?.is_some())
    }

    /// Writes a part; what tells it from others comes back. [`Fault::Absent`] when the bucket no longer knows the upload.
    pub async fn put(&self, number: u32, bytes: &[u8]) -> Result<String, Fault> {
        let (request, name) = self.bucket.settings.service.upload_part(&self.key, &self.id, number);
        let answer = self.bucket.ask(&request, bytes).await?;
        Ok(name.or_else(|| answer.header("etag")).unwrap_or_default())
    }

    /// Makes a part of some of another object's bytes.
    async fn copy(&self, number: u32, from: Source<'_>, offset: u64, length: u64) -> Result<Part, Fault> {
        let part = (&*self.id, number);
        let request = self.bucket.settings.service.copy_part(&self.key, part, from, offset, length);
        let request = request.map_err(Fault::Error)?;
        let etag = self.bucket.ask_done(&request, &[]).await?.0.unwrap_or_default();
        Ok(Part { number, length, etag })
    }

    /// Makes parts of an object's first bytes, of these lengths, several at a time, and numbers them from 1 on.
    pub async fn copy_parts(&self, from: Source<'_>, lengths: &[u64]) -> Result<Vec<Part>, Fault> {
        let offsets = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end - length)
        });
        let parts = (1..).zip(offsets.zip(lengths));
        let copied = stream::iter(parts)
            .map(async |(number, (offset, length))| self.copy(number, from, offset, *length).await);
        copied.buffered(self.bucket.settings.copies_at_once).try_collect().await
    }

    /// Makes the object; its entity tag comes back, where S3 tells it. [`Fault::Absent`] when S3 no longer knows the
    /// upload. Some servers know no upload that was completed, and take any object there for what became of it.
    pub async fn complete(&self, parts: &[Part]) -> Result<Option<String>, Fault> {
        let (request, body) = self.bucket.settings.service.complete_upload(&self.key, &self.id, parts);
        Ok(self.bucket.ask_done(&request, body.as_bytes()).await?.0)
    }

    /// Forgets it, if the bucket still knows it.
    pub async fn abort(&self) -> Result<(), Error> {
        let request = self.bucket.settings.service.abort_upload(&self.key, &self.id);
        let Some(request) = request else { return Ok(()) };
        found(self.bucket.ask(&request, &[]).await, "abort the upload of", &self.key).map(drop)
    }
}

impl Bucket {
    /// Copies an object of this size, at once or in parts, as long as it has this entity tag. The copy appears whole.
    pub async fn copy(&'static self, from: &str, etag: &str, to: &str, size: u64) -> Result<(), Fault> {
        let from = Source { key: from, etag };
        if size <= self.settings.copy_threshold {
            return self.copy_at_once(from, to, size).await;
        }
        let each = self.settings.copy_part_size.max(size.div_ceil(u64::from(MAX_PART)));
        let lengths: Vec<u64> = (0..size.div_ceil(each)).map(|part| each.min(size - part * each)).collect();
        let upload = Multipart::create(self, to).await?;
        let copied = match upload.copy_parts(from, &lengths).await {
            Ok(parts) => upload.complete(&parts).await,
            Err(fault) => Err(fault),
        };
        match copied {
            // The first try was answered, and its answer lost.
            Err(Fault::Absent) if self.size(to).await.map_err(Fault::Error)? == Some(size) => Ok(()),
            Err(fault) => {
                if let Err(error) = upload.abort().await {
                    platform::log!("parts are left behind in the bucket: {error}");
                }
                Err(fault)
            }
            Ok(_) => Ok(()),
        }
    }

    async fn copy_at_once(&self, from: Source<'_>, to: &str, size: u64) -> Result<(), Fault> {
        let request = self.settings.service.copy(from, to);
        for _ in 0..CLEARED {
            let fault = match self.ask_done(&request, &[]).await {
                Ok((_, state)) => return self.is_copied(to, state).await,
                Err(fault) => fault,
            };
            let Ok(Some(there)) = self.look(to).await else { return Err(fault) };
            match (there.state, fault) {
                // Someone else copies it; or it is us, and an answer was lost.
                (State::Pending, _) => return self.is_copied(to, State::Pending).await,
                (State::Whole, _) if there.length == Some(size) => return Ok(()),
                // Nobody has made that of it, but who has left it half written.
                (_, Fault::OtherKind(_)) => self.clear(to, &there.etag).await?,
                (_, fault) => return Err(fault),
            }
        }
        Err(Fault::Changed)
    }

    /// Waits until an object is there whole that the bucket was told to copy.
    async fn is_copied(&self, to: &str, mut state: State) -> Result<(), Fault> {
        let failed = |why: &str| Fault::Error(Error::new(Kind::Unavailable, "copy to", to, why));
        let (from, mut pause) = (elapsed(), COPIED_AFTER);
        loop {
            match state {
                State::Whole => return Ok(()),
                State::Failed => return Err(failed("the bucket gave it up")),
                State::Pending if elapsed() - from > WORKED.as_nanos() as u64 => {
                    return Err(failed("the bucket is still at it"));
                }
                State::Pending => wait(pause.as_nanos() as u64).await,
            }
            pause = (2 * pause).min(COPIED_AT_MOST_AFTER);
            let there = self.look(to).await.map_err(Fault::Error)?;
            state = there.map_or(State::Failed, |there| there.state);
        }
    }
}
