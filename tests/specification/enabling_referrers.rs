//! Upgrade procedures: enabling the referrers API, and the referrers tag schema of clients that did without.
use crate::artifact::{ask, digests, image, push, put, subject, with};
use names::Digest;
use serde_json::{Value, json};
use tests::{OCI_INDEX, OCI_MANIFEST, Server, descriptor, sha512};

/// The tag of the referrers tag schema: the encoded part is cut after 64 characters.
fn schema_tag(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().as_str(), &digest.hex()[..64])
}

/// The index that a client keeps of these manifests.
fn schema_index(manifests: &[&Value]) -> Value {
    let manifests: Vec<_> = manifests.iter().map(|manifest| subject(manifest)).collect();
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
}

/// Removes whatever the registry keeps beside distribution's tree: it is then as if it had never been asked.
fn forget(server: &Server, repository: &str) {
    for entry in std::fs::read_dir(server.repository(repository)).expect("the repository") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('_') && !["_layers", "_manifests", "_uploads"].contains(&name.as_str()) {
            std::fs::remove_dir_all(entry.path()).expect("a folder can be removed");
        }
    }
}

#[test]
fn what_a_referrers_tag_lists_is_a_referrer() {
    let mut server = Server::start();
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    let referrer = with(image(&server, "a"), json!({"subject": subject(&base)}));
    let pushed = push(&server, "a", &referrer);
    put(&server, "a", &schema_tag(&digest), &schema_index(&[&referrer])).expect(201);
    server.terminate(std::time::Duration::from_secs(20));
    forget(&server, "a");
    server.launch();
    assert_eq!(digests(&ask(&server, "a", &digest, "")), [pushed.as_str()]);
}

#[test]
fn what_was_there_before_the_api_is_a_referrer_without_any_tag() {
    let mut server = Server::start();
    let base = image(&server, "a");
    let referrer = with(image(&server, "a"), json!({"subject": subject(&base)}));
    let pushed = push(&server, "a", &referrer);
    let digest = push(&server, "a", &base);
    server.terminate(std::time::Duration::from_secs(20));
    forget(&server, "a");
    server.launch();
    assert_eq!(digests(&ask(&server, "a", &digest, "")), [pushed.as_str()]);
}

#[test]
fn what_is_pushed_with_a_subject_is_listed_at_once() {
    let server = Server::start();
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    let mut pushed = Vec::new();
    for n in 0..10 {
        let fields = json!({"subject": subject(&base), "annotations": {"n": n.to_string()}});
        pushed.push(push(&server, "a", &with(image(&server, "a"), fields)).to_string());
        pushed.sort();
        assert_eq!(digests(&ask(&server, "a", &digest, "")), pushed);
    }
}

#[test]
fn a_referrers_tag_is_an_ordinary_tag_for_clients_that_keep_one() {
    let server = Server::start();
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    let long = sha512(base.to_string().as_bytes());
    let referrer = with(image(&server, "a"), json!({"subject": descriptor(OCI_MANIFEST, b"another")}));
    push(&server, "a", &referrer);
    for digest in [digest, long] {
        let tag = schema_tag(&digest);
        let index = schema_index(&[&referrer]);
        put(&server, "a", &tag, &index).expect(201);
        assert_eq!(server.get(&format!("/v2/a/manifests/{tag}")).expect(200).text(), index.to_string());
        assert_eq!(digests(&ask(&server, "a", &digest, "")), [""; 0], "it is about another");
    }
}
