use crate::place::{Options, Place};
use crate::sign::Keys;
use std::fmt;

/// The smallest part that a multipart upload may have, the last one excepted.
pub const LEAST_PART: u64 = 5 << 20;
/// The largest object that can be copied in one request, and the largest part.
const LARGEST_COPY: u64 = 5 << 30;

/// A setting that nothing can be done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    name: &'static str,
    what: &'static str,
}

impl BadSetting {
    /// Of this name, with this wrong.
    pub fn new(name: &'static str, what: &'static str) -> BadSetting {
        BadSetting { name, what }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What is wrong with it, as follows on its name.
    pub fn problem(&self) -> &'static str {
        self.what
    }
}

impl std::error::Error for BadSetting {}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.what)
    }
}

/// What the store has to be told of its bucket, under the names of distribution's S3 driver.
#[derive(Debug)]
pub struct Settings {
    /// Where the bucket is.
    pub place: Place,
    /// In which region.
    pub region: String,
    /// Who we are to it, where they say so.
    pub keys: Option<Keys>,
    /// How many bytes a part of an upload has, and how many an upload keeps in memory twice. `storage.s3.chunksize`.
    pub part_size: u64,
    /// How many bytes all uploads together may keep in memory before each has to do with [`LEAST_PART`] once.
    /// `limits.uploadmemory`.
    pub upload_memory: u64,
    /// From how many bytes on an object is copied in parts. `storage.s3.multipartcopythresholdsize`.
    pub copy_threshold: u64,
    /// Of how many bytes each. `storage.s3.multipartcopychunksize`.
    pub copy_part_size: u64,
    /// How many of them at once. `storage.s3.multipartcopymaxconcurrency`.
    pub copies_at_once: usize,
    /// Whether clients are sent to the bucket for what they download. `storage.redirect.disable: false`.
    pub redirect: bool,
}

impl Settings {
    /// Reads them. `get` knows a setting by its name.
    ///
    /// # Errors
    /// The first that is missing or bad.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Settings, BadSetting> {
        let text = |name: &str| get(name).filter(|text| !text.is_empty());
        let needed = |name: &'static str| text(name).ok_or(BadSetting::new(name, "is not set"));
        let flag = |name: &'static str, default: bool| match text(name).as_deref() {
            None => Ok(default),
            Some(text) => units::switch(text).ok_or(BadSetting::new(name, "has to be true or false")),
        };
        let bytes = |name: &'static str, default: u64| match text(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(bytes) if (LEAST_PART..=LARGEST_COPY).contains(&bytes) => Ok(bytes),
                _ => Err(BadSetting::new(name, "has to be a number of bytes from 5242880 to 5368709120")),
            },
        };
        let bucket = needed("storage.s3.bucket")?;
        let region = needed("storage.s3.region")?;
        if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(BadSetting::new("storage.s3.region", "is not the name of a region"));
        }
        let word = |name: &'static str| match text(name) {
            Some(text) if text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => {
                Ok(Some(text))
            }
            Some(_) => Err(BadSetting::new(name, "is none that S3 knows")),
            None => Ok(None),
        };
        let mut made = Vec::new();
        made.extend(word("storage.s3.objectacl")?.map(|acl| ("x-amz-acl", acl)));
        // In distribution that is what it is called where nothing is said of it.
        let class = word("storage.s3.storageclass")?.map(|class| class.to_ascii_uppercase());
        let class = class.filter(|class| class != "NONE");
        made.extend(class.map(|class| ("x-amz-storage-class", class)));
        if flag("storage.s3.encrypt", false)? {
            let key = text("storage.s3.keyid");
            if key.as_deref().is_some_and(|key| key.contains(|c: char| !c.is_ascii_graphic())) {
                return Err(BadSetting::new("storage.s3.keyid", "is not the name of a key"));
            }
            let how = if key.is_some() { "aws:kms" } else { "AES256" };
            made.push(("x-amz-server-side-encryption", how.to_owned()));
            made.extend(key.map(|key| ("x-amz-server-side-encryption-aws-kms-key-id", key)));
        }
        let place = Place::new(Options {
            endpoint: text("storage.s3.regionendpoint").as_deref(),
            region: &region,
            bucket: &bucket,
            root: &text("storage.s3.rootdirectory").unwrap_or_default(),
            secure: flag("storage.s3.secure", true)?,
            path_style: flag("storage.s3.forcepathstyle", true)?,
            made,
        })?;
        let keys = match [ACCESS_KEY, SECRET_KEY].map(|name| text(name).is_some()) {
            [false, false] => None,
            _ => {
                let (access, secret) = (needed(ACCESS_KEY)?, needed(SECRET_KEY)?);
                Some(Keys::new(region.clone(), access, secret, text("storage.s3.sessiontoken"))?)
            }
        };
        let at_once = match text("storage.s3.multipartcopymaxconcurrency").map(|text| text.parse()) {
            None => COPIES_AT_ONCE,
            Some(Ok(at_once)) if at_once > 0 => at_once,
            Some(_) => {
                return Err(BadSetting::new("storage.s3.multipartcopymaxconcurrency", "has to be 1 or more"));
            }
        };
        Ok(Settings {
            place,
            region,
            keys,
            part_size: bytes("storage.s3.chunksize", 10 << 20)?,
            upload_memory: match text("limits.uploadmemory").map(|text| text.parse()) {
                None => 64 << 20,
                Some(Ok(bytes)) => bytes,
                Some(Err(_)) => {
                    return Err(BadSetting::new("limits.uploadmemory", "has to be a number of bytes"));
                }
            },
            copy_threshold: match text("storage.s3.multipartcopythresholdsize").as_deref() {
                Some("0") => 0,
                _ => bytes("storage.s3.multipartcopythresholdsize", 32 << 20)?,
            },
            copy_part_size: bytes("storage.s3.multipartcopychunksize", 32 << 20)?,
            copies_at_once: at_once.min(COPIES_AT_ONCE),
            // Whoever says nothing may have a bucket that clients cannot reach.
            redirect: !flag("storage.redirect.disable", true)?,
        })
    }
}

