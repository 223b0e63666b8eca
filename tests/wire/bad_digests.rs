//! Digests that nobody here computes, and digests of a wrong length, wherever a client may put one.
use serde_json::json;
use tests::{
    Image, OCI_INDEX, OCI_MANIFEST, Request, Server, assert_error, assert_errors, closing, push_blob,
    start_upload,
};

/// Every request that carries this digest, but for the manifests that hold it.
fn requests(digest: &str, upload: &str) -> Vec<Request> {
    let manifest =
        Request::put(&format!("/v2/a/manifests/{digest}"), *b"{}").header("Content-Type", OCI_MANIFEST);
    let mut requests = vec![
        manifest,
        Request::get(&format!("/v2/a/referrers/{digest}")),
        Request::post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body(*b"bytes"),
        Request::post(&format!("/v2/a/blobs/uploads/?mount={digest}&from=b")),
        Request::post(&format!("/v2/a/blobs/uploads/?mount={digest}")),
        Request::put(&format!("{upload}?digest={digest}"), *b"bytes"),
    ];
    for kind in ["blobs", "manifests"] {
        let target = format!("/v2/a/{kind}/{digest}");
        requests.extend([Request::get(&target), Request::delete(&target)]);
    }
    requests
}

/// Holds every request with this digest to be refused, and the session to be as it was.
#[track_caller]
fn assert_refused_everywhere(server: &Server, digest: &str, upload: &str) {
    for request in requests(digest, upload) {
        let response = server.request(&request);
        assert_eq!(response.status, 400, "{} {digest}: {response}", request.method());
        assert_error(&response, 400, "DIGEST_INVALID");
    }
    for kind in ["blobs", "manifests"] {
        server.head(&format!("/v2/a/{kind}/{digest}")).expect(400);
    }
    assert_eq!(server.get(upload).expect(204).required("Range"), "0-0", "{digest}");
    let descriptor = json!({"mediaType": "text/plain", "digest": digest, "size": 5});
    let image = Image::oci(1);
    let good: serde_json::Value = serde_json::from_slice(&image.manifest).expect("a manifest is JSON");
    for field in ["config", "subject", "layers"] {
        let mut manifest = good.clone();
        manifest[field] = if field == "layers" { json!([descriptor]) } else { descriptor.clone() };
        let request =
            Request::put("/v2/a/manifests/latest", manifest.to_string()).header("Content-Type", OCI_MANIFEST);
        let response = server.request(&request);
        assert_errors(&response, 400, &["MANIFEST_INVALID", "DIGEST_INVALID"]);
        assert!(response.text().contains(field), "{response}");
    }
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]});
    let request = Request::put("/v2/a/manifests/latest", index.to_string()).header("Content-Type", OCI_INDEX);
    assert_errors(&server.request(&request), 400, &["MANIFEST_INVALID", "DIGEST_INVALID"]);
}

/// A server with an image in `a`, a blob in `b`, and an upload under way in `a`.
fn server() -> (Server, String) {
    let server = Server::with(|s| s.delete_enabled());
    Image::oci(1).push_blobs(&server, "a");
    push_blob(&server, "b", b"bytes");
    let upload = start_upload(&server, "a");
    (server, upload)
}

#[test]
fn a_digest_of_an_algorithm_that_is_registered_or_well_formed_but_not_served_is_refused_everywhere() {
    let (server, upload) = server();
    for digest in [
        format!("blake3:{}", "0".repeat(64)),
        format!("sha384:{}", "0".repeat(96)),
        format!("sha1:{}", "0".repeat(40)),
        format!("sha256-tree:{}", "0".repeat(64)),
        "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8".to_owned(),
    ] {
        assert_refused_everywhere(&server, &digest, &upload);
    }
    server.put(&closing(&upload, &tests::sha256(b"bytes")), b"bytes").expect(201);
}

#[test]
fn a_digest_of_a_wrong_length_is_refused_everywhere() {
    let (server, upload) = server();
    for (algorithm, length) in [
        ("sha256", 0),
        ("sha256", 63),
        ("sha256", 65),
        ("sha256", 128),
        ("sha512", 64),
        ("sha512", 127),
        ("sha512", 8000),
    ] {
        assert_refused_everywhere(&server, &format!("{algorithm}:{}", "a".repeat(length)), &upload);
    }
    server.put(&closing(&upload, &tests::sha256(b"bytes")), b"bytes").expect(201);
}

#[test]
fn an_upload_for_an_unknown_algorithm_is_refused_and_leaves_no_session() {
    let server = Server::start();
    for algorithm in ["blake3", "sha1", "SHA256", "sha-512", "", "..%2f..", "sha512%00"] {
        let response = server.post(&format!("/v2/a/blobs/uploads/?digest-algorithm={algorithm}"));
        assert_error(&response, 400, "DIGEST_INVALID");
    }
    assert_error(&server.get("/v2/a/tags/list"), 404, "NAME_UNKNOWN");
}
