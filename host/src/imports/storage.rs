//! `pierhead:storage` over where content lies.
//!
//! Names are parsed here, for a path is only ever made of a parsed name; one that does not parse is the
//! component's fault, and traps it.

use super::bindings::pierhead::storage::{
    blob_writer, blobs, catalog, manifest_writer, manifests, types, uploads,
};
use super::content::Content;
use super::failed;
use super::stream::unwrap;
use crate::state::{BegunUpload, Data, Host};
use crate::storage::{self, PutError, Storage, UploadError};
use names::{Algorithm, Digest, Reference, RepositoryName, Tag, UploadId};
use protocol::manifest::media_type_of;
use std::str::FromStr;
use tokio::task::spawn_local;
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

/// Where content lies, and the number of the request in hand, for the log.
fn storage(accessor: &Accessor<Data, Host>) -> (Storage, u64) {
    accessor.with(|mut access| {
        let data = access.get();
        (data.shared.storage.clone(), data.request_id())
    })
}

fn upload_failed(error: UploadError, request: u64) -> uploads::UploadError {
    use uploads::UploadError as Told;
    match error {
        UploadError::Unknown => Told::Unknown,
        UploadError::WrongOffset(offset) => Told::WrongOffset(offset),
        UploadError::Busy => Told::Busy,
        UploadError::Interrupted { offset, why } => {
            tracing::debug!(request = %crate::log::RequestId(request), offset, why, "an upload broke off");
            Told::Interrupted(offset)
        }
        UploadError::DigestMismatch(actual) => Told::DigestMismatch(actual.to_string()),
        UploadError::Storage(error) => Told::Storage(failed(&error, request)),
    }
}

fn reference(reference: manifests::Reference) -> Result<Reference> {
    Ok(match reference {
        manifests::Reference::Tag(text) => Reference::Tag(tag(&text)?),
        manifests::Reference::Digest(text) => Reference::Digest(digest(&text)?),
    })
}

fn page(found: tree::Page) -> catalog::Page {
    catalog::Page { names: found.names, more: found.more }
}

impl Data {
    fn manifest(&mut self, found: Option<store::Manifest>) -> Result<Option<manifests::Manifest>> {
        let Some(store::Manifest { digest, media_type, bytes }) = found else { return Ok(None) };
        let media_type = media_type.or_else(|| media_type_of(&bytes).map(Into::into));
        let content = self.table.push(Content(storage::Content::Files(bytes.into())))?;
        Ok(Some(manifests::Manifest { digest: digest.to_string(), media_type, content }))
    }

    fn opened(&mut self, found: Option<storage::Content>) -> Result<Option<Resource<Content>>> {
        Ok(match found {
            Some(content) => Some(self.table.push(Content(content))?),
            None => None,
        })
    }
}

impl blobs::Host for &mut Data {
    fn stat_now(&mut self, name: String, blob: String) -> Result<Option<Result<Option<u64>, types::Error>>> {
        let answer = self.shared.storage.stat_blob_now(&repository(&name)?, &digest(&blob)?);
        Ok(answer.map(|answer| answer.map_err(|error| failed(&error, self.request_id()))))
    }

    #[allow(clippy::type_complexity)]
    fn open_now(
        &mut self,
        name: String,
        blob: String,
    ) -> Result<Option<Result<Option<Resource<Content>>, types::Error>>> {
        match self.shared.storage.open_blob_now(&repository(&name)?, &digest(&blob)?) {
            None => Ok(None),
            Some(Ok(found)) => Ok(Some(Ok(self.opened(found)?))),
            Some(Err(error)) => Ok(Some(Err(failed(&error, self.request_id())))),
        }
    }

    fn holder(&mut self, blob: String) -> Result<Option<String>> {
        Ok(self.shared.storage.holder(&digest(&blob)?).map(|name| name.to_string()))
    }
}

impl blobs::HostWithStore<Data> for Host {
    async fn stat(
        accessor: &Accessor<Data, Host>,
        name: String,
        blob: String,
    ) -> Result<Result<Option<u64>, types::Error>> {
        let ((at, id), name, blob) = (storage(accessor), repository(&name)?, digest(&blob)?);
        let answer = at.stat_blob(name, blob).await;
        Ok(answer.map_err(|error| failed(&error, id)))
    }

