//! Whose an upload's bytes are, among processes that share a folder and have no locks.
//!
//! The bytes have one name at a time: `data` when nobody writes to them, `_writing-` and what nobody else makes up when
//! someone does. Each step is one rename of that name, and no name comes twice: of several who try it one succeeds, and
//! whoever finds the name gone has lost the bytes, and says so. What acknowledges an append is the rename back to `data`;
//! what acknowledges a blob is the rename to where blobs lie.
//!
//! A writer that was killed leaves its file under its name. One that has not changed for [`STILL`] is taken over, by a
//! rename as well. Times only say when that is worth trying: who was merely slow has lost its name, and can acknowledge
//! nothing. It may have the file open still, though, so a copy takes the place of its bytes before anyone builds on them.
//! The copy of `_writing-x` is `_copy-x`, which counts for nothing until `_writing-x` is renamed to `_copied-x`: this fails
//! where someone has taken the bytes over from whoever copies, and is tried when the copy is whole and synced. From then on
//! the copy is the bytes; whoever comes by renames it to `data`, and then removes `_copied-x`.
//!
//! So a process that is killed at any moment leaves `_writing-x`, with or without a part of a copy that nobody looks at; or
//! `_copied-x` with the whole copy; or, where there is no such copy any more, a `_copied-x` that means nothing.

use crate::files::{CHUNK, FOLLOW, Files, error, found, is_absent, random_name};
use crate::wasi_bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::wasi_bindings::wasi::filesystem::types::NewTimestamp;
use crate::wasi_bindings::wit_stream;
use layout::{COPIED, COPY, WRITING};
use objects::{Error, Kind, Objects, SessionError};
use wit_bindgen::StreamResult;

/// How long a file that someone writes to may stay as it is until it counts as left behind, in seconds.
const STILL: i64 = 10;

/// How often a file that is being copied is made to look as if it were written to, in nanoseconds.
const TOUCHED_EVERY: u64 = 1_000_000_000;

/// How long to wait for another writer, in nanoseconds: a client that comes back is often faster than the news that its
/// first connection is dead.
const BUSY_FOR: u64 = 1_000_000_000;

/// How often it is looked at meanwhile.
const LOOKS: u64 = 20;

/// How often a file is looked for that is renamed meanwhile.
const ATTEMPTS: usize = 3;

/// Bytes that are ours.
pub enum Claim {
    /// Nobody else has them open; they lie under this key.
    Alone(String),
    /// Whoever left them behind may have them open still; they are written under this name.
    Left(String),
}

/// What the names in an upload's directory say of bytes that do not lie under `data`.
#[derive(Default)]
struct Names {
    writing: Option<String>,
    copied: Vec<String>,
}

async fn names(files: &Files, directory: &str) -> Result<Names, Error> {
    let mut names = Names::default();
    files
        .each_entry(directory, async |entry| {
            if let Some(name) = entry.name.strip_prefix(WRITING) {
                names.writing = Some(name.to_owned());
            } else if let Some(name) = entry.name.strip_prefix(COPIED) {
                names.copied.push(name.to_owned());
            }
            Ok(())
        })
        .await?;
    Ok(names)
}

fn key(directory: &str, prefix: &str, name: &str) -> String {
    layout::in_directory(directory, &[prefix, name].concat())
}

/// A key of an upload's bytes under which they are ours.
pub fn ours(directory: &str) -> String {
    key(directory, WRITING, &random_name())
}

