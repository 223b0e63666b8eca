//! Manifests that are pushed and pulled as they should be.
use ::names::Digest;
use serde_json::json;
use tests::{
    DOCKER_INDEX, DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST, Request, Server, index, noise, push_blob,
    push_manifest, sha256,
};

/// Holds the manifest to be served under this reference, by GET and HEAD, as this type.
#[track_caller]
fn assert_served(server: &Server, repository: &str, reference: &str, media_type: &str, bytes: &[u8]) {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let get = server.get(&path).expect(200);
    let digest = sha256(bytes);
    assert_eq!(get.body, bytes, "{get}");
    assert_eq!(get.required("Content-Type"), media_type);
    assert_eq!(get.required("Content-Length"), bytes.len().to_string());
    assert_eq!(get.required("Docker-Content-Digest"), digest.as_str());
    assert_eq!(get.required("ETag"), format!("\"{digest}\""));
    let mut client = server.client();
    let head = client.request(&Request::head(&path).header("Connection", "close")).expect(200);
    assert_eq!(client.rest().expect("the end of the connection"), b"");
    for name in ["Content-Type", "Content-Length", "Docker-Content-Digest", "ETag"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[test]
fn manifests_of_the_four_types_are_served_by_tag_and_by_digest() {
    let server = Server::start();
    let (oci, docker) = (Image::oci(1), Image::docker(2));
    oci.push(&server, "a", "oci");
    docker.push(&server, "a", "docker");
    let oci_index = index(OCI_INDEX, &[&oci, &docker]);
    let docker_index = index(DOCKER_INDEX, &[&docker]);
    push_manifest(&server, "a", "oci-index", OCI_INDEX, &oci_index);
    push_manifest(&server, "a", "docker-index", DOCKER_INDEX, &docker_index);
    for (tag, media_type, bytes) in [
        ("oci", OCI_MANIFEST, &oci.manifest),
        ("docker", DOCKER_MANIFEST, &docker.manifest),
        ("oci-index", OCI_INDEX, &oci_index),
        ("docker-index", DOCKER_INDEX, &docker_index),
    ] {
        assert_served(&server, "a", tag, media_type, bytes);
        assert_served(&server, "a", sha256(bytes).as_str(), media_type, bytes);
    }
}

#[test]
fn a_manifest_put_answers_201_with_the_place_of_its_digest() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push_blobs(&server, "a/b");
    let digest = image.digest();
    for reference in ["latest", digest.as_str()] {
        let request = Request::put(&format!("/v2/a/b/manifests/{reference}"), &*image.manifest);
        let response = server.request(&request.header("Content-Type", OCI_MANIFEST)).expect(201);
        assert_eq!(response.location(), format!("/v2/a/b/manifests/{digest}"));
        assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
    }
}

#[test]
fn a_manifest_pushed_by_digest_makes_no_tag() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.digest();
    image.push(&server, "a", digest.as_str());
    assert_served(&server, "a", digest.as_str(), OCI_MANIFEST, &image.manifest);
    let tags = server.get("/v2/a/tags/list");
    assert!(tags.status == 404 || tags.json()["tags"] == json!([]), "{tags}");
}

#[test]
fn a_manifest_that_the_client_has_is_304() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    for reference in ["latest", digest.as_str()] {
        for method in ["GET", "HEAD"] {
            let request = Request::new(method, &format!("/v2/a/manifests/{reference}"));
            let ask = |value: String| server.request(&request.clone().header("If-None-Match", value));
            let response = ask(format!("\"{digest}\"")).expect(304);
            assert_eq!(response.required("ETag"), format!("\"{digest}\""));
            ask(format!("\"{}\"", sha256(b"others"))).expect(200);
        }
    }
}

#[test]
fn what_is_stored_is_served_whatever_is_accepted() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "image");
    let list = index(DOCKER_INDEX, &[&image]);
    push_manifest(&server, "a", "list", DOCKER_INDEX, &list);
    for accept in ["", "*/*", DOCKER_MANIFEST, OCI_INDEX, "text/html"] {
        let ask =
            |tag| server.request(&Request::get(&format!("/v2/a/manifests/{tag}")).header("Accept", accept));
        assert_eq!(ask("image").expect(200).required("Content-Type"), OCI_MANIFEST, "{accept}");
        assert_eq!(ask("list").expect(200).required("Content-Type"), DOCKER_INDEX, "{accept}");
    }
}

#[test]
fn a_tag_moves_to_what_was_pushed_last_and_the_old_manifest_stays() {
    let server = Server::start();
    let (old, new) = (Image::oci(1), Image::docker(2));
    let first = old.push(&server, "a", "latest");
    for _ in 0..3 {
        old.push(&server, "a", "latest");
        assert_served(&server, "a", "latest", OCI_MANIFEST, &old.manifest);
        new.push(&server, "a", "latest");
        assert_served(&server, "a", "latest", DOCKER_MANIFEST, &new.manifest);
    }
    assert_served(&server, "a", first.as_str(), OCI_MANIFEST, &old.manifest);
}

