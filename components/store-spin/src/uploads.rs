//! Upload sessions: what is asked of them.

use crate::Store;
use crate::bindings::exports::pierhead::storage::types::{Body, Error};
use crate::bindings::exports::pierhead::storage::uploads::{Guest, UploadError};
use crate::bindings::wasi::random::random;
use crate::database::{Database, text};
use crate::path::Path;
use crate::session::{Published, Purpose, Session, state};
use crate::{parsed, path, session, sweep};
use names::{Algorithm, Digest, UploadId};
use tree::hash::Hash;

impl Guest for Store {
    async fn create(repository: String, algorithm: Option<String>) -> Result<String, Error> {
        let path = path(&repository);
        let algorithm = algorithm.map_or(Algorithm::Sha256, |name| parsed(&name));
        let bytes = u128::from(random::get_random_u64()) << 64 | u128::from(random::get_random_u64());
        let id = UploadId::from_random(bytes.to_le_bytes());
        let database = Database::open().await?;
        let begin = "INSERT INTO uploads (id, path, began, size, state) VALUES (?1, ?2, unixepoch(), 0, ?3)";
        database.run(begin, vec![text(&id), text(path), state(0, &Hash::new(algorithm))]).await?;
        // The upload has begun, whatever becomes of others.
        if sweep::is_due(&database).await.unwrap_or(false) {
            guest_task::spawn(sweep::sweep());
        }
        Ok(id.to_string())
    }

    async fn offset(repository: String, upload: String) -> Result<u64, UploadError> {
        let id: UploadId = parsed(&upload);
        let look = "SELECT size FROM uploads WHERE id = ?1 AND path = ?2";
        let values = vec![text(id), text(path(&repository))];
        match Database::open().await?.row(look, values).await? {
            Some(mut row) => Ok(row.number()?),
            None => Err(UploadError::Unknown),
        }
    }

    async fn append(
        repository: String,
        upload: String,
        at: Option<u64>,
        body: Body,
    ) -> Result<u64, UploadError> {
        let id = parsed(&upload);
        let mut session = Session::open(&path(&repository), &id, at, Purpose::Append, None).await?;
        let appended = match session.receive(body).await {
            Ok(is_whole) => session.close().await.map(|offset| (is_whole, offset)),
            Err(error) => Err(error),
        };
        match appended {
            Ok((true, offset)) => Ok(offset),
            Ok((false, offset)) => Err(UploadError::Interrupted(offset)),
            Err(error) => Err(session.abandon(error).await),
        }
    }

    async fn finish(
        repository: String,
        upload: String,
        at: Option<u64>,
        body: Option<Body>,
        digest: String,
    ) -> Result<u64, UploadError> {
        let (path, id, digest): (Path, UploadId, Digest) =
            (path(&repository), parsed(&upload), parsed(&digest));
        let algorithm = Some(digest.algorithm());
        let mut session = Session::open(&path, &id, at, Purpose::Finish, algorithm).await?;
        let published = match complete(&mut session, body, &digest).await {
            Ok(()) => session.publish(&path, &digest).await,
            Err(error) => Err(error),
        };
        match published {
            Ok(Published { size, is_new }) => {
                if !is_new {
                    guest_task::spawn(sweep::sweep());
                }
                Ok(size)
            }
            Err(error) => Err(session.abandon(error).await),
        }
    }

    async fn cancel(repository: String, upload: String) -> Result<(), UploadError> {
        session::cancel(&path(&repository), &parsed(&upload)).await?;
        guest_task::spawn(sweep::sweep());
        Ok(())
    }
}

/// Takes the last bytes, and makes sure that all of them are those of the digest.
async fn complete(session: &mut Session, body: Option<Body>, digest: &Digest) -> Result<(), UploadError> {
    if let Some(body) = body
        && !session.receive(body).await?
    {
        return Err(UploadError::Interrupted(session.start()));
    }
    let actual = session.digest(digest.algorithm()).await?;
    match actual == *digest {
        true => Ok(()),
        false => Err(UploadError::DigestMismatch(actual.to_string())),
    }
}
