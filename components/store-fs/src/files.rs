//! Files beneath a directory that the host has mounted.

use crate::claim;
use crate::object::File;
use crate::session::Upload;
use crate::small::{self, Lately, SMALL};
use crate::wasi_bindings::wasi::filesystem::preopens;
use crate::wasi_bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags,
};
use crate::wasi_bindings::wit_stream;
use guest_store::Configured;
use guest_store::bindings::pierhead::host::config;
use objects::{Error, Kind, Listing, Objects, Options, SessionError};
use platform::random;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use tree::Unit;
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

/// Where the tree lies when nothing is said of it.
const ROOT: &str = "/data";

/// Links may be followed: the host keeps what they lead to beneath what it has mounted.
pub const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

/// How often something is written or made anew where someone else removes it, or what is above it, meanwhile.
pub const ATTEMPTS: usize = 10;

/// How many bytes are read at a time.
pub const CHUNK: usize = 256 << 10;

/// A directory that the host has mounted, and where in it the tree lies.
pub struct Files {
    pub root: Descriptor,
    /// Empty, or with a slash at its end.
    prefix: String,
    /// Whether what is acknowledged was synced: `storage.filesystem.fsync`.
    pub fsync: bool,
    options: Options,
    lately: Lately,
}

/// What went wrong with a file.
pub fn error(verb: &str, key: &str, code: ErrorCode) -> Error {
    let kind = match code {
        ErrorCode::InsufficientSpace | ErrorCode::Quota => Kind::Full,
        ErrorCode::ReadOnly => Kind::ReadOnly,
        ErrorCode::Busy | ErrorCode::InsufficientMemory | ErrorCode::Interrupted => Kind::Unavailable,
        _ => Kind::Failed,
    };
    let remedy = match code {
        ErrorCode::InsufficientSpace | ErrorCode::Quota => "; make room where the host's directory lies",
        ErrorCode::ReadOnly | ErrorCode::NotPermitted | ErrorCode::Access => {
            "; let the host mount a directory that may be written to (storage.filesystem.rootdirectory)"
        }
        _ => "",
    };
    Error::new(kind, verb, key, format!("{code:?}{remedy}"))
}

/// Whether there is nothing of that name.
pub fn is_absent(code: &ErrorCode) -> bool {
    matches!(code, ErrorCode::NoEntry | ErrorCode::NotDirectory)
}

/// None where there is nothing of that name.
pub fn found<T>(result: Result<T, ErrorCode>, verb: &str, key: &str) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(code) if is_absent(&code) => Ok(None),
        Err(code) => Err(error(verb, key, code)),
    }
}

/// A name that nothing else has.
pub fn random_name() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// All of a stream, up to one byte more than `limit`.
async fn collect(mut stream: StreamReader<u8>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let room = CHUNK.min((limit + 1).saturating_sub(bytes.len() as u64) as usize);
        let (result, read) = stream.read(Vec::with_capacity(room)).await;
        bytes.extend(read);
        if result == StreamResult::Dropped || bytes.len() as u64 > limit {
            return bytes;
        }
    }
}

/// Writes all of `bytes` from the beginning of a file on.
async fn fill(file: &Descriptor, bytes: Vec<u8>) -> Result<(), ErrorCode> {
    let (mut writer, reader) = wit_stream::new();
    let written: FutureReader<Result<(), ErrorCode>> = file.write_via_stream(reader, 0);
    let rest = writer.write_all(bytes).await;
    drop(writer);
    written.await?;
    if rest.is_empty() { Ok(()) } else { Err(ErrorCode::Io) }
}

impl Files {
    /// Where a key lies beneath what is mounted.
    pub fn path(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }

