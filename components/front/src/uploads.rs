//! Uploads (specification, "Pushing blobs").

use crate::answer::Answer;
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::host::http::{self, Action, Event};
use crate::bindings::pierhead::registry::blobs::{self, Begun, Chunk, Source, UploadFailure};
use crate::bindings::wasi::http::types::Request;
use crate::blobs::event;
use crate::failure::Refused;
use crate::place::url;
use crate::{Asked, events, may_pull};
use names::{Algorithm, Digest, DigestError, RepositoryName, UploadId};
use protocol::error::{Code, ErrorResponse};
use protocol::location;
use protocol::query;
use protocol::range::{parse_chunk_range, received_range};

/// The digest that a query parameter names. One that is empty names none.
fn digest(asked: &Asked<'_>, parameter: &str) -> Result<Option<Digest>, Refused> {
    let Some(text) = query::first(asked.query, parameter).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|why| not_digest(parameter, why))
}

fn not_digest(parameter: &str, why: DigestError) -> Refused {
    ErrorResponse::new(Code::DigestInvalid).message(format!("{parameter}: {why}")).into()
}

/// POST: begins an upload, mounts a blob, or takes a whole one.
pub async fn begin(asked: &Asked<'_>, name: &RepositoryName, request: Request) -> Result<Answer, Refused> {
    let mount = digest(asked, "mount")?;
    // Some clients name the digest beside a mount as well: what has no body is not the blob.
    let whole = digest(asked, "digest")?.filter(|_| mount.is_none() || asked.head.content_length != Some(0));
    // Whether there is a body shows when it is read, where its length is not known: a mount is tried first.
    let perhaps = whole.as_ref().filter(|whole| mount.as_ref() == Some(*whole));
    let perhaps = perhaps.filter(|_| asked.head.content_length.is_none());
    if let Some(digest) = whole.as_ref().filter(|_| perhaps.is_none()) {
        let chunk = chunk(asked, request).await?;
        let size = blobs::upload(name.to_string(), chunk, digest.to_string())
            .await
            .map_err(|failure| Refused::from(failure.failure))?;
        return Ok(pushed(asked, name, digest, size));
    }
    let source = match &mount {
        Some(digest) => source(asked, digest).await,
        None => None,
    };
    let from = source.as_ref().map(|source| source.repository.clone());
    let algorithm = algorithm(asked)?.or(perhaps.map(Digest::algorithm));
    let algorithm = algorithm.map(|algorithm| algorithm.as_str().to_owned());
    match (blobs::begin(name.to_string(), source, algorithm).await?, mount) {
        (Begun::Mounted, Some(digest)) => Ok(mounted(asked, name, &digest, from).await),
        (Begun::Mounted, None) => Err(ErrorResponse::new(Code::Unknown).into()),
        (Begun::Session(id), _) => {
            if let Some(digest) = perhaps
                && let Some(size) = came_whole(asked, name, &id, request, digest).await?
            {
                return Ok(pushed(asked, name, digest, size));
            }
            let id = id.parse().map_err(|_| ErrorResponse::new(Code::Unknown))?;
            let answer = session(Answer::new(202), asked, name, &id, 0);
            Ok(match config::get("limits.chunkminlength").filter(|length| length != "0") {
                Some(length) => answer.header("oci-chunk-min-length", length),
                None => answer,
            })
        }
    }
}

/// Makes the body the blob, in an upload of which nobody was told, and says how large it is; `None` where there is no body, and
/// the upload is the client's.
async fn came_whole(
    asked: &Asked<'_>,
    name: &RepositoryName,
    upload: &str,
    request: Request,
    digest: &Digest,
) -> Result<Option<u64>, Refused> {
    let (repository, id) = (|| name.to_string(), || upload.to_owned());
    let finished = match blobs::append(repository(), id(), chunk(asked, request).await?).await {
        Ok(0) => return Ok(None),
        Ok(_) => blobs::finish(repository(), id(), None, digest.to_string()).await,
        Err(failure) => Err(failure),
    };
    match finished {
        Ok(size) => Ok(Some(size)),
        Err(failure) => {
            let _ = blobs::cancel(repository(), id()).await;
            Err(failure.failure.into())
        }
    }
}

/// Where a blob is mounted from: the repository that the request names, or else one that is known to hold it. Whoever
/// may not pull from there uploads, and does not learn whether it was there; nor can one mount from what is no name.
async fn source(asked: &Asked<'_>, digest: &Digest) -> Option<Source> {
    let from: RepositoryName = match query::first(asked.query, "from").filter(|from| !from.is_empty()) {
        Some(from) => from.parse().ok()?,
        None => blobs::holder(digest.as_str())?.parse().ok()?,
    };
    may_pull(asked, &from).await.then(|| Source { repository: from.to_string(), digest: digest.to_string() })
}

