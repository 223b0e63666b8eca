//! What this registry asks of manifests beyond the specification, and what it thinks of some that it takes.

use crate::bindings::pierhead::host::config;
use protocol::error::{Code, ErrorResponse};
use protocol::manifest::{Descriptor, Manifest};
use regex_lite::Regex;

/// Which manifests that an index lists have to be in the repository: `validation.manifests.indexes`.
pub enum Children {
    All,
    None,
    /// Those that run on one of these platforms: `os/architecture`.
    Of(Vec<String>),
}

impl Children {
    /// What the configuration says.
    pub fn configured() -> Children {
        match config::get("validation.manifests.indexes.platforms").as_deref() {
            Some("none") => Children::None,
            Some("list") => {
                let list = config::get("validation.manifests.indexes.platformlist").unwrap_or_default();
                Children::Of(list.split(' ').map(Into::into).collect())
            }
            _ => Children::All,
        }
    }

    /// Whether it has to be there. What names no platform is no image of one, and may be missing from a list of them.
    pub fn require(&self, child: &Descriptor) -> bool {
        match self {
            Children::All => true,
            Children::None => false,
            Children::Of(platforms) => child.platform.as_ref().is_some_and(|platform| {
                let wanted = [&platform.os, "/", &platform.architecture].concat();
                platforms.contains(&wanted)
            }),
        }
    }
}

/// Whether a manifest's blobs have to be in the repository: `validation.manifests.blobs.required`.
pub fn blobs_required() -> bool {
    config::get("validation.manifests.blobs.required").as_deref() != Some("false")
}

/// Which URLs layers that lie elsewhere may have: `validation.manifests.urls`.
struct Urls {
    /// What each has to match.
    allow: Option<Regex>,
    /// What none may match.
    deny: Option<Regex>,
}

impl Urls {
    /// What the configuration says. Our own host has made sure that they are expressions; others cannot.
    fn configured() -> Result<Urls, ErrorResponse> {
        let expression = |name: &str| {
            let name = format!("validation.manifests.urls.{name}");
            let Some(text) = config::get(&name) else { return Ok(None) };
            Regex::new(&text).map(Some).map_err(|error| {
                ErrorResponse::new(Code::Unknown)
                    .message(format!("the setting {name} is no expression: {error}"))
            })
        };
        Ok(Urls { allow: expression("allow")?, deny: expression("deny")? })
    }

    /// As in distribution: what the expressions say, and only what a browser would fetch over HTTP as a whole.
    fn take(&self, url: &str) -> bool {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        http && !url.contains(|c: char| c == '#' || c.is_control())
            && self.allow.as_ref().is_none_or(|allow| allow.is_match(url))
            && !self.deny.as_ref().is_some_and(|deny| deny.is_match(url))
    }
}

/// Refuses a manifest that sends clients to URLs that are not allowed here.
pub fn check_urls(manifest: &Manifest) -> Result<(), ErrorResponse> {
    // Hardly any manifest has some, and expressions are not made for nothing.
    if manifest.elsewhere.iter().all(|layer| layer.urls().next().is_none()) {
        return Ok(());
    }
    let urls = Urls::configured()?;
    match manifest.elsewhere.iter().find(|layer| !layer.urls().all(|url| urls.take(url))) {
        None => Ok(()),
        Some(layer) => Err(ErrorResponse::new(Code::ManifestInvalid).message(format!(
            "the layer {} is to be fetched from a URL that is not allowed here (validation.manifests.urls)",
            layer.digest
        ))),
    }
}

/// What works, but will not for long (specification, "Warnings").
pub fn warnings(manifest: &Manifest, tags: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    if manifest.media_type == "application/vnd.oci.artifact.manifest.v1+json" {
        warnings.push(
            "OCI artifact manifests were withdrawn before OCI 1.1: use an image manifest with an artifactType".into(),
        );
    }
    if !manifest.says_type {
        warnings.push(
            "the manifest has no mediaType: clients that go by its bytes cannot tell what it is".into(),
        );
    }
    if let Some(tag) = tags.iter().find(|tag| is_referrers_tag(tag)) {
        warnings.push(format!(
            "{tag} looks like a list of referrers that a client keeps: this registry keeps it itself, at /referrers/"
        ));
    }
    warnings
}

/// Whether a tag is one of the referrers tag schema (specification, "Referrers Tag Schema"): `sha256-<hex>`.
fn is_referrers_tag(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").or_else(|| tag.strip_prefix("sha512-"));
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}
