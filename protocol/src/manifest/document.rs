//! The top level of a manifest: its fields, and the rules for images, indexes and everything else.

use super::descriptor::{Descriptor, Key, Keys, List, Problem, Seen, Shape, Value};
use super::{invalid, is_media_type};
use crate::error::ErrorResponse;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The longest `artifactType`: as long as a media type can be (RFC 6838 section 4.2).
const ARTIFACT_TYPE_LIMIT: usize = 255;

/// The fields that mean something to a registry, as they were found.
#[derive(Default)]
pub(super) struct Document<'de> {
    media_type: Option<Seen<'de>>,
    schema_version: Option<Seen<'de>>,
    config: Option<Seen<'de>>,
    layers: Option<Seen<'de>>,
    blobs: Option<Seen<'de>>,
    manifests: Option<Seen<'de>>,
    subject: Option<Seen<'de>>,
    artifact_type: Option<Seen<'de>>,
    annotations: Option<Seen<'de>>,
}

/// What a manifest refers to.
#[derive(Default)]
pub(super) struct Needs {
    pub(super) blobs: Vec<Descriptor>,
    pub(super) elsewhere: Vec<Descriptor>,
    pub(super) manifests: Vec<Descriptor>,
    pub(super) subject: Option<Descriptor>,
}

impl<'de> Document<'de> {
    /// Reads one JSON object and nothing after it. Objects and arrays may be nested 127 deep.
    pub(super) fn read(bytes: &'de [u8]) -> Result<Document<'de>, ErrorResponse> {
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("the manifest must be JSON in UTF-8"))?;
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_any(Reader)
            .and_then(|document| json.end().map(|()| document))
            .map_err(|e| invalid(format!("the manifest must be one JSON object: {e}")))
    }

    /// The `mediaType` that the bytes say.
    pub(super) fn media_type(&self) -> Result<Option<&str>, ErrorResponse> {
        match &self.media_type {
            None | Some(Seen::Null) => Ok(None),
            Some(Seen::Text(text)) if text.is_empty() => Ok(None),
            Some(Seen::Text(text)) if is_media_type(text) => Ok(Some(text)),
            Some(_) => Err(invalid("mediaType must be a media type, such as application/example+json")),
        }
    }

    pub(super) fn schema_version(&self) -> Option<u64> {
        match self.schema_version {
            Some(Seen::Natural(version)) => Some(version),
            _ => None,
        }
    }