/// The algorithm of the digest that the upload will be finished with, where the request says it.
fn algorithm(asked: &Asked<'_>) -> Result<Option<Algorithm>, Refused> {
    let Some(text) = query::first(asked.query, "digest-algorithm") else { return Ok(None) };
    text.parse().map(Some).map_err(|why| not_digest("digest-algorithm", why))
}

/// GET, HEAD, PATCH, PUT and DELETE of an upload under way.
pub async fn answer(
    asked: &Asked<'_>,
    name: &RepositoryName,
    upload: &UploadId,
    request: Request,
) -> Result<Answer, Refused> {
    let (repository, id) = (name.to_string(), upload.to_string());
    let refused = |failure: UploadFailure| stopped(asked, name, upload, failure);
    match asked.head.method.as_str() {
        "PATCH" => {
            let chunk = chunk(asked, request).await?;
            let received = blobs::append(repository, id, chunk).await.map_err(refused)?;
            Ok(session(Answer::new(202), asked, name, upload, received))
        }
        "PUT" => {
            let digest = digest(asked, "digest")?.ok_or_else(|| {
                let message = "the digest of the whole blob has to be named: ?digest=<algorithm>:<hex>";
                ErrorResponse::new(Code::DigestInvalid).message(message)
            })?;
            let chunk = match asked.head.content_length {
                Some(0) => None,
                _ => Some(chunk(asked, request).await?),
            };
            let size = blobs::finish(repository, id, chunk, digest.to_string()).await.map_err(refused)?;
            Ok(pushed(asked, name, &digest, size))
        }
        "DELETE" => {
            blobs::cancel(repository, id).await.map_err(refused)?;
            Ok(Answer::new(204).header("docker-upload-uuid", upload.to_string()))
        }
        _ => {
            let received = blobs::status(repository, id).await.map_err(refused)?;
            Ok(session(Answer::new(204), asked, name, upload, received))
        }
    }
}

/// The request's body as part of an upload. Where it says which bytes these are, it has to be as long; a header that is
/// empty says nothing.
async fn chunk(asked: &Asked<'_>, request: Request) -> Result<Chunk, Refused> {
    let range = asked.head.content_range.as_deref().filter(|range| !range.trim().is_empty());
    let range = range.map(parse_chunk_range).transpose()?;
    if let (Some(range), Some(length)) = (range, asked.head.content_length)
        && range.length() != length
    {
        let message = format!("Content-Range announces {} bytes, Content-Length {length}", range.length());
        return Err(ErrorResponse::new(Code::SizeInvalid).message(message).into());
    }
    Ok(Chunk { body: http::take_body(request).await, first: range.map(|range| range.first) })
}

fn created(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Answer {
    Answer::new(201)
        .header("location", url(asked, &location::blob(name, digest)))
        .header("docker-content-digest", digest.as_str())
}

fn pushed(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest, size: u64) -> Answer {
    created(asked, name, digest).telling(|| event(asked, Action::Push, name, digest, size))
}

async fn mounted(
    asked: &Asked<'_>,
    name: &RepositoryName,
    digest: &Digest,
    source: Option<String>,
) -> Answer {
    let size = match events::wanted() {
        true => blobs::stat(name.to_string(), digest.to_string()).await.ok(),
        false => None,
    };
    created(asked, name, digest).telling(|| Event {
        source,
        size,
        ..event(asked, Action::Mount, name, digest, 0)
    })
}

/// Where the client goes on. All that the registry needs to know of the session is in the path.
fn session(
    answer: Answer,
    asked: &Asked<'_>,
    name: &RepositoryName,
    upload: &UploadId,
    received: u64,
) -> Answer {
    answer
        .header("location", url(asked, &location::upload(name, upload)))
        .header("range", received_range(received))
        .header("docker-upload-uuid", upload.as_str())
}

/// An upload that did not go on; where it still stands, the client learns where.
fn stopped(asked: &Asked<'_>, name: &RepositoryName, upload: &UploadId, failure: UploadFailure) -> Refused {
    let refused = Refused::from(failure.failure);
    match failure.offset {
        Some(offset) => refused
            .header("location", url(asked, &location::upload(name, upload)))
            .header("range", received_range(offset))
            .header("docker-upload-uuid", upload.as_str()),
        None => refused,
    }
}
