//! What the manifests of events refer to (`notifications.events.includereferences`).

use crate::pull_through::PullThrough;
use crate::storage::{Error, Storage, blocking};
use bytes::Bytes;
use names::{Digest, RepositoryName};
use objects::manifests;

/// A manifest as it is stored, of a repository and a digest; none where it is gone. Nobody asks for it who would build on it, so it is
/// collected, or goes from a cache, when it would have without; and a cache fetches nothing.
pub async fn manifest(storage: Storage, repository: &str, digest: &str) -> Result<Option<Bytes>, Error> {
    let parsed = (repository.parse::<RepositoryName>(), digest.parse::<Digest>());
    let (Ok(repository), Ok(digest)) = parsed else { return Ok(None) };
    match storage {
        Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
            let found = blocking(move || store.manifest_unleased(&repository, &digest)).await;
            found.map(|found: Option<store::Manifest>| found.map(|found| found.bytes))
        }
        Storage::Bucket(at) => {
            let read = |bucket| async move { manifests::by_digest(bucket, &repository, &digest).await };
            let found: Result<_, Error> = at.reading(read).await;
            Ok(found?.map(|found| found.bytes.into()))
        }
    }
}
