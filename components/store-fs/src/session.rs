//! An upload that someone writes to.
//!
//! Its bytes are ours as long as they have the name that we gave them ([`claim`](crate::claim)). What acknowledges them is
//! a rename of that name, to `data` or to a blob's, after which nothing of ours touches them any more.

use crate::claim;
use crate::files::{CHUNK, FOLLOW, Files, error, found};
use crate::wasi_bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags};
use crate::wasi_bindings::wit_stream;
use objects::{Error, Kind, Objects, Session, SessionError};
use platform::{Stream, drain};
use wit_bindgen::{FutureReader, StreamWriter};

/// A state is longer than this only if it is none.
const STATE_LIMIT: u64 = 4096;

/// An upload whose bytes are ours alone.
pub struct Upload {
    files: &'static Files,
    directory: String,
    /// Where its bytes lie as long as they are ours.
    key: String,
    file: Descriptor,
    start: u64,
    size: u64,
    state: Option<Vec<u8>>,
    writing: Option<Writing>,
}

/// Bytes on their way to the file.
struct Writing {
    to: StreamWriter<u8>,
    written: FutureReader<Result<(), ErrorCode>>,
}

impl Upload {
    /// Opens an upload for writing.
    pub async fn open(files: &'static Files, directory: &str) -> Result<Upload, SessionError> {
        let key = claim::claim_to_write(files, directory).await?;
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        let opened = files.root.open_at(FOLLOW, files.path(&key), OpenFlags::empty(), flags).await;
        // Where it took us long to come here, they may be someone else's by now.
        let file = found(opened, "open", &key)?.ok_or(SessionError::Busy)?;
        let size = file.stat().await.map_err(|code| error("stat", &key, code))?.size;
        let state = files.read(&layout::in_directory(directory, layout::HASH_STATE), STATE_LIMIT).await;
        Ok(Upload {
            files,
            directory: directory.to_owned(),
            key,
            file,
            start: size,
            size,
            // One that cannot be read costs time and nothing else.
            state: state.unwrap_or_default(),
            writing: None,
        })
    }

    /// Waits until all that was handed to the host lies in the file.
    async fn settle(&mut self) -> Result<(), Error> {
        let Some(Writing { to, written }) = self.writing.take() else { return Ok(()) };
        drop(to);
        written.await.map_err(|code| error("write", &self.key, code))
    }

    /// Gives the bytes back as they were when it was opened.
    async fn cut_off(&mut self) -> Result<(), SessionError> {
        if self.size != self.start {
            // Nothing is cut off but what we could just give another name: it is no blob by now, and nobody else's.
            let again = claim::ours(&self.directory);
            if !self.files.rename(&self.key, &again).await? {
                return Ok(());
            }
            self.key = again;
            let cut = self.file.set_size(self.start).await;
            cut.map_err(|code| error("cut off", &self.key, code))?;
        }
        self.release().await
    }

    /// Gives the bytes back, for the next who writes.
    async fn release(&self) -> Result<(), SessionError> {
        let data = layout::in_directory(&self.directory, layout::DATA);
        if self.files.rename(&self.key, &data).await? {
            return Ok(());
        }
        // Someone has taken them over.
        match claim::size(self.files, &self.directory).await? {
            Some(size) => Err(SessionError::Moved(size)),
            None => Err(SessionError::Unknown),
        }
    }
}

impl Session for Upload {
    fn size(&self) -> u64 {
        self.size
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.state.clone()
    }

    async fn read(
        &mut self,
        offset: u64,
        each: impl AsyncFnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (bytes, _) = self.file.read_via_stream(offset);
        drain(&mut Stream::from(bytes), CHUNK, each).await
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let Upload { writing, file, size, .. } = &mut *self;
        let writing = writing.get_or_insert_with(|| {
            let (to, reader) = wit_stream::new();
            Writing { to, written: file.write_via_stream(reader, *size) }
        });
        // Before they are written: what is written of them in part is to be taken back as well.
        *size += bytes.len() as u64;
        if writing.to.write_all(bytes).await.is_empty() {
            return Ok(());
        }
        self.settle().await?;
        Err(Error::new(Kind::Failed, "write", &self.key, "the host took no more bytes"))
    }

    async fn save(mut self, state: &[u8]) -> Result<(), SessionError> {
        if let Err(error) = self.settle().await {
            self.undo().await;
            return Err(error.into());
        }
        self.files.sync(&self.file, &self.key).await?;
        self.release().await?;
        // After the bytes: a state of fewer bytes than there are is good for those, and bytes that are not ours get none.
        let key = layout::in_directory(&self.directory, layout::HASH_STATE);
        if let Err(error) = self.files.put(&key, state).await {
            guest_log::log!("an upload's hash state is not kept, its bytes will be read again: {error}");
        }
        Ok(())
    }

    async fn undo(mut self) {
        // What could not be written is not there to be taken back.
        let _ = self.settle().await;
        match self.cut_off().await {
            Ok(()) => {}
            Err(SessionError::Error(error)) => guest_log::log!("an upload is not as it was: {error}"),
            // Whoever has taken it over goes on with it.
            Err(SessionError::Unknown | SessionError::Busy | SessionError::Moved(_)) => {}
        }
    }

    async fn publish(mut self, key: &str) -> Result<(), SessionError> {
        let directory = layout::split(key).0;
        let published = async {
            self.settle().await?;
            self.files.sync(&self.file, &self.key).await?;
            self.files.make_directory(directory).await?;
            if self.files.size(key).await? != Some(self.size) {
                return self.files.rename(&self.key, key).await;
            }
            // Whoever brought them there may not have come to this yet.
            self.files.sync_directory(directory).await?;
            self.files.unlink(&self.key).await
        };
        match published.await {
            Ok(true) => {}
            // Someone has taken them over.
            Ok(false) => return Err(SessionError::Busy),
            Err(error) => {
                self.undo().await;
                return Err(SessionError::Error(error));
            }
        }
        // The blob is there, and others may have been told so: whatever fails from here on, nothing is undone.
        let synced = self.files.sync_directory(directory).await;
        if let Err(error) = self.files.clear_at_once(&self.directory).await {
            guest_log::log!("a finished upload is not cleared away: {error}");
        }
        Ok(synced?)
    }
}
