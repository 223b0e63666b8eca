//! Everything that writes, refused: what a registry that may not write has in the place of a store that could.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/deny-writes-component", path: "../../wit", generate_all });
}

use bindings::exports::pierhead::storage::{blob_writer, manifest_writer, uploads};
use bindings::pierhead::storage::types::{Body, Error};
use uploads::UploadError;

struct Denied;
bindings::export!(Denied with_types_in bindings);

const DENIED: UploadError = UploadError::Storage(Error::ReadOnly);

impl uploads::Guest for Denied {
    async fn create(_: String, _: Option<String>) -> Result<String, Error> {
        Err(Error::ReadOnly)
    }

    async fn offset(_: String, _: String) -> Result<u64, UploadError> {
        Err(DENIED)
    }

    async fn append(_: String, _: String, _: Option<u64>, _: Body) -> Result<u64, UploadError> {
        Err(DENIED)
    }

    async fn finish(
        _: String,
        _: String,
        _: Option<u64>,
        _: Option<Body>,
        _: String,
    ) -> Result<u64, UploadError> {
        Err(DENIED)
    }

    async fn cancel(_: String, _: String) -> Result<(), UploadError> {
        Err(DENIED)
    }
}

impl blob_writer::Guest for Denied {
    async fn mount(_: String, _: String, _: String) -> Result<bool, Error> {
        Err(Error::ReadOnly)
    }

    async fn delete(_: String, _: String) -> Result<bool, Error> {
        Err(Error::ReadOnly)
    }
}

impl manifest_writer::Guest for Denied {
    async fn put(_: String, _: manifest_writer::NewManifest) -> Result<(), manifest_writer::PutError> {
        Err(manifest_writer::PutError::Storage(Error::ReadOnly))
    }

    async fn delete(_: String, _: String) -> Result<bool, Error> {
        Err(Error::ReadOnly)
    }

    async fn delete_tag(_: String, _: String) -> Result<bool, Error> {
        Err(Error::ReadOnly)
    }
}
