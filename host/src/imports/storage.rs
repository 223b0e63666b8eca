//! `pierhead:storage` over the native store.
//!
//! Names are parsed here, for a path is only ever made of a parsed name; one that does not parse is the
//! component's fault, and traps it.

use super::bindings::pierhead::storage::{
    blob_writer, blobs, catalog, manifest_writer, manifests, types, uploads,
};
use super::content::Content;
use super::stream::{StoredBody, unwrap};
use crate::state::{BegunUpload, Data, Host};
use names::{Algorithm, Digest, Reference, RepositoryName, Tag, UploadId};
use protocol::manifest::media_type_of;
use std::str::FromStr;
use store::Store;
use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};
use wasmtime::error::Context;

fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T> {
    text.parse::<T>().with_context(|| format!("the component passed {text:?} to storage"))
}
fn repository(text: &str) -> Result<RepositoryName> {
    parsed(text)
}
fn digest(text: &str) -> Result<Digest> {
    parsed(text)
}
fn tag(text: &str) -> Result<Tag> {
    parsed(text)
}
fn upload_id(text: &str) -> Result<UploadId> {
    parsed(text)
}

/// The store, and the number of the request in hand, for the log.
fn store(accessor: &Accessor<Data, Host>) -> (Store, u64) {
    accessor.with(|mut access| {
        let data = access.get();
        (data.shared.store.clone(), data.request_id())
    })
}

/// Does what may wait for the disk where it holds up no one.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// Logs what a component is not told, and gives what it is.
fn failed(error: store::Error, request: u64) -> types::Error {
    tracing::error!(request = %crate::log::RequestId(request), %error, "storage failed");
    match error {
        store::Error::Full(_) => types::Error::Full,
        store::Error::ReadOnly(_) => types::Error::ReadOnly,
        store::Error::Unavailable(_) => types::Error::Unavailable,
        _ => types::Error::Failed,
    }
}

fn upload_failed(error: store::UploadError, request: u64) -> uploads::UploadError {
    use uploads::UploadError as Told;
    match error {
        store::UploadError::Unknown => Told::Unknown,
        store::UploadError::WrongOffset(offset) => Told::WrongOffset(offset),
        store::UploadError::Busy => Told::Busy,
        store::UploadError::Interrupted { offset, why } => {
            tracing::debug!(request = %crate::log::RequestId(request), offset, why, "an upload broke off");
            Told::Interrupted(offset)
        }
        store::UploadError::DigestMismatch { actual } => Told::DigestMismatch(actual.to_string()),
        store::UploadError::Storage(error) => Told::Storage(failed(error, request)),
    }
}

fn reference(reference: manifests::Reference) -> Result<Reference> {
    Ok(match reference {
        manifests::Reference::Tag(text) => Reference::Tag(tag(&text)?),
        manifests::Reference::Digest(text) => Reference::Digest(digest(&text)?),
    })
}

fn page(found: store::Page) -> catalog::Page {
    catalog::Page { names: found.names, more: found.more }
}

impl Data {
    fn manifest(&mut self, found: Option<store::Manifest>) -> Result<Option<manifests::Manifest>> {
        let Some(store::Manifest { digest, media_type, bytes }) = found else { return Ok(None) };
        let media_type = media_type.or_else(|| media_type_of(&bytes).map(Into::into));
        let content = self.table.push(Content(bytes.into()))?;
        Ok(Some(manifests::Manifest { digest: digest.to_string(), media_type, content }))
    }

    fn opened(&mut self, found: Option<store::Content>) -> Result<Option<Resource<Content>>> {
        Ok(match found {
            Some(content) => Some(self.table.push(Content(content))?),
            None => None,
        })
    }
}

impl blobs::Host for &mut Data {
    fn stat_now(&mut self, name: String, blob: String) -> Result<Option<Result<Option<u64>, types::Error>>> {
        let answer = self.shared.store.stat_blob_now(&repository(&name)?, &digest(&blob)?);
        Ok(answer.map(|answer| answer.map_err(|error| failed(error, self.request_id()))))
    }

    #[allow(clippy::type_complexity)]
    fn open_now(
        &mut self,
        name: String,
        blob: String,
    ) -> Result<Option<Result<Option<Resource<Content>>, types::Error>>> {
        match self.shared.store.open_blob_now(&repository(&name)?, &digest(&blob)?) {
            None => Ok(None),
            Some(Ok(found)) => Ok(Some(Ok(self.opened(found)?))),
            Some(Err(error)) => Ok(Some(Err(failed(error, self.request_id())))),
        }
    }

    fn holder(&mut self, blob: String) -> Result<Option<String>> {
        Ok(self.shared.store.holder(&digest(&blob)?).map(|name| name.to_string()))
    }
}

