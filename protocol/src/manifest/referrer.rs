//! What a manifest with a subject is in the list of its subject's referrers (specification, "Listing Referrers").

use super::document::Document;
use super::{MANIFEST_LIMIT, media_type_of};
use names::Digest;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;

/// A manifest as its subject's referrers are listed. Follows from the manifest's bytes and the media
/// type that it was pushed as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The digest of the manifest that it is about.
    pub subject: Digest,
    /// Its descriptor, as JSON: media type, digest, size, artifact type and annotations.
    pub descriptor: String,
}

/// What the manifest `bytes` is to its subject; none where it has no subject. `media_type` is the one kept beside the
/// bytes, where they do not say it.
pub fn referrer(bytes: &[u8], digest: &Digest, media_type: Option<&str>) -> Option<Referrer> {
    // Most manifests have none, and need not be read to know it. A key may be written with escapes.
    let mentions = bytes.len() <= MANIFEST_LIMIT
        && (bytes.contains(&b'\\') || bytes.windows(9).any(|window| window == b"\"subject\""));
    let document = mentions.then(|| Document::read(bytes).ok()).flatten()?;
    let subject = document.subject()?.digest.clone();
    let artifact_type = document.artifact_type().ok().flatten();
    let entry = Entry {
        media_type: media_type.map(Cow::Borrowed).or_else(|| media_type_of(bytes))?,
        digest: digest.as_str(),
        size: bytes.len(),
        artifact_type,
        annotations: document.annotations(),
    };
    let descriptor = serde_json::to_string(&entry).ok()?;
    Some(Referrer { subject, descriptor })
}

/// The artifact type in a [`Referrer`]'s descriptor.
pub fn artifact_type_of(descriptor: &str) -> Option<String> {
    Document::read(descriptor.as_bytes()).ok()?.artifact_type().ok().flatten().map(Into::into)
}

struct Entry<'a> {
    media_type: Cow<'a, str>,
    digest: &'a str,
    size: usize,
    artifact_type: Option<&'a str>,
    annotations: &'a [(Cow<'a, str>, Cow<'a, str>)],
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mediaType", &self.media_type)?;
        map.serialize_entry("digest", self.digest)?;
        map.serialize_entry("size", &self.size)?;
        if let Some(artifact_type) = self.artifact_type {
            map.serialize_entry("artifactType", artifact_type)?;
        }
        if !self.annotations.is_empty() {
            map.serialize_entry("annotations", &Texts(self.annotations))?;
        }
        map.end()
    }
}

struct Texts<'a>(&'a [(Cow<'a, str>, Cow<'a, str>)]);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, text)| (key, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OCI_INDEX, OCI_MANIFEST};
    use super::*;
    use serde_json::{Value, json};

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn of(manifest: &Value, media_type: Option<&str>) -> Option<(String, Value)> {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let found = referrer(&bytes, &B.parse().unwrap(), media_type)?;
        let mut descriptor: Value = serde_json::from_str(&found.descriptor).unwrap();
        assert_eq!(descriptor["size"].take(), json!(bytes.len()));
        assert_eq!(descriptor["digest"].take(), json!(B));
        let artifact_type = artifact_type_of(&found.descriptor);
        assert_eq!(descriptor.get("artifactType").and_then(Value::as_str), artifact_type.as_deref());
        Some((found.subject.to_string(), descriptor))
    }

    fn image() -> Value {
        json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.x.config", "digest": A, "size": 1}, "layers": [],
            "subject": {"mediaType": OCI_MANIFEST, "digest": A, "size": 1},
        })
    }

    #[test]
    fn the_artifact_type_falls_back_to_the_configs_media_type() {
        let (subject, descriptor) = of(&image(), None).unwrap();
        assert_eq!(subject, A);
        assert_eq!(descriptor["mediaType"], OCI_MANIFEST);
        assert_eq!(descriptor["artifactType"], "application/vnd.x.config");
        let mut typed = image();
        typed["artifactType"] = json!("application/vnd.y");
        assert_eq!(of(&typed, None).unwrap().1["artifactType"], "application/vnd.y");
        typed["artifactType"] = json!("");
        assert_eq!(of(&typed, None).unwrap().1["artifactType"], "application/vnd.x.config");
    }

    #[test]
    fn an_index_without_artifact_type_has_none_and_annotations_are_carried() {
        let index = json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [],
            "subject": {"mediaType": OCI_MANIFEST, "digest": A, "size": 1},
            "annotations": {"a\"b": "c\n", "d": "é"},
        });
        let (_, descriptor) = of(&index, None).unwrap();
        assert_eq!(descriptor.get("artifactType"), None);
        assert_eq!(descriptor["annotations"], index["annotations"]);
    }

    #[test]
    fn the_type_kept_beside_the_bytes_counts_before_the_one_they_look_like() {
        let mut untyped = image();
        untyped.as_object_mut().unwrap().remove("mediaType");
        assert_eq!(of(&untyped, None).unwrap().1["mediaType"], OCI_MANIFEST);
        assert_eq!(of(&untyped, Some("application/x")).unwrap().1["mediaType"], "application/x");
    }

    #[test]
    fn a_subject_whose_key_is_written_with_escapes_is_one_too() {
        let text = image().to_string().replace("subject", "subj\\u0065ct");
        let found = referrer(text.as_bytes(), &B.parse().unwrap(), None).unwrap();
        assert_eq!(found.subject.as_str(), A);
    }

    #[test]
    fn what_has_no_subject_is_no_referrer() {
        for subject in [Value::Null, json!({"digest": "x", "size": 1}), json!("subject"), json!([])] {
            let mut manifest = image();
            manifest["subject"] = subject;
            assert_eq!(of(&manifest, None), None);
        }
        assert_eq!(referrer(b"\"subject\"", &B.parse().unwrap(), None), None);
    }
}
