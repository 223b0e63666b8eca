//! Content and uploads: what the registry means by them, above storage and below HTTP.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/blobs-component", path: "../../wit", generate_all });
}
mod failure;

use bindings::exports::pierhead::registry::blobs::{
    Begun, Chunk, Content, Failure, Guest, Source, UploadFailure,
};
use bindings::pierhead::host::config;
use bindings::pierhead::storage::uploads::UploadError;
use bindings::pierhead::storage::{blob_writer, blobs, types::Error, uploads};
use failure::{not_taken, refused, stopped};
use protocol::error::Code;

struct Blobs;
bindings::export!(Blobs with_types_in bindings);

/// What a store found, or BLOB_UNKNOWN.
fn found<T>(answer: Result<Option<T>, Error>) -> Result<T, Failure> {
    answer.map_err(Failure::Storage)?.ok_or_else(|| refused(Code::BlobUnknown, ""))
}

impl Guest for Blobs {
    fn stat_now(repository: String, digest: String) -> Option<Result<u64, Failure>> {
        blobs::stat_now(&repository, &digest).map(found)
    }

    async fn stat(repository: String, digest: String) -> Result<u64, Failure> {
        found(blobs::stat(repository, digest).await)
    }

    fn open_now(repository: String, digest: String) -> Option<Result<Content, Failure>> {
        blobs::open_now(&repository, &digest).map(found)
    }

    async fn open(repository: String, digest: String) -> Result<Content, Failure> {
        found(blobs::open(repository, digest).await)
    }

    async fn delete(repository: String, digest: String) -> Result<(), Failure> {
        if config::get("storage.delete.enabled").as_deref() != Some("true") {
            return Err(refused(
                Code::Unsupported,
                "deleting is not enabled: set storage.delete.enabled to true",
            ));
        }
        match blob_writer::delete(repository, digest).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused(Code::BlobUnknown, "")),
            Err(error) => Err(Failure::Storage(error)),
        }
    }

    fn holder(digest: String) -> Option<String> {
        blobs::holder(&digest)
    }

    async fn begin(
        repository: String,
        source: Option<Source>,
        algorithm: Option<String>,
    ) -> Result<Begun, Failure> {
        if let Some(Source { repository: source, digest }) = source
            && blob_writer::mount(repository.clone(), source, digest).await.map_err(Failure::Storage)?
        {
            return Ok(Begun::Mounted);
        }
        uploads::create(repository, algorithm).await.map(Begun::Session).map_err(Failure::Storage)
    }

    async fn upload(repository: String, chunk: Chunk, digest: String) -> Result<u64, UploadFailure> {
        let upload = uploads::create(repository.clone(), None)
            .await
            .map_err(|error| not_taken(UploadError::Storage(error)))?;
        let finished =
            uploads::finish(repository.clone(), upload.clone(), chunk.first, Some(chunk.body), digest).await;
        match finished {
            Ok(size) => Ok(size),
            Err(error) => {
                // The client was never told of this session and cannot go on with it.
                let _ = uploads::cancel(repository, upload).await;
                Err(not_taken(error))
            }
        }
    }

    async fn status(repository: String, upload: String) -> Result<u64, UploadFailure> {
        uploads::offset(repository, upload).await.map_err(stopped)
    }

    async fn append(repository: String, upload: String, chunk: Chunk) -> Result<u64, UploadFailure> {
        uploads::append(repository, upload, chunk.first, chunk.body).await.map_err(stopped)
    }

    async fn finish(
        repository: String,
        upload: String,
        chunk: Option<Chunk>,
        digest: String,
    ) -> Result<u64, UploadFailure> {
        let (first, body) = chunk.map_or((None, None), |chunk| (chunk.first, Some(chunk.body)));
        uploads::finish(repository, upload, first, body, digest).await.map_err(stopped)
    }

    async fn cancel(repository: String, upload: String) -> Result<(), UploadFailure> {
        uploads::cancel(repository, upload).await.map_err(stopped)
    }
}
