//! An upload's bytes on their way into parts.
//!
//! S3 replaces a part by another of the same number, whoever sends it. So nobody sends one with a number that another may
//! use: who has begun the multipart upload is alone with it until he saves, who goes on with it [takes
//! numbers](Kept::take_numbers) first, and the part that an upload ends with draws one that is kept for those. S3 replaces
//! objects as well, so each multipart upload makes one of its own, and the first who completes it makes that. Where a service does not
//! keep uploads apart (Azure) no two of them have the same object in mind, and no two parts one name.

mod joined;

use crate::bucket::{Bucket, Fault};
use crate::kept::{Kept, LAST, NUMBERED};
use crate::memory::Share;
use crate::multipart::Multipart;
use objects::{Error, Kind, SessionError};
use platform::{Task, random};
use s3::{LEAST_PART, Part, Record, Source};
use std::ops::Range;

/// An upload's bytes on their way into parts. While one part is sent the next is gathered, so there are two in memory; but not
/// while others keep much there, and then parts are as small as they may be.
pub struct Parts {
    bucket: &'static Bucket,
    kept: Kept,
    /// What the parts are of.
    key: String,
    /// And its number, where it has one.
    data: Option<u64>,
    upload: Option<Multipart>,
    /// Whether the upload in parts was begun here, and nobody else knows of it.
    begun: bool,
    /// Whether S3 knows the upload: it may have made an object of it since it was begun.
    known: bool,
    /// Those that the bucket has.
    there: Vec<Part>,
    /// The numbers that parts of ours may have.
    numbers: Range<u32>,
    /// The highest number that any may have been sent with.
    used: u32,
    /// The entity tag of the object that begins with the parts, where all of them were read of it.
    joined: Option<String>,
    sending: Option<Sending>,
    buffer: Vec<u8>,
    /// With how many bytes that were kept the buffer begins, until a part is sent.
    tail: Option<usize>,
    /// How much of this is in memory.
    share: Share,
}

/// A part under way.
struct Sending {
    number: u32,
    length: u64,
    sent: Task<(Vec<u8>, Result<String, Fault>)>,
}

impl Parts {
    /// Goes on with what is kept of an upload.
    pub fn new(bucket: &'static Bucket, (kept, buffer): (Kept, Vec<u8>)) -> Parts {
        let record = kept.record();
        let (data, key) = (record.data, kept.data(record.data));
        let (there, used, tail) = (record.parts.clone(), record.used, Some(buffer.len()));
        let upload = record.upload.clone().map(|id| Multipart::known(bucket, &key, id));
        let (begun, known, numbers) = (false, false, 0..0);
        let (joined, sending) = (None, None);
        let mut parts = Parts {
            bucket,
            kept,
            key,
            data,
            upload,
            begun,
            known,
            there,
            numbers,
            used,
            joined,
            sending,
            buffer,
            tail,
            share: Share::new(&bucket.memory),
        };
        parts.count();
        parts
    }

    /// Makes the object another one, where the bucket knows of none yet.
    pub fn aim(&mut self, key: &str) {
        if self.upload.is_none() && self.bucket.settings.service.keeps_uploads_apart() {
            self.key = key.to_owned();
        }
    }

    /// What the parts are of.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How many bytes there are in all.
    pub fn size(&self) -> u64 {
        let sending = self.sending.as_ref().map_or(0, |sending| sending.length);
        self.there.iter().map(|part| part.length).sum::<u64>() + sending + self.buffer.len() as u64
    }

    /// The bytes that no part has.
    pub fn tail(&self) -> &[u8] {
        &self.buffer
    }

