//! Uploads. Bytes are hashed here as they pass: what nobody has hashed is never acknowledged.

use crate::blobs::data;
use crate::{Error, Kind, Objects, Session, SessionError, collection, purge};
use names::{Algorithm, Digest, RepositoryName, UploadId};
use platform::{Body, drain, now, random};
use tree::hash::{self, Hash};

/// How many bytes are taken of a body at a time, and handed on.
const CHUNK: usize = 256 << 10;

/// Why an upload did not go on.
#[derive(Debug)]
pub enum UploadError {
    /// The repository has no such session.
    Unknown,
    /// The session stands at this offset, not at the one that was named. Nothing was written.
    WrongOffset(u64),
    /// Another request is writing to the session. Nothing was written.
    Busy,
    /// The body broke off. What came is kept, up to this offset.
    Interrupted(u64),
    /// The bytes have another digest, this one. The session is as it was before.
    DigestMismatch(Digest),
    /// Anything else.
    Storage(Error),
}

impl From<SessionError> for UploadError {
    fn from(error: SessionError) -> UploadError {
        match error {
            SessionError::Unknown => UploadError::Unknown,
            SessionError::Busy => UploadError::Busy,
            SessionError::Moved(offset) => UploadError::WrongOffset(offset),
            SessionError::Error(error) => UploadError::Storage(error),
        }
    }
}

impl From<Error> for UploadError {
    fn from(error: Error) -> UploadError {
        UploadError::Storage(error)
    }
}

/// Begins an upload, and removes old ones where that is due. `algorithm` is that of the digest it will be finished with:
/// with another one its bytes are read a second time.
///
/// # Errors
/// The place of the objects failed.
pub async fn create<O: Objects>(
    objects: &'static O,
    name: &RepositoryName,
    algorithm: Algorithm,
) -> Result<UploadId, Error> {
    let bytes = u128::from(random()) << 64 | u128::from(random());
    let id = UploadId::from_random(bytes.to_le_bytes());
    let directory = layout::upload(name, &id);
    // RFC 3339, as distribution writes it.
    let started_at = humantime::format_rfc3339_seconds(now()).to_string();
    objects.begin(&directory, &started_at).await?;
    // What is not said is SHA-256.
    if algorithm != Algorithm::Sha256 {
        let state = hash::encode(&hash::ALWAYS, 0, &Hash::new(algorithm));
        let kept = async { objects.session(&directory).await?.save(&state).await };
        if let Err(why) = kept.await {
            platform::log!("{directory}: its bytes will be read a second time to be hashed: {why:?}");
        }
    }
    platform::spawn(purge::purge(objects));
    Ok(id)
}

/// How many bytes a session has.
///
/// # Errors
/// There is none, or the place of the objects failed.
pub async fn offset<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    id: &UploadId,
) -> Result<u64, UploadError> {
    objects.upload_size(&layout::upload(name, id)).await?.ok_or(UploadError::Unknown)
}

/// Ends a session and forgets its bytes.
///
/// # Errors
/// There is none, someone is at work on it, or the place of the objects failed.
pub async fn cancel<O: Objects>(
    objects: &'static O,
    name: &RepositoryName,
    id: &UploadId,
) -> Result<(), UploadError> {
    Ok(objects.end(&layout::upload(name, id)).await?)
}

/// The hash over what a session has: from the state that was saved with it, and the bytes after it, or from all of them.
async fn hash_so_far(session: &mut impl Session, algorithm: Option<Algorithm>) -> Result<Hash, Error> {
    if let (0, Some(algorithm)) = (session.size(), algorithm) {
        return Ok(Hash::new(algorithm));
    }
    let saved = session.state().and_then(|state| hash::decode(&hash::ALWAYS, &state));
    let unknown = || (0, Hash::new(algorithm.unwrap_or(Algorithm::Sha256)));
    let (from, mut hash) = saved.filter(|(offset, _)| *offset <= session.size()).unwrap_or_else(unknown);
    if from < session.size() {
        add(session, from, &mut hash).await?;
    }
    Ok(hash)
}

