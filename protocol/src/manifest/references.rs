use names::Digest;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What a stored manifest names, of whatever type it is, for whoever wants to know what may be needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// What stands under `digest`, or in schema 1 under `blobSum`, anywhere in it but in the `subject`. Capital letters are
    /// as good as small ones in these names, as they are for programs in Go.
    pub needed: Vec<Digest>,
    /// Those of them that stand under `manifests`: an index's children.
    pub children: Vec<Digest>,
    /// The manifest it is about (specification, "Pushing Manifests with Subject"), which it does not need.
    pub subject: Option<Digest>,
}

impl References {
    /// Finds them. Too much is found rather than too little: fields that no specification knows count too, and of what is
    /// no JSON, or cannot be read (others have taken manifests nested deeper than 127, or with half a surrogate), each digest
    /// that stands in it counts, also as a child.
    pub fn find(bytes: &[u8]) -> References {
        let mut found = References::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let read = json.deserialize_any(Walk { found: &mut found, at: At::Top });
        match read.and_then(|()| json.end()) {
            Ok(()) => found,
            Err(_) => {
                let needed: Vec<Digest> = digests_in(bytes).collect();
                References { children: needed.clone(), needed, subject: None }
            }
        }
    }
}

/// Every digest that is spelled in a text.
fn digests_in(text: &[u8]) -> impl Iterator<Item = Digest> {
    let hex = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let after = |at: usize| &text[at + 1..];
    let colons = text.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    colons.flat_map(move |at| {
        let end = after(at).iter().position(hex).map_or(text.len(), |length| at + 1 + length);
        let spelled = &text[at.saturating_sub("sha256".len())..end];
        std::str::from_utf8(spelled).ok().and_then(|spelled| spelled.parse().ok())
    })
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Top,
    /// Under a name of digests.
    Digest,
    Elsewhere,
    Subject,
    SubjectDigest,
    /// Somewhere in the subject.
    Ignored,
}

impl At {
    /// Of what stands in a value, under no name that means anything.
    fn inside(self) -> At {
        match self {
            At::Top | At::Digest | At::Elsewhere => At::Elsewhere,
            At::Subject | At::SubjectDigest | At::Ignored => At::Ignored,
        }
    }
}

/// Goes through a value.
struct Walk<'a> {
    found: &'a mut References,
    at: At,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if self.at == At::Top && is("manifests") {
                let mut inner = References::default();
                map.next_value_seed(Walk { found: &mut inner, at: At::Elsewhere })?;
                self.found.needed.extend(inner.needed.iter().cloned());
                self.found.children.extend(inner.needed);
                continue;
            }
            let at = match self.at {
                At::Top if key == "subject" => At::Subject,
                At::Subject if key == "digest" => At::SubjectDigest,
                At::Top | At::Digest | At::Elsewhere if is("digest") || is("blobSum") => At::Digest,
                at => at.inside(),
            };
            map.next_value_seed(Walk { found: self.found, at })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let at = self.at.inside();
        while list.next_element_seed(Walk { found: self.found, at })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        // One that does not parse names nothing that is kept here.
        match self.at {
            At::Digest => self.found.needed.extend(text.parse::<Digest>()),
            At::SubjectDigest => self.found.subject = text.parse().ok(),
            _ => {}
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(two: &str) -> Digest {
        format!("sha256:{}", two.repeat(32)).parse().expect("a digest")
    }

    #[test]
    fn what_stands_under_digest_is_needed_wherever_it_stands_and_the_subject_is_not() {
        let [a, b, c, d, e] = ["aa", "bb", "cc", "dd", "ee"].map(digest);
        let text = format!(
            r#"{{"config":{{"digest":"{a}","size":1}},"layers":[{{"digest":"{b}","x":{{"\u0064igest":"{c}"}}}}],
            "subject":{{"annotations":{{"digest":"{a}"}},"data":[{{"digest":"{b}"}}],"digest":"{d}"}},"fsLayers":[{{"blobSum":"{e}"}}],
            "annotations":{{"base":"{d}","digest":"latest","n":[1,-1,1.5,null,true]}}}}"#
        );
        let found = References::find(text.as_bytes());
        assert_eq!(
            found,
            References { needed: vec![a.clone(), b, c, e], children: vec![], subject: Some(d.clone()) }
        );
        let index = format!(r#"{{"Manifests":[{{"Digest":"{a}"}},{{"x":[{{"digest":"{d}"}}]}}]}}"#);
        let both = vec![a, d.clone()];
        assert_eq!(
            References::find(index.as_bytes()),
            References { needed: both.clone(), children: both, subject: None }
        );
        // A subject further in is none.
        let inner = format!(r#"{{"x":{{"subject":{{"digest":"{d}"}}}}}}"#);
        assert_eq!(
            References::find(inner.as_bytes()),
            References { needed: vec![d], ..References::default() }
        );
    }

    #[test]
    fn of_what_cannot_be_read_every_digest_counts() {
        let (a, b) =
            (digest("aa"), format!("sha512:{}", "bb".repeat(64)).parse::<Digest>().expect("a digest"));
        for (before, after) in [
            ("{", ""),
            ("{}{}", "sha256:aa"),
            (&"[".repeat(200), ":::"),
            (r#"{"x":1e999,"subject":"#, "}"),
            (r#"{"x":"\ud800"}"#, ""),
        ] {
            let text =
                [before.as_bytes(), b"\xff", format!("{{\"digest\":\"{a}\",{b}{after}").as_bytes()].concat();
            let needed = vec![a.clone(), b.clone()];
            assert_eq!(
                References::find(&text),
                References { children: needed.clone(), needed, subject: None },
                "{before}"
            );
        }
        assert_eq!(References::find(b":"), References::default());
        assert_eq!(References::find(b"sha256:"), References::default());
    }
}