    /// Adds bytes at the end.
    pub async fn add(&mut self, mut bytes: &[u8]) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            let size = self.bucket.part_size(self.used);
            if self.buffer.len() + bytes.len() > self.buffer.capacity() && self.buffer.len() >= size / 8 {
                // It will be full: room for all of it, at once.
                self.buffer.reserve_exact(size - self.buffer.len());
            }
            let (now, later) = bytes.split_at(bytes.len().min(size.saturating_sub(self.buffer.len())));
            self.buffer.extend_from_slice(now);
            self.count();
            bytes = later;
            if self.buffer.len() >= size {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Counts what is in memory.
    fn count(&mut self) {
        let sending = self.sending.as_ref().map_or(0, |sending| sending.length);
        self.share.set(self.buffer.len() as u64 + sending);
    }

    /// Begins to send what was gathered as a part, once the one before it is there.
    async fn send(&mut self) -> Result<(), SessionError> {
        let room = self.land().await?;
        let upload = self.upload().await?;
        let number = self.number().await?;
        self.send_as(upload, number, room);
        if self.bucket.memory.is_pressed() {
            // Nothing is gathered while this is sent.
            self.buffer = self.land().await?;
        }
        Ok(())
    }

    fn send_as(&mut self, upload: Multipart, number: u32, room: Vec<u8>) {
        let bytes = std::mem::replace(&mut self.buffer, room);
        self.tail = None;
        let length = bytes.len() as u64;
        let sent = Task::spawn(async move {
            let etag = upload.put(number, &bytes).await;
            (bytes, etag)
        });
        self.sending = Some(Sending { number, length, sent });
        self.count();
    }

    /// The upload in parts, begun where there is none.
    async fn upload(&mut self) -> Result<Multipart, SessionError> {
        let upload = match &self.upload {
            Some(upload) if self.known || upload.is_known().await? => upload.clone(),
            Some(_) => self.begin_again().await?,
            None => self.begin().await?,
        };
        self.known = true;
        Ok(upload)
    }

    async fn begin(&mut self) -> Result<Multipart, SessionError> {
        if !self.bucket.settings.service.keeps_uploads_apart() {
            self.rename();
        }
        let created = Multipart::create(self.bucket, &self.key).await;
        let upload = created.map_err(|fault| fault.unexpected("begin to upload", &self.key))?;
        (self.upload, self.begun, self.numbers) = (Some(upload.clone()), true, NUMBERED);
        Ok(upload)
    }

    /// Makes the object one that no other upload makes, and returns which one it was.
    fn rename(&mut self) -> String {
        self.data = Some(random());
        std::mem::replace(&mut self.key, self.kept.data(self.data))
    }

    /// A number that no part has but the one that is sent with it.
    async fn number(&mut self) -> Result<u32, SessionError> {
        if self.numbers.is_empty() && !self.begun {
            let tail = self.tail.map(|length| &self.buffer[..length]);
            self.numbers = self.kept.take_numbers(tail).await?;
        }
        let Some(number) = self.numbers.next() else {
            let most = NUMBERED.end - 1;
            let chunksize = self.bucket.settings.service.names().chunksize;
            let why = format!("it would have more than {most} parts: make {chunksize} larger");
            return Err(Error::new(Kind::Failed, "upload", &self.key, why).into());
        };
        self.used = number;
        Ok(number)
    }

    /// Waits until the part under way is there, and gives its memory back.
    async fn land(&mut self) -> Result<Vec<u8>, SessionError> {
        let Some(Sending { number, length, sent }) = self.sending.take() else { return Ok(Vec::new()) };
        let (mut bytes, etag) = sent.await;
        match etag {
            Ok(etag) => self.there.push(Part { number, length, etag }),
            Err(fault) => return Err(self.stopped(fault).await),
        }
        bytes.clear();
        if self.bucket.memory.is_pressed() {
            bytes.shrink_to(LEAST_PART as usize);
        }
        self.count();
        Ok(bytes)
    }

    /// Waits until all but a tail that is too short for a part is there.
    pub async fn settle(&mut self) -> Result<(), SessionError> {
        self.land().await?;
        if self.buffer.len() as u64 >= LEAST_PART {
            self.send().await?;
            self.land().await?;
        }
        Ok(())
    }

    /// Makes what is there count, with the state that belongs to it. It is the last that is done with it.
    pub async fn save(&mut self, state: &[u8]) -> Result<(), SessionError> {
        let record = Record {
            upload: self.upload.as_ref().map(|upload| upload.id().to_owned()),
            data: self.data,
            parts: self.there.clone(),
            used: self.used,
            writer: None,
            state: state.to_vec(),
            tail: std::mem::take(&mut self.buffer),
        };
        self.kept.replace(record).await
    }

    /// Makes the object of them, the tail being the last, to be published as `target`, and returns its entity tag; none
    /// where there are no parts, for an object that small is better written at once.
    pub async fn complete(&mut self, target: &str) -> Result<Option<String>, SessionError> {
        self.land().await?;
        if self.there.is_empty() {
            return Ok(None);
        }
        if !self.buffer.is_empty() {
            let upload = self.upload().await?;
            let drawn = random() % u64::from(LAST.end - LAST.start);
            self.send_as(upload, LAST.start + drawn as u32, Vec::new());
            self.land().await?;
        }
        self.join(target).await.map(Some)
    }

    /// Begins the upload anew where S3 has forgotten it, since an object was made of it: the parts that were kept are
    /// copied from that.
    async fn begin_again(&mut self) -> Result<Multipart, SessionError> {
        if self.there.len() > self.kept.record().parts.len() {
            return Err(self.stopped(Fault::Absent).await);
        }
        let etag = match self.joined.take() {
            Some(etag) => etag,
            None => {
                let Some(etag) = self.object().await? else { return Err(self.stopped(Fault::Absent).await) };
                match self.kept.begins(&self.key, &etag, &self.buffer[..self.tail.unwrap_or_default()]).await
                {
                    Ok(true) => etag,
                    Ok(false) => return Err(self.stopped(Fault::Lost).await),
                    Err(fault) => return Err(self.stopped(fault).await),
                }
            }
        };
        let from = self.rename();
        let upload = self.begin().await?;
        let lengths: Vec<u64> = self.there.iter().map(|part| part.length).collect();
        match upload.copy_parts(Source { key: &from, etag: &etag }, &lengths).await {
            Ok(parts) => self.there = parts,
            Err(fault) => return Err(self.stopped(fault).await),
        }
        self.used = self.there.len() as u32;
        self.numbers = self.used + 1..NUMBERED.end;
        Ok(upload)
    }

    /// Waits for the part under way, and forgets what only we know of.
    pub async fn undo(mut self) -> Result<(), Error> {
        if let Some(Sending { sent, .. }) = self.sending.take() {
            let _ = sent.await;
        }
        match &self.upload {
            Some(upload) if self.begun => upload.abort().await,
            _ => Ok(()),
        }
    }

    /// Forgets all of it.
    pub async fn forget(&self) -> Result<(), Error> {
        if let Some(upload) = &self.upload {
            upload.abort().await?;
        }
        self.remove().await
    }

    /// Removes what is kept of it.
    pub async fn remove(&self) -> Result<(), Error> {
        self.kept.remove().await
    }

    /// Why it cannot be gone on with after this: because of others, where there are any.
    pub async fn stopped(&self, fault: Fault) -> SessionError {
        if let Fault::Error(error) | Fault::NotImplemented(error) | Fault::OtherKind(error) = fault {
            return error.into();
        }
        if let Err(error) = self.kept.look().await {
            return error;
        }
        match fault {
            Fault::Lost => {
                platform::log!("{}: parts of this upload are gone, and it is removed", self.key);
                match self.forget().await {
                    Ok(()) => SessionError::Unknown,
                    Err(error) => error.into(),
                }
            }
            Fault::Absent => {
                let why =
                    "the bucket has forgotten the parts of this upload: a rule of its lifecycle, perhaps";
                Error::new(Kind::Failed, "go on with", &self.key, why).into()
            }
            fault => fault.unexpected("upload", &self.key).into(),
        }
    }
}
