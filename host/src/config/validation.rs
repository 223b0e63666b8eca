//! `validation`: what a manifest must be to be taken, beyond what the specification asks.

use super::ConfigError;
use super::judge::{self, Given};
use regex_lite::Regex;
use std::collections::HashMap;

/// `validation`: what a manifest must be to be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// `blobs.required`: whether its blobs must be.
    pub blobs_required: bool,
    /// `indexes.platforms`: which manifests of an index must be.
    pub platforms: Platforms,
    /// `indexes.platformlist`: those that must be there, with [`Platforms::List`].
    pub platformlist: Vec<Platform>,
    /// `urls.allow`: regular expressions, one of which must match each URL of a layer that lies elsewhere.
    pub urls_allow: Vec<String>,
    /// `urls.deny`: regular expressions, none of which may match one.
    pub urls_deny: Vec<String>,
    /// `validation.disabled`: whether neither URLs nor what an index lists is looked at.
    pub disabled: bool,
    /// `validation.enabled`: whether they are, whatever `disabled` says.
    pub enabled: bool,
}

/// Which manifests of an index must be there, in distribution's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// All.
    #[default]
    All,
    /// None: a sparse index is taken.
    None,
    /// Those of the platforms in a list.
    List,
}

impl Platforms {
    pub(super) const WORDS: &str = "all, none or list";

    pub(super) fn parse(text: &str) -> Option<Platforms> {
        match text.to_ascii_lowercase().as_str() {
            "all" => Some(Platforms::All),
            "none" => Some(Platforms::None),
            "list" => Some(Platforms::List),
            _ => None,
        }
    }
}

/// Where an image runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The processor: `amd64`.
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
}

pub(super) const PLATFORM: &str = "a word, as in an image's platform";

/// A word of a [`Platform`].
pub(super) fn platform(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match text.chars().all(fits) {
        true => Ok(text.into()),
        false => Err(format!("not such a word; write {PLATFORM}")),
    }
}

/// What matches no URL: without `urls.allow` and `urls.deny` none is taken, as in distribution.
const NOTHING: &str = "^$";

pub(super) const EXPRESSIONS: &str = "a regular expression, or a list of them";

/// Adds a regular expression to those of `urls.allow` or `urls.deny`.
pub(super) fn expression(list: &mut Vec<String>, text: &str) -> Result<(), String> {
    Regex::new(text).map_err(|_| {
        "not a regular expression that is understood here; write one as in ^https://example\\.com/, without \\p classes"
    })?;
    list.push(text.to_owned());
    Ok(())
}

/// One expression for several: whatever matches one of them matches it.
fn either(list: &[String]) -> String {
    list.iter().map(|one| format!("(?:{one})")).collect::<Vec<_>>().join("|")
}

impl Validation {
    /// Adds what components may know.
    pub(super) fn describe(&self, settings: &mut HashMap<&'static str, String>) {
        settings.insert("validation.manifests.blobs.required", self.blobs_required.to_string());
        if self.disabled && !self.enabled {
            settings.insert("validation.manifests.indexes.platforms", "none".into());
            return;
        }
        let platforms = match self.platforms {
            Platforms::All => "all",
            Platforms::None => "none",
            Platforms::List => "list",
        };
        settings.insert("validation.manifests.indexes.platforms", platforms.into());
        if self.platforms == Platforms::List {
            let list = self.platformlist.iter();
            let list: Vec<String> = list.map(|one| [&one.os, "/", &one.architecture].concat()).collect();
            settings.insert("validation.manifests.indexes.platformlist", list.join(" "));
        }
        let (allow, deny) = (&self.urls_allow, &self.urls_deny);
        if allow.is_empty() && deny.is_empty() {
            settings.insert("validation.manifests.urls.allow", NOTHING.into());
        }
        if !allow.is_empty() {
            settings.insert("validation.manifests.urls.allow", either(allow));
        }
        if !deny.is_empty() {
            settings.insert("validation.manifests.urls.deny", either(deny));
        }
    }

    /// Refuses half a platform.
    pub(super) fn check(&self, given: &[Given]) -> Result<(), ConfigError> {
        let halved = |one: &Platform| one.architecture.is_empty() || one.os.is_empty();
        let Some(at) = self.platformlist.iter().position(halved) else { return Ok(()) };
        let list = "validation.manifests.indexes.platformlist";
        Err(judge::entry(given, list, at, "half a platform; write its architecture and its os"))
    }
}