    fn mounted() -> Result<Files, Error> {
        let root = config::get("storage.filesystem.rootdirectory").unwrap_or_else(|| ROOT.into());
        let root = root.trim_end_matches('/');
        let below = |mounted: &str| {
            let rest = root.strip_prefix(mounted.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
        };
        let mounted = preopens::get_directories().into_iter();
        let deepest = mounted
            .filter_map(|(directory, name)| below(&name).map(|rest| (directory, rest)))
            .min_by_key(|(_, rest)| rest.len());
        let Some((directory, rest)) = deepest else {
            let why = format!(
                "the host has mounted nothing there: wasmtime serve --dir HERE::{root}, or files in Spin's manifest \
                 (storage.filesystem.rootdirectory)"
            );
            return Err(Error::new(Kind::Unavailable, "open", root, why));
        };
        let fsync = config::get("storage.filesystem.fsync").as_deref() != Some("false");
        let prefix = if rest.is_empty() { rest } else { rest + "/" };
        Ok(Files {
            root: directory,
            prefix,
            fsync,
            options: guest_store::options(),
            lately: Lately::default(),
        })
    }

    /// Opens a file for reading.
    pub async fn reading(&self, key: &str) -> Result<Option<Descriptor>, Error> {
        let path = self.path(key);
        let opened = self.root.open_at(FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ).await;
        found(opened, "open", key)
    }

    pub async fn read_whole(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.reading(key).await? else { return Ok(None) };
        let (stream, ended) = file.read_via_stream(0);
        let bytes = collect(stream, limit).await;
        if bytes.len() as u64 > limit {
            let why = format!("it has more than {limit} bytes, where no more make sense");
            return Err(Error::new(Kind::Failed, "read", key, why));
        }
        match ended.await {
            Ok(()) => Ok(Some(bytes)),
            Err(ErrorCode::IsDirectory) => Ok(None),
            Err(code) => Err(error("read", key, code)),
        }
    }

    /// Makes what was written to a file survive a crash.
    pub async fn sync(&self, file: &Descriptor, key: &str) -> Result<(), Error> {
        match self.fsync {
            true => file.sync_data().await.map_err(|code| error("sync", key, code)),
            false => Ok(()),
        }
    }

    /// Makes a file of these bytes that is not there yet, to survive a crash.
    async fn create_with(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let file = self.create(key).await?;
        let written = match fill(&file, bytes).await {
            Ok(()) => self.sync(&file, key).await,
            Err(code) => Err(error("write", key, code)),
        };
        if written.is_err() {
            let _ = self.root.unlink_file_at(self.path(key)).await;
        }
        written
    }

    /// A key in the staging directory, of which there is nothing yet.
    pub async fn staged(&self) -> Result<String, Error> {
        self.make_directory(layout::STAGING).await?;
        Ok(layout::in_directory(layout::STAGING, &random_name()))
    }

    /// Makes a file that is not there yet.
    pub async fn create(&self, key: &str) -> Result<Descriptor, Error> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        let new = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let made = self.root.open_at(PathFlags::empty(), self.path(key), new, flags).await;
        made.map_err(|code| error("create", key, code))
    }

    /// Writes a unit: a directory that is not there appears with all of it at once. `false` when someone else has removed
    /// the directory meanwhile, or made it.
    async fn write_once(&self, unit: &Unit) -> Result<bool, Error> {
        if unit.files.is_empty() || self.size(&unit.directory).await?.is_some() {
            self.make_directory(&unit.directory).await?;
            return self.write_files(unit).await;
        }
        let staged = self.staged().await?;
        self.make_directory(&staged).await?;
        let above = layout::split(&unit.directory).0;
        let made = async {
            for (name, bytes) in &unit.files {
                let key = layout::in_directory(&staged, name);
                let within = layout::split(&key).0;
                self.make_directory(within).await?;
                self.create_with(&key, bytes.to_vec()).await?;
                self.sync_directory(within).await?;
            }
            self.make_directory(above).await?;
            let renamed =
                self.root.rename_at(self.path(&staged), &self.root, self.path(&unit.directory)).await;
            match renamed {
                Ok(()) => Ok(true),
                Err(ErrorCode::Exist | ErrorCode::NotEmpty) => Ok(false),
                Err(code) if is_absent(&code) => Ok(false),
                Err(code) => Err(error("rename", &unit.directory, code)),
            }
        };
        let made = made.await;
        match made {
            Ok(true) => self.sync_directory(above).await?,
            _ => self
                .clear(&staged)
                .await
                .unwrap_or_else(|error| guest_log::log!("{staged} is not cleared away: {error}")),
        }
        made
    }

