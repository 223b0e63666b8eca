//! `pierhead:storage/types.content`: an opened blob.

use super::bindings::pierhead::host::http;
use super::bindings::pierhead::storage::types;
use super::stream::BodyStream;
use crate::body::{Part, Parts};
use crate::state::{Data, Host};
use wasmtime::component::{Accessor, Resource, StreamReader};
use wasmtime::{Result, ensure};

/// An opened blob.
pub struct Content(pub store::Content);

impl Content {
    /// Part of it as a body.
    pub fn part(&self, offset: u64, length: u64) -> Result<store::ContentBody> {
        self.hold(offset, length)?;
        Ok(self.0.body(offset, length))
    }

    /// Several parts of it as a body, and what comes before each and after the last.
    pub fn parts(self, parts: Vec<http::Part>, end: Vec<u8>) -> Result<Parts> {
        let part = |http::Part { head, offset, length }| {
            self.hold(offset, length)?;
            Ok(Part { head: head.into(), offset, length })
        };
        let parts = parts.into_iter().map(part).collect::<Result<_>>()?;
        Ok(Parts::new(self.0, parts, end.into()))
    }

    /// Holds the component to the blob's bytes.
    fn hold(&self, offset: u64, length: u64) -> Result<()> {
        let size = self.0.size();
        ensure!(
            offset.checked_add(length).is_some_and(|end| end <= size),
            "{length} bytes from {offset} on lie outside the blob, which has {size}"
        );
        Ok(())
    }
}

impl types::Host for &mut Data {}

impl types::HostContent for &mut Data {
    fn size(&mut self, content: Resource<Content>) -> Result<u64> {
        Ok(self.table.get(&content)?.0.size())
    }

    fn elsewhere(&mut self, _: Resource<Content>) -> Result<Option<String>> {
        Ok(None)
    }

    fn bytes(&mut self, _: Resource<Content>) -> Result<Option<Vec<u8>>> {
        // `respond-with-content` sends them from where they are.
        Ok(None)
    }

    fn drop(&mut self, content: Resource<Content>) -> Result<()> {
        self.table.delete(content)?;
        Ok(())
    }
}

impl types::HostContentWithStore<Data> for Host {
    async fn read(
        accessor: &Accessor<Data, Host>,
        content: Resource<Content>,
        offset: u64,
        length: u64,
    ) -> Result<Result<StreamReader<u8>, types::Error>> {
        accessor.with(|mut access| {
            let part = access.get().table.get(&content)?.part(offset, length)?;
            Ok(Ok(StreamReader::new(&mut access, BodyStream::of(part))?))
        })
    }
}
