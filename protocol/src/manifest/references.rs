use names::Digest;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What a stored manifest names, of whatever type it is, for whoever wants to know what may be needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// What stands under `digest`, or in schema 1 under `blobSum`, anywhere in it but in the `subject`.
    pub needed: Vec<Digest>,
    /// The manifest it is about (specification, "Pushing Manifests with Subject"), which it does not need.
    pub subject: Option<Digest>,
}

impl References {
    /// Reads them. Too much is found rather than too little: fields that no specification knows count too.
    ///
    /// # Errors
    /// Why it is no JSON, or cannot be read: objects and arrays may be nested 127 deep.
    pub fn read(bytes: &[u8]) -> Result<References, serde_json::Error> {
        let mut found = References::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        json.deserialize_any(Walk { found: &mut found, at: At::Top })?;
        json.end()?;
        Ok(found)
    }
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Top,
    /// Under a name of digests.
    Digest,
    Elsewhere,
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
            if self.at == At::Top && key == "subject" {
                let mut subject = References::default();
                map.next_value_seed(Walk { found: &mut subject, at: At::Elsewhere })?;
                self.found.subject = subject.needed.into_iter().next();
                continue;
            }
            let at = if key == "digest" || key == "blobSum" { At::Digest } else { At::Elsewhere };
            map.next_value_seed(Walk { found: self.found, at })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Walk { found: self.found, at: At::Elsewhere })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.at == At::Digest {
            // One that does not parse names nothing that is kept here.
            self.found.needed.extend(text.parse::<Digest>());
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
            "subject":{{"digest":"{d}"}},"fsLayers":[{{"blobSum":"{e}"}}],
            "annotations":{{"base":"{d}","digest":"latest","n":[1,-1,1.5,null,true]}}}}"#
        );
        let found = References::read(text.as_bytes()).expect("JSON");
        assert_eq!(found, References { needed: vec![a, b, c, e], subject: Some(d.clone()) });
        // A subject further in is none.
        let inner = format!(r#"{{"x":{{"subject":{{"digest":"{d}"}}}}}}"#);
        assert_eq!(
            References::read(inner.as_bytes()).expect("JSON"),
            References { needed: vec![d], subject: None }
        );
    }

    #[test]
    fn what_is_not_read_to_its_end_is_an_error() {
        for text in ["", "{", "{}{}", "nothing", &"[".repeat(200)] {
            assert!(References::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
