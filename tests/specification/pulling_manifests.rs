//! Pulling manifests.
use crate::artifact::{image, put};
use tests::{Image, OCI_INDEX, OCI_MANIFEST, Request, Server, assert_errors, index, push_manifest};

#[test]
fn a_manifest_is_pulled_by_its_tag_and_by_its_digest() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    for reference in ["latest", digest.as_str()] {
        assert_eq!(server.get(&format!("/v2/a/manifests/{reference}")).expect(200).body, image.manifest);
    }
}

#[test]
fn what_is_neither_a_tag_nor_a_digest_names_no_manifest() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let both = format!("latest@{digest}");
    for reference in [both.as_str(), ":latest", "sha256:latest", "@latest", "latest:latest", "%20latest"] {
        let path = format!("/v2/a/manifests/{reference}");
        let put = Request::put(&path, &*image.manifest).header("Content-Type", OCI_MANIFEST);
        for request in [Request::get(&path), put] {
            let response = server.request(&request);
            assert_errors(&response, 400, &["TAG_INVALID", "DIGEST_INVALID"]);
        }
        server.head(&path).expect(400);
    }
}

#[test]
fn an_existing_manifest_is_200_with_exactly_its_bytes() {
    let server = Server::start();
    let (first, second) = (Image::oci(1), Image::docker(2));
    first.push(&server, "a", "first");
    second.push(&server, "a", "second");
    assert_eq!(server.get("/v2/a/manifests/first").expect(200).body, first.manifest);
    assert_eq!(server.get("/v2/a/manifests/second").expect(200).body, second.manifest);
}

#[test]
fn a_pulled_manifest_comes_with_its_digest() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    for reference in ["latest", digest.as_str()] {
        let response = server.get(&format!("/v2/a/manifests/{reference}")).expect(200);
        assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
    }
}

#[test]
fn the_type_of_a_pulled_manifest_has_no_parameters() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    push_manifest(&server, "a", "latest", &format!("{OCI_MANIFEST}; charset=utf-8"), &image.manifest);
    for method in ["GET", "HEAD"] {
        let response = server.request(&Request::new(method, "/v2/a/manifests/latest")).expect(200);
        assert_eq!(response.required("Content-Type"), OCI_MANIFEST);
    }
}

#[test]
fn a_manifest_has_the_type_with_which_it_was_pushed() {
    let server = Server::start();
    let (oci, docker) = (Image::oci(1), Image::docker(2));
    oci.push(&server, "a", "oci");
    docker.push(&server, "a", "docker");
    push_manifest(&server, "a", "index", OCI_INDEX, &index(OCI_INDEX, &[&oci, &docker]));
    let mut untyped = image(&server, "a");
    untyped.as_object_mut().expect("an object").remove("mediaType");
    push_manifest(&server, "a", "untyped", OCI_MANIFEST, untyped.to_string().as_bytes());
    let mut own = image(&server, "a");
    own["mediaType"] = "application/vnd.example.thing.v1+json".into();
    put(&server, "a", "own", &own).expect(201);
    for (tag, media_type) in [
        ("oci", OCI_MANIFEST),
        ("docker", docker.media_type),
        ("index", OCI_INDEX),
        ("untyped", OCI_MANIFEST),
        ("own", "application/vnd.example.thing.v1+json"),
    ] {
        let response = server.get(&format!("/v2/a/manifests/{tag}")).expect(200);
        assert_eq!(response.required("Content-Type"), media_type, "{tag}");
    }
}
