//! What a token says (distribution, "Token Authentication Specification"; RFC 7519, 4.1).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The claims of a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it.
    #[serde(rename = "iss", default, deserialize_with = "given")]
    pub issuer: String,
    /// For whom; empty where that is anyone.
    #[serde(rename = "sub", default, deserialize_with = "given")]
    pub subject: String,
    /// For which registries.
    #[serde(rename = "aud", default, deserialize_with = "given")]
    pub audience: Audience,
    /// Until when, in seconds since 1970.
    #[serde(rename = "exp", default, serialize_with = "whole", deserialize_with = "given")]
    pub expires: f64,
    /// From when on.
    #[serde(rename = "nbf", default, serialize_with = "whole", deserialize_with = "given")]
    pub not_before: f64,
    /// When it was made.
    #[serde(rename = "iat", default, serialize_with = "whole", deserialize_with = "given")]
    pub issued: f64,
    /// What may be done with it.
    #[serde(default)]
    pub access: Option<Vec<Access>>,
    /// Of our own tokens: the patterns of what the catalogue may show; without it, everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readable: Option<Vec<String>>,
}

/// What is `null` is as if it were not there, which is how distribution reads it: some issuers write it for nobody.
fn given<'a, T: Default + Deserialize<'a>, D: Deserializer<'a>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Distribution reads whole seconds alone.
fn whole<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(*seconds as i64)
}

/// One registry or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Audience {
        Audience::Several(Vec::new())
    }
}

impl Audience {
    /// Whether a registry is among them.
    pub fn names(&self, service: &str) -> bool {
        match self {
            Audience::One(name) => name == service,
            Audience::Several(names) => names.iter().any(|name| name == service),
        }
    }
}

/// What may be done with one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// What kind of thing: `repository` or `registry`.
    #[serde(rename = "type", default, deserialize_with = "given")]
    pub kind: String,
    /// Its name.
    #[serde(default, deserialize_with = "given")]
    pub name: String,
    /// What may be done: `pull`, `push`, `delete`, `*`.
    #[serde(default)]
    pub actions: Option<Vec<String>>,
}

impl Claims {
    /// Whether something may be done.
    pub fn allow(&self, kind: &str, name: &str, action: &str) -> bool {
        self.access
            .iter()
            .flatten()
            .filter(|access| access.kind == kind && access.name == name)
            .any(|access| access.actions.iter().flatten().any(|granted| granted == action || granted == "*"))
    }
}
