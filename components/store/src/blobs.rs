//! `pierhead:storage/blobs` and `blob-writer`.

use crate::bindings::exports::pierhead::storage::types::{self, Content, GuestContent};
use crate::bindings::exports::pierhead::storage::{blob_writer, blobs};
use crate::bindings::wit_stream;
use crate::{Answer, Error, Object, Objects, Store, parsed};
use futures_util::future::join;
use names::{Digest, RepositoryName};
use tree::{MAX_LINK, digest_in_link, hold, may_stand_for};
use wit_bindgen::StreamReader;

/// The digest in a link; none where there is no link, or no digest in it.
pub(crate) async fn link<O: Objects>(
    objects: &O,
    directory: &str,
    name: &str,
) -> Result<Option<Digest>, Error> {
    let key = layout::in_directory(directory, name);
    let Some(bytes) = objects.read(&key, MAX_LINK).await? else { return Ok(None) };
    let digest = digest_in_link(&bytes);
    if digest.is_none() {
        guest_log::log!("{key}: a link without a digest in it is passed over");
    }
    Ok(digest)
}

/// Whose bytes the repository's hold on a blob names.
pub(crate) async fn held<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    blob: &Digest,
) -> Result<Option<Digest>, Error> {
    let held = link(objects, &layout::layer(name, blob), layout::LINK).await?;
    Ok(held.filter(|held| may_stand_for(held, blob)))
}

/// How many bytes the repository's blob has.
pub(crate) async fn stat<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    blob: &Digest,
) -> Result<Option<u64>, Error> {
    // Hardly ever is the one there without the other: on a network they are had in the time of one.
    let (held, early) = join(held(objects, name, blob), objects.size(&data(blob))).await;
    match held? {
        Some(held) if held == *blob => early,
        Some(held) => objects.size(&data(&held)).await,
        None => Ok(None),
    }
}

/// The key of a blob's bytes.
pub(crate) fn data(digest: &Digest) -> String {
    layout::in_directory(&layout::blob(digest), layout::DATA)
}

async fn mount<O: Objects>(
    objects: &O,
    to: &RepositoryName,
    from: &RepositoryName,
    blob: &Digest,
) -> Result<bool, Error> {
    let Some(held) = held(objects, from, blob).await? else { return Ok(false) };
    if objects.size(&data(&held)).await?.is_none() {
        return Ok(false);
    }
    objects.write(&hold(to, blob, &held)).await?;
    Ok(true)
}

impl<O: Objects> types::Guest for Store<O> {
    type Content = Opened<O::Object>;
}

/// An opened blob or manifest.
pub enum Opened<B> {
    /// An object that was not read yet.
    Object(B),
    /// Bytes that were read.
    Bytes(Vec<u8>),
}

impl<B: Object> GuestContent for Opened<B> {
    fn size(&self) -> u64 {
        match self {
            Opened::Object(object) => object.size(),
            Opened::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn elsewhere(&self) -> Option<String> {
        match self {
            Opened::Object(object) => object.elsewhere(),
            Opened::Bytes(_) => None,
        }
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Opened::Object(_) => None,
            Opened::Bytes(bytes) => Some(bytes.clone()),
        }
    }

    async fn read(&self, offset: u64, length: u64) -> Result<StreamReader<u8>, types::Error> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size());
        let end = end.unwrap_or_else(|| panic!("{length} bytes from {offset} on lie outside the blob"));
        match self {
            Opened::Object(object) => object.read(offset, length).await.told(),
            Opened::Bytes(bytes) => {
                let part = bytes[offset as usize..end as usize].to_vec();
                let (writer, reader) = wit_stream::new();
                guest_task::write(writer, part);
                Ok(reader)
            }
        }
    }
}

impl<O: Objects> blobs::Guest for Store<O> {
    async fn stat(name: String, blob: String) -> Result<Option<u64>, types::Error> {
        async { stat(O::configured()?, &parsed(&name), &parsed(&blob)).await }.await.told()
    }

    fn stat_now(_: String, _: String) -> Option<Result<Option<u64>, types::Error>> {
        None
    }

    async fn open(name: String, blob: String) -> Result<Option<Content>, types::Error> {
        let opened = async {
            let objects = O::configured()?;
            let (name, blob) = (parsed(&name), parsed(&blob));
            let (held, early) = join(held(objects, &name, &blob), objects.open(&data(&blob))).await;
            match held? {
                Some(held) if held == blob => early,
                Some(held) => objects.open(&data(&held)).await,
                None => Ok(None),
            }
        };
        Ok(opened.await.told()?.map(|object| Content::new(Opened::Object(object))))
    }

    fn open_now(_: String, _: String) -> Option<Result<Option<Content>, types::Error>> {
        None
    }

    fn holder(_: String) -> Option<String> {
        None
    }
}

impl<O: Objects> blob_writer::Guest for Store<O> {
    async fn mount(name: String, source: String, blob: String) -> Result<bool, types::Error> {
        async { mount(O::configured()?, &parsed(&name), &parsed(&source), &parsed(&blob)).await }.await.told()
    }

    async fn delete(name: String, blob: String) -> Result<bool, types::Error> {
        let (name, blob) = (parsed(&name), parsed(&blob));
        let deleted = async {
            let objects = O::configured()?;
            // A hold without bytes is none, and may be that of an upload which is about to be published: it stays.
            match stat(objects, &name, &blob).await? {
                Some(_) => objects.remove(&layout::layer(&name, &blob), layout::LINK).await,
                None => Ok::<_, Error>(false),
            }
        };
        deleted.await.told()
    }
}
