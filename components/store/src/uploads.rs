//! `pierhead:storage/uploads`. Bytes are hashed here as they pass: what nobody has hashed is never acknowledged.

use crate::bindings::exports::pierhead::storage::types::{self, Body};
use crate::bindings::exports::pierhead::storage::uploads::{Guest, UploadError};
use crate::bindings::wasi::clocks::system_clock;
use crate::bindings::wasi::random::random;
use crate::blobs::data;
use crate::error::told;
use crate::{Answer, Error, Kind, Objects, Session, SessionError, Store, parsed, purge};
use names::{Algorithm, Digest, RepositoryName, UploadId};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tree::hash::{self, Hash};
use wit_bindgen::{StreamReader, StreamResult};

/// How many bytes are taken of a body at a time, and handed on.
const CHUNK: usize = 256 << 10;

pub(crate) fn now() -> SystemTime {
    let now = system_clock::now();
    UNIX_EPOCH + Duration::new(u64::try_from(now.seconds).unwrap_or_default(), now.nanoseconds)
}

/// What whoever asked is told.
fn stopped(error: SessionError) -> UploadError {
    match error {
        SessionError::Unknown => UploadError::Unknown,
        SessionError::Busy => UploadError::Busy,
        SessionError::Moved(offset) => UploadError::WrongOffset(offset),
        SessionError::Error(error) => UploadError::Storage(told(error)),
    }
}

fn failed(error: Error) -> UploadError {
    UploadError::Storage(told(error))
}

/// Hands on all of a stream, a chunk at a time.
async fn drain(
    mut stream: StreamReader<u8>,
    mut each: impl AsyncFnMut(Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        let (result, read) = stream.read(chunk).await;
        chunk = read;
        let ended = result == StreamResult::Dropped;
        if chunk.len() == chunk.capacity() || ended && !chunk.is_empty() {
            each(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK))).await?;
        }
        if ended {
            return Ok(());
        }
    }
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
    drain(session.bytes(from).await?, async |bytes| {
        came += bytes.len() as u64;
        hash.update(&bytes);
        Ok(())
    })
    .await?;
    if came != wanted {
        let why = format!("{came} of {wanted} bytes came");
        return Err(Error::new(Kind::Unavailable, "read again", "what an upload has", why));
    }
    Ok(())
}

/// Adds a body to a session. `false` when it broke off.
async fn receive(session: &mut impl Session, hash: &mut Hash, body: Body) -> Result<bool, Error> {
    drain(body.bytes, async |bytes| {
        hash.update(&bytes);
        session.write(bytes).await
    })
    .await?;
    Ok(body.end.await.is_ok())
}

async fn open<O: Objects>(
    name: &RepositoryName,
    upload: &UploadId,
    at: Option<u64>,
) -> Result<O::Session, UploadError> {
    let objects = O::configured().map_err(failed)?;
    let session = objects.session(&layout::upload(name, upload)).await.map_err(stopped)?;
    match at.is_some_and(|at| at != session.size()) {
        true => {
            let offset = session.size();
            session.undo().await;
            Err(UploadError::WrongOffset(offset))
        }
        false => Ok(session),
    }
}

async fn append<O: Objects>(
    name: &RepositoryName,
    upload: &UploadId,
    at: Option<u64>,
    body: Body,
) -> Result<u64, UploadError> {
    let mut session = open::<O>(name, upload, at).await?;
    let received = async {
        let mut hash = hash_so_far(&mut session, None).await?;
        let whole = receive(&mut session, &mut hash, body).await?;
        Ok::<_, Error>((hash, whole))
    };
    let (hash, whole) = match received.await {
        Ok(received) => received,
        Err(error) => {
            session.undo().await;
            return Err(failed(error));
        }
    };
    let offset = session.size();
    session.save(&hash::encode(&hash::ALWAYS, offset, &hash)).await.map_err(stopped)?;
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

async fn finish<O: Objects>(
    name: &RepositoryName,
    upload: &UploadId,
    at: Option<u64>,
    body: Option<Body>,
    wanted: &Digest,
) -> Result<u64, UploadError> {
    let mut session = open::<O>(name, upload, at).await?;
    let start = session.size();
    session.aim(&data(wanted));
    let refused = match complete(&mut session, body, wanted.algorithm()).await {
        Ok((_, false)) => UploadError::Interrupted(start),
        Ok((actual, true)) if actual != *wanted => UploadError::DigestMismatch(actual.to_string()),
        Ok(_) => {
            let size = session.size();
            // The bytes come last: a hold without bytes is none, and if they fail to come the session still has them.
            let objects = O::configured().map_err(failed)?;
            match objects.write(&tree::hold(name, wanted, wanted)).await {
                Ok(()) => {
                    session.publish(&data(wanted)).await.map_err(stopped)?;
                    return Ok(size);
                }
                Err(error) => failed(error),
            }
        }
        Err(error) => failed(error),
    };
    session.undo().await;
    Err(refused)
}

impl<O: Objects> Guest for Store<O> {
    async fn create(name: String, algorithm: Option<String>) -> Result<String, types::Error> {
        let bytes = u128::from(random::get_random_u64()) << 64 | u128::from(random::get_random_u64());
        let id = UploadId::from_random(bytes.to_le_bytes());
        let directory = layout::upload(&parsed(&name), &id);
        // RFC 3339, as distribution writes it.
        let started_at = humantime::format_rfc3339_seconds(now()).to_string();
        let expected: Option<Algorithm> = algorithm.as_deref().map(parsed);
        let begun = async {
            let objects = O::configured()?;
            objects.begin(&directory, &started_at).await?;
            // What is not said is SHA-256.
            if let Some(algorithm) = expected.filter(|algorithm| *algorithm != Algorithm::Sha256) {
                let state = hash::encode(&hash::ALWAYS, 0, &Hash::new(algorithm));
                let kept = async { objects.session(&directory).await?.save(&state).await };
                if let Err(why) = kept.await {
                    guest_log::log!(
                        "{directory}: its bytes will be read a second time to be hashed: {why:?}"
                    );
                }
            }
            guest_task::spawn(purge::purge(objects));
            Ok::<_, Error>(())
        };
        begun.await.told()?;
        Ok(id.to_string())
    }

    async fn offset(name: String, upload: String) -> Result<u64, UploadError> {
        let directory = layout::upload(&parsed(&name), &parsed(&upload));
        let size = async { O::configured()?.upload_size(&directory).await }.await.map_err(failed)?;
        size.ok_or(UploadError::Unknown)
    }

    async fn append(name: String, upload: String, at: Option<u64>, body: Body) -> Result<u64, UploadError> {
        append::<O>(&parsed(&name), &parsed(&upload), at, body).await
    }

    async fn finish(
        name: String,
        upload: String,
        at: Option<u64>,
        body: Option<Body>,
        wanted: String,
    ) -> Result<u64, UploadError> {
        finish::<O>(&parsed(&name), &parsed(&upload), at, body, &parsed(&wanted)).await
    }

    async fn cancel(name: String, upload: String) -> Result<(), UploadError> {
        let directory = layout::upload(&parsed(&name), &parsed(&upload));
        let objects = O::configured().map_err(failed)?;
        objects.end(&directory).await.map_err(stopped)
    }
}