    /// Writes the files of a unit in its directory, one after the other; `false` when that is gone.
    async fn write_files(&self, unit: &Unit) -> Result<bool, Error> {
        for (name, bytes) in &unit.files {
            let key = layout::in_directory(&unit.directory, name);
            if name == layout::DATA && self.size(&key).await? == Some(bytes.len() as u64) {
                continue;
            }
            self.make_directory(layout::split(&key).0).await?;
            if !self.put(&key, bytes).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes a file in a directory that is there, whole or not at all, to survive a crash; `false` where the directory is
    /// gone.
    pub async fn put(&self, key: &str, bytes: &[u8]) -> Result<bool, Error> {
        let staged = self.staged().await?;
        self.create_with(&staged, bytes.to_vec()).await?;
        if !self.rename(&staged, key).await? {
            self.unlink(&staged).await?;
            return Ok(false);
        }
        self.sync_directory(layout::split(key).0).await?;
        Ok(true)
    }

    /// Removes a file; `false` where there is none.
    pub async fn unlink(&self, key: &str) -> Result<bool, Error> {
        Ok(found(self.root.unlink_file_at(self.path(key)).await, "remove", key)?.is_some())
    }

    /// Gives a file or a directory another name, which takes the place of what had it; `false` where there is nothing of
    /// the old one.
    pub async fn rename(&self, from: &str, to: &str) -> Result<bool, Error> {
        let renamed = self.root.rename_at(self.path(from), &self.root, self.path(to)).await;
        Ok(found(renamed, "rename", from)?.is_some())
    }
}

impl Configured for Files {
    type Objects = Files;

    fn configured() -> Result<&'static Files, Error> {
        thread_local! {
            static FILES: OnceCell<&'static Files> = const { OnceCell::new() };
        }
        FILES.with(|known| match known.get() {
            Some(files) => Ok(*files),
            None => {
                let files: &'static Files = Box::leak(Box::new(Files::mounted()?));
                Ok(*known.get_or_init(|| files))
            }
        })
    }
}

impl Objects for Files {
    type Object = File;
    type Session = Upload;

    fn options(&self) -> &Options {
        &self.options
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        if limit > SMALL {
            return self.read_whole(key, limit).await;
        }
        let stamp = small::stamp(self, key).await?;
        if let Some(known) = stamp.and_then(|stamp| self.lately.get(key, &stamp)) {
            return Ok(Some(known));
        }
        let bytes = self.read_whole(key, limit).await?;
        if let (Some(stamp), Some(bytes)) = (stamp, &bytes) {
            self.lately.put(key, stamp, bytes);
        }
        Ok(bytes)
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        let stat = self.root.stat_at(FOLLOW, self.path(key)).await;
        Ok(found(stat, "stat", key)?.map(|stat| stat.size))
    }

    async fn open(&'static self, key: &str) -> Result<Option<File>, Error> {
        let Some(file) = self.reading(key).await? else { return Ok(None) };
        File::new(file, key).await.map(Some)
    }

    async fn write(&self, unit: &Unit) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if self.write_once(unit).await? {
                return Ok(());
            }
        }
        let why = "someone else removes it again and again";
        Err(Error::new(Kind::Unavailable, "write to", &unit.directory, why))
    }

    async fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Listing, Error> {
        let mut first = BTreeSet::new();
        self.each_entry(directory, async |entry| {
            if entry.is_directory && after.is_none_or(|after| *entry.name > *after) {
                first.insert(entry.name);
                // One more than wanted tells whether there are more.
                if first.len() > limit + 1 {
                    first.pop_last();
                }
            }
            Ok(())
        })
        .await?;
        let more = first.len() > limit;
        Ok(Listing { names: first.into_iter().take(limit).collect(), more })
    }

    async fn remove(&self, directory: &str, deciding: &str) -> Result<bool, Error> {
        self.remove_whole(directory, deciding).await
    }

    async fn remove_if(
        &self,
        directory: &str,
        deciding: &str,
        goes: impl AsyncFn(&[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        self.remove_alone(directory, deciding, goes).await
    }

    async fn remove_rest(&self, directory: &str, deciding: &str) -> Result<(), Error> {
        self.remove_beside(directory, deciding).await
    }

    async fn begin(&self, directory: &str, started_at: &str) -> Result<(), Error> {
        self.make_directory(directory).await?;
        for (name, text) in [(layout::STARTED_AT, started_at), (layout::DATA, "")] {
            let key = layout::in_directory(directory, name);
            let file = self.create(&key).await?;
            if !text.is_empty() {
                fill(&file, text.into()).await.map_err(|code| error("write", &key, code))?;
            }
        }
        Ok(())
    }

    async fn upload_size(&self, directory: &str) -> Result<Option<u64>, Error> {
        claim::size(self, directory).await
    }

    async fn session(&'static self, directory: &str) -> Result<Upload, SessionError> {
        Upload::open(self, directory).await
    }

    async fn end(&'static self, directory: &str) -> Result<(), SessionError> {
        // Whoever writes to it is heard first.
        claim::claim(self, directory).await?;
        Ok(self.clear_at_once(directory).await?)
    }
}