#[test]
fn a_manifest_without_a_media_type_is_served_as_the_one_it_was_pushed_as() {
    let mut server = Server::start();
    let config = push_blob(&server, "a", b"{}");
    let image = json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.as_str(), "size": 2},
        "layers": [],
    });
    let image = image.to_string().into_bytes();
    let child = json!({"mediaType": OCI_MANIFEST, "digest": sha256(&image).as_str(), "size": image.len()});
    let index = json!({"schemaVersion": 2, "manifests": [child]}).to_string().into_bytes();
    let custom = br#"{"schemaVersion":2,"anything":["goes"]}"#;
    push_manifest(&server, "a", "image", OCI_MANIFEST, &image);
    push_manifest(&server, "a", "index", OCI_INDEX, &index);
    push_manifest(&server, "a", "custom", "application/vnd.example.thing.v1+json", custom);
    for restarted in [false, true] {
        assert_served(&server, "a", "image", OCI_MANIFEST, &image);
        assert_served(&server, "a", "index", OCI_INDEX, &index);
        assert_served(&server, "a", "custom", "application/vnd.example.thing.v1+json", custom);
        if !restarted {
            server.restart();
        }
    }
}

#[test]
fn a_manifest_without_a_media_type_that_was_sent_as_anything_is_what_its_fields_say() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let mut silent: serde_json::Value = serde_json::from_slice(&image.manifest).expect("JSON");
    silent.as_object_mut().expect("an object").remove("mediaType");
    let child =
        json!({"mediaType": OCI_MANIFEST, "digest": image.digest().as_str(), "size": image.manifest.len()});
    let index = json!({"schemaVersion": 2, "manifests": [child]}).to_string().into_bytes();
    let silent = silent.to_string().into_bytes();
    let neither = br#"{"schemaVersion":2,"anything":["goes"]}"#;
    for anything in [
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "text/plain; charset=utf-8",
        "multipart/form-data; boundary=x",
    ] {
        push_manifest(&server, "a", "image", anything, &silent);
        assert_served(&server, "a", "image", OCI_MANIFEST, &silent);
        push_manifest(&server, "a", "index", anything, &index);
        assert_served(&server, "a", "index", OCI_INDEX, &index);
        let request = Request::put("/v2/a/manifests/latest", *neither).header("Content-Type", anything);
        let response = server.request(&request);
        tests::assert_error(&response, 400, "MANIFEST_INVALID");
        assert!(response.text().contains(OCI_MANIFEST), "{response}");
        assert_served(&server, "a", "latest", OCI_MANIFEST, &image.manifest);
    }
}

#[test]
fn an_artifact_is_a_manifest_too() {
    let server = Server::start();
    let empty = push_blob(&server, "a", b"{}");
    let layer = push_blob(&server, "a", b"content");
    let artifact = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example+type",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty.as_str(), "size": 2},
        "layers": [{"mediaType": "text/plain", "digest": layer.as_str(), "size": 7}],
        "annotations": {"org.opencontainers.image.title": "ä\u{1f600}\\"},
    });
    let bytes = artifact.to_string().into_bytes();
    push_manifest(&server, "a", "v1", OCI_MANIFEST, &bytes);
    assert_served(&server, "a", "v1", OCI_MANIFEST, &bytes);
}

/// An image whose manifest has exactly this many bytes.
fn image_of(server: &Server, length: usize) -> (Vec<u8>, Digest) {
    let config = push_blob(server, "a", b"{}");
    let text = |padding: usize| {
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.as_str(), "size": 2},
            "layers": [],
            "annotations": {"padding": "x".repeat(padding)},
        })
        .to_string()
    };
    let bytes = text(length - text(0).len()).into_bytes();
    assert_eq!(bytes.len(), length);
    let digest = sha256(&bytes);
    (bytes, digest)
}

#[test]
fn a_manifest_of_exactly_four_mebibytes_is_taken_and_one_byte_more_is_not() {
    let server = Server::start();
    let (largest, digest) = image_of(&server, 4 << 20);
    push_manifest(&server, "a", "largest", OCI_MANIFEST, &largest);
    assert_served(&server, "a", digest.as_str(), OCI_MANIFEST, &largest);
    let (larger, _) = image_of(&server, (4 << 20) + 1);
    let request = Request::put("/v2/a/manifests/larger", larger).header("Content-Type", OCI_MANIFEST);
    tests::assert_error(&server.request(&request), 413, "MANIFEST_INVALID");
}

#[test]
fn an_image_of_a_thousand_layers_is_an_image() {
    let server = Server::with(|s| s.env("REGISTRY_STORAGE_FILESYSTEM_FSYNC", "false"));
    let config = push_blob(&server, "a", b"{}");
    let layer = push_blob(&server, "a", &noise(1, 10));
    let layer =
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.as_str(), "size": 10});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.as_str(), "size": 2},
        "layers": vec![layer; 1000],
    });
    let bytes = manifest.to_string().into_bytes();
    push_manifest(&server, "a", "latest", OCI_MANIFEST, &bytes);
    assert_served(&server, "a", "latest", OCI_MANIFEST, &bytes);
}
