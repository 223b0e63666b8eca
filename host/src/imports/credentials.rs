//! `pierhead:host/credentials` and `pierhead:host/signer`.

use super::bindings::pierhead::host::credentials::{
    CredentialsError, Host as CredentialsHost, HostWithStore as CredentialsHostWithStore, Identity,
};
use super::bindings::pierhead::host::signer;
use crate::state::{Data, Host};
use credentials::{Unanswered, Verdict};
use wasmtime::Result;
use wasmtime::component::Accessor;

type Told = std::result::Result<Option<Identity>, CredentialsError>;

fn told(verdict: Verdict) -> Told {
    match verdict {
        Ok(identity) => Ok(identity.map(|found| Identity { name: found.name, groups: found.groups })),
        Err(Unanswered::Unavailable) => Err(CredentialsError::Unavailable),
        Err(Unanswered::TooMany(wait)) => {
            let seconds = wait.as_millis().div_ceil(1000);
            Err(CredentialsError::TooMany(u32::try_from(seconds).unwrap_or(u32::MAX)))
        }
    }
}

impl CredentialsHost for &mut Data {
    fn verify_now(&mut self, user: String, password: String) -> Result<Option<Told>> {
        let from = self.exchange()?.from;
        let Some(credentials) = &self.shared.credentials else { return Ok(Some(Ok(None))) };
        Ok(credentials.verify_now(&user, &password, from).map(told))
    }
}

impl signer::Host for &mut Data {
    fn sign(&mut self, claims: String) -> Result<Option<String>> {
        Ok(self.shared.signer.as_ref().map(|signer| signer.sign(&claims)))
    }
}

impl CredentialsHostWithStore<Data> for Host {
    async fn verify(accessor: &Accessor<Data, Host>, user: String, password: String) -> Result<Told> {
        let (credentials, from) = accessor.with(|mut access| {
            let data = access.get();
            Ok::<_, wasmtime::Error>((data.shared.credentials.clone(), data.exchange()?.from))
        })?;
        match credentials {
            Some(credentials) => Ok(told(credentials.verify(user, password, from).await)),
            None => Ok(Ok(None)),
        }
    }
}
