//! Manifests: what is taken keeps its promises, and nothing costs many times its own size.

use crate::memory::peak;
use names::{Algorithm, Digest};
use protocol::manifest::{
    Descriptor, MANIFEST_LIMIT, Manifest, References, Referrer, artifact_type_of, media_type_of, referrer,
};
use serde_json::Value;

/// The most memory that reading a manifest takes, for each of its bytes, and at least.
const AMPLIFICATION: usize = 24;
const LEAST: usize = 8 << 10;

/// Does some work on `bytes` twice: it comes to the same, within bounds.
#[track_caller]
fn bounded<T: PartialEq + std::fmt::Debug>(bytes: &[u8], work: impl Fn() -> T) -> T {
    let (found, held) = peak(&work);
    let most = LEAST + AMPLIFICATION * bytes.len();
    assert!(held <= most, "{} bytes took {held} bytes of memory, more than {most}", bytes.len());
    assert_eq!(found, work(), "the same bytes mean two things");
    found
}

#[track_caller]
fn is_served(media_type: &str) {
    let halves =
        media_type.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty());
    let fits = crate::fits_a_header(media_type) && !media_type.contains([' ', ';', ',']);
    assert!(halves && fits && media_type.len() <= 255, "{media_type:?} is no media type");
}

/// The input is a `Content-Type`, a newline, and the manifest; without a header the first line is empty.
pub(crate) fn pushed(input: &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let content_type = crate::text(halves.next().unwrap_or_default());
    let bytes = halves.next().unwrap_or_default();
    let content_type = Some(&*content_type).filter(|header| !header.is_empty());
    match bounded(bytes, || Manifest::parse(bytes, content_type)) {
        Ok(manifest) => taken(&manifest, bytes),
        Err(error) => crate::refused(&error),
    }
}

fn taken(manifest: &Manifest, bytes: &[u8]) {
    assert!(bytes.len() <= MANIFEST_LIMIT);
    is_served(&manifest.media_type);
    let found = media_type_of(bytes);
    assert_eq!(found.as_deref() == Some(&manifest.media_type), manifest.says_type, "{found:?}");

    let value: Value = serde_json::from_slice(bytes).expect("what is taken is JSON to everyone");
    assert!(value.is_object(), "{value}");
    let said = value["mediaType"].as_str().filter(|said| !said.is_empty());
    assert!(said.is_none_or(|said| said == manifest.media_type), "{said:?} is served as something else");

    let named = |at: &str| value[at]["digest"].as_str().map(str::to_owned);
    let listed = |at: &str| {
        let entries = value[at].as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(|entry| entry["digest"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut known = ["layers", "blobs", "manifests"].map(listed).concat();
    known.extend(named("config"));
    for needed in manifest.blobs.iter().chain(&manifest.manifests) {
        assert!(known.iter().any(|text| text == needed.digest.as_str()), "{needed:?} is named nowhere");
        assert!(needed.size <= i64::MAX as u64, "{needed:?}");
    }
    assert!(manifest.blobs.len() + manifest.manifests.len() <= known.len());
    let kept = (!manifest.says_type).then_some(&*manifest.media_type);
    listed_as(manifest.subject.as_ref(), bytes, kept);
    kept_by_collections(manifest, bytes);
}

/// Whoever collects garbage finds all that a manifest was accepted with.
fn kept_by_collections(manifest: &Manifest, bytes: &[u8]) {
    let found = References::find(bytes);
    let all = manifest.blobs.iter().chain(&manifest.elsewhere).chain(&manifest.manifests);
    for named in all {
        assert!(found.needed.contains(&named.digest), "{named:?} would be garbage");
    }
    for child in &manifest.manifests {
        assert!(found.children.contains(&child.digest), "{child:?} is no child");
    }
    let subject = manifest.subject.as_ref().map(|subject| &subject.digest);
    assert!(subject.is_none() || found.subject.as_ref() == subject, "another subject");
}

/// A manifest is listed among the referrers of the subject it is accepted with, and of no other.
fn listed_as(subject: Option<&Descriptor>, bytes: &[u8], kept: Option<&str>) {
    let digest = Digest::from_raw(Algorithm::Sha256, &[7; 32]);
    let found = referrer(bytes, &digest, kept);
    assert_eq!(
        found.as_ref().map(|found| &found.subject),
        subject.map(|subject| &subject.digest),
        "what OCI-Subject says and what is listed differ"
    );
}

/// The input is bytes that lie in a tree, whoever put them there.
pub(crate) fn stored(bytes: &[u8]) {
    let found = bounded(bytes, || media_type_of(bytes));
    if let Some(media_type) = &found {
        is_served(media_type);
    }
    let digest = Digest::from_raw(Algorithm::Sha512, &[7; 64]);
    for kept in [None, Some("application/example+json")] {
        if let Some(entry) = bounded(bytes, || referrer(bytes, &digest, kept)) {
            describes(&entry, &digest, bytes, kept.or(found.as_deref()));
        }
    }
    bounded(bytes, || artifact_type_of(&crate::text(bytes)));
    bounded(bytes, || References::find(bytes));
}

fn describes(entry: &Referrer, digest: &Digest, bytes: &[u8], media_type: Option<&str>) {
    let value: Value = serde_json::from_str(&entry.descriptor).expect("a descriptor is JSON");
    assert_eq!(value["mediaType"].as_str(), media_type);
    assert_eq!(value["digest"], digest.as_str());
    assert_eq!(value["size"], bytes.len());
    let artifact_type = artifact_type_of(&entry.descriptor);
    assert_eq!(value.get("artifactType").and_then(Value::as_str), artifact_type.as_deref());

    let whole: Value = serde_json::from_slice(bytes).expect("what has a subject is JSON");
    assert_eq!(whole["subject"]["digest"], entry.subject.as_str());
    let empty = serde_json::Map::new();
    let texts = |value: &Value| {
        let members = value["annotations"].as_object().unwrap_or(&empty);
        members
            .iter()
            .filter(|(_, text)| text.is_string())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&value), texts(&whole), "annotations are carried as they are");
}
