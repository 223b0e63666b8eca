//! `pierhead:storage/uploads`.

use crate::answer::{Answer, told};
use crate::bindings::exports::pierhead::storage::types::{self, Body};
use crate::bindings::exports::pierhead::storage::uploads::{Guest, UploadError};
use crate::{Configured, Store, parsed};
use names::Algorithm;
use objects::{Error, uploads};

/// What whoever asked is told.
fn stopped(error: uploads::UploadError) -> UploadError {
    use uploads::UploadError as Why;
    match error {
        Why::Unknown => UploadError::Unknown,
        Why::WrongOffset(offset) => UploadError::WrongOffset(offset),
        Why::Busy => UploadError::Busy,
        Why::Interrupted(offset) => UploadError::Interrupted(offset),
        Why::DigestMismatch(actual) => UploadError::DigestMismatch(actual.to_string()),
        Why::Storage(error) => failed(error),
    }
}

fn failed(error: Error) -> UploadError {
    UploadError::Storage(told(error))
}

fn sent(body: Body) -> platform::Body {
    platform::Body::new(body.bytes, async { body.end.await.is_ok() })
}

impl<P: Configured> Guest for Store<P> {
    async fn create(name: String, algorithm: Option<String>) -> Result<String, types::Error> {
        // What is not said is SHA-256.
        let algorithm = algorithm.as_deref().map_or(Algorithm::Sha256, parsed);
        let begun = uploads::create(P::configured().told()?, &parsed(&name), algorithm).await;
        Ok(begun.told()?.to_string())
    }

    async fn offset(name: String, upload: String) -> Result<u64, UploadError> {
        let objects = P::configured().map_err(failed)?;
        uploads::offset(objects, &parsed(&name), &parsed(&upload)).await.map_err(stopped)
    }

    async fn append(name: String, upload: String, at: Option<u64>, body: Body) -> Result<u64, UploadError> {
        let objects = P::configured().map_err(failed)?;
        let appended = uploads::append(objects, &parsed(&name), &parsed(&upload), at, sent(body)).await;
        appended.map_err(stopped)
    }

    async fn finish(
        name: String,
        upload: String,
        at: Option<u64>,
        body: Option<Body>,
        wanted: String,
    ) -> Result<u64, UploadError> {
        let (objects, body) = (P::configured().map_err(failed)?, body.map(sent));
        let wanted = parsed(&wanted);
        uploads::finish(objects, &parsed(&name), &parsed(&upload), at, body, &wanted).await.map_err(stopped)
    }

    async fn cancel(name: String, upload: String) -> Result<(), UploadError> {
        let objects = P::configured().map_err(failed)?;
        uploads::cancel(objects, &parsed(&name), &parsed(&upload)).await.map_err(stopped)
    }
}
