//! An event in distribution's JSON (its notifications/event.go).

use super::Action;
use bytes::Bytes;
use humantime::format_rfc3339_micros;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::time::SystemTime;
use uuid::{Builder, Uuid};

/// Where a manifest has what it refers to: one descriptor, or a list of them.
const REFERENCES: [&str; 4] = ["config", "layers", "manifests", "blobs"];

/// What happened, when, to what, and by whom.
#[derive(Serialize)]
pub struct Event {
    id: String,
    timestamp: String,
    #[serde(serialize_with = "word")]
    action: Action,
    target: Target,
    request: Request,
    actor: Actor,
    source: Source,
}

/// What it happened to.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many bytes it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// In which repository.
    pub repository: String,
    /// From which repository it was mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_repository: Option<String>,
    /// Where it is to be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Under which tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it is a manifest, of which it may be told what it refers to.
    #[serde(skip)]
    pub is_manifest: bool,
}

/// The request that did it.
#[derive(Clone, Serialize)]
pub struct Request {
    /// Its number, as in the log.
    pub id: String,
    /// Who asked.
    pub addr: String,
    /// Which host was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// How.
    pub method: String,
    /// What the client says it is.
    pub useragent: String,
}

#[derive(Serialize)]
struct Actor {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The server that tells of it.
#[derive(Clone, Serialize)]
pub struct Source {
    addr: String,
    #[serde(rename = "instanceID")]
    instance_id: String,
}

/// What is posted.
#[derive(Serialize)]
struct Envelope<T> {
    events: [T; 1],
}

fn word<S: Serializer>(action: &Action, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match action {
        Action::Pull => "pull",
        Action::Push => "push",
        Action::Mount => "mount",
        Action::Delete => "delete",
    })
}

/// A version 4 UUID.
fn uuid() -> Uuid {
    let mut bytes = [0; 16];
    // The system has it from its start on. Where not, an event is told all the same.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    Builder::from_random_bytes(bytes).into_uuid()
}

impl Source {
    /// This server at this address, since it was started.
    pub fn new(addr: String) -> Source {
        Source { addr, instance_id: uuid().to_string() }
    }
}

impl Event {
    pub(super) fn new(
        action: Action,
        target: Target,
        request: Request,
        actor: Option<String>,
        source: Source,
    ) -> Event {
        let timestamp = format_rfc3339_micros(SystemTime::now()).to_string();
        Event {
            id: uuid().to_string(),
            timestamp,
            action,
            target,
            request,
            actor: Actor { name: actor },
            source,
        }
    }

    pub(super) fn action(&self) -> Action {
        self.action
    }

    pub(super) fn media_type(&self) -> Option<&str> {
        self.target.media_type.as_deref()
    }

    /// The repository and the digest of a manifest that it is about, and that is there.
    pub(super) fn manifest(&self) -> Option<(&str, &str)> {
        let is_there = self.target.is_manifest && self.action != Action::Delete;
        self.target.digest.as_deref().filter(|_| is_there).map(|digest| (&*self.target.repository, digest))
    }

    /// What is posted; with what its manifest refers to, where that is given.
    pub(super) fn envelope(&self, manifest: Option<&[u8]>) -> Bytes {
        let mut event = serde_json::to_value(self).expect("it has words for keys");
        let target = &mut event["target"];
        // The name of the size before there was one, for those who read that.
        if let Some(size) = self.target.size {
            target["length"] = size.into();
        }
        if let Some(manifest) = manifest {
            target["references"] = referred(manifest).into();
        }
        serde_json::to_vec(&Envelope { events: [event] }).expect("it has words for keys").into()
    }
}

/// The descriptors in a manifest, as they stand there.
fn referred(manifest: &[u8]) -> Vec<Value> {
    let Ok(Value::Object(mut manifest)) = serde_json::from_slice(manifest) else { return Vec::new() };
    let fields = REFERENCES.iter().filter_map(|name| manifest.remove(*name));
    fields
        .flat_map(|field| match field {
            Value::Array(list) => list,
            one => vec![one],
        })
        .filter(Value::is_object)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::referred;

    #[test]
    fn what_a_manifest_refers_to_are_its_descriptors_in_order() {
        let digests = |manifest: &str| -> Vec<String> {
            let found = referred(manifest.as_bytes());
            found.iter().map(|one| one["digest"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let image = r#"{"layers": [{"digest": "b"}, {"digest": "c"}], "config": {"digest": "a"}, "subject": {"digest": "d"}}"#;
        assert_eq!(digests(image), ["a", "b", "c"]);
        assert_eq!(digests(r#"{"manifests": [{"digest": "a"}]}"#), ["a"]);
        assert_eq!(digests(r#"{"layers": ["b", null], "config": 1}"#), [""; 0]);
        assert_eq!(digests("[]"), [""; 0]);
    }
}
