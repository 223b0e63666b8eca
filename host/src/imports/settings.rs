//! `pierhead:host/config` and `pierhead:host/credentials`.

use super::bindings::pierhead::host::{config, credentials};
use crate::state::{Data, Host};
use wasmtime::Result;
use wasmtime::component::Accessor;

impl config::Host for &mut Data {
    fn get(&mut self, name: String) -> Result<Option<String>> {
        Ok(self.shared.settings.get(name.as_str()).cloned())
    }
}

impl credentials::Host for &mut Data {}

impl credentials::HostWithStore<Data> for Host {
    /// No passwords can be configured, and so none is right.
    async fn verify(
        _accessor: &Accessor<Data, Host>,
        _user: String,
        _password: String,
    ) -> Result<Result<bool, credentials::CredentialsError>> {
        Ok(Ok(false))
    }
}
