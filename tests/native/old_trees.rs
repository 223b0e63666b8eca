//! Trees that other versions of other registries left: aliases, signatures, manifests of schema 1.
use ::names::Digest;
use serde_json::json;
use std::fs;
use std::path::Path;
use tests::{Image, Server, push_blob, sha256, sha512};

/// Writes a link as distribution does: the digest, and no newline.
fn link(file: &Path, digest: &Digest) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
    fs::write(file, digest.as_str()).expect("a link can be written");
}

/// Writes a blob that nobody pushed.
fn blob(server: &Server, bytes: &[u8]) -> Digest {
    let digest = sha256(bytes);
    let file = server.blob_file(&digest);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
    fs::write(file, bytes).expect("a blob can be written");
    digest
}

fn layer_link(server: &Server, repository: &str, name: &Digest) -> std::path::PathBuf {
    let layers = server.repository(repository).join("_layers");
    layers.join(name.algorithm().as_str()).join(name.hex()).join("link")
}

fn revision(server: &Server, repository: &str, name: &Digest) -> std::path::PathBuf {
    let revisions = server.repository(repository).join("_manifests/revisions");
    revisions.join(name.algorithm().as_str()).join(name.hex())
}

#[test]
fn a_layer_that_was_pushed_by_its_sha512_and_stored_by_its_sha256_is_served() {
    let server = Server::start();
    let digest = blob(&server, b"bytes");
    link(&layer_link(&server, "a", &digest), &digest);
    link(&layer_link(&server, "a", &sha512(b"bytes")), &digest);
    for name in [digest.clone(), sha512(b"bytes")] {
        let path = format!("/v2/a/blobs/{name}");
        assert_eq!(server.get(&path).expect(200).body, b"bytes");
        assert_eq!(server.head(&path).expect(200).required("Content-Length"), "5");
        server.post(&format!("/v2/b/blobs/uploads/?mount={name}&from=a")).expect(201);
        assert_eq!(server.get(&format!("/v2/b/blobs/{name}")).expect(200).body, b"bytes");
    }
}

#[test]
fn a_manifest_that_was_pushed_by_its_sha512_and_stored_by_its_sha256_is_served() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let name = sha512(&image.manifest);
    link(&revision(&server, "a", &name).join("link"), &image.digest());
    let response = server.get(&format!("/v2/a/manifests/{name}")).expect(200);
    assert_eq!(response.body, image.manifest);
    assert_eq!(response.required("Content-Type"), image.media_type);
}

#[test]
fn a_link_whose_content_is_another_digest_is_told_by_the_digest_of_what_is_served() {
    let server = Server::start();
    let (image, other) = (Image::oci(1), Image::oci(2));
    image.push(&server, "a", "latest");
    other.push(&server, "a", "other");
    link(&revision(&server, "a", &image.digest()).join("link"), &other.digest());
    let layer = sha256(&image.layers[0]);
    link(&layer_link(&server, "a", &layer), &sha256(&other.layers[0]));
    for path in [format!("manifests/{}", image.digest()), format!("blobs/{layer}")] {
        let response = server.get(&format!("/v2/a/{path}"));
        assert!(matches!(response.status, 200 | 404), "{response}");
        if response.status == 200 {
            let digest = sha256(&response.body);
            assert_eq!(response.required("Docker-Content-Digest"), digest.as_str(), "{response}");
            assert_eq!(response.required("ETag"), format!("\"{digest}\""), "{response}");
        }
    }
}

#[test]
fn a_link_that_says_nothing_or_names_what_is_gone_is_no_hold() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    for content in
        ["", "\n", "sha256:", "sha256:zz", "md5:d41d8cd98f00b204e9800998ecf8427e", "../../../etc/passwd"]
    {
        fs::write(layer_link(&server, "a", &digest), content).expect("a link can be written");
        server.get(&format!("/v2/a/blobs/{digest}")).expect(404);
    }
    link(&layer_link(&server, "a", &digest), &sha256(b"gone"));
    server.get(&format!("/v2/a/blobs/{digest}")).expect(404);
    push_blob(&server, "a", b"bytes");
    server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
}

#[test]
fn signatures_beside_a_revision_are_passed_over() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let signature = blob(&server, b"{\"signature\":\"old\"}");
    let folder = revision(&server, "a", &digest).join("signatures/sha256").join(signature.hex());
    link(&folder.join("link"), &signature);
    assert_eq!(server.get(&format!("/v2/a/manifests/{digest}")).expect(200).body, image.manifest);
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], json!(["latest"]));
    assert_eq!(server.get(&format!("/v2/a/referrers/{digest}")).expect(200).json()["manifests"], json!([]));
    image.push(&server, "a", "again");
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    server.get(&format!("/v2/a/manifests/{digest}")).expect(404);
    image.push(&server, "a", "latest");
    server.get(&format!("/v2/a/manifests/{digest}")).expect(200);
}

#[test]
fn a_manifest_of_schema_1_in_the_tree_disturbs_nobody() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let old = json!({
        "schemaVersion": 1, "name": "a", "tag": "old", "architecture": "amd64",
        "fsLayers": [{"blobSum": sha256(&image.layers[0]).as_str()}],
        "history": [{"v1Compatibility": "{}"}],
        "signatures": [{"header": {"alg": "ES256"}, "signature": "c2ln", "protected": "e30"}],
    });
    let digest = blob(&server, old.to_string().as_bytes());
    link(&revision(&server, "a", &digest).join("link"), &digest);
    let tag = server.repository("a").join("_manifests/tags/old");
    link(&tag.join("current/link"), &digest);
    link(&tag.join("index/sha256").join(digest.hex()).join("link"), &digest);

    for reference in ["old", digest.as_str()] {
        let response = server.get(&format!("/v2/a/manifests/{reference}"));
        assert!(matches!(response.status, 200 | 404), "{response}");
        if response.status == 200 {
            assert_eq!(response.text(), old.to_string());
            assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
        }
    }
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], json!(["a"]));
    let tags = server.get("/v2/a/tags/list").expect(200).json();
    assert!(tags["tags"].as_array().is_some_and(|tags| tags.contains(&json!("latest"))), "{tags}");
    server.get(&format!("/v2/a/referrers/{}", image.digest())).expect(200);
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    server.get("/v2/a/manifests/old").expect(404);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
}

#[test]
fn a_revision_whose_bytes_are_no_manifest_disturbs_nobody() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    for bytes in [&b""[..], b"\0\xff", b"null", b"[1,2]", b"{\"subject\":{\"digest\":7}}", b"{\"subject\":"] {
        let digest = blob(&server, bytes);
        link(&revision(&server, "a", &digest).join("link"), &digest);
        let response = server.get(&format!("/v2/a/manifests/{digest}"));
        assert!(response.status < 500, "{response}");
    }
    let broken = revision(&server, "a", &sha256(b"broken")).join("link");
    fs::create_dir_all(broken.parent().expect("a folder")).expect("a folder can be made");
    fs::write(broken, "no digest").expect("a link can be written");
    server.get(&format!("/v2/a/manifests/{}", sha256(b"broken"))).expect(404);
    server.get(&format!("/v2/a/referrers/{}", image.digest())).expect(200);
    server.get("/v2/a/tags/list").expect(200);
    image.push(&server, "a", "again");
}
