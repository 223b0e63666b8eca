//! When a repository begins and when it is gone.
use serde_json::json;
use std::time::Duration;
use tests::{Image, Server, assert_error, eventually, push_blob, sha256, start_upload};

#[track_caller]
fn assert_there(server: &Server, name: &str, tags: &[&str]) {
    assert_eq!(server.get(&format!("/v2/{name}/tags/list")).expect(200).json()["tags"], json!(tags));
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], json!([name]));
}

#[track_caller]
fn assert_gone(server: &Server, name: &str) {
    assert_error(&server.get(&format!("/v2/{name}/tags/list")), 404, "NAME_UNKNOWN");
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], json!([]));
}

#[test]
fn a_repository_whose_last_manifest_was_deleted_is_gone_until_the_next_push() {
    let server = Server::with(|s| s.delete_enabled());
    let (first, second) = (Image::oci(1), Image::oci(2));
    for _ in 0..3 {
        let digests = [first.push(&server, "a/b", "first"), second.push(&server, "a/b", "second")];
        assert_there(&server, "a/b", &["first", "second"]);
        server.delete(&format!("/v2/a/b/manifests/{}", digests[0])).expect(202);
        assert_there(&server, "a/b", &["second"]);
        server.delete(&format!("/v2/a/b/manifests/{}", digests[1])).expect(202);
        assert_gone(&server, "a/b");
    }
    let referrers = server.get(&format!("/v2/a/b/referrers/{}", first.digest())).expect(200);
    assert_eq!(referrers.json()["manifests"], json!([]));
}

#[test]
fn a_repository_without_tags_is_there_as_long_as_it_has_a_manifest() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    let digest = image.push(&server, "a", image.digest().as_str());
    assert_there(&server, "a", &[]);
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    assert_gone(&server, "a");
}

#[test]
fn blobs_alone_make_no_repository() {
    let server = Server::with(|s| s.delete_enabled());
    let digest = push_blob(&server, "a", b"bytes");
    assert_gone(&server, "a");
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, b"bytes");
    Image::oci(1).push(&server, "a", "latest");
    assert_there(&server, "a", &["latest"]);
}

#[test]
fn a_repository_is_there_while_an_upload_to_it_is_young() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    assert_there(&server, "a", &[]);
    server.delete(&upload).expect(204);
    assert_gone(&server, "a");

    let server = Server::with(|s| s.env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE", "2s"));
    let upload = start_upload(&server, "a");
    assert_there(&server, "a", &[]);
    let gone = || server.get("/v2/a/tags/list").status == 404;
    assert!(eventually(Duration::from_secs(10), gone), "an old upload keeps its repository");
    assert_gone(&server, "a");
    server.put(&tests::closing(&upload, &sha256(b"bytes")), b"bytes").expect(201);
}

#[test]
fn what_a_repository_holds_survives_the_deletion_of_what_was_beside_it() {
    let server = Server::with(|s| s.delete_enabled());
    let (one, other) = (Image::oci(1), Image::oci(1));
    let digest = one.push(&server, "a", "latest");
    other.push(&server, "a/b", "latest");
    other.push(&server, "b", "latest");
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], json!(["a/b", "b"]));
    for repository in ["a/b", "b"] {
        assert_eq!(
            server.get(&format!("/v2/{repository}/manifests/latest")).expect(200).body,
            other.manifest
        );
        for layer in &other.layers {
            server.get(&format!("/v2/{repository}/blobs/{}", sha256(layer))).expect(200);
        }
    }
}

#[test]
fn a_repository_that_was_pushed_again_does_not_claim_blobs_that_were_deleted() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    let layer = sha256(&image.layers[0]);
    server.delete(&format!("/v2/a/blobs/{layer}")).expect(202);
    server.head(&format!("/v2/a/blobs/{layer}")).expect(404);
    let request = tests::Request::put("/v2/a/manifests/latest", &*image.manifest);
    let response = server.request(&request.header("Content-Type", image.media_type));
    assert_error(&response, 400, "MANIFEST_BLOB_UNKNOWN");
    assert!(response.text().contains(layer.as_str()), "{response}");
    image.push(&server, "a", "latest");
    assert_there(&server, "a", &["latest"]);
}
