//! Descriptors, and the JSON values they are made of (OCI Image Specification, "Content Descriptors").

use names::Digest;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The name of some bytes, with what they are and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What the bytes are; empty where the manifest does not say.
    pub media_type: String,
    /// Their digest.
    pub digest: Digest,
    /// How many they are; fits an i64.
    pub size: u64,
    /// `urls`, where clients may fetch them instead, a line each. Not a list: an empty text of two bytes would become
    /// a dozen times as large.
    pub(super) urls: Option<Box<str>>,
    /// Where an image of an index runs, if the index says so.
    pub platform: Option<Platform>,
}

/// Where an image runs (OCI Image Specification, "Image Index"), as far as anyone asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The processor: `amd64`.
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
}

impl Descriptor {
    /// Whether the bytes need not be here: they have `urls`, or may not be distributed by their type.
    pub(super) fn is_foreign(&self) -> bool {
        self.urls.is_some()
            || self.media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            || self.media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
    }

    /// Where clients may fetch the bytes instead, in the order of `urls`.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.urls.as_deref().into_iter().flat_map(|urls| urls.split('\n'))
    }

    /// Whether an index that lists these bytes means a blob: BuildKit's caches are indexes of layers, and
    /// distribution takes them.
    pub(super) fn is_blob(&self) -> bool {
        const BLOBS: [&str; 5] = [
            "application/vnd.oci.image.layer.",
            "application/vnd.oci.image.config.",
            "application/vnd.docker.image.rootfs.",
            "application/vnd.docker.container.image.",
            "application/vnd.buildkit.cacheconfig.",
        ];
        BLOBS.iter().any(|prefix| self.media_type.starts_with(prefix))
    }
}

/// Why a value is no descriptor: below which field, and what would be right.
#[derive(Debug)]
pub(super) struct Problem {
    /// Which entry of a list.
    pub(super) index: Option<usize>,
    /// Which member of the descriptor; empty for the descriptor itself.
    pub(super) field: &'static str,
    /// What would be right.
    pub(super) why: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(field: &'static str, why: impl Into<Cow<'static, str>>) -> Problem {
        Problem { index: None, field, why: why.into() }
    }
}

/// The descriptors of a list. Where a manifest's type demands no list, those that are none do no harm.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) descriptors: Vec<Descriptor>,
    /// What is wrong with the first entry that is no descriptor.
    pub(super) problem: Option<Problem>,
}

/// What was read of a value: as much as the rules for manifests ask. Nothing is kept that grows faster than
/// the text, so that no manifest costs many times its own size.
#[derive(Debug)]
pub(super) enum Seen<'de> {
    Null,
    Text(Cow<'de, str>),
    /// A whole number from 0 to 2^64 - 1.
    Natural(u64),
    Array,
    /// An object, a truth value, or another number.
    Other,
    /// An object, where [`Shape::Descriptor`] was looked for.
    Descriptor(Result<Descriptor, Problem>),
    /// Those members of an object that are strings, where [`Shape::Texts`] was looked for.
    Texts(Vec<(Cow<'de, str>, Cow<'de, str>)>),
    /// An array, where [`Shape::List`] was looked for.
    List(List),
    /// The texts of an array that is not empty, a line each, where [`Shape::Lines`] was looked for.
    Lines(Box<str>),
}

/// What to look for in a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    Descriptor,
    Texts,
    List,
    Lines,
}

/// The keys of every object that is being read, outermost first: one allocation for a whole document.
#[derive(Default)]
pub(super) struct Keys<'de>(Vec<Cow<'de, str>>);

impl<'de> Keys<'de> {
    /// Where the keys of the object that begins now will stand.
    pub(super) fn enter(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, key: Cow<'de, str>) {
        self.0.push(key);
    }

    /// Ends the object whose keys stand from `start` on. Parsers disagree on which of two equal keys counts,
    /// so such an object could mean two things.
    pub(super) fn leave<E: Error>(&mut self, start: usize) -> Result<(), E> {
        let keys = &mut self.0[start..];
        // Sorted rather than hashed: it cannot be made quadratic, and needs no random seed.
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            let key: String = pair[0].chars().take(64).collect();
            return Err(E::custom(format_args!("the key {key:?} stands twice in one object")));
        }
        self.0.truncate(start);
        Ok(())
    }
}

/// Reads any value and tells what the rules ask of it.
pub(super) struct Value<'k, 'de> {
    pub(super) keys: &'k mut Keys<'de>,
    pub(super) shape: Shape,
}

