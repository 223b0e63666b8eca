//! Where content lies: in files, or in a bucket. What both promise is `pierhead:storage`'s, whose imports ask here.
//!
//! Files are waited for on blocking threads, a bucket is asked on the thread of whoever asks ([`in_bucket`]).

mod content;
mod error;
mod in_bucket;
mod in_files;
mod role;

pub use content::{Content, ContentBody};
pub use error::{Error, OpenError, PutError, UploadError};
pub use in_bucket::{InBucket, bucket};
pub use in_files::{blocking, files};

use crate::config::{Config, Driver};
use crate::imports::StoredBody;
use crate::pull_through::PullThrough;
use names::{Algorithm, Digest, Reference, RepositoryName, Tag, UploadId};
use objects::manifests::Missing;
use objects::{blobs, catalog, manifests, referrers, uploads};
use platform::Body;
use store::Store;
use tokio::task::spawn_blocking;
use tree::{Page, PutManifest, ReferrersPage, ReferrersQuery};

/// Where content lies.
#[derive(Clone)]
pub enum Storage {
    /// In a directory.
    Files(Store),
    /// In a bucket: S3's, or a container of Azure's.
    Bucket(InBucket),
    /// With another registry, and in a directory what was fetched from there. Clients write nothing.
    Cache(PullThrough),
}

impl Storage {
    /// What the configuration names.
    ///
    /// # Errors
    /// The directory cannot be opened, or there is no key to the bucket. That is not asked yet.
    pub fn open(config: &Config) -> Result<Storage, OpenError> {
        match config.storage.driver {
            Driver::Filesystem => {
                let store = Store::open(files(config))?;
                Ok(match &config.proxy.remoteurl {
                    Some(url) => Storage::Cache(PullThrough::new(&config.proxy, url, store)?),
                    None => Storage::Files(store),
                })
            }
            Driver::S3 | Driver::Azure => {
                Ok(Storage::Bucket(InBucket::new(bucket(config)?, config.limits.requests)))
            }
        }
    }

    /// Says in the log what lies elsewhere, and whether it can be read, on a thread of its own.
    pub fn tell(&self) {
        let bucket = match self {
            Storage::Files(_) => return,
            Storage::Cache(cache) => return cache.tell(),
            Storage::Bucket(bucket) => bucket,
        };
        let (storage, place) = (self.clone(), bucket.at().place());
        let work = move || match storage.check() {
            Ok(()) => tracing::info!(bucket = place, "content lies in a bucket"),
            Err(error) => {
                tracing::warn!(bucket = place, %error, "content lies in a bucket that cannot be read")
            }
        };
        // Requests will tell, where there can be no thread.
        let _ = std::thread::Builder::new().name("bucket".into()).spawn(work);
    }

