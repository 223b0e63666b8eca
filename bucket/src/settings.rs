//! What a store has to be told of its bucket.

use crate::service::{Service, Signer, Signing};
use s3::BadSetting;
use std::sync::Arc;

/// What a store has to be told of its bucket.
pub struct Settings {
    /// In what it is asked, and where it is.
    pub(crate) service: Box<dyn Service>,
    /// Who we are to it, where they say so.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    /// Who is asked for that where they do not.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) giver: crate::role::Giver,
    /// How many bytes a part of an upload has, and how many an upload keeps in memory twice.
    pub(crate) part_size: u64,
    /// How many bytes all uploads together may keep in memory before each has to do with the least that a part may have, once.
    pub upload_memory: u64,
    /// From how many bytes on an object is copied in parts.
    pub(crate) copy_threshold: u64,
    /// Of how many bytes each.
    pub(crate) copy_part_size: u64,
    /// How many of them at once.
    pub(crate) copies_at_once: usize,
    /// Whether clients are sent to the bucket for what they download.
    pub redirect: bool,
}

impl Settings {
    /// Those of an S3 bucket, under the names of distribution's driver. `get` knows a setting by its name.
    ///
    /// # Errors
    /// The first that is missing or bad.
    pub fn s3(get: impl Fn(&str) -> Option<String>) -> Result<Settings, BadSetting> {
        let settings = s3::Settings::read(get)?;
        let signer =
            settings.keys.map(|keys| -> Arc<dyn Signer> { Arc::new(Signing::new(&settings.place, keys)) });
        Ok(Settings {
            signer,
            #[cfg(not(target_family = "wasm"))]
            giver: crate::role::Giver::Aws { place: settings.place.clone(), region: settings.region },
            service: Box::new(settings.place),
            part_size: settings.part_size,
            upload_memory: settings.upload_memory,
            copy_threshold: settings.copy_threshold,
            copy_part_size: settings.copy_part_size,
            copies_at_once: settings.copies_at_once,
            redirect: settings.redirect,
        })
    }

    /// Those of a container of Azure's Blob service, under the names of distribution's driver. All uploads together may keep
    /// `upload_memory` bytes in memory; clients are sent there with `redirect`.
    ///
    /// # Errors
    /// The first that is missing or bad.
    #[cfg(not(target_family = "wasm"))]
    pub fn azure(
        get: impl Fn(&str) -> Option<String>,
        upload_memory: u64,
        redirect: bool,
    ) -> Result<Settings, BadSetting> {
        let settings = azure::Settings::read(get)?;
        if redirect && !matches!(settings.identity, azure::Identity::SharedKey(_)) {
            let what = "has to be true, or storage.azure.accountkey given and no other storage.azure.credentials: clients get URLs that \
                        are signed with it";
            return Err(BadSetting::new("storage.redirect.disable", what));
        }
        Ok(Settings {
            service: Box::new(settings.place.clone()),
            // The account's key is given in the same way as the others.
            signer: None,
            part_size: settings.part_size,
            upload_memory,
            copy_threshold: u64::MAX,
            copy_part_size: u64::MAX,
            copies_at_once: 1,
            redirect,
            giver: crate::role::Giver::Azure(settings),
        })
    }

    /// For people: where the bucket is, and what comes before our keys in it.
    pub fn place(&self) -> String {
        self.service.shown()
    }

    /// Whether they say who we are to the bucket.
    pub fn has_keys(&self) -> bool {
        self.signer.is_some()
    }

    /// What would say who we are to the bucket, where nothing does.
    #[cfg(not(target_family = "wasm"))]
    pub fn advice(&self) -> &'static str {
        self.giver.advice()
    }

    /// The same, who we are to the bucket being known.
    #[must_use]
    pub fn with(self, signer: Arc<dyn Signer>) -> Settings {
        Settings { signer: Some(signer), ..self }
    }
}