impl blobs::HostWithStore<Data> for Host {
    async fn stat(
        accessor: &Accessor<Data, Host>,
        name: String,
        blob: String,
    ) -> Result<Result<Option<u64>, types::Error>> {
        let ((store, id), name, blob) = (store(accessor), repository(&name)?, digest(&blob)?);
        let answer = blocking(move || store.stat_blob(&name, &blob)).await?;
        Ok(answer.map_err(|error| failed(error, id)))
    }

    async fn open(
        accessor: &Accessor<Data, Host>,
        name: String,
        blob: String,
    ) -> Result<Result<Option<Resource<Content>>, types::Error>> {
        let ((store, id), name, blob) = (store(accessor), repository(&name)?, digest(&blob)?);
        match blocking(move || store.open_blob(&name, &blob)).await? {
            Ok(found) => Ok(Ok(accessor.with(|mut access| access.get().opened(found))?)),
            Err(error) => Ok(Err(failed(error, id))),
        }
    }
}

impl manifests::Host for &mut Data {
    fn get_now(
        &mut self,
        name: String,
        wanted: manifests::Reference,
    ) -> Result<Option<Result<Option<manifests::Manifest>, types::Error>>> {
        let answer = self.shared.store.manifest_now(&repository(&name)?, &reference(wanted)?);
        Ok(match answer {
            Some(Ok(found)) => Some(Ok(self.manifest(found)?)),
            Some(Err(error)) => Some(Err(failed(error, self.request_id()))),
            None => None,
        })
    }
}

impl manifests::HostWithStore<Data> for Host {
    async fn get(
        accessor: &Accessor<Data, Host>,
        name: String,
        wanted: manifests::Reference,
    ) -> Result<Result<Option<manifests::Manifest>, types::Error>> {
        let ((store, id), name, wanted) = (store(accessor), repository(&name)?, reference(wanted)?);
        match blocking(move || store.manifest(&name, &wanted)).await? {
            Ok(found) => accessor.with(|mut access| access.get().manifest(found)).map(Ok),
            Err(error) => Ok(Err(failed(error, id))),
        }
    }
}

