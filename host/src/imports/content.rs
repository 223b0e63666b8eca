//! `pierhead:storage/types.content`: an opened blob.

use super::bindings::pierhead::host::http;
use super::bindings::pierhead::storage::types;
use super::failed;
use super::stream::BodyStream;
use crate::body::{Part, Parts};
use crate::state::{Data, Host};
use crate::storage;
use wasmtime::component::{Accessor, Resource, StreamReader};
use wasmtime::{Result, ensure};

/// An opened blob.
pub struct Content(pub storage::Content);

impl Content {
    /// Part of it as a body.
    pub fn part(&self, offset: u64, length: u64) -> Result<storage::ContentBody> {
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

    fn elsewhere(&mut self, content: Resource<Content>) -> Result<Option<String>> {
        Ok(self.table.get(&content)?.0.elsewhere())
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
        let (part, id) = accessor.with(|mut access| {
            let data = access.get();
            Ok::<_, wasmtime::Error>((data.table.get(&content)?.part(offset, length)?, data.request_id()))
        })?;
        match part.asked().await {
            Ok(part) => {
                accessor.with(|mut access| Ok(Ok(StreamReader::new(&mut access, BodyStream::of(part))?)))
            }
            Err(error) => Ok(Err(failed(&error, id))),
        }
    }
}
