//! Where the store's errors become the registry's.

use crate::bindings::exports::pierhead::registry::blobs::{Failure, UploadFailure};
use crate::bindings::exports::pierhead::registry::types::RegistryError;
use crate::bindings::pierhead::storage::uploads::UploadError;
use protocol::error::Code;

/// An error of the registry's table; without a message, with what is usual for its code.
pub fn refused(code: Code, message: &str) -> Failure {
    Failure::Registry(RegistryError { code: code.as_str().into(), message: message.into(), details: vec![] })
}

/// Why a blob that is sent in one request was not taken. The client knows of no upload that it could go on with.
pub fn not_taken(error: UploadError) -> UploadFailure {
    let failure = match error {
        UploadError::WrongOffset(_) => {
            refused(Code::RangeInvalid, "a blob that is sent in one request begins at offset 0")
        }
        UploadError::Interrupted(_) => {
            refused(Code::SizeInvalid, "the body ended before it was complete: send the blob again")
        }
        UploadError::DigestMismatch(actual) => {
            refused(Code::DigestInvalid, &format!("the bytes that were sent have the digest {actual}"))
        }
        other => stopped(other).failure,
    };
    UploadFailure { failure, offset: None }
}

/// Why an upload did not go on.
pub fn stopped(error: UploadError) -> UploadFailure {
    let (failure, offset) = match error {
        UploadError::Unknown => (refused(Code::BlobUploadUnknown, ""), None),
        UploadError::WrongOffset(offset) => (
            refused(
                Code::RangeInvalid,
                &format!("the upload stands at offset {offset}: the next chunk begins there"),
            ),
            Some(offset),
        ),
        UploadError::Busy => (
            refused(
                Code::RangeInvalid,
                "another request is writing to this upload: ask for its offset when that has ended",
            ),
            None,
        ),
        UploadError::Interrupted(offset) => (
            refused(
                Code::SizeInvalid,
                "the body ended before it was complete: ask for the upload's offset, and go on there",
            ),
            Some(offset),
        ),
        UploadError::DigestMismatch(actual) => (
            refused(
                Code::DigestInvalid,
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
