//! What the tests of collections share.

use super::*;
use store::{Collected, Collection, Garbage};

pub const ALL: Collection = Collection { dry_run: false, delete_untagged: false, grace: Duration::ZERO };
pub const UNTAGGED: Collection = Collection { delete_untagged: true, ..ALL };
pub const HOUR: Duration = Duration::from_secs(3600);

/// What was garbage, in any order.
pub fn collect(store: &Store, how: &Collection) -> (Vec<Digest>, Collected) {
    let mut gone = Vec::new();
    let found = store.collect(how, &mut |piece| match piece {
        Garbage::Manifest { digest, .. } | Garbage::Blob { digest, .. } => gone.push(digest.clone()),
    });
    gone.sort();
    (gone, found.unwrap())
}

pub fn sorted(digests: impl Into<Vec<Digest>>) -> Vec<Digest> {
    let mut digests = digests.into();
    digests.sort();
    digests
}

/// A manifest that names these, as one of them after the other where they have to be.
pub fn naming(text: &str, blobs: &[&Digest], manifests: &[&Digest], subject: Option<&Digest>) -> PutManifest {
    let list = |digests: &[&Digest]| {
        digests.iter().map(|digest| format!(r#"{{"digest":"{digest}"}}"#)).collect::<Vec<_>>().join(",")
    };
    let subject = subject.map(|digest| format!(r#""subject":{{"digest":"{digest}"}},"#)).unwrap_or_default();
    let json = format!(
        r#"{{"schemaVersion":2,{subject}"text":"{text}","layers":[{}],"manifests":[{}]}}"#,
        list(blobs),
        list(manifests)
    );
    PutManifest {
        blobs: blobs.iter().copied().cloned().collect(),
        manifests: manifests.iter().copied().cloned().collect(),
        ..manifest(json, &[])
    }
}

pub fn tagged(manifest: PutManifest, tag: &str) -> PutManifest {
    PutManifest { tags: vec![tag.parse().unwrap()], ..manifest }
}

pub fn put(store: &Store, name: &RepositoryName, manifest: PutManifest) -> Digest {
    let digest = manifest.digest.clone();
    store.put_manifest(name, manifest).unwrap();
    digest
}

/// Gives a link the time of long ago.
pub fn forget(tree: &Tree, path: String) {
    touch(&tree.path(path), SystemTime::now() - 48 * HOUR);
}

pub fn held_in(name: &str, digest: &Digest) -> String {
    format!("repositories/{name}/_layers/sha256/{}/link", digest.hex())
}