impl<'de> DeserializeSeed<'de> for Value<'_, 'de> {
    type Value = Seen<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, 'de> {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Seen<'de>, E> {
        Ok(Seen::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen<'de>, E> {
        Ok(Seen::Natural(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Seen<'de>, A::Error> {
        let Value { keys, shape } = self;
        if shape == Shape::List {
            return read_list(keys, seq).map(Seen::List);
        }
        let mut lines: Option<String> = None;
        while let Some(seen) = seq.next_element_seed(Value { keys: &mut *keys, shape: Shape::Any })? {
            if shape != Shape::Lines {
                continue;
            }
            if let Some(lines) = &mut lines {
                lines.push('\n');
            }
            // What is no text stands there as one that is empty, and so does what would look like two lines.
            let text = match &seen {
                Seen::Text(text) if !text.contains('\n') => text,
                _ => "",
            };
            lines.get_or_insert_default().push_str(text);
        }
        Ok(lines.map_or(Seen::Array, |lines| Seen::Lines(lines.into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen<'de>, A::Error> {
        let Value { keys, shape } = self;
        let start = keys.enter();
        let mut members = Members::default();
        let mut texts = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let inner = match shape {
                Shape::Descriptor if key == "platform" => Shape::Texts,
                Shape::Descriptor if key == "urls" => Shape::Lines,
                _ => Shape::Any,
            };
            let seen = map.next_value_seed(Value { keys: &mut *keys, shape: inner })?;
            match (shape, seen) {
                (Shape::Descriptor, seen) => members.take(&key, seen),
                (Shape::Texts, Seen::Text(text)) => texts.push((key.clone(), text)),
                _ => {}
            }
            keys.add(key);
        }
        keys.leave(start)?;
        Ok(match shape {
            Shape::Descriptor => Seen::Descriptor(members.descriptor()),
            Shape::Texts => Seen::Texts(texts),
            Shape::Any | Shape::List | Shape::Lines => Seen::Other,
        })
    }
}

fn read_list<'de, A: SeqAccess<'de>>(keys: &mut Keys<'de>, mut seq: A) -> Result<List, A::Error> {
    let mut list = List::default();
    let mut index = 0;
    while let Some(seen) = seq.next_element_seed(Value { keys: &mut *keys, shape: Shape::Descriptor })? {
        let problem = match seen {
            Seen::Descriptor(Ok(descriptor)) => {
                list.descriptors.push(descriptor);
                None
            }
            Seen::Descriptor(Err(problem)) => Some(problem),
            _ => Some(Problem::new("", "must be a descriptor: an object with mediaType, digest and size")),
        };
        if list.problem.is_none() {
            list.problem = problem.map(|problem| Problem { index: Some(index), ..problem });
        }
        index += 1;
    }
    Ok(list)
}

/// The members of an object that a descriptor has.
#[derive(Default)]
struct Members<'de> {
    media_type: Option<Seen<'de>>,
    digest: Option<Seen<'de>>,
    size: Option<Seen<'de>>,
    urls: Option<Seen<'de>>,
    platform: Option<Seen<'de>>,
}

impl<'de> Members<'de> {
    fn take(&mut self, key: &str, seen: Seen<'de>) {
        match key {
            "mediaType" => self.media_type = Some(seen),
            "digest" => self.digest = Some(seen),
            "size" => self.size = Some(seen),
            "urls" => self.urls = Some(seen),
            "platform" => self.platform = Some(seen),
            _ => {}
        }
    }

    fn descriptor(self) -> Result<Descriptor, Problem> {
        let digest: Digest = match self.digest {
            Some(Seen::Text(text)) => text.parse().map_err(|e| Problem::new("digest", format!("{e}")))?,
            Some(_) => return Err(Problem::new("digest", "must be a string")),
            None => return Err(Problem::new("digest", "is missing")),
        };
        let size = match self.size {
            Some(Seen::Natural(size)) if i64::try_from(size).is_ok() => size,
            Some(_) => {
                return Err(Problem::new("size", "must be a whole number from 0 to 9223372036854775807"));
            }
            None => return Err(Problem::new("size", "is missing")),
        };
        let media_type = match self.media_type {
            Some(Seen::Text(text)) => text.into_owned(),
            None | Some(Seen::Null) => String::new(),
            Some(_) => return Err(Problem::new("mediaType", "must be a string")),
        };
        let urls = match self.urls {
            Some(Seen::Lines(urls)) => Some(urls),
            None | Some(Seen::Null | Seen::Array) => None,
            Some(_) => return Err(Problem::new("urls", "must be an array of URLs")),
        };
        let platform = match self.platform {
            Some(Seen::Texts(texts)) => platform(texts),
            _ => None,
        };
        Ok(Descriptor { media_type, digest, size, urls, platform })
    }
}

fn platform(texts: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Option<Platform> {
    let text = |name| texts.iter().find(|(key, _)| key == name).map(|(_, text)| text.to_string());
    Some(Platform { architecture: text("architecture")?, os: text("os")? })
}

/// Reads the key of an object, borrowed where it holds no escapes.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