    async fn open(
        accessor: &Accessor<Data, Host>,
        name: String,
        blob: String,
    ) -> Result<Result<Option<Resource<Content>>, types::Error>> {
        let ((at, id), name, blob) = (storage(accessor), repository(&name)?, digest(&blob)?);
        match at.open_blob(name, blob).await {
            Ok(found) => Ok(Ok(accessor.with(|mut access| access.get().opened(found))?)),
            Err(error) => Ok(Err(failed(&error, id))),
        }
    }
}

impl manifests::Host for &mut Data {
    fn get_now(
        &mut self,
        name: String,
        wanted: manifests::Reference,
    ) -> Result<Option<Result<Option<manifests::Manifest>, types::Error>>> {
        let answer = self.shared.storage.manifest_now(&repository(&name)?, &reference(wanted)?);
        Ok(match answer {
            Some(Ok(found)) => Some(Ok(self.manifest(found)?)),
            Some(Err(error)) => Some(Err(failed(&error, self.request_id()))),
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
        let ((at, id), name, wanted) = (storage(accessor), repository(&name)?, reference(wanted)?);
        match at.manifest(name, wanted).await {
            Ok(found) => accessor.with(|mut access| access.get().manifest(found)).map(Ok),
            Err(error) => Ok(Err(failed(&error, id))),
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
        let answer = self.shared.storage.tags_now(&repository(&name)?, after.as_deref(), limit as usize);
        Ok(answer.map(|answer| {
            answer.map(|found| found.map(page)).map_err(|error| failed(&error, self.request_id()))
        }))
    }

    fn referrers_now(
        &mut self,
        name: String,
        query: catalog::ReferrersQuery,
    ) -> Result<Option<Result<catalog::ReferrersPage, types::Error>>> {
        let answer = self.shared.storage.referrers_now(&repository(&name)?, &referrers_query(query)?);
        Ok(answer.map(|answer| answer.map(referrers_page).map_err(|error| failed(&error, self.request_id()))))
    }
}

impl catalog::HostWithStore<Data> for Host {
    async fn repositories(
        accessor: &Accessor<Data, Host>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<catalog::Page, types::Error>> {
        let (at, id) = storage(accessor);
        let after = after.as_deref().map(repository).transpose()?;
        let answer = at.repositories(after, limit as usize).await;
        Ok(answer.map(page).map_err(|error| failed(&error, id)))
    }

    async fn tags(
        accessor: &Accessor<Data, Host>,
        name: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<Option<catalog::Page>, types::Error>> {
        let ((at, id), name) = (storage(accessor), repository(&name)?);
        let answer = at.tags(name, after, limit as usize).await;
        Ok(answer.map(|found| found.map(page)).map_err(|error| failed(&error, id)))
    }

    async fn referrers(
        accessor: &Accessor<Data, Host>,
        name: String,
        query: catalog::ReferrersQuery,
    ) -> Result<Result<catalog::ReferrersPage, types::Error>> {
        let ((at, id), name, query) = (storage(accessor), repository(&name)?, referrers_query(query)?);
        let answer = at.referrers(name, query).await;
        Ok(answer.map(referrers_page).map_err(|error| failed(&error, id)))
    }
}

fn referrers_query(query: catalog::ReferrersQuery) -> Result<tree::ReferrersQuery> {
    Ok(tree::ReferrersQuery {
        subject: digest(&query.subject)?,
        artifact_type: query.artifact_type,
        after: query.after,
        limit: query.limit as usize,
        room: query.room as usize,
    })
}

fn referrers_page(found: tree::ReferrersPage) -> catalog::ReferrersPage {
    catalog::ReferrersPage { descriptors: found.descriptors, more: found.more }
}

impl uploads::Host for &mut Data {}

impl uploads::HostWithStore<Data> for Host {
    async fn create(
        accessor: &Accessor<Data, Host>,
        name: String,
        algorithm: Option<String>,
    ) -> Result<Result<String, types::Error>> {
        let ((at, id), name) = (storage(accessor), repository(&name)?);
        let algorithm = match algorithm {
            Some(text) => Algorithm::ALL
                .into_iter()
                .find(|algorithm| algorithm.as_str() == text)
                .with_context(|| format!("the component passed {text:?} to storage"))?,
            None => Algorithm::Sha256,
        };
        // A task: when nobody waits for it any more it ends, and the upload with it.
        match spawn_local(BegunUpload::new(at, name, algorithm)).await? {
            Ok(begun) => accessor.with(|mut data| Ok(Ok(data.get().exchange()?.begun.insert(begun).id()))),
            Err(error) => Ok(Err(failed(&error, id))),
        }
    }

    async fn offset(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
    ) -> Result<Result<u64, uploads::UploadError>> {
        let ((at, id), name, upload) = (storage(accessor), repository(&name)?, upload_id(&upload)?);
        let answer = at.upload_offset(name, upload).await;
        Ok(answer.map_err(|error| upload_failed(error, id)))
    }

    async fn append(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
        at: Option<u64>,
        body: types::Body,
    ) -> Result<Result<u64, uploads::UploadError>> {
        let ((place, id), name, upload) = (storage(accessor), repository(&name)?, upload_id(&upload)?);
        let body = unwrap(accessor, body)?;
        let answer = place.append(name, upload, at, body).await;
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
        let ((place, id), name, upload) = (storage(accessor), repository(&name)?, upload_id(&upload)?);
        let wanted = digest(&wanted)?;
        let body = body.map(|body| unwrap(accessor, body)).transpose()?;
        let answer = place.finish(name, upload, at, body, wanted).await;
        Ok(answer.map_err(|error| upload_failed(error, id)))
    }

    async fn cancel(
        accessor: &Accessor<Data, Host>,
        name: String,
        upload: String,
    ) -> Result<Result<(), uploads::UploadError>> {
        let ((at, id), name, upload) = (storage(accessor), repository(&name)?, upload_id(&upload)?);
        let answer = at.cancel_upload(name, upload).await;
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
        let ((at, id), name, source) = (storage(accessor), repository(&name)?, repository(&source)?);
        let blob = digest(&blob)?;
        let answer = at.mount(name, source, blob).await;
        Ok(answer.map_err(|error| failed(&error, id)))
    }

    async fn delete(
        accessor: &Accessor<Data, Host>,
        name: String,
        blob: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((at, id), name, blob) = (storage(accessor), repository(&name)?, digest(&blob)?);
        let answer = at.delete_blob(name, blob).await;
        Ok(answer.map_err(|error| failed(&error, id)))
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
        let ((at, id), name) = (storage(accessor), repository(&name)?);
        let new = tree::PutManifest {
            digest: digest(&new.digest)?,
            bytes: new.bytes.into(),
            media_type: new.media_type,
            blobs: digests(new.blobs)?,
            manifests: digests(new.manifests)?,
            tags: new.tags.iter().map(|text| tag(text)).collect::<Result<_>>()?,
        };
        let answer = at.put_manifest(name, new).await;
        let texts = |digests: Vec<Digest>| digests.iter().map(Digest::to_string).collect();
        Ok(answer.map_err(|error| match error {
            PutError::Missing(missing) => manifest_writer::PutError::Missing(manifest_writer::Missing {
                blobs: texts(missing.blobs),
                manifests: texts(missing.manifests),
            }),
            PutError::Storage(error) => manifest_writer::PutError::Storage(failed(&error, id)),
        }))
    }

    async fn delete(
        accessor: &Accessor<Data, Host>,
        name: String,
        wanted: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((at, id), name, wanted) = (storage(accessor), repository(&name)?, digest(&wanted)?);
        let answer = at.delete_manifest(name, wanted).await;
        Ok(answer.map_err(|error| failed(&error, id)))
    }

    async fn delete_tag(
        accessor: &Accessor<Data, Host>,
        name: String,
        wanted: String,
    ) -> Result<Result<bool, types::Error>> {
        let ((at, id), name, wanted) = (storage(accessor), repository(&name)?, tag(&wanted)?);
        let answer = at.delete_tag(name, wanted).await;
        Ok(answer.map_err(|error| failed(&error, id)))
    }
}