const ACCESS_KEY: &str = "storage.s3.accesskey";
const SECRET_KEY: &str = "storage.s3.secretkey";

/// How many parts are copied at once at most: a guest's connections are its host's, and a bucket copies no faster for
/// more.
const COPIES_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, Payload, Request, Source};
    use std::collections::BTreeMap;

    fn read(settings: &[(&'static str, &str)]) -> Result<Settings, BadSetting> {
        let mut all = BTreeMap::from([
            ("storage.s3.bucket", "images"),
            ("storage.s3.region", "us-east-1"),
            ("storage.s3.accesskey", "AKIDEXAMPLE"),
            ("storage.s3.secretkey", "wJalrXUtnFEMI"),
        ]);
        all.extend(settings.iter().copied());
        Settings::read(|name| all.get(name).map(ToString::to_string))
    }

    #[test]
    fn two_settings_are_needed_and_keys_that_are_whole_and_the_rest_has_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.place.authority(), "s3.us-east-1.amazonaws.com");
        assert_eq!((settings.part_size, settings.copies_at_once), (10 << 20, 16));
        assert!(!settings.redirect && read(&[("storage.redirect.disable", "false")]).unwrap().redirect);
        for name in ["bucket", "region", "accesskey", "secretkey"] {
            let name: &'static str = format!("storage.s3.{name}").leak();
            assert_eq!(read(&[(name, "")]).unwrap_err().to_string(), format!("{name} is not set"));
        }
        assert!(read(&[(ACCESS_KEY, ""), (SECRET_KEY, "")]).unwrap().keys.is_none());
    }

    #[test]
    fn a_switch_is_spelled_as_anywhere_else() {
        assert!(read(&[("storage.redirect.disable", "no")]).unwrap().redirect);
        assert!(!read(&[("storage.redirect.disable", "True")]).unwrap().redirect);
    }

    #[test]
    fn a_bad_setting_is_told_by_its_name() {
        for (name, value) in [
            ("storage.s3.chunksize", "5242879"),
            ("storage.s3.chunksize", "10MiB"),
            ("limits.uploadmemory", "much"),
            ("storage.s3.multipartcopychunksize", "5368709121"),
            ("storage.s3.multipartcopymaxconcurrency", "0"),
            ("storage.s3.secure", "perhaps"),
            ("storage.redirect.disable", "never"),
            ("storage.s3.forcepathstyle", "1"),
            ("storage.s3.objectacl", "pri vate"),
            ("storage.s3.storageclass", "A\nB"),
            ("storage.s3.region", "us east"),
            ("storage.s3.secretkey", "se\ncret"),
            ("storage.s3.sessiontoken", "to ken"),
        ] {
            let text = read(&[(name, value)]).unwrap_err().to_string();
            assert!(text.starts_with(name) && !text.contains(value), "{text}");
        }
    }

    #[test]
    fn objects_are_made_as_the_settings_say() {
        let key = "arn:aws:kms:us-east-1:1:key/k";
        let made = |settings: &[(&'static str, &str)]| -> Vec<String> {
            let place = read(settings).unwrap().place;
            let put = Request::put(&place, "k", &Condition::Whatever, Payload::Empty);
            let source = Source { key: "from", etag: "e" };
            for other in [Request::copy(&place, source, "k"), Request::create_upload(&place, "k")] {
                assert!(put.headers.iter().all(|header| other.headers.contains(header)), "{other:?}");
            }
            assert_eq!(Request::upload_part(&place, "k", "id", 1).headers, []);
            put.headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
        };
        assert_eq!(made(&[]), [""; 0]);
        assert_eq!(made(&[("storage.s3.storageclass", "none"), ("storage.s3.keyid", key)]), [""; 0]);
        assert_eq!(
            made(&[
                ("storage.s3.storageclass", "standard_ia"),
                ("storage.s3.objectacl", "bucket-owner-read")
            ]),
            ["x-amz-acl: bucket-owner-read", "x-amz-storage-class: STANDARD_IA"]
        );
        assert_eq!(made(&[("storage.s3.encrypt", "true")]), ["x-amz-server-side-encryption: AES256"]);
        assert_eq!(
            made(&[("storage.s3.encrypt", "true"), ("storage.s3.keyid", key)]),
            [
                "x-amz-server-side-encryption: aws:kms".to_owned(),
                format!("x-amz-server-side-encryption-aws-kms-key-id: {key}")
            ]
        );
    }

    #[test]
    fn nothing_that_is_printed_has_a_secret() {
        let settings = read(&[("storage.s3.sessiontoken", "tokentoken")]).unwrap();
        let text = format!("{settings:?}");
        assert!(!text.contains("wJalrXUtnFEMI") && !text.contains("tokentoken"), "{text}");
    }
}
