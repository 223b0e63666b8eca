//! Content management: deleting tags, manifests and blobs.
use crate::artifact::{ask, digests, image, push, put, subject, with};
use serde_json::json;
use tests::{Image, Server, assert_error, assert_errors, push_blob, sha256};

#[test]
fn a_deleted_tag_is_202_and_gone() {
    let server = Server::with(|s| s.delete_enabled());
    Image::oci(1).push(&server, "a", "latest");
    server.delete("/v2/a/manifests/latest").expect(202);
    assert_error(&server.get("/v2/a/manifests/latest"), 404, "MANIFEST_UNKNOWN");
}

#[test]
fn a_tag_cannot_be_deleted_where_deletion_is_disabled() {
    let server = Server::start();
    Image::oci(1).push(&server, "a", "latest");
    assert_error(&server.delete("/v2/a/manifests/latest"), 405, "UNSUPPORTED");
    server.get("/v2/a/manifests/latest").expect(200);
}

#[test]
fn a_deleted_manifest_is_202_and_gone_with_its_tags() {
    let server = Server::with(|s| s.delete_enabled());
    let manifest = image(&server, "a");
    let digest = push(&server, "a", &manifest);
    for tag in ["one", "two"] {
        put(&server, "a", tag, &manifest).expect(201);
    }
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    for reference in ["one", "two", digest.as_str()] {
        assert_error(&server.get(&format!("/v2/a/manifests/{reference}")), 404, "MANIFEST_UNKNOWN");
    }
}

#[test]
fn a_manifest_of_a_repository_that_does_not_exist_is_404() {
    let server = Server::with(|s| s.delete_enabled());
    let digest = Image::oci(1).push(&server, "a", "latest");
    for reference in ["latest", digest.as_str()] {
        let response = server.delete(&format!("/v2/absent/manifests/{reference}"));
        assert_errors(&response, 404, &["NAME_UNKNOWN", "MANIFEST_UNKNOWN"]);
    }
}

#[test]
fn a_manifest_cannot_be_deleted_where_deletion_is_disabled() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    assert_error(&server.delete(&format!("/v2/a/manifests/{digest}")), 405, "UNSUPPORTED");
    server.get("/v2/a/manifests/latest").expect(200);
}

#[test]
fn a_deleted_manifest_is_no_referrer_any_more() {
    let server = Server::with(|s| s.delete_enabled());
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    let about = json!({"subject": subject(&base)});
    let goes = push(&server, "a", &with(image(&server, "a"), about.clone()));
    let stays =
        push(&server, "a", &with(with(image(&server, "a"), about), json!({"annotations": {"a": "b"}})));
    server.delete(&format!("/v2/a/manifests/{goes}")).expect(202);
    assert_eq!(digests(&ask(&server, "a", &digest, "")), [stays.as_str()]);
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    assert_eq!(digests(&ask(&server, "a", &digest, "")), [stays.as_str()]);
    server.get(&format!("/v2/a/manifests/{stays}")).expect(200);
}

#[test]
fn a_deleted_blob_is_202_and_gone() {
    let server = Server::with(|s| s.delete_enabled());
    let digest = push_blob(&server, "a", b"bytes");
    server.delete(&format!("/v2/a/blobs/{digest}")).expect(202);
    assert_error(&server.get(&format!("/v2/a/blobs/{digest}")), 404, "BLOB_UNKNOWN");
}

#[test]
fn a_blob_that_is_not_there_cannot_be_deleted() {
    let server = Server::with(|s| s.delete_enabled());
    push_blob(&server, "b", b"bytes");
    for digest in [sha256(b"bytes"), sha256(b"unknown")] {
        assert_error(&server.delete(&format!("/v2/a/blobs/{digest}")), 404, "BLOB_UNKNOWN");
    }
}

#[test]
fn a_blob_cannot_be_deleted_where_deletion_is_disabled() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    assert_error(&server.delete(&format!("/v2/a/blobs/{digest}")), 405, "UNSUPPORTED");
    server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
}
