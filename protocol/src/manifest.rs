//! Manifests: what their bytes must be, and what they need (specification, "Pushing Manifests"; OCI Image
//! Specification, "Image Manifest", "Image Index"; Docker's "Image Manifest Version 2, Schema 2").

mod descriptor;
mod document;
mod references;
mod referrer;
mod sniff;

pub use descriptor::{Descriptor, Platform};
pub use references::References;
pub use referrer::{Referrer, artifact_type_of, referrer};
pub use sniff::{media_type_of, says_media_type};

use crate::error::{Code, ErrorResponse};
use document::Document;

/// The largest manifest, in bytes: 4 MiB, the least that the specification has a registry take, and
/// distribution's limit.
pub const MANIFEST_LIMIT: usize = 4 << 20;

/// Docker's image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The image manifest of OCI.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The image index of OCI.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// A manifest that may be stored, once all it needs is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The media type to serve it with; fit to stand in a header.
    pub media_type: String,
    /// Whether [`media_type_of`] finds that type in the bytes, so that it need not be kept beside them.
    pub says_type: bool,
    /// The blobs that must be present, in their order, repetitions included: the config, the layers that the
    /// registry distributes, and what an index lists that is no manifest.
    pub blobs: Vec<Descriptor>,
    /// The layers that need not be present: they have URLs, or a type that a registry does not distribute.
    pub elsewhere: Vec<Descriptor>,
    /// The manifests that an index lists, in their order.
    pub manifests: Vec<Descriptor>,
    /// The manifest this one is about, which need not be present (specification, "Pushing Manifests with
    /// Subject").
    pub subject: Option<Descriptor>,
}

/// What the fields of a manifest mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Index,
    /// A media type this registry does not know, artifact manifests among them.
    Other,
}

impl Manifest {
    /// Reads a manifest that was sent with the header `content_type`.
    ///
    /// The bytes are one JSON object without duplicate keys. Their `mediaType` and the header must agree;
    /// where one is missing the other counts, and where both are (`application/json` says nothing either, and nor does
    /// what clients send with anything, such as curl's `application/x-www-form-urlencoded`), what the fields look
    /// like. Images and indexes must have their fields, and none of the other's, lest two clients see two
    /// things in the same bytes. A media type that is not known is taken as it is; what stands in its
    /// `config`, `layers`, `blobs` and `manifests` and is a descriptor is needed, as for the types those
    /// names come from, and what is none is ignored.
    ///
    /// # Errors
    /// MANIFEST_INVALID, with status 413 when there are more than [`MANIFEST_LIMIT`] bytes, else 400.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Manifest, ErrorResponse> {
        if bytes.len() > MANIFEST_LIMIT {
            return Err(too_large());
        }
        let document = Document::read(bytes)?;
        let said = document.media_type()?;
        let claimed =
            content_type.and_then(claimed_type).filter(|claimed| said.is_some() || !is_of_anything(claimed));
        let (media_type, says_type) = match (said, claimed) {
            (Some(said), Some(claimed)) if !said.eq_ignore_ascii_case(&claimed) => {
                return Err(disagreement(said, &claimed));
            }
            (Some(said), _) => (said.to_owned(), true),
            (None, Some(claimed)) if !is_media_type(&claimed) => {
                return Err(invalid("Content-Type must be the media type of the manifest"));
            }
            (None, Some(claimed)) => {
                let says_type = media_type_of(bytes).as_deref() == Some(&*claimed);
                (claimed, says_type)
            }
            (None, None) if document.schema_version() == Some(1) => return Err(schema_1()),
            (None, None) => match media_type_of(bytes) {
                Some(sniffed) => (sniffed.into_owned(), true),
                None => return Err(untold()),
            },
        };
        let kind = kind_of(&media_type, &document)?;
        document.artifact_type()?;
        let needs = match kind {
            Kind::Image => document.image()?,
            Kind::Index => document.index()?,
            Kind::Other => document.other(),
        };
        Ok(Manifest {
            media_type,
            says_type,
            blobs: needs.blobs,
            elsewhere: needs.elsewhere,
            manifests: needs.manifests,
            subject: needs.subject,
        })
    }
}

/// The answer to a manifest of more than [`MANIFEST_LIMIT`] bytes, for whoever learns it first.
pub fn too_large() -> ErrorResponse {
    invalid(format!("a manifest has at most {MANIFEST_LIMIT} bytes")).status(413)
}

/// The media type in a `Content-Type`: without parameters, in lower case; none where it says nothing.
fn claimed_type(content_type: &str) -> Option<String> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    (!essence.is_empty() && !essence.eq_ignore_ascii_case("application/json"))
        .then(|| essence.to_ascii_lowercase())
}

/// Whether a media type in lower case is one that no manifest has, and that programs write into a `Content-Type` which
/// nobody told them.
fn is_of_anything(media_type: &str) -> bool {
    let known = ["application/octet-stream", "application/x-www-form-urlencoded", "text/plain"];
    known.contains(&media_type) || media_type.starts_with("multipart/")
}

/// Whether `text` is `type/subtype` (RFC 6838 section 4.2) and may stand in a header.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        (1..=127).contains(&name.len()) && name.bytes().all(allowed)
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

fn kind_of(media_type: &str, document: &Document<'_>) -> Result<Kind, ErrorResponse> {
    let is = |known: &&str| media_type.eq_ignore_ascii_case(known);
    if SCHEMA_1.iter().any(is) {
        return Err(schema_1());
    }
    let kind = match media_type {
        _ if [DOCKER_MANIFEST, OCI_MANIFEST].iter().any(is) => Kind::Image,
        _ if [DOCKER_LIST, OCI_INDEX].iter().any(is) => Kind::Index,
        _ => return Ok(Kind::Other),
    };
    match document.schema_version() {
        Some(2) => Ok(kind),
        Some(1) => Err(schema_1()),
        _ => Err(invalid("schemaVersion must be 2")),
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> ErrorResponse {
    ErrorResponse::new(Code::ManifestInvalid).message(message)
}

fn schema_1() -> ErrorResponse {
    invalid(
        "Docker image manifests of schema 1 are not accepted: convert the image, for example with \
         `skopeo copy --format v2s2`, or build it anew",
    )
}

fn untold() -> ErrorResponse {
    invalid(format!(
        "the manifest has no mediaType, and its fields do not tell what it is: send it with its media type as the \
         Content-Type, such as {OCI_MANIFEST} or {OCI_INDEX}"
    ))
}

fn disagreement(said: &str, claimed: &str) -> ErrorResponse {
    // The header's length is the client's choice, the message's is not.
    let claimed: String = claimed.chars().take(255).collect();
    invalid(format!("the manifest says it is {said}, its Content-Type says {claimed}: they must agree"))
}

#[cfg(test)]
mod tests;
