//! Where the store's errors become the registry's.

use crate::bindings::exports::pierhead::registry::blobs::{Failure, UploadFailure};
use crate::bindings::exports::pierhead::registry::types::RegistryError;
use crate::bindings::pierhead::storage::uploads::UploadError;

/// An error of the registry's table.
pub fn refused(code: &str, message: &str) -> Failure {
    Failure::Registry(RegistryError { code: code.into(), message: message.into(), details: vec![] })
}

/// Why an upload did not go on.
pub fn stopped(error: UploadError) -> UploadFailure {
    let (failure, offset) = match error {
        UploadError::Unknown => (refused("BLOB_UPLOAD_UNKNOWN", ""), None),
        UploadError::WrongOffset(offset) => (
            refused(
                "RANGE_INVALID",
                &format!("the upload stands at offset {offset}: the next chunk begins there"),
            ),
            Some(offset),
        ),
        UploadError::Busy => (
            refused(
                "RANGE_INVALID",
                "another request is writing to this upload: ask for its offset when that has ended",
            ),
            None,
        ),
        UploadError::Interrupted(offset) => (
            refused(
                "SIZE_INVALID",
                "the body ended before it was complete: ask for the upload's offset, and go on there",
            ),
            Some(offset),
        ),
        UploadError::DigestMismatch(actual) => (
            refused(
                "DIGEST_INVALID",
                &format!(
                    "the bytes that were sent have the digest {actual}: the upload stands where it stood"
                ),
            ),
            None,
        ),
        UploadError::Storage(error) => (Failure::Storage(error), None),
    };
    UploadFailure { failure, offset }
}
