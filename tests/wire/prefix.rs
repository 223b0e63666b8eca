//! `http.prefix`: the registry beneath a path.
use tests::{Image, Request, Response, Server, assert_error, closing, push_blob, sha256};

const PREFIX: &str = "/my/registry";

fn prefixed() -> Server {
    Server::with(|s| s.env("REGISTRY_HTTP_PREFIX", "/my/registry/"))
}

/// Expects a URL whose path is beneath the prefix, and returns that path.
#[track_caller]
fn path(response: &Response) -> String {
    let path = response.location();
    assert!(path.starts_with(&format!("{PREFIX}/v2/")), "{path}");
    path
}

#[test]
fn all_that_there_is_lies_beneath_the_prefix_and_a_probe_finds_the_root() {
    let server = prefixed();
    assert!(server.get("/").expect(200).body.is_empty());
    for found in ["/my/registry/v2/", "/my/registry/v2", "/my/registry/v2/_catalog"] {
        server.get(found).expect(200);
    }
    for absent in [
        "/v2/",
        "/v2/_catalog",
        "/my/registry",
        "/my/registry/",
        "/my/registryv2/",
        "/my/v2/",
        "/my/registry/my/registry/v2/",
        "/MY/registry/v2/",
        "/registry/v2/",
        "/auth/token",
    ] {
        assert_error(&server.get(absent), 404, "UNSUPPORTED");
    }
}

#[test]
fn every_location_has_the_prefix_and_leads_back() {
    let server = prefixed();
    let image = Image::oci(1);
    for blob in image.layers.iter().chain([&image.config]) {
        let begun = server.post(&format!("{PREFIX}/v2/a/blobs/uploads/")).expect(202);
        let patched = server.patch(&path(&begun), blob).expect(202);
        let upload = path(&patched);
        path(&server.get(&upload).expect(204));
        let done = server.put(&closing(&upload, &sha256(blob)), b"").expect(201);
        assert_eq!(server.get(&path(&done)).expect(200).body, *blob);
    }
    let digest = sha256(&image.config);
    let mount = format!("{PREFIX}/v2/b/blobs/uploads/?mount={digest}&from=a");
    server.head(&path(&server.post(&mount).expect(201))).expect(200);
    let request = Request::put(&format!("{PREFIX}/v2/a/manifests/latest"), image.manifest.clone());
    let put = server.request(&request.header("Content-Type", image.media_type)).expect(201);
    assert_eq!(server.get(&path(&put)).expect(200).body, image.manifest);
}

/// The path in the `Link` of an answer.
fn next(response: &Response) -> String {
    let link = response.required("Link");
    let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    target.unwrap_or_else(|| panic!("{link}")).0.to_owned()
}

#[test]
fn a_link_leads_to_the_next_page_beneath_the_prefix() {
    let mut server = Server::start();
    let image = Image::oci(1);
    for (repository, tag) in [("a", "1"), ("a", "2"), ("b", "1")] {
        image.push(&server, repository, tag);
    }
    server.restart_with(|s| s.env("REGISTRY_HTTP_PREFIX", PREFIX));
    let link = next(&server.get(&format!("{PREFIX}/v2/_catalog?n=1")).expect(200));
    assert_eq!(server.get(&link).expect(200).json()["repositories"][0], "b");
    let link = next(&server.get(&format!("{PREFIX}/v2/a/tags/list?n=1")).expect(200));
    assert_eq!(server.get(&link).expect(200).json()["tags"][0], "2");

    // What stands before it for the client is for http.host to say.
    server.restart_with(|s| s.env("REGISTRY_HTTP_HOST", "https://r.example/outside"));
    let link = next(&server.get(&format!("{PREFIX}/v2/_catalog?n=1")).expect(200));
    assert!(link.starts_with("/outside/v2/_catalog?"), "{link}");
}

#[test]
fn the_next_page_of_referrers_is_beneath_the_prefix_too() {
    let mut server = Server::start();
    let subject = sha256(b"subject");
    push_blob(&server, "a", b"{}");
    for number in 0..2 {
        let empty = tests::descriptor("application/vnd.oci.empty.v1+json", b"{}");
        let about =
            serde_json::json!({"mediaType": tests::OCI_MANIFEST, "digest": subject.as_str(), "size": 7});
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": tests::OCI_MANIFEST, "artifactType": "application/x", "config": empty,
            "layers": [empty], "subject": about, "annotations": {"number": number.to_string()},
        });
        let manifest = manifest.to_string().into_bytes();
        let digest = sha256(&manifest);
        tests::push_manifest(&server, "a", digest.as_str(), tests::OCI_MANIFEST, &manifest);
    }
    server.restart_with(|s| s.env("REGISTRY_HTTP_PREFIX", PREFIX));
    let link = next(&server.get(&format!("{PREFIX}/v2/a/referrers/{subject}?n=1")).expect(200));
    let page = server.get(&link).expect(200).json();
    assert_eq!(page["manifests"].as_array().map(Vec::len), Some(1), "{page}");
}

#[test]
fn the_configured_host_says_itself_what_stands_before_the_path() {
    for (host, expected) in [
        ("https://r.example", "https://r.example/v2/a/blobs/uploads/"),
        ("https://r.example/outside/", "https://r.example/outside/v2/a/blobs/uploads/"),
    ] {
        let server = Server::with(|s| s.env("REGISTRY_HTTP_PREFIX", PREFIX).env("REGISTRY_HTTP_HOST", host));
        let begun = server.post(&format!("{PREFIX}/v2/a/blobs/uploads/")).expect(202);
        assert!(begun.required("Location").starts_with(expected), "{begun}");
    }
}

#[test]
fn a_relative_location_has_the_prefix() {
    let server =
        Server::with(|s| s.env("REGISTRY_HTTP_PREFIX", PREFIX).env("REGISTRY_HTTP_RELATIVEURLS", "true"));
    let begun = server.post(&format!("{PREFIX}/v2/a/blobs/uploads/")).expect(202);
    assert!(begun.required("Location").starts_with("/my/registry/v2/a/blobs/uploads/"), "{begun}");
}
