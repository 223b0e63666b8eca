//! `pierhead:storage/types.content`: an opened blob.

use super::bindings::pierhead::storage::types;
use crate::state::Data;
use wasmtime::Result;
use wasmtime::component::Resource;

/// An opened blob.
pub struct Content(pub store::Content);

impl types::Host for &mut Data {}

impl types::HostContent for &mut Data {
    fn size(&mut self, content: Resource<Content>) -> Result<u64> {
        Ok(self.table.get(&content)?.0.size())
    }

    fn drop(&mut self, content: Resource<Content>) -> Result<()> {
        self.table.delete(content)?;
        Ok(())
    }
}
