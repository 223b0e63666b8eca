use crate::{Request, Server};
use names::{Algorithm, Digest};
use sha2::{Digest as _, Sha256, Sha512};

/// The SHA-256 digest of bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_raw(Algorithm::Sha256, &Sha256::digest(bytes))
}

/// The SHA-512 digest of bytes.
pub fn sha512(bytes: &[u8]) -> Digest {
    Digest::from_raw(Algorithm::Sha512, &Sha512::digest(bytes))
}

/// Opens an upload and returns the path of its `Location`.
///
/// # Panics
/// When it is refused.
#[track_caller]
pub fn start_upload(server: &Server, repository: &str) -> String {
    server.post(&format!("/v2/{repository}/blobs/uploads/")).expect(202).location()
}

/// Pushes a blob by POST and PUT.
///
/// # Panics
/// When it is refused.
#[track_caller]
pub fn push_blob(server: &Server, repository: &str, bytes: &[u8]) -> Digest {
    let digest = sha256(bytes);
    let upload = start_upload(server, repository);
    server.put(&closing(&upload, &digest), bytes).expect(201);
    digest
}

/// The target of the PUT that ends the upload at this location as this digest.
pub fn closing(upload: &str, digest: &Digest) -> String {
    let separator = if upload.contains('?') { '&' } else { '?' };
    format!("{upload}{separator}digest={digest}")
}

/// Pushes a manifest under a tag or its digest.
///
/// # Panics
/// When it is refused.
#[track_caller]
pub fn push_manifest(
    server: &Server,
    repository: &str,
    reference: &str,
    media_type: &str,
    bytes: &[u8],
) -> Digest {
    let request = Request::put(&format!("/v2/{repository}/manifests/{reference}"), bytes);
    server.request(&request.header("Content-Type", media_type)).expect(201);
    sha256(bytes)
}
