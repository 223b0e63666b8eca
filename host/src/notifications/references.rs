//! What the manifests of events refer to (`notifications.events.includereferences`).

use crate::storage::{Error, Storage};
use bytes::Bytes;
use names::Reference;

/// A manifest as it is stored, of a repository and a digest; none where it is gone. A cache is asked for what it has, and fetches and
/// counts nothing.
pub async fn manifest(storage: Storage, repository: &str, digest: &str) -> Result<Option<Bytes>, Error> {
    let (Ok(repository), Ok(digest)) = (repository.parse(), digest.parse()) else { return Ok(None) };
    let here = match storage {
        Storage::Cache(cache) => Storage::Files(cache.store),
        storage => storage,
    };
    let found = here.manifest(repository, Reference::Digest(digest)).await?;
    Ok(found.map(|found| found.bytes))
}
