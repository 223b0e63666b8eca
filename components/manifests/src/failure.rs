//! Where what the protocol and the store refuse becomes this component's answer.

use crate::bindings::exports::pierhead::registry::manifests::Failure;
use crate::bindings::pierhead::registry::types::RegistryError;
use crate::bindings::pierhead::storage::manifest_writer::Missing;
use protocol::error::{Code, ErrorResponse};

/// An error of the registry's table.
pub fn registry(error: ErrorResponse) -> Failure {
    Failure::Registry(RegistryError {
        code: error.code.as_str().into(),
        message: error.message.into(),
        details: error.details,
    })
}

/// An error of the registry's table, with what is usual for its code.
pub fn refused(code: Code) -> Failure {
    registry(ErrorResponse::new(code))
}

/// How many things that are missing are named: no image has more, and an answer must not outgrow what was sent.
const NAMED: usize = 1000;

/// What the manifest needs and the repository does not have: each thing is named.
pub fn missing(needs: Missing) -> Failure {
    let message = "the manifest needs what this repository does not hold: push it first";
    let error = ErrorResponse::new(Code::ManifestBlobUnknown).message(message);
    let digests = needs.blobs.into_iter().chain(needs.manifests).take(NAMED);
    registry(digests.fold(error, |error, digest| error.detail("digest", &digest.to_string())))
}