/// Adds to a hash what a session has from an offset on: all of it, or it is an error.
async fn add(session: &mut impl Session, from: u64, hash: &mut Hash) -> Result<(), Error> {
    let (wanted, mut came) = (session.size() - from, 0);
    let hashed = async |bytes: Vec<u8>| {
        came += bytes.len() as u64;
        hash.update(&bytes);
        Ok(())
    };
    session.read(from, hashed).await?;
    if came != wanted {
        let why = format!("{came} of {wanted} bytes came");
        return Err(Error::new(Kind::Unavailable, "read again", "what an upload has", why));
    }
    Ok(())
}

/// Adds a body to a session. `false` when it broke off.
async fn receive(session: &mut impl Session, hash: &mut Hash, mut body: Body) -> Result<bool, Error> {
    let add = async |bytes: Vec<u8>| {
        hash.update(&bytes);
        session.write(bytes).await
    };
    drain(body.bytes(), CHUNK, add).await?;
    Ok(body.is_whole().await)
}

async fn open<O: Objects>(
    objects: &'static O,
    name: &RepositoryName,
    upload: &UploadId,
    at: Option<u64>,
) -> Result<O::Session, UploadError> {
    let session = objects.session(&layout::upload(name, upload)).await?;
    match at.is_some_and(|at| at != session.size()) {
        true => {
            let offset = session.size();
            session.undo().await;
            Err(UploadError::WrongOffset(offset))
        }
        false => Ok(session),
    }
}

/// Writes a body at the end of a session and returns the new offset; `at`, where given, is where the caller believes that
/// end to be. What came is kept, whatever happens to the body.
///
/// # Errors
/// As [`UploadError`] says.
pub async fn append<O: Objects>(
    objects: &'static O,
    name: &RepositoryName,
    upload: &UploadId,
    at: Option<u64>,
    body: Body,
) -> Result<u64, UploadError> {
    let mut session = open(objects, name, upload, at).await?;
    let received = async {
        let mut hash = hash_so_far(&mut session, None).await?;
        let whole = receive(&mut session, &mut hash, body).await?;
        Ok::<_, Error>((hash, whole))
    };
    let (hash, whole) = match received.await {
        Ok(received) => received,
        Err(error) => {
            session.undo().await;
            return Err(error.into());
        }
    };
    let offset = session.size();
    session.save(&hash::encode(&hash::ALWAYS, offset, &hash)).await?;
    match whole {
        true => Ok(offset),
        false => Err(UploadError::Interrupted(offset)),
    }
}

/// The session's digest with a body added to it, and whether the body was whole.
async fn complete(
    session: &mut impl Session,
    body: Option<Body>,
    algorithm: Algorithm,
) -> Result<(Digest, bool), Error> {
    let mut hash = hash_so_far(session, Some(algorithm)).await?;
    if hash.algorithm() != algorithm {
        // It was hashed with another one so far.
        hash = Hash::new(algorithm);
        add(session, 0, &mut hash).await?;
    }
    let whole = match body {
        Some(body) => receive(session, &mut hash, body).await?,
        None => true,
    };
    Ok((hash.digest(), whole))
}

/// Appends a body, where there is one, publishes the session's bytes as a blob that the repository holds, and returns its
/// size. If it fails the session is as it was.
///
/// # Errors
/// As [`UploadError`] says.
pub async fn finish<O: Objects>(
    objects: &'static O,
    name: &RepositoryName,
    upload: &UploadId,
    at: Option<u64>,
    body: Option<Body>,
    wanted: &Digest,
) -> Result<u64, UploadError> {
    let mut session = open(objects, name, upload, at).await?;
    let start = session.size();
    session.aim(&data(wanted));
    let refused = match complete(&mut session, body, wanted.algorithm()).await {
        Ok((_, false)) => UploadError::Interrupted(start),
        Ok((actual, true)) if actual != *wanted => UploadError::DigestMismatch(actual),
        Ok(_) => {
            let size = session.size();
            // The bytes come last: a hold without bytes is none, and if they fail to come the session still has them.
            // They may be there already, and about to go.
            let hold = tree::hold(name, wanted, wanted);
            match collection::hold(objects, &hold, || vec![wanted.into()]).await {
                Ok(()) => {
                    session.publish(&data(wanted)).await?;
                    return Ok(size);
                }
                Err(error) => error.into(),
            }
        }
        Err(error) => error.into(),
    };
    session.undo().await;
    Err(refused)
}