    /// What kind of artifact this is: the `artifactType`, and where that is missing or empty the config's media type
    /// (specification, "Listing Referrers").
    pub(super) fn artifact_type(&self) -> Result<Option<&str>, ErrorResponse> {
        let fit = |text: &str| {
            text.len() <= ARTIFACT_TYPE_LIMIT && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        let config = match &self.config {
            Some(Seen::Descriptor(Ok(config))) => {
                Some(config.media_type.as_str()).filter(|text| !text.is_empty())
            }
            _ => None,
        };
        match &self.artifact_type {
            None | Some(Seen::Null) => Ok(config),
            Some(Seen::Text(text)) if text.is_empty() => Ok(config),
            Some(Seen::Text(text)) if fit(text) => Ok(Some(text)),
            Some(_) => {
                Err(invalid("artifactType must be a media type, such as application/vnd.example+json"))
            }
        }
    }

    /// The manifest this one is about.
    pub(super) fn subject(&self) -> Option<&Descriptor> {
        match &self.subject {
            Some(Seen::Descriptor(Ok(subject))) => Some(subject),
            _ => None,
        }
    }

    /// The annotations, those that are no strings left away.
    pub(super) fn annotations(&self) -> &[(Cow<'de, str>, Cow<'de, str>)] {
        match &self.annotations {
            Some(Seen::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// What an image needs.
    pub(super) fn image(self) -> Result<Needs, ErrorResponse> {
        if is_present(&self.manifests) {
            return Err(invalid("an image has no `manifests`: this is an index, or two things at once"));
        }
        let config = descriptor("config", self.config)?.ok_or_else(|| invalid("config is missing"))?;
        let layers = list("layers", self.layers)?;
        let subject = descriptor("subject", self.subject)?;
        let mut needs = Needs { blobs: vec![config], subject, ..Needs::default() };
        needs.sort(layers);
        Ok(needs)
    }

    /// What an index needs.
    pub(super) fn index(self) -> Result<Needs, ErrorResponse> {
        if is_present(&self.config) || is_present(&self.layers) {
            return Err(invalid(
                "an index has no `config` and no `layers`: this is an image, or two things at once",
            ));
        }
        let subject = descriptor("subject", self.subject)?;
        let (blobs, manifests) = children(list("manifests", self.manifests)?);
        Ok(Needs { blobs, manifests, subject, ..Needs::default() })
    }

    /// What a manifest of an unknown type needs: whatever stands in the usual fields and is a descriptor.
    pub(super) fn other(self) -> Needs {
        let (mut blobs, manifests) = children(any_list(self.manifests));
        blobs.extend(descriptor("", self.config).ok().flatten());
        let subject = descriptor("", self.subject).ok().flatten();
        let mut needs = Needs { blobs, manifests, subject, ..Needs::default() };
        [self.layers, self.blobs].into_iter().for_each(|list| needs.sort(any_list(list)));
        needs
    }
}

impl Needs {
    /// Adds layers: to those that must be here, or to those that lie elsewhere.
    fn sort(&mut self, layers: Vec<Descriptor>) {
        for layer in layers {
            if layer.is_foreign() { &mut self.elsewhere } else { &mut self.blobs }.push(layer);
        }
    }
}

/// The blobs and the manifests among what an index lists.
fn children(listed: Vec<Descriptor>) -> (Vec<Descriptor>, Vec<Descriptor>) {
    let (mut blobs, manifests): (Vec<_>, Vec<_>) = listed.into_iter().partition(Descriptor::is_blob);
    blobs.retain(|blob| !blob.is_foreign());
    (blobs, manifests)
}

/// Go writes what is not there as null, and reads null as what is not there.
fn is_present(field: &Option<Seen<'_>>) -> bool {
    !matches!(field, None | Some(Seen::Null))
}

fn descriptor(name: &str, field: Option<Seen<'_>>) -> Result<Option<Descriptor>, ErrorResponse> {
    match field {
        None | Some(Seen::Null) => Ok(None),
        Some(Seen::Descriptor(found)) => found.map(Some).map_err(|problem| wrong(name, &problem)),
        Some(_) => {
            Err(invalid(format!("{name} must be a descriptor: an object with mediaType, digest and size")))
        }
    }
}

fn list(name: &str, field: Option<Seen<'_>>) -> Result<Vec<Descriptor>, ErrorResponse> {
    match field {
        Some(Seen::List(List { problem: Some(problem), .. })) => Err(wrong(name, &problem)),
        Some(Seen::List(List { descriptors, .. })) => Ok(descriptors),
        Some(Seen::Null) => Ok(Vec::new()),
        None => Err(invalid(format!("{name} is missing"))),
        Some(_) => Err(invalid(format!("{name} must be an array of descriptors"))),
    }
}

fn any_list(field: Option<Seen<'_>>) -> Vec<Descriptor> {
    match field {
        Some(Seen::List(list)) => list.descriptors,
        _ => Vec::new(),
    }
}

/// `layers[3].digest: …`
fn wrong(name: &str, problem: &Problem) -> ErrorResponse {
    let entry = problem.index.map(|index| format!("[{index}]")).unwrap_or_default();
    let dot = if problem.field.is_empty() { "" } else { "." };
    invalid(format!("{name}{entry}{dot}{}: {}", problem.field, problem.why))
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document<'de>, A::Error> {
        let mut document = Document::default();
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            let (slot, shape) = match &*key {
                "mediaType" => (Some(&mut document.media_type), Shape::Any),
                "schemaVersion" => (Some(&mut document.schema_version), Shape::Any),
                "config" => (Some(&mut document.config), Shape::Descriptor),
                "layers" => (Some(&mut document.layers), Shape::List),
                "blobs" => (Some(&mut document.blobs), Shape::List),
                "manifests" => (Some(&mut document.manifests), Shape::List),
                "subject" => (Some(&mut document.subject), Shape::Descriptor),
                "artifactType" => (Some(&mut document.artifact_type), Shape::Any),
                "annotations" => (Some(&mut document.annotations), Shape::Texts),
                _ => (None, Shape::Any),
            };
            let seen = map.next_value_seed(Value { keys: &mut keys, shape })?;
            if let Some(slot) = slot {
                *slot = Some(seen);
            }
            keys.add(key);
        }
        keys.leave(0)?;
        Ok(document)
    }
}
