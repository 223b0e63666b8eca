//! Deleting, where the configuration allows it.
use serde_json::json;
use tests::{Image, Server, assert_error, push_blob, push_manifest, sha256};

#[test]
fn a_deleted_blob_is_gone_from_its_repository_alone() {
    let server = Server::with(|s| s.delete_enabled());
    let digest = push_blob(&server, "a", b"bytes");
    push_blob(&server, "b", b"bytes");
    let path = format!("/v2/a/blobs/{digest}");
    server.get(&path).expect(200);
    server.delete(&path).expect(202);
    assert_error(&server.get(&path), 404, "BLOB_UNKNOWN");
    assert_error(&server.delete(&path), 404, "BLOB_UNKNOWN");
    assert_eq!(server.get(&format!("/v2/b/blobs/{digest}")).expect(200).body, b"bytes");
    push_blob(&server, "a", b"bytes");
    assert_eq!(server.get(&path).expect(200).body, b"bytes");
}

#[test]
fn deleting_a_manifest_removes_its_tags_and_no_others() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "one");
    push_manifest(&server, "a", "two", image.media_type, &image.manifest);
    let other = Image::oci(2);
    other.push(&server, "a", "three");
    let path = format!("/v2/a/manifests/{digest}");
    server.delete(&path).expect(202);
    for reference in ["one", "two", digest.as_str()] {
        assert_error(&server.get(&format!("/v2/a/manifests/{reference}")), 404, "MANIFEST_UNKNOWN");
    }
    assert_error(&server.delete(&path), 404, "MANIFEST_UNKNOWN");
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json(), json!({"name": "a", "tags": ["three"]}));
    server.get("/v2/a/manifests/three").expect(200);
}

#[test]
fn deleting_a_tag_keeps_the_manifest_and_its_other_tags() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "one");
    push_manifest(&server, "a", "two", image.media_type, &image.manifest);
    server.delete("/v2/a/manifests/one").expect(202);
    assert_error(&server.get("/v2/a/manifests/one"), 404, "MANIFEST_UNKNOWN");
    assert_error(&server.delete("/v2/a/manifests/one"), 404, "MANIFEST_UNKNOWN");
    server.get("/v2/a/manifests/two").expect(200);
    server.get(&format!("/v2/a/manifests/{digest}")).expect(200);
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], json!(["two"]));
}

#[test]
fn a_repository_whose_last_tag_was_deleted_has_an_empty_list() {
    let server = Server::with(|s| s.delete_enabled());
    Image::oci(1).push(&server, "a", "only");
    server.delete("/v2/a/manifests/only").expect(202);
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json(), json!({"name": "a", "tags": []}));
}

#[test]
fn a_deleted_image_can_be_pushed_again() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    for _ in 0..3 {
        let digest = image.push(&server, "a", "latest");
        server.get("/v2/a/manifests/latest").expect(200);
        server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
        for blob in image.layers.iter().chain([&image.config]) {
            server.delete(&format!("/v2/a/blobs/{}", sha256(blob))).expect(202);
        }
        server.get("/v2/a/manifests/latest").expect(404);
    }
    image.push(&server, "a", "latest");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
}
