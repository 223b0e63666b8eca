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
    pub(crate) fn new(name: &'static str, what: &'static str) -> BadSetting {
        BadSetting { name, what }
    }
}

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
    /// Who we are to it.
    pub keys: Keys,
    /// How many bytes a part of an upload has, and how many an upload keeps in memory twice. `storage.s3.chunksize`.
    pub part_size: u64,
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
        let place = Place::new(Options {
            endpoint: text("storage.s3.regionendpoint").as_deref(),
            region: &region,
            bucket: &bucket,
            root: &text("storage.s3.rootdirectory").unwrap_or_default(),
            secure: flag("storage.s3.secure", true)?,
            path_style: flag("storage.s3.forcepathstyle", true)?,
        })?;
        let keys = Keys::new(
            region,
            needed("storage.s3.accesskey")?,
            needed("storage.s3.secretkey")?,
            text("storage.s3.sessiontoken"),
        )?;
        let at_once = match text("storage.s3.multipartcopymaxconcurrency").map(|text| text.parse()) {
            None => COPIES_AT_ONCE,
            Some(Ok(at_once)) if at_once > 0 => at_once,
            Some(_) => {
                return Err(BadSetting::new("storage.s3.multipartcopymaxconcurrency", "has to be 1 or more"));
            }
        };
        Ok(Settings {
            place,
            keys,
            part_size: bytes("storage.s3.chunksize", 10 << 20)?,
            copy_threshold: bytes("storage.s3.multipartcopythresholdsize", 32 << 20)?,
            copy_part_size: bytes("storage.s3.multipartcopychunksize", 32 << 20)?,
            copies_at_once: at_once.min(COPIES_AT_ONCE),
            // Whoever says nothing may have a bucket that clients cannot reach.
            redirect: !flag("storage.redirect.disable", true)?,
        })
    }
}

/// How many parts are copied at once at most: a guest's connections are its host's, and a bucket copies no faster for
/// more.
const COPIES_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
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
    fn four_settings_are_needed_and_the_rest_has_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.place.authority(), "s3.us-east-1.amazonaws.com");
        assert_eq!((settings.part_size, settings.copies_at_once), (10 << 20, 16));
        assert!(!settings.redirect && read(&[("storage.redirect.disable", "false")]).unwrap().redirect);
        for name in ["bucket", "region", "accesskey", "secretkey"] {
            let name: &'static str = format!("storage.s3.{name}").leak();
            assert_eq!(read(&[(name, "")]).unwrap_err().to_string(), format!("{name} is not set"));
        }
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
            ("storage.s3.multipartcopychunksize", "5368709121"),
            ("storage.s3.multipartcopymaxconcurrency", "0"),
            ("storage.s3.secure", "perhaps"),
            ("storage.redirect.disable", "never"),
            ("storage.s3.forcepathstyle", "1"),
            ("storage.s3.region", "us east"),
            ("storage.s3.secretkey", "se\ncret"),
            ("storage.s3.sessiontoken", "to ken"),
        ] {
            let text = read(&[(name, value)]).unwrap_err().to_string();
            assert!(text.starts_with(name) && !text.contains(value), "{text}");
        }
    }

    #[test]
    fn nothing_that_is_printed_has_a_secret() {
        let settings = read(&[("storage.s3.sessiontoken", "tokentoken")]).unwrap();
        let text = format!("{settings:?}");
        assert!(!text.contains("wJalrXUtnFEMI") && !text.contains("tokentoken"), "{text}");
    }
}
