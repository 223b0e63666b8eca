use crate::bucket::{Bucket, Fault, Multipart};
use crate::task::Task;
use guest_store::{Error, Kind};
use s3::LEAST_PART;

/// An upload's bytes on their way into parts. While one part is sent the next is gathered, so there are two in memory.
pub struct Parts {
    bucket: &'static Bucket,
    /// What the parts are of.
    key: String,
    upload: Option<Multipart>,
    /// Whether the upload in parts was begun here, and nobody else knows of it.
    begun: bool,
    /// Lengths and entity tags of those that the bucket has.
    there: Vec<(u64, String)>,
    /// How many of them it had from the beginning.
    kept: usize,
    sending: Option<Sending>,
    buffer: Vec<u8>,
}

/// A part under way.
struct Sending {
    length: u64,
    sent: Task<(Vec<u8>, Result<String, Fault>)>,
}

impl Parts {
    /// Goes on behind parts that the bucket has, under an id of its own, with the bytes that follow on them.
    pub fn new(
        bucket: &'static Bucket,
        key: String,
        id: Option<String>,
        there: Vec<(u64, String)>,
        tail: Vec<u8>,
    ) -> Parts {
        let upload = id.map(|id| Multipart::known(bucket, &key, id));
        let kept = there.len();
        Parts { bucket, key, upload, begun: false, there, kept, sending: None, buffer: tail }
    }

    /// Makes the object another one, where the bucket knows of none yet.
    pub fn aim(&mut self, key: &str) {
        if self.upload.is_none() {
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
        self.there.iter().map(|(length, _)| length).sum::<u64>() + sending + self.buffer.len() as u64
    }

    /// What S3 calls the upload, and what it has of it.
    pub fn there(&self) -> (Option<&str>, &[(u64, String)]) {
        (self.upload.as_ref().map(Multipart::id), &self.there)
    }

    /// The bytes that no part has.
    pub fn tail(&self) -> &[u8] {
        &self.buffer
    }

    /// Adds bytes at the end.
    pub async fn add(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let size = self.bucket.settings.part_size as usize;
        while !bytes.is_empty() {
            if self.buffer.len() + bytes.len() > self.buffer.capacity() && self.buffer.len() >= size / 8 {
                // It will be full: room for all of it, at once.
                self.buffer.reserve_exact(size - self.buffer.len());
            }
            let (now, later) = bytes.split_at(bytes.len().min(size - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == size {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Begins to send what was gathered as a part, once the one before it is there.
    async fn send(&mut self) -> Result<(), Error> {
        let room = self.land().await?;
        let bytes = std::mem::replace(&mut self.buffer, room);
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let created = Multipart::create(self.bucket, &self.key).await;
                self.begun = true;
                self.upload.insert(created.map_err(|fault| self.lost(fault))?).clone()
            }
        };
        let (length, number) = (bytes.len() as u64, self.there.len() + 1);
        let sent = Task::spawn(async move {
            let etag = upload.put(number, &bytes).await;
            (bytes, etag)
        });
        self.sending = Some(Sending { length, sent });
        Ok(())
    }

    /// Waits until the part under way is there, and gives its memory back.
    async fn land(&mut self) -> Result<Vec<u8>, Error> {
        let Some(Sending { length, sent }) = self.sending.take() else { return Ok(Vec::new()) };
        let (mut bytes, mut etag) = sent.await;
        if matches!(etag, Err(Fault::Absent)) {
            let upload = self.begin_again().await?;
            etag = upload.put(self.there.len() + 1, &bytes).await;
        }
        self.there.push((length, etag.map_err(|fault| self.lost(fault))?));
        bytes.clear();
        Ok(bytes)
    }

    /// Waits until all but a tail that is too short for a part is there.
    pub async fn settle(&mut self) -> Result<(), Error> {
        self.land().await?;
        if self.buffer.len() as u64 >= LEAST_PART {
            self.send().await?;
            self.land().await?;
        }
        Ok(())
    }

    /// Makes the object of them, the tail being the last; `false` where there are no parts, for an object that small is
    /// better written at once.
    pub async fn complete(&mut self) -> Result<bool, Error> {
        self.land().await?;
        if self.there.is_empty() {
            return Ok(false);
        }
        if !self.buffer.is_empty() {
            self.send().await?;
            self.land().await?;
        }
        self.join().await?;
        Ok(true)
    }

    /// Makes an object of the parts that there are.
    async fn join(&mut self) -> Result<(), Error> {
        let Some(upload) = &self.upload else { return Ok(()) };
        let etags = |there: &[(u64, String)]| there.iter().map(|(_, etag)| etag.clone()).collect::<Vec<_>>();
        let mut joined = upload.complete(etags(&self.there).into_iter()).await;
        if matches!(joined, Err(Fault::Absent)) {
            let upload = self.begin_again().await?;
            joined = upload.complete(etags(&self.there).into_iter()).await;
        }
        joined.map_err(|fault| self.lost(fault))
    }

    /// Makes an object of the parts that were there from the beginning, to be read. Whoever goes on with the upload finds
    /// that S3 has forgotten it, and begins again with that object.
    pub async fn for_reading(&mut self) -> Result<(), Error> {
        let Some(upload) = &self.upload else { return Ok(()) };
        match upload.complete(self.there.iter().map(|(_, etag)| etag.clone())).await {
            Err(Fault::Absent) if self.has_object().await? => Ok(()),
            joined => joined.map_err(|fault| self.lost(fault)),
        }
    }

    /// Whether there is an object that begins with the parts: S3 has made it of them, and of what came after them.
    async fn has_object(&self) -> Result<bool, Error> {
        let length = self.there[..self.kept].iter().map(|(length, _)| length).sum();
        Ok(self.bucket.size(&self.key).await?.is_some_and(|size| size >= length))
    }

    /// Begins the upload anew where S3 has forgotten it, since an object was made of it: the parts that were kept are
    /// copied from that.
    async fn begin_again(&mut self) -> Result<Multipart, Error> {
        if self.there.len() > self.kept || !self.has_object().await? {
            return Err(self.lost(Fault::Absent));
        }
        let upload = Multipart::create(self.bucket, &self.key).await.map_err(|fault| self.lost(fault))?;
        let lengths: Vec<u64> = self.there.iter().map(|(length, _)| *length).collect();
        let etags = upload.copy_parts(&self.key, &lengths).await.map_err(|fault| self.lost(fault))?;
        self.there = lengths.into_iter().zip(etags).collect();
        self.begun = true;
        Ok(self.upload.insert(upload).clone())
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
    pub async fn forget(self) -> Result<(), Error> {
        match &self.upload {
            Some(upload) => upload.abort().await,
            None => Ok(()),
        }
    }

    fn lost(&self, fault: Fault) -> Error {
        match fault {
            Fault::Absent => {
                let why =
                    "the bucket has forgotten the parts of this upload: a rule of its lifecycle, perhaps";
                Error::new(Kind::Failed, "go on with", &self.key, why)
            }
            fault => fault.unexpected("upload", &self.key),
        }
    }
}
