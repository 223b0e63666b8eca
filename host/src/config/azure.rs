//! `storage.azure`: content in a container of Azure's Blob service.

use bucket::{BadSetting, Settings};
use credentials::Secret;

/// `storage.azure`: content in a container of Azure's Blob service. The table of settings says what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Azure {
    pub accountname: String,
    pub accountkey: Option<Secret>,
    pub container: String,
    pub rootdirectory: String,
    pub realm: String,
    pub serviceurl: String,
    pub chunksize: usize,
    /// `storage.azure.credentials`: who we are to it, where that is not who has the account's key.
    pub credentials: Credentials,
}

/// `storage.azure.credentials`. The table of settings says what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub kind: String,
    pub clientid: String,
    pub tenantid: String,
    pub secret: Option<Secret>,
}

impl Azure {
    /// What is made of them, of `limits.uploadmemory`, and of whether clients are sent there.
    ///
    /// # Errors
    /// The first that is missing or bad.
    pub(super) fn settings(&self, uploadmemory: usize, redirect: bool) -> Result<Settings, BadSetting> {
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.reveal().to_owned());
        let get = |name: &str| match name {
            "storage.azure.accountname" => Some(self.accountname.clone()),
            "storage.azure.accountkey" => secret(&self.accountkey),
            "storage.azure.container" => Some(self.container.clone()),
            "storage.azure.rootdirectory" => Some(self.rootdirectory.clone()),
            "storage.azure.realm" => Some(self.realm.clone()),
            "storage.azure.serviceurl" => Some(self.serviceurl.clone()),
            "storage.azure.chunksize" => Some(self.chunksize.to_string()),
            "storage.azure.credentials.type" => Some(self.credentials.kind.clone()),
            "storage.azure.credentials.clientid" => Some(self.credentials.clientid.clone()),
            "storage.azure.credentials.tenantid" => Some(self.credentials.tenantid.clone()),
            "storage.azure.credentials.secret" => secret(&self.credentials.secret),
            _ => None,
        };
        Settings::azure(get, uploadmemory as u64, redirect)
    }
}
