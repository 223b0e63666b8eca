//! `pierhead:storage/blobs` and `blob-writer`.

use crate::answer::Answer;
use crate::bindings::exports::pierhead::storage::types::{self, Content, GuestContent};
use crate::bindings::exports::pierhead::storage::{blob_writer, blobs};
use crate::bindings::wit_stream;
use crate::{Configured, Store, parsed};
use objects::{Object, Objects};
use wit_bindgen::StreamReader;

impl<P: Configured> types::Guest for Store<P> {
    type Content = Opened<<P::Objects as Objects>::Object>;
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
            Opened::Object(_) if length == 0 => Ok(wit_stream::new().1),
            Opened::Object(object) => Ok(object.read(offset, length).await.told()?.into_reader()),
            Opened::Bytes(bytes) => {
                let part = bytes[offset as usize..end as usize].to_vec();
                let (writer, reader) = wit_stream::new();
                guest_task::write(writer, part);
                Ok(reader)
            }
        }
    }
}

impl<P: Configured> blobs::Guest for Store<P> {
    async fn stat(name: String, blob: String) -> Result<Option<u64>, types::Error> {
        objects::blobs::claim(P::configured().told()?, &parsed(&name), &parsed(&blob)).await.told()
    }

    fn stat_now(_: String, _: String) -> Option<Result<Option<u64>, types::Error>> {
        None
    }

    async fn open(name: String, blob: String) -> Result<Option<Content>, types::Error> {
        let opened = objects::blobs::open(P::configured().told()?, &parsed(&name), &parsed(&blob)).await;
        Ok(opened.told()?.map(|object| Content::new(Opened::Object(object))))
    }

    fn open_now(_: String, _: String) -> Option<Result<Option<Content>, types::Error>> {
        None
    }

    fn holder(_: String) -> Option<String> {
        None
    }
}

impl<P: Configured> blob_writer::Guest for Store<P> {
    async fn mount(name: String, source: String, blob: String) -> Result<bool, types::Error> {
        let objects = P::configured().told()?;
        objects::blobs::mount(objects, &parsed(&name), &parsed(&source), &parsed(&blob)).await.told()
    }

    async fn delete(name: String, blob: String) -> Result<bool, types::Error> {
        objects::blobs::delete(P::configured().told()?, &parsed(&name), &parsed(&blob)).await.told()
    }
}
