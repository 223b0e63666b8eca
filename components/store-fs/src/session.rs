//! An upload that someone writes to.
//!
//! Whoever writes renames `data` to a name that nobody else has, which only one can do, and back when it is done. A writer
//! that was killed leaves its file under that name: one that has not changed for [`STILL`] is taken over, and copied
//! first, so that a writer that was only slow goes on writing to what nobody reads.

use crate::files::{FOLLOW, Files, error, found, random_name};
use crate::wasi_bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::wasi_bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags};
use crate::wasi_bindings::wit_stream;
use guest_store::{Error, Kind, Objects, Session, SessionError};
use tree::Unit;
use wit_bindgen::{FutureReader, StreamReader, StreamWriter};

/// What the names of files begin with that someone writes to.
const WRITING: &str = "_writing-";

/// How long a file that someone writes to may stay as it is until it counts as left behind, in seconds.
const STILL: i64 = 10;

/// How long to wait for another writer, in nanoseconds: a client that comes back is often faster than the news that its
/// first connection is dead.
const BUSY_FOR: u64 = 1_000_000_000;

/// How often a file is looked for that is renamed meanwhile.
const ATTEMPTS: usize = 3;

/// How often it is looked at meanwhile.
const LOOKS: u64 = 20;

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

/// The files of an upload that someone writes to; one, or none.
async fn claimed(files: &Files, directory: &str) -> Result<Option<String>, Error> {
    let mut found = None;
    files
        .each_entry(directory, async |entry| {
            if entry.name.starts_with(WRITING) {
                found = Some(layout::in_directory(directory, &entry.name));
            }
            Ok(())
        })
        .await?;
    Ok(found)
}

/// How many bytes an upload has.
pub async fn size(files: &Files, directory: &str) -> Result<Option<u64>, Error> {
    let data = layout::in_directory(directory, layout::DATA);
    // Someone may rename it between two looks.
    for _ in 0..ATTEMPTS {
        if let Some(size) = files.size(&data).await? {
            return Ok(Some(size));
        }
        if let Some(key) = claimed(files, directory).await?
            && let Some(size) = files.size(&key).await?
        {
            return Ok(Some(size));
        }
    }
    Ok(None)
}

/// Whether a file was left alone for [`STILL`].
async fn is_left(files: &Files, key: &str) -> Result<bool, Error> {
    let stat = found(files.root.stat_at(FOLLOW, files.path(key)).await, "stat", key)?;
    let changed = stat.and_then(|stat| stat.data_modification_timestamp);
    Ok(changed.is_some_and(|changed| changed.seconds + STILL < system_clock::now().seconds))
}

/// Takes the bytes of an upload, and gives the key under which they are ours.
async fn claim(files: &Files, directory: &str) -> Result<String, SessionError> {
    let data = layout::in_directory(directory, layout::DATA);
    let ours = layout::in_directory(directory, &[WRITING, &random_name()].concat());
    for _ in 0..LOOKS {
        if files.rename(&data, &ours).await? {
            return Ok(ours);
        }
        match claimed(files, directory).await? {
            Some(theirs) => {
                if is_left(files, &theirs).await? && files.rename(&theirs, &ours).await? {
                    return take_over(files, directory, &ours).await.map_err(SessionError::from);
                }
            }
            // Put back just now, perhaps.
            None if size(files, directory).await?.is_some() => continue,
            None => return Err(SessionError::Unknown),
        }
        monotonic_clock::wait_for(BUSY_FOR / LOOKS).await;
    }
    Err(SessionError::Busy)
}

/// Copies bytes that another one may still hold open.
async fn take_over(files: &Files, directory: &str, theirs: &str) -> Result<String, Error> {
    let ours = layout::in_directory(directory, &[WRITING, &random_name()].concat());
    let copy = async {
        let (to, from) = (files.create(&ours).await?, files.reading(theirs).await?);
        let Some(from) = from else { return Ok(()) };
        let (stream, _) = from.read_via_stream(0);
        to.write_via_stream(stream, 0).await.map_err(|code| error("copy", theirs, code))
    };
    copy.await?;
    found(files.root.unlink_file_at(files.path(theirs)).await, "remove", theirs)?;
    Ok(ours)
}

impl Upload {
    /// Opens an upload for writing.
    pub async fn open(directory: &str) -> Result<Upload, SessionError> {
        let files = Files::configured()?;
        let key = claim(files, directory).await?;
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        let opened = files.root.open_at(FOLLOW, files.path(&key), OpenFlags::empty(), flags).await;
        let file = opened.map_err(|code| error("open", &key, code))?;
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

    /// Gives the bytes back, for the next who writes.
    async fn release(&self) -> Result<(), SessionError> {
        let data = layout::in_directory(&self.directory, layout::DATA);
        if self.files.rename(&self.key, &data).await? {
            return Ok(());
        }
        // Someone has taken them over.
        match size(self.files, &self.directory).await? {
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

    async fn bytes(&mut self, offset: u64) -> Result<StreamReader<u8>, Error> {
        Ok(self.file.read_via_stream(offset).0)
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let Upload { writing, file, size, .. } = &mut *self;
        let writing = writing.get_or_insert_with(|| {
            let (to, reader) = wit_stream::new();
            Writing { to, written: file.write_via_stream(reader, *size) }
        });
        let length = bytes.len() as u64;
        if writing.to.write_all(bytes).await.is_empty() {
            self.size += length;
            return Ok(());
        }
        self.settle().await?;
        Err(Error::new(Kind::Failed, "write", &self.key, "the host took no more bytes"))
    }

    async fn save(mut self, state: &[u8]) -> Result<(), SessionError> {
        if let Err(error) = self.settle().await {
            self.undo().await?;
            return Err(error.into());
        }
        self.files.sync(&self.file, &self.key).await?;
        self.release().await?;
        // After the bytes: a state of fewer bytes than there are is good for those.
        let kept = Unit {
            directory: self.directory.clone(),
            files: vec![(layout::HASH_STATE.into(), state.to_vec().into())],
        };
        if let Err(error) = self.files.write(&kept).await {
            guest_log::log!("an upload's hash state is not kept, its bytes will be read again: {error}");
        }
        Ok(())
    }

    async fn undo(mut self) -> Result<(), Error> {
        // What could not be written is not there to be taken back.
        let _ = self.settle().await;
        if self.size != self.start {
            let cut = self.file.set_size(self.start).await;
            cut.map_err(|code| error("cut off", &self.key, code))?;
        }
        match self.release().await {
            Err(SessionError::Error(error)) => Err(error),
            // Whoever has taken it over goes on with it.
            _ => Ok(()),
        }
    }

    async fn publish(mut self, key: &str) -> Result<(), SessionError> {
        let published = async {
            self.settle().await?;
            self.files.sync(&self.file, &self.key).await?;
            let directory = layout::split(key).0;
            self.files.make_directory(directory).await?;
            if self.files.size(key).await? == Some(self.size) {
                return Ok(true);
            }
            let renamed = self.files.rename(&self.key, key).await?;
            self.files.sync_directory(directory).await?;
            Ok(renamed)
        };
        match published.await {
            Ok(true) => {}
            Ok(false) => return Err(SessionError::Busy),
            Err(error) => {
                self.undo().await?;
                return Err(SessionError::Error(error));
            }
        }
        let staged = self.files.staged().await?;
        let cleared = match self.files.rename(&self.directory, &staged).await {
            Ok(_) => self.files.clear(&staged).await,
            Err(error) => Err(error),
        };
        if let Err(error) = cleared {
            guest_log::log!("a finished upload is not cleared away: {error}");
        }
        Ok(())
    }
}
