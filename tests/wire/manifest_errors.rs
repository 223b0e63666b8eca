//! Manifests that are refused, and why.
use serde_json::{Value, json};
use tests::{
    DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST, Request, Response, Server, assert_error, assert_errors,
    descriptor, index, sha256, sha512,
};

fn put(server: &Server, reference: &str, media_type: &str, bytes: &[u8]) -> Response {
    let request = Request::put(&format!("/v2/a/manifests/{reference}"), bytes);
    server.request(&request.header("Content-Type", media_type))
}

/// The manifest of an image whose blobs are all present, as JSON to be spoilt.
fn good(server: &Server) -> Value {
    let image = Image::oci(1);
    image.push_blobs(server, "a");
    serde_json::from_slice(&image.manifest).expect("a manifest is JSON")
}

#[test]
fn an_unknown_manifest_is_404() {
    let server = Server::start();
    let unknown = sha256(b"unknown");
    for reference in ["latest", unknown.as_str()] {
        let path = format!("/v2/a/manifests/{reference}");
        assert_errors(&server.get(&path), 404, &["MANIFEST_UNKNOWN", "NAME_UNKNOWN"]);
        server.head(&path).expect(404);
    }
    Image::oci(1).push(&server, "a", "present");
    for reference in ["latest", unknown.as_str()] {
        assert_error(&server.get(&format!("/v2/a/manifests/{reference}")), 404, "MANIFEST_UNKNOWN");
    }
}

#[test]
fn a_manifest_of_another_repository_is_404() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    Image::oci(2).push(&server, "b", "other");
    for reference in ["latest", digest.as_str()] {
        assert_error(&server.get(&format!("/v2/b/manifests/{reference}")), 404, "MANIFEST_UNKNOWN");
    }
}

#[test]
fn a_blob_is_no_manifest() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let config = sha256(&image.config);
    assert_error(&server.get(&format!("/v2/a/manifests/{config}")), 404, "MANIFEST_UNKNOWN");
}

#[test]
fn a_manifest_under_another_digest_is_refused() {
    let server = Server::start();
    let manifest = good(&server).to_string();
    for digest in [sha256(b"others"), sha512(b"others")] {
        let response = put(&server, digest.as_str(), OCI_MANIFEST, manifest.as_bytes());
        assert_error(&response, 400, "DIGEST_INVALID");
        server.get(&format!("/v2/a/manifests/{digest}")).expect(404);
    }
    server.get(&format!("/v2/a/manifests/{}", sha256(manifest.as_bytes()))).expect(404);
}

#[test]
fn what_is_no_json_object_is_refused() {
    let server = Server::start();
    let whole = good(&server).to_string();
    let trailing = format!("{whole} {{}}");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for bytes in [
        &b""[..],
        b"bytes",
        b"[]",
        b"null",
        b"\"text\"",
        b"{",
        b"\xff\xfe{}",
        &whole.as_bytes()[..whole.len() - 1],
        trailing.as_bytes(),
        deep.as_bytes(),
    ] {
        for media_type in [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST] {
            assert_error(&put(&server, "latest", media_type, bytes), 400, "MANIFEST_INVALID");
        }
    }
    server.get("/v2/a/manifests/latest").expect(404);
}

#[test]
fn a_key_that_stands_twice_is_refused_and_named() {
    let server = Server::start();
    let whole = good(&server).to_string();
    let twice = whole.replacen('{', "{\"layers\":[],", 1);
    let below = whole.replacen("\"size\":", "\"size\":1,\"size\":", 1);
    for (text, key) in [(twice, "layers"), (below, "size")] {
        let response = put(&server, "latest", OCI_MANIFEST, text.as_bytes());
        assert_error(&response, 400, "MANIFEST_INVALID");
        assert!(response.text().contains(key), "{response}");
    }
}

#[test]
fn a_media_type_that_disagrees_with_the_manifest_is_refused() {
    let server = Server::start();
    let manifest = good(&server).to_string();
    for media_type in [DOCKER_MANIFEST, OCI_INDEX, "text/plain"] {
        let response = put(&server, "latest", media_type, manifest.as_bytes());
        assert_error(&response, 400, "MANIFEST_INVALID");
    }
}

#[test]
fn an_index_that_has_layers_and_an_image_that_has_manifests_are_refused() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "image");
    let mut list = good(&server);
    list["mediaType"] = json!(OCI_INDEX);
    assert_error(&put(&server, "latest", OCI_INDEX, list.to_string().as_bytes()), 400, "MANIFEST_INVALID");
    let mut list: Value = serde_json::from_slice(&index(OCI_INDEX, &[&image])).expect("an index is JSON");
    list["mediaType"] = json!(OCI_MANIFEST);
    assert_error(&put(&server, "latest", OCI_MANIFEST, list.to_string().as_bytes()), 400, "MANIFEST_INVALID");
}

