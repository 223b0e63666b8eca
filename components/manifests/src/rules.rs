//! What this registry asks of manifests beyond the specification, and what it thinks of some that it takes.

use crate::bindings::pierhead::host::config;
use protocol::manifest::{Descriptor, Manifest};

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
