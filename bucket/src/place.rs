//! What a store needs, of a bucket.

use crate::bucket::{Bucket, Fault};
use crate::kept;
use crate::session::Upload;
use objects::{Error, Listing, Object, Objects, Options, SessionError, Small};
use platform::Stream;
use s3::Condition;
use tree::{MAX_LINK, Unit};

/// An object in the bucket, looked at but not asked for yet.
#[derive(Clone)]
pub struct Found {
    bucket: &'static Bucket,
    key: String,
    size: u64,
}

impl Object for Found {
    fn size(&self) -> u64 {
        self.size
    }

    fn elsewhere(&self) -> Option<String> {
        self.bucket.url(&self.key)
    }

    async fn read(&self, offset: u64, length: u64) -> Result<Stream, Error> {
        self.bucket.stream(&self.key, offset, length).await
    }
}

impl Objects for Bucket {
    type Object = Found;
    type Session = Upload;

    fn options(&self) -> &Options {
        &self.options
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        Bucket::read(self, key, limit).await
    }

    async fn read_small(&self, key: &str, limit: u64) -> Result<Option<Small>, Error> {
        Bucket::read_small(self, key, usize::try_from(limit).unwrap_or(usize::MAX)).await
    }

    fn is_collected(&self) -> bool {
        true
    }

    async fn write_anew(&self, key: &str, read: &Small) -> Result<bool, Error> {
        match self.touch(key, &read.bytes, &read.etag).await {
            Ok(_) => Ok(true),
            Err(Fault::Absent | Fault::Changed) => Ok(false),
            Err(fault) => Err(fault.unexpected("write anew", key)),
        }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        Bucket::size(self, key).await
    }

    async fn open(&'static self, key: &str) -> Result<Option<Found>, Error> {
        let size = Bucket::size(self, key).await?;
        Ok(size.map(|size| Found { bucket: self, key: key.to_owned(), size }))
    }

    async fn write(&self, unit: &Unit) -> Result<(), Error> {
        for (name, bytes) in &unit.files {
            let key = layout::in_directory(&unit.directory, name);
            if name == layout::DATA && Bucket::size(self, &key).await? == Some(bytes.len() as u64) {
                continue;
            }
            let written = Bucket::write(self, &key, bytes, &Condition::Whatever, None).await;
            written.map_err(|fault| fault.unexpected("write", &key))?;
        }
        Ok(())
    }

    async fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Listing, Error> {
        Bucket::list(self, directory, after, limit).await
    }

    async fn remove(&self, directory: &str, deciding: &str) -> Result<bool, Error> {
        let key = layout::in_directory(directory, deciding);
        // What lies there without it may be what someone is about to finish.
        if Bucket::size(self, &key).await?.is_none() {
            return Ok(false);
        }
        self.delete(&key).await?;
        self.remove_all_but(deciding, directory).await?;
        Ok(true)
    }

    async fn remove_if(
        &self,
        directory: &str,
        deciding: &str,
        goes: impl AsyncFn(&[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let key = layout::in_directory(directory, deciding);
        let Some((bytes, etag)) = self.read_tagged(&key, MAX_LINK as usize).await? else { return Ok(false) };
        if !goes(&bytes).await? {
            return Ok(false);
        }
        match self.delete_the_one(&key, &etag).await {
            // Absent: what was tried before had gone through.
            Ok(()) | Err(Fault::Absent) => {}
            Err(Fault::Changed) => return Ok(false),
            Err(fault) => return Err(fault.unexpected("delete", &key)),
        }
        self.remove_all_but(deciding, directory).await?;
        Ok(true)
    }

    async fn remove_rest(&self, directory: &str, deciding: &str) -> Result<(), Error> {
        self.remove_all_but(deciding, directory).await
    }

    async fn begin(&self, directory: &str, started_at: &str) -> Result<(), Error> {
        let key = layout::in_directory(directory, layout::STARTED_AT);
        let written = Bucket::write(self, &key, started_at.as_bytes(), &Condition::Whatever, None).await;
        written.map(drop).map_err(|fault| fault.unexpected("write", &key))
    }

    async fn upload_size(&self, directory: &str) -> Result<Option<u64>, Error> {
        kept::size(self, directory).await
    }

    async fn session(&'static self, directory: &str) -> Result<Upload, SessionError> {
        Upload::open(self, directory).await
    }

    async fn end(&'static self, directory: &str) -> Result<(), SessionError> {
        Upload::open(self, directory).await?.end().await
    }
}