    /// Whether it can be read. Waits on the calling thread, which has no runtime.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => Ok(store.check()?),
            Storage::Bucket(bucket) => Ok(bucket.check()?),
        }
    }

    /// How many bytes a repository's blob has.
    pub async fn stat_blob(&self, name: RepositoryName, blob: Digest) -> Result<Option<u64>, Error> {
        match self.clone() {
            Storage::Files(store) => blocking(move || store.stat_blob(&name, &blob)).await,
            Storage::Cache(cache) => cache.stat_blob(name, blob).await,
            Storage::Bucket(at) => {
                at.reading(|bucket| async move { blobs::claim(bucket, &name, &blob).await }).await
            }
        }
    }

    /// The same from memory, or `None`.
    pub fn stat_blob_now(&self, name: &RepositoryName, blob: &Digest) -> Option<Result<Option<u64>, Error>> {
        match self {
            Storage::Files(store) => Some(store.stat_blob_now(name, blob)?.map_err(Error::Files)),
            Storage::Cache(cache) => cache.stat_blob_now(name, blob).map(|size| Ok(Some(size))),
            Storage::Bucket(_) => None,
        }
    }

    /// Opens a repository's blob.
    pub async fn open_blob(&self, name: RepositoryName, blob: Digest) -> Result<Option<Content>, Error> {
        match self.clone() {
            Storage::Files(store) => {
                let found = blocking::<_, _, Error>(move || store.open_blob(&name, &blob)).await?;
                Ok(found.map(Content::Files))
            }
            Storage::Cache(cache) => cache.open_blob(name, blob).await,
            Storage::Bucket(at) => {
                let found: Result<_, Error> =
                    at.reading(|bucket| async move { blobs::open(bucket, &name, &blob).await }).await;
                Ok(found?.map(Content::Bucket))
            }
        }
    }

    /// The same from memory or page cache, or `None`.
    pub fn open_blob_now(
        &self,
        name: &RepositoryName,
        blob: &Digest,
    ) -> Option<Result<Option<Content>, Error>> {
        match self {
            Storage::Files(store) => {
                let found = store.open_blob_now(name, blob)?;
                Some(found.map(|found| found.map(Content::Files)).map_err(Error::Files))
            }
            Storage::Cache(cache) => cache.open_blob_now(name, blob).map(|found| Ok(Some(found))),
            Storage::Bucket(_) => None,
        }
    }

    /// A repository that lately held the blob, where one is remembered.
    pub fn holder(&self, blob: &Digest) -> Option<RepositoryName> {
        match self {
            Storage::Files(store) => store.holder(blob),
            Storage::Bucket(_) | Storage::Cache(_) => None,
        }
    }

    /// The manifest that a tag or a digest names.
    pub async fn manifest(
        &self,
        name: RepositoryName,
        wanted: Reference,
    ) -> Result<Option<store::Manifest>, Error> {
        match self.clone() {
            Storage::Files(store) => blocking(move || store.manifest(&name, &wanted)).await,
            Storage::Cache(cache) => cache.manifest(name, wanted).await,
            Storage::Bucket(at) => {
                let found: Result<_, Error> =
                    at.reading(|bucket| async move { manifests::get(bucket, &name, &wanted).await }).await;
                Ok(found?.map(|found| store::Manifest {
                    digest: found.digest,
                    media_type: found.media_type,
                    bytes: found.bytes.into(),
                }))
            }
        }
    }

    /// The same from memory or page cache, or `None`.
    pub fn manifest_now(
        &self,
        name: &RepositoryName,
        wanted: &Reference,
    ) -> Option<Result<Option<store::Manifest>, Error>> {
        match self {
            Storage::Files(store) => Some(store.manifest_now(name, wanted)?.map_err(Error::Files)),
            Storage::Cache(cache) => cache.manifest_now(name, wanted).map(|found| Ok(Some(found))),
            Storage::Bucket(_) => None,
        }
    }

    /// Stores a manifest with everything it needs.
    pub async fn put_manifest(&self, name: RepositoryName, new: PutManifest) -> Result<(), PutError> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                use store::PutManifestError as Why;
                match spawn_blocking(move || store.put_manifest(&name, new)).await? {
                    Ok(()) => Ok(()),
                    Err(Why::Missing { blobs, manifests }) => {
                        Err(PutError::Missing(Missing { blobs, manifests }))
                    }
                    Err(Why::Storage(error)) => Err(error.into()),
                }
            }
            Storage::Bucket(at) => {
                let missing: Result<_, Error> =
                    at.writing(|bucket| async move { manifests::put(bucket, &name, new).await }).await;
                missing?.map_or(Ok(()), |missing| Err(PutError::Missing(missing)))
            }
        }
    }

    /// Removes a manifest, its tags and its entry among the referrers.
    pub async fn delete_manifest(&self, name: RepositoryName, wanted: Digest) -> Result<bool, Error> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.delete_manifest(&name, &wanted)).await
            }
            Storage::Bucket(at) => {
                at.writing(|bucket| async move { manifests::delete(bucket, &name, &wanted).await }).await
            }
        }
    }

    /// Removes a tag.
    pub async fn delete_tag(&self, name: RepositoryName, tag: Tag) -> Result<bool, Error> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.delete_tag(&name, &tag)).await
            }
            Storage::Bucket(at) => {
                at.writing(|bucket| async move { manifests::delete_tag(bucket, &name, &tag).await }).await
            }
        }
    }

    /// Makes a repository hold a blob that another one holds.
    pub async fn mount(&self, to: RepositoryName, from: RepositoryName, blob: Digest) -> Result<bool, Error> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.mount(&to, &from, &blob)).await
            }
            Storage::Bucket(at) => {
                at.writing(|bucket| async move { blobs::mount(bucket, &to, &from, &blob).await }).await
            }
        }
    }

    /// Makes a repository no longer hold a blob.
    pub async fn delete_blob(&self, name: RepositoryName, blob: Digest) -> Result<bool, Error> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.delete_blob(&name, &blob)).await
            }
            Storage::Bucket(at) => {
                at.writing(|bucket| async move { blobs::delete(bucket, &name, &blob).await }).await
            }
        }
    }

    /// The repositories after `after`, `limit` at most.
    pub async fn repositories(&self, after: Option<RepositoryName>, limit: usize) -> Result<Page, Error> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.repositories(after.as_ref(), limit)).await
            }
            Storage::Bucket(at) => {
                at.reading(|bucket| async move { catalog::repositories(bucket, after.as_ref(), limit).await })
                    .await
            }
        }
    }

    /// The tags of a repository after `after`, `limit` at most.
    pub async fn tags(
        &self,
        name: RepositoryName,
        after: Option<String>,
        limit: usize,
    ) -> Result<Option<Page>, Error> {
        match self.clone() {
            Storage::Files(store) => blocking(move || store.tags(&name, after.as_deref(), limit)).await,
            Storage::Cache(cache) => cache.tags(name, after, limit).await,
            Storage::Bucket(at) => {
                at.reading(|bucket| async move { catalog::tags(bucket, &name, after, limit).await }).await
            }
        }
    }

    /// The same from memory, or `None`.
    pub fn tags_now(
        &self,
        name: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Result<Option<Page>, Error>> {
        match self {
            Storage::Files(store) => Some(store.tags_now(name, after, limit)?.map_err(Error::Files)),
            Storage::Bucket(_) | Storage::Cache(_) => None,
        }
    }

    /// A page of a subject's referrers.
    pub async fn referrers(
        &self,
        name: RepositoryName,
        query: ReferrersQuery,
    ) -> Result<ReferrersPage, Error> {
        match self.clone() {
            Storage::Files(store) => blocking(move || store.referrers(&name, &query)).await,
            Storage::Cache(cache) => cache.referrers(name, query).await,
            Storage::Bucket(at) => {
                at.reading(|bucket| async move { referrers::page(bucket, &name, &query).await }).await
            }
        }
    }

    /// The same from memory, or `None`.
    pub fn referrers_now(
        &self,
        name: &RepositoryName,
        query: &ReferrersQuery,
    ) -> Option<Result<ReferrersPage, Error>> {
        match self {
            Storage::Files(store) => Some(store.referrers_now(name, query)?.map_err(Error::Files)),
            Storage::Bucket(_) | Storage::Cache(_) => None,
        }
    }

    /// Begins an upload.
    pub async fn create_upload(&self, name: RepositoryName, algorithm: Algorithm) -> Result<UploadId, Error> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.create_upload(&name, algorithm)).await
            }
            Storage::Bucket(at) => {
                at.writing(|bucket| async move { uploads::create(bucket, &name, algorithm).await }).await
            }
        }
    }

    /// How many bytes an upload has.
    pub async fn upload_offset(&self, name: RepositoryName, id: UploadId) -> Result<u64, UploadError> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                blocking(move || store.upload_offset(&name, &id)).await
            }
            Storage::Bucket(at) => {
                at.reading(|bucket| async move { uploads::offset(bucket, &name, &id).await }).await
            }
        }
    }

    /// Ends an upload and forgets its bytes.
    pub async fn cancel_upload(&self, name: RepositoryName, id: UploadId) -> Result<(), UploadError> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                Ok(store.cancel_upload(&name, &id).await?)
            }
            Storage::Bucket(at) => {
                at.writing(|bucket| async move { uploads::cancel(bucket, &name, &id).await }).await
            }
        }
    }

    /// Writes a body at the end of an upload; returns where it stands then.
    pub async fn append(
        &self,
        name: RepositoryName,
        id: UploadId,
        at: Option<u64>,
        body: StoredBody,
    ) -> Result<u64, UploadError> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                Ok(store.append(&name, &id, at, body).await?)
            }
            Storage::Bucket(place) => {
                let body = Body::new(body);
                place
                    .writing(|bucket| async move { uploads::append(bucket, &name, &id, at, body).await })
                    .await
            }
        }
    }

    /// Appends a body, where there is one, and makes a blob of the upload; returns its size.
    pub async fn finish(
        &self,
        name: RepositoryName,
        id: UploadId,
        at: Option<u64>,
        body: Option<StoredBody>,
        wanted: Digest,
    ) -> Result<u64, UploadError> {
        match self.clone() {
            Storage::Files(store) | Storage::Cache(PullThrough { store, .. }) => {
                Ok(store.finish(&name, &id, at, body, &wanted).await?)
            }
            Storage::Bucket(place) => {
                let body = body.map(Body::new);
                place
                    .writing(
                        |bucket| async move { uploads::finish(bucket, &name, &id, at, body, &wanted).await },
                    )
                    .await
            }
        }
    }
}
