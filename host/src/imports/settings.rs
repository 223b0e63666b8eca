//! `pierhead:host/config`.

use super::bindings::pierhead::host::config;
use crate::state::Data;
use wasmtime::Result;

impl config::Host for &mut Data {
    fn get(&mut self, name: String) -> Result<Option<String>> {
        Ok(self.shared.settings.get(name.as_str()).cloned())
    }
}
