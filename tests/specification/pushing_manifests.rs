//! Pushing manifests.
use crate::artifact::{self, image, put, with};
use serde_json::json;
use tests::{
    Image, OCI_MANIFEST, Request, Response, Server, assert_error, assert_errors, push_blob, push_manifest,
    sha256, sha512,
};

/// The tags that an answer's `OCI-Tag` fields name (RFC 9110, section 5.3: several, and lists in each).
fn accepted(response: &Response) -> Vec<&str> {
    let fields = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("OCI-Tag"));
    fields.flat_map(|(_, value)| value.split(',')).map(str::trim).collect()
}

/// The target that pushes by digest with these tags.
fn with_tags(digest: &names::Digest, tags: &[String]) -> String {
    let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    format!("{digest}?{}", query.join("&"))
}

#[test]
fn the_parameters_of_a_pushed_type_are_ignored() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    for parameters in [";charset=utf-8", "; charset=\"utf-8\"; a=b"] {
        let media_type = format!("{OCI_MANIFEST}{parameters}");
        push_manifest(&server, "a", "latest", &media_type, &image.manifest);
    }
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).required("Content-Type"), OCI_MANIFEST);
}

#[test]
fn a_type_that_is_not_the_manifests_own_is_refused() {
    let server = Server::start();
    let manifest = image(&server, "a");
    let request = Request::put("/v2/a/manifests/latest", manifest.to_string());
    let response = server.request(&request.header("Content-Type", "application/vnd.oci.image.index.v1+json"));
    assert_error(&response, 400, "MANIFEST_INVALID");
}

#[test]
fn a_manifest_is_pushed_under_a_tag_or_a_digest_and_under_nothing_else() {
    let server = Server::start();
    let manifest = image(&server, "a");
    let digest = artifact::digest(&manifest);
    put(&server, "a", "tag", &manifest).expect(201);
    put(&server, "a", digest.as_str(), &manifest).expect(201);
    for reference in ["a:b", "sha256:abc", "-tag", &format!("tag@{digest}"), &"a".repeat(129)] {
        let response = put(&server, "a", reference, &manifest);
        assert_errors(&response, 400, &["TAG_INVALID", "DIGEST_INVALID"]);
    }
}

#[test]
fn a_manifest_may_have_no_blobs_but_its_configuration() {
    let server = Server::start();
    let manifest = image(&server, "a");
    assert_eq!(manifest["layers"], json!([]));
    put(&server, "a", "latest", &manifest).expect(201);
}

#[test]
fn a_manifest_is_kept_byte_for_byte() {
    let server = Server::start();
    push_blob(&server, "a", b"{}");
    let digest = sha256(b"{}");
    let bytes = format!(
        "\n{{ \"layers\" :[ ],\r\n\t\"x\":\"\\u00e4\\/\u{e4}\", \"y\": 1.0e2,\"config\":{{\"size\":2,\"digest\":\
         \"{digest}\",\"mediaType\":\"application/json\"}},\"mediaType\":\"{OCI_MANIFEST}\",\"schemaVersion\":2}}  \n"
    );
    push_manifest(&server, "a", "latest", OCI_MANIFEST, bytes.as_bytes());
    for reference in ["latest", sha256(bytes.as_bytes()).as_str()] {
        assert_eq!(server.get(&format!("/v2/a/manifests/{reference}")).expect(200).body, bytes.as_bytes());
    }
}

#[test]
fn a_stored_manifest_is_201_with_a_location_to_pull_from() {
    let server = Server::start();
    let manifest = image(&server, "a");
    for reference in ["latest", artifact::digest(&manifest).as_str()] {
        let response = put(&server, "a", reference, &manifest).expect(201);
        assert_eq!(server.get(&response.location()).expect(200).text(), manifest.to_string());
    }
}

#[test]
fn the_digest_in_the_answer_is_the_one_the_client_named() {
    let server = Server::start();
    let manifest = image(&server, "a");
    let bytes = manifest.to_string();
    for digest in [sha256(bytes.as_bytes()), sha512(bytes.as_bytes())] {
        let response = put(&server, "a", digest.as_str(), &manifest).expect(201);
        assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
        assert_eq!(server.get(&format!("/v2/a/manifests/{digest}")).expect(200).text(), bytes);
    }
}

#[test]
fn ten_tags_and_more_can_come_with_one_push() {
    let server = Server::start();
    let manifest = image(&server, "a");
    let digest = artifact::digest(&manifest);
    let tags: Vec<_> = (10..110).map(|n| format!("v{n:03}")).collect();
    put(&server, "a", &with_tags(&digest, &tags), &manifest).expect(201);
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], json!(tags));
    for tag in &tags {
        let head = server.head(&format!("/v2/a/manifests/{tag}")).expect(200);
        assert_eq!(head.required("Docker-Content-Digest"), digest.as_str());
    }
}

#[test]
fn more_tags_than_are_taken_are_414_and_none_is_made() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_TAGS", 12));
    let manifest = image(&server, "a");
    let tags: Vec<_> = (0..13).map(|n| format!("v{n}")).collect();
    let response = put(&server, "a", &with_tags(&artifact::digest(&manifest), &tags), &manifest);
    assert_eq!(response.status, 414, "{response}");
    for tag in &tags {
        server.head(&format!("/v2/a/manifests/{tag}")).expect(404);
    }
}

#[test]
fn every_tag_that_was_made_is_named_in_oci_tag() {
    let server = Server::start();
    let manifest = image(&server, "a");
    let digest = artifact::digest(&manifest);
    let tags = ["1.2.3", "1.2", "1", "latest"].map(str::to_owned);
    let response = put(&server, "a", &with_tags(&digest, &tags), &manifest).expect(201);
    assert_eq!(accepted(&response), tags);
    let plain = put(&server, "a", digest.as_str(), &manifest).expect(201);
    assert_eq!(plain.header("OCI-Tag"), None, "{plain}");
}

#[test]
fn pulling_from_a_repository_that_does_not_exist_is_404() {
    let server = Server::start();
    let digest = sha256(b"bytes");
    for path in ["manifests/latest".to_owned(), format!("manifests/{digest}"), format!("blobs/{digest}")] {
        let path = format!("/v2/absent/{path}");
        server.head(&path).expect(404);
        assert_errors(&server.get(&path), 404, &["NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"]);
    }
}

#[test]
fn a_manifest_beyond_the_limit_is_413() {
    let server = Server::start();
    let manifest = with(image(&server, "a"), json!({"annotations": {"padding": "x".repeat(5 << 20)}}));
    assert_error(&put(&server, "a", "latest", &manifest), 413, "MANIFEST_INVALID");
    server.get("/v2/a/manifests/latest").expect(404);
}

#[test]
fn a_manifest_of_four_megabytes_is_taken() {
    let server = Server::start();
    let manifest = with(image(&server, "a"), json!({"annotations": {"padding": "x".repeat(4_000_000)}}));
    put(&server, "a", "latest", &manifest).expect(201);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).text(), manifest.to_string());
}