#[test]
fn fields_of_the_wrong_kind_are_refused() {
    let server = Server::start();
    let spoil: [fn(&mut Value); 9] = [
        |m| m["schemaVersion"] = json!(3),
        |m| m["schemaVersion"] = json!("2"),
        |m| m["layers"] = json!({}),
        |m| m["layers"][0]["size"] = json!(-1),
        |m| m["layers"][0]["size"] = json!(18_446_744_073_709_551_615_u64),
        |m| m["layers"][0]["size"] = json!("1000"),
        |m| m["layers"][0] = json!("layer"),
        |m| m["config"] = json!(null),
        |m| m["mediaType"] = json!(7),
    ];
    for (n, spoil) in spoil.into_iter().enumerate() {
        let mut manifest = good(&server);
        spoil(&mut manifest);
        let response = put(&server, "latest", OCI_MANIFEST, manifest.to_string().as_bytes());
        assert_eq!(response.status, 400, "case {n}: {response}");
        assert_error(&response, 400, "MANIFEST_INVALID");
    }
}

#[test]
fn a_bad_digest_inside_a_manifest_is_refused_and_its_place_named() {
    let server = Server::start();
    for digest in ["", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../../../etc/passwd"]
    {
        let mut manifest = good(&server);
        manifest["layers"][1]["digest"] = json!(digest);
        let response = put(&server, "latest", OCI_MANIFEST, manifest.to_string().as_bytes());
        assert_errors(&response, 400, &["MANIFEST_INVALID", "DIGEST_INVALID"]);
        assert!(response.text().contains("layers[1]"), "{response}");
    }
}

#[test]
fn schema_1_is_refused_with_a_way_out() {
    let server = Server::start();
    let manifest = json!({
        "schemaVersion": 1, "name": "a", "tag": "latest", "architecture": "amd64",
        "fsLayers": [{"blobSum": sha256(b"layer").as_str()}], "history": [], "signatures": [],
    });
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
    ] {
        let response = put(&server, "latest", media_type, manifest.to_string().as_bytes());
        assert_error(&response, 400, "MANIFEST_INVALID");
        assert!(response.text().contains("schema"), "{response}");
    }
}

#[test]
fn every_missing_blob_is_named() {
    let server = Server::start();
    let image = Image::oci(1);
    tests::push_blob(&server, "a", &image.layers[0]);
    let response = put(&server, "latest", OCI_MANIFEST, &image.manifest);
    assert_error(&response, 400, "MANIFEST_BLOB_UNKNOWN");
    for missing in [&image.layers[1], &image.config] {
        assert!(response.text().contains(sha256(missing).as_str()), "{response}");
    }
    assert!(!response.text().contains(sha256(&image.layers[0]).as_str()), "{response}");
    server.get("/v2/a/manifests/latest").expect(404);
    server.get(&format!("/v2/a/manifests/{}", image.digest())).expect(404);
}

#[test]
fn a_blob_that_another_repository_holds_is_missing_here() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push_blobs(&server, "b");
    assert_error(&put(&server, "latest", OCI_MANIFEST, &image.manifest), 400, "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn an_index_whose_child_is_missing_is_refused() {
    let server = Server::start();
    let (here, elsewhere, nowhere) = (Image::oci(1), Image::oci(2), Image::oci(3));
    here.push(&server, "a", "here");
    elsewhere.push(&server, "b", "elsewhere");
    let list = index(OCI_INDEX, &[&here, &elsewhere, &nowhere]);
    let response = put(&server, "latest", OCI_INDEX, &list);
    assert_error(&response, 400, "MANIFEST_BLOB_UNKNOWN");
    for missing in [&elsewhere, &nowhere] {
        assert!(response.text().contains(missing.digest().as_str()), "{response}");
    }
    assert!(!response.text().contains(here.digest().as_str()), "{response}");
}

#[test]
fn a_manifest_that_ends_early_is_refused() {
    let server = Server::start();
    let manifest = good(&server).to_string();
    let mut client = server.client();
    let request = Request::new("PUT", "/v2/a/manifests/latest").header("Content-Type", OCI_MANIFEST);
    client.send_head(&request.header("Content-Length", manifest.len() + 1));
    client.send(manifest.as_bytes());
    client.finish_sending();
    if let Ok(response) = client.try_response("PUT") {
        assert_errors(&response, 400, &["SIZE_INVALID", "MANIFEST_INVALID"]);
    }
    server.get("/v2/a/manifests/latest").expect(404);
}

#[test]
fn a_refused_manifest_leaves_the_tag_as_it_was() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let mut manifest = good(&server);
    manifest["layers"] = json!([descriptor("application/vnd.oci.image.layer.v1.tar", b"absent")]);
    put(&server, "latest", OCI_MANIFEST, manifest.to_string().as_bytes()).expect(400);
    put(&server, "latest", OCI_MANIFEST, b"{").expect(400);
    let response = server.head("/v2/a/manifests/latest").expect(200);
    assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
}
