//! `storage`: where content lies, and what is kept of it.

use super::ConfigError;
use super::azure::Azure;
use super::judge::{Chosen, Given};
use bucket::{BadSetting, Settings};
use credentials::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// `storage`: where content lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Which of those that follow it is.
    pub driver: Driver,
    /// `storage.filesystem`: a directory.
    pub filesystem: Filesystem,
    /// `storage.s3`: a bucket.
    pub s3: S3,
    /// `storage.azure`: a container.
    pub azure: Azure,
    /// `storage.redirect.disable`: whether clients are not sent to the bucket or container.
    pub redirect_disable: bool,
    /// `storage.delete.enabled`: whether manifests, tags and blobs may be deleted.
    pub delete: bool,
    /// `storage.maintenance.uploadpurging`: uploads that nobody finishes.
    pub uploadpurging: UploadPurging,
    /// `storage.maintenance.garbagecollect.grace`: how long content stays that no manifest needs.
    pub grace: Duration,
    /// `storage.maintenance.readonly.enabled`: whether nothing is written.
    pub readonly: bool,
}

/// `storage.maintenance.uploadpurging`: uploads that nobody finishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPurging {
    /// `enabled`: whether they are removed.
    pub enabled: bool,
    /// `age`: how old one must be.
    pub age: Duration,
    /// `interval`: how often to look for them.
    pub interval: Duration,
    /// `dryrun`: whether they are only counted.
    pub dryrun: bool,
}

/// What content lies in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// A directory.
    #[default]
    Filesystem,
    /// An S3 bucket.
    S3,
    /// A container of Azure's Blob service.
    Azure,
}

impl Driver {
    /// What the check of it is called that looks after it (`health.storagedriver`), as in distribution.
    pub fn check(self) -> &'static str {
        match self {
            Driver::Filesystem => "storagedriver_filesystem",
            Driver::S3 => "storagedriver_s3",
            Driver::Azure => "storagedriver_azure",
        }
    }
}

/// `storage.filesystem`: content in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filesystem {
    /// `storage.filesystem.rootdirectory`: the directory, relative to the working directory unless absolute.
    pub rootdirectory: PathBuf,
    /// `storage.filesystem.fsync`: whether content is on the disk before it is acknowledged.
    pub fsync: bool,
}

/// `storage.s3`: content in an S3 bucket. [`Settings`] says what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs)]
pub struct S3 {
    pub bucket: String,
    pub region: String,
    pub regionendpoint: String,
    pub rootdirectory: String,
    pub accesskey: Option<Secret>,
    pub secretkey: Option<Secret>,
    pub sessiontoken: Option<Secret>,
    pub secure: bool,
    pub forcepathstyle: bool,
    pub encrypt: bool,
    pub keyid: String,
    pub storageclass: String,
    pub objectacl: String,
    pub chunksize: usize,
    pub multipartcopythresholdsize: usize,
    pub multipartcopychunksize: usize,
    pub multipartcopymaxconcurrency: usize,
}

impl S3 {
    fn settings(&self, uploadmemory: usize, redirect_disable: bool) -> Result<Settings, BadSetting> {
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.reveal().to_owned());
        Settings::s3(|name| match name {
            "storage.s3.bucket" => Some(self.bucket.clone()),
            "storage.s3.region" => Some(self.region.clone()),
            "storage.s3.regionendpoint" => Some(self.regionendpoint.clone()),
            "storage.s3.rootdirectory" => Some(self.rootdirectory.clone()),
            "storage.s3.accesskey" => secret(&self.accesskey),
            "storage.s3.secretkey" => secret(&self.secretkey),
            "storage.s3.sessiontoken" => secret(&self.sessiontoken),
            "storage.s3.secure" => Some(self.secure.to_string()),
            "storage.s3.forcepathstyle" => Some(self.forcepathstyle.to_string()),
            "storage.s3.encrypt" => Some(self.encrypt.to_string()),
            "storage.s3.keyid" => Some(self.keyid.clone()),
            "storage.s3.storageclass" => Some(self.storageclass.clone()),
            "storage.s3.objectacl" => Some(self.objectacl.clone()),
            "storage.s3.chunksize" => Some(self.chunksize.to_string()),
            "storage.s3.multipartcopythresholdsize" => Some(self.multipartcopythresholdsize.to_string()),
            "storage.s3.multipartcopychunksize" => Some(self.multipartcopychunksize.to_string()),
            "storage.s3.multipartcopymaxconcurrency" => Some(self.multipartcopymaxconcurrency.to_string()),
            "limits.uploadmemory" => Some(uploadmemory.to_string()),
            "storage.redirect.disable" => Some(redirect_disable.to_string()),
            _ => None,
        })
    }
}

impl Storage {
    /// What is made of the settings of the bucket or container, and of `limits.uploadmemory`.
    ///
    /// # Errors
    /// The first that is missing or bad.
    pub fn bucket(&self, uploadmemory: usize) -> Result<Settings, BadSetting> {
        match self.driver {
            Driver::Azure => self.azure.settings(uploadmemory, !self.redirect_disable),
            _ => self.s3.settings(uploadmemory, self.redirect_disable),
        }
    }

    /// Takes the one of its drivers that is chosen, and refuses two.
    pub(super) fn complete(
        &mut self,
        uploadmemory: usize,
        chosen: &[Chosen],
        given: &[Given],
    ) -> Result<(), ConfigError> {
        let chosen: Vec<&Chosen> = chosen.iter().filter(|chosen| chosen.name == "storage").collect();
        let elsewhere = |kind: &str| match kind {
            "s3" => Some(Driver::S3),
            "azure" => Some(Driver::Azure),
            _ => None,
        };
        let found = chosen.iter().find_map(|chosen| Some((chosen, elsewhere(chosen.kind)?)));
        let Some((bucket, driver)) = found else { return Ok(()) };
        let kind = bucket.kind;
        if let Some(other) = chosen.iter().find(|chosen| chosen.kind != kind) {
            let problem = format!(
                "a second place for content, beside storage.{} ({}); keep one of them, or give the variable \
                 REGISTRY_STORAGE={kind}, which takes back what a file says of storage",
                other.kind, other.origin
            );
            return Err(ConfigError::setting(&bucket.origin, format!("storage.{kind}"), problem));
        }
        self.driver = driver;
        self.bucket(uploadmemory).map(drop).map_err(|bad| {
            let given = given.iter().find(|given| given.name == bad.name());
            let origin = given.map_or(&bucket.origin, |given| &given.origin);
            ConfigError::setting(origin, bad.name(), bad.problem())
        })
    }
}