impl catalog::Host for &mut Data {
    fn tags_now(
        &mut self,
        name: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Option<Result<Option<catalog::Page>, types::Error>>> {
        let answer = self.shared.store.tags_now(&repository(&name)?, after.as_deref(), limit as usize);
        Ok(answer.map(|answer| {
            answer.map(|found| found.map(page)).map_err(|error| failed(error, self.request_id()))
        }))
    }

    fn referrers_now(
        &mut self,
        name: String,
        query: catalog::ReferrersQuery,
    ) -> Result<Option<Result<catalog::ReferrersPage, types::Error>>> {
        let answer = self.shared.store.referrers_now(&repository(&name)?, &referrers_query(query)?);
        Ok(answer.map(|answer| answer.map(referrers_page).map_err(|error| failed(error, self.request_id()))))
    }
}

impl catalog::HostWithStore<Data> for Host {
    async fn repositories(
        accessor: &Accessor<Data, Host>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<catalog::Page, types::Error>> {
        let (store, id) = store(accessor);
        let after = after.as_deref().map(repository).transpose()?;
        let answer = blocking(move || store.repositories(after.as_ref(), limit as usize)).await?;
        Ok(answer.map(page).map_err(|error| failed(error, id)))
    }

    async fn tags(
        accessor: &Accessor<Data, Host>,
        name: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<Option<catalog::Page>, types::Error>> {
        let ((store, id), name) = (store(accessor), repository(&name)?);
        let answer = blocking(move || store.tags(&name, after.as_deref(), limit as usize)).await?;
        Ok(answer.map(|found| found.map(page)).map_err(|error| failed(error, id)))
    }

    async fn referrers(
        accessor: &Accessor<Data, Host>,
        name: String,
        query: catalog::ReferrersQuery,
    ) -> Result<Result<catalog::ReferrersPage, types::Error>> {
        let ((store, id), name, query) = (store(accessor), repository(&name)?, referrers_query(query)?);
        let answer = blocking(move || store.referrers(&name, &query)).await?;
        Ok(answer.map(referrers_page).map_err(|error| failed(error, id)))
    }
}

fn referrers_query(query: catalog::ReferrersQuery) -> Result<store::ReferrersQuery> {
    Ok(store::ReferrersQuery {
        subject: digest(&query.subject)?,
        artifact_type: query.artifact_type,
        after: query.after,
        limit: query.limit as usize,
        room: query.room as usize,
    })
}

fn referrers_page(found: store::ReferrersPage) -> catalog::ReferrersPage {
    catalog::ReferrersPage { descriptors: found.descriptors, more: found.more }
}

impl uploads::Host for &mut Data {}

impl uploads::HostWithStore<Data> for Host {
    async fn create(
        accessor: &Accessor<Data, Host>,
        name: String,
        algorithm: Option<String>,
    ) -> Result<Result<String, types::Error>> {
        let ((store, id), name) = (store(accessor), repository(&name)?);
        let algorithm = match algorithm {
            Some(text) => Algorithm::ALL
                .into_iter()
                .find(|algorithm| algorithm.as_str() == text)
                .with_context(|| format!("the component passed {text:?} to storage"))?,
            None => Algorithm::Sha256,
        };
        match blocking(move || BegunUpload::new(store, name, algorithm)).await? {
            Ok(begun) => accessor.with(|mut data| Ok(Ok(data.get().exchange()?.begun.insert(begun).id()))),
            Err(error) => Ok(Err(failed(error, id))),
        }
    }

    async fn offset(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
    ) -> Result<Result<u64, uploads::UploadError>> {
        let ((store, id), name, upload) = (store(accessor), repository(&name)?, upload_id(&upload)?);
        let answer = blocking(move || store.upload_offset(&name, &upload)).await?;
        Ok(answer.map_err(|error| upload_failed(error, id)))
    }

    async fn append(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
        at: Option<u64>,
        body: types::Body,
    ) -> Result<Result<u64, uploads::UploadError>> {
        let ((store, id), name, upload) = (store(accessor), repository(&name)?, upload_id(&upload)?);
        let body = unwrap(accessor, body)?;
        let answer = store.append(&name, &upload, at, body).await;
        Ok(answer.map_err(|error| upload_failed(error, id)))
    }

    async fn finish(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
        at: Option<u64>,
        body: Option<types::Body>,
        wanted: String,
    ) -> Result<Result<u64, uploads::UploadError>> {
        let ((store, id), name, upload) = (store(accessor), repository(&name)?, upload_id(&upload)?);
        let wanted = digest(&wanted)?;
        let body: Option<StoredBody> = body.map(|body| unwrap(accessor, body)).transpose()?;
        let answer = store.finish(&name, &upload, at, body, &wanted).await;
        Ok(answer.map_err(|error| upload_failed(error, id)))
    }

    async fn cancel(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
    ) -> Result<Result<(), uploads::UploadError>> {
        let ((store, id), name, upload) = (store(accessor), repository(&name)?, upload_id(&upload)?);
        let answer = store.cancel_upload(&name, &upload).await;
        Ok(answer.map_err(|error| upload_failed(error, id)))
    }
}

impl blob_writer::Host for &mut Data {}

impl blob_writer::HostWithStore<Data> for Host {
    async fn mount(
        accessor: &Accessor<Data, Host>,
        name: String,
        source: String,
        blob: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((store, id), name, source) = (store(accessor), repository(&name)?, repository(&source)?);
        let blob = digest(&blob)?;
        let answer = blocking(move || store.mount(&name, &source, &blob)).await?;
        Ok(answer.map_err(|error| failed(error, id)))
    }

    async fn delete(
        accessor: &Accessor<Data, Host>,
        name: String,
        blob: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((store, id), name, blob) = (store(accessor), repository(&name)?, digest(&blob)?);
        let answer = blocking(move || store.delete_blob(&name, &blob)).await?;
        Ok(answer.map_err(|error| failed(error, id)))
    }
}

impl manifest_writer::Host for &mut Data {}

impl manifest_writer::HostWithStore<Data> for Host {
    async fn put(
        accessor: &Accessor<Data, Host>,
        name: String,
        new: manifest_writer::NewManifest,
    ) -> Result<Result<(), manifest_writer::PutError>> {
        let digests = |texts: Vec<String>| texts.iter().map(|text| digest(text)).collect::<Result<Vec<_>>>();
        let ((store, id), name) = (store(accessor), repository(&name)?);
        let new = store::PutManifest {
            digest: digest(&new.digest)?,
            bytes: new.bytes.into(),
            media_type: new.media_type,
            blobs: digests(new.blobs)?,
            manifests: digests(new.manifests)?,
            tags: new.tags.iter().map(|text| tag(text)).collect::<Result<_>>()?,
        };
        let answer = blocking(move || store.put_manifest(&name, new)).await?;
        let texts = |digests: Vec<Digest>| digests.iter().map(Digest::to_string).collect();
        Ok(answer.map_err(|error| match error {
            store::PutManifestError::Missing { blobs, manifests } => {
                manifest_writer::PutError::Missing(manifest_writer::Missing {
                    blobs: texts(blobs),
                    manifests: texts(manifests),
                })
            }
            store::PutManifestError::Storage(error) => manifest_writer::PutError::Storage(failed(error, id)),
        }))
    }

    async fn delete(
        accessor: &Accessor<Data, Host>,
        name: String,
        wanted: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((store, id), name, wanted) = (store(accessor), repository(&name)?, digest(&wanted)?);
        let answer = blocking(move || store.delete_manifest(&name, &wanted)).await?;
        Ok(answer.map_err(|error| failed(error, id)))
    }

    async fn delete_tag(
        accessor: &Accessor<Data, Host>,
        name: String,
        wanted: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((store, id), name, wanted) = (store(accessor), repository(&name)?, tag(&wanted)?);
        let answer = blocking(move || store.delete_tag(&name, &wanted)).await?;
        Ok(answer.map_err(|error| failed(error, id)))
    }
}