/// How many bytes an upload has.
pub async fn size(files: &Files, directory: &str) -> Result<Option<u64>, Error> {
    let data = layout::in_directory(directory, layout::DATA);
    // Someone may rename it between two looks.
    for _ in 0..ATTEMPTS {
        if let Some(size) = files.size(&data).await? {
            return Ok(Some(size));
        }
        let Names { writing, copied } = names(files, directory).await?;
        let writing = writing.iter().map(|name| key(directory, WRITING, name));
        for key in writing.chain(copied.iter().map(|name| key(directory, COPY, name))) {
            if let Some(size) = files.size(&key).await? {
                return Ok(Some(size));
            }
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

/// Makes a file look as if it had just been written to; `false` where it is gone.
async fn touch(files: &Files, key: &str) -> bool {
    let (accessed, changed) = (NewTimestamp::NoChange, NewTimestamp::Now);
    let touched = files.root.set_times_at(FOLLOW, files.path(key), accessed, changed).await;
    // Where a host does not let us, others take the bytes over sooner than they need to, which harms nobody else.
    !matches!(touched, Err(code) if is_absent(&code))
}

/// Renames bytes to a name of ours; `false` where they are gone. They are touched first: who saw the old name finds them
/// gone, and who sees the new one finds them fresh.
async fn take(files: &Files, from: &str, ours: &str) -> Result<bool, Error> {
    Ok(touch(files, from).await && files.rename(from, ours).await?)
}

/// Takes the bytes of an upload.
pub async fn claim(files: &Files, directory: &str) -> Result<Claim, SessionError> {
    let data = layout::in_directory(directory, layout::DATA);
    for _ in 0..LOOKS {
        let name = random_name();
        let ours = key(directory, WRITING, &name);
        if take(files, &data, &ours).await? {
            return Ok(Claim::Alone(ours));
        }
        let Names { writing, copied } = names(files, directory).await?;
        for name in &copied {
            put_back(files, directory, name).await?;
        }
        match writing {
            Some(left) => {
                let theirs = key(directory, WRITING, &left);
                if is_left(files, &theirs).await? && take(files, &theirs, &ours).await? {
                    // What there is of a copy can count no more.
                    let copy = key(directory, COPY, &left);
                    files.unlink(&copy).await?;
                    return Ok(Claim::Left(name));
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

/// Takes the bytes of an upload to write to them, and gives the key under which they are ours.
pub async fn claim_to_write(files: &Files, directory: &str) -> Result<String, SessionError> {
    for _ in 0..ATTEMPTS {
        match claim(files, directory).await? {
            Claim::Alone(key) => return Ok(key),
            Claim::Left(name) => replace(files, directory, &name).await?,
        }
    }
    Err(SessionError::Busy)
}

/// Has a copy take the place of bytes that another one may have open still.
async fn replace(files: &Files, directory: &str, name: &str) -> Result<(), SessionError> {
    let (theirs, made) = (key(directory, WRITING, name), key(directory, COPY, name));
    let is_whole = copy(files, &theirs, &made).await;
    if !matches!(is_whole, Ok(true)) {
        let _ = files.unlink(&made).await;
    }
    if is_whole? {
        files.sync_directory(directory).await?;
        if files.rename(&theirs, &key(directory, COPIED, name)).await? {
            return Ok(put_back(files, directory, name).await?);
        }
    }
    Err(SessionError::Busy)
}

/// Gives a copy that counts to whoever writes next.
async fn put_back(files: &Files, directory: &str, name: &str) -> Result<(), Error> {
    // Only once is it there to be renamed.
    files.rename(&key(directory, COPY, name), &layout::in_directory(directory, layout::DATA)).await?;
    files.sync_directory(directory).await?;
    files.unlink(&key(directory, COPIED, name)).await.map(drop)
}

/// Copies a file, and has it look meanwhile like one that is written to; `false` where it is gone.
async fn copy(files: &Files, from: &str, to: &str) -> Result<bool, Error> {
    let Some(source) = files.reading(from).await? else { return Ok(false) };
    let target = files.create(to).await?;
    let (mut bytes, read) = source.read_via_stream(0);
    let (mut writer, reader) = wit_stream::new();
    let written = target.write_via_stream(reader, 0);
    let (mut chunk, mut touched) = (Vec::with_capacity(CHUNK), monotonic_clock::now());
    let mut ended = false;
    while !ended && chunk.is_empty() {
        let (result, filled) = bytes.read(chunk).await;
        ended = result == StreamResult::Dropped;
        chunk = writer.write_all(filled).await;
        if monotonic_clock::now() - touched >= TOUCHED_EVERY {
            if !touch(files, from).await {
                return Ok(false);
            }
            touched = monotonic_clock::now();
        }
    }
    drop(writer);
    written.await.map_err(|code| error("write", to, code))?;
    if !chunk.is_empty() {
        return Err(Error::new(Kind::Failed, "write", to, "the host took no more bytes"));
    }
    read.await.map_err(|code| error("read", from, code))?;
    files.sync(&target, to).await?;
    Ok(true)
}
