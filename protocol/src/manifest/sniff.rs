//! The media type of stored bytes. Every download of a manifest asks, so it reads no further than it must.

use super::descriptor::Key;
use super::{OCI_INDEX, OCI_MANIFEST, is_media_type};
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The media type of a stored manifest: its top-level `mediaType`, or, where there is none, what it looks
/// like: an array `manifests` makes an OCI index, a `config` or `layers` an OCI image.
///
/// Reading ends with `mediaType`, and what follows is not looked at: stored bytes were checked when they came
/// ([`Manifest::parse`](super::Manifest::parse)). None where neither helps, where the bytes are no JSON
/// object, and where what they say is no media type and so must not get into a header.
pub fn media_type_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let (found, read) = glance(bytes);
    if let Some(said) = found.said {
        return is_media_type(&said).then_some(said);
    }
    match read {
        true if found.index => Some(Cow::Borrowed(OCI_INDEX)),
        true if found.image => Some(Cow::Borrowed(OCI_MANIFEST)),
        _ => None,
    }
}

/// Whether a stored manifest has a top-level `mediaType`: then none is kept beside it, for no other is accepted.
pub fn says_media_type(bytes: &[u8]) -> bool {
    glance(bytes).0.said.is_some()
}

/// What the top of it says, and whether it was read to the end, and is JSON so far.
fn glance(bytes: &[u8]) -> (Found<'_>, bool) {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // Leaving early is an error to the deserializer: its verdict counts only when the end was reached.
    let end = json.deserialize_map(Top(&mut found)).and_then(|()| json.end());
    (found, end.is_ok())
}

#[derive(Default)]
struct Found<'de> {
    said: Option<Cow<'de, str>>,
    index: bool,
    image: bool,
}

struct Top<'f, 'de>(&'f mut Found<'de>);

impl<'de> Visitor<'de> for Top<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let found = self.0;
        while let Some(key) = map.next_key_seed(Key)? {
            match &*key {
                "mediaType" => match map.next_value_seed(Glance)? {
                    Glanced::Text(text) if !text.is_empty() => {
                        found.said = Some(text);
                        return Ok(());
                    }
                    _ => {}
                },
                "manifests" => found.index |= matches!(map.next_value_seed(Glance)?, Glanced::Array),
                "config" => found.image |= matches!(map.next_value_seed(Glance)?, Glanced::Object),
                "layers" => found.image |= matches!(map.next_value_seed(Glance)?, Glanced::Array),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// What kind of value there is.
enum Glanced<'de> {
    Text(Cow<'de, str>),
    Array,
    Object,
    Other,
}

/// Skips a value, and tells what kind it was.
struct Glance;

impl<'de> DeserializeSeed<'de> for Glance {
    type Value = Glanced<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Glanced<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Glance {
    type Value = Glanced<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Glanced<'de>, E> {
        Ok(Glanced::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Glanced<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Glanced::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glanced<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Glanced::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_of_stored_bytes_is_the_top_level_one() {
        for (text, expected) in [
            (r#"{"mediaType":"a/b"}"#, Some("a/b")),
            (r#"{"schemaVersion":2,"mediaType":"a/b","config":{}}"#, Some("a/b")),
            (r#" { "config" : {"mediaType":"x/y","manifests":[]}, "\u006dediaType" : "a\/b" }"#, Some("a/b")),
            (
                r#"{"layers":[{"mediaType":"x/y"}],"annotations":{"mediaType":"x/y"},"mediaType":"a/b"}"#,
                Some("a/b"),
            ),
            (r#"{"x":"\"mediaType\":\"x/y\"","mediaType":"a/b"}"#, Some("a/b")),
            (r#"{"mediaType":"a/b", and then whatever"#, Some("a/b")),
            (r#"{"mediaType":"a/b","mediaType":"x/y"}"#, Some("a/b")),
            (r#"{"config":{"mediaType":"x/y"},"layers":[]}"#, Some(OCI_MANIFEST)),
            (r#"{"layers":[{"mediaType":"x/y"}]}"#, Some(OCI_MANIFEST)),
            (r#"{"config":{},"layers":null}"#, Some(OCI_MANIFEST)),
            (r#"{"manifests":[{"mediaType":"x/y"}]}"#, Some(OCI_INDEX)),
            (r#"{"mediaType":"","manifests":[]}"#, Some(OCI_INDEX)),
            (r#"{"mediaType":null,"manifests":[]}"#, Some(OCI_INDEX)),
            (r#"{"mediaType":{"mediaType":"x/y"},"manifests":[]}"#, Some(OCI_INDEX)),
            (r#"{"manifests":null,"config":null,"layers":{}}"#, None),
            (r#"{"annotations":{"mediaType":"x/y","config":{},"manifests":[]}}"#, None),
            (r#"{"mediatype":"x/y"}"#, None),
            (r#"{"mediaType":"a/b\r\nSet-Cookie: c"}"#, None),
            (r#"{"mediaType":"ab"}"#, None),
            (r#"{"manifests":[]"#, None),
            (r#"{"manifests":[]} x"#, None),
            (r#"["mediaType","x/y"]"#, None),
            (r#""mediaType""#, None),
        ] {
            assert_eq!(media_type_of(text.as_bytes()).as_deref(), expected, "{text}");
        }
        let borrowed = media_type_of(br#"{"mediaType":"a/b"}"#);
        assert!(matches!(borrowed, Some(Cow::Borrowed(_))));
    }
}
