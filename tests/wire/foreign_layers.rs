//! Layers that clients fetch elsewhere: which URLs they may have.
use serde_json::{Value, json};
use tests::{
    DOCKER_MANIFEST, OCI_MANIFEST, Request, Response, Server, Setup, assert_error, descriptor, push_blob,
};

const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// Pushes an image with a layer that lies elsewhere.
fn push(server: &Server, media_type: &str, layer_type: &str, urls: Value) -> Response {
    let config_type = match media_type {
        DOCKER_MANIFEST => "application/vnd.docker.container.image.v1+json",
        _ => "application/vnd.oci.image.config.v1+json",
    };
    let config = push_blob(server, "a", b"{}");
    let mut layer = descriptor(layer_type, b"somewhere else");
    layer["urls"] = urls;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": config_type, "digest": config.as_str(), "size": 2},
        "layers": [layer],
    });
    let bytes = manifest.to_string().into_bytes();
    let request = Request::put("/v2/a/manifests/latest", &*bytes).header("Content-Type", media_type);
    let response = server.request(&request);
    if response.status == 201 {
        let served = server.get("/v2/a/manifests/latest").expect(200);
        assert_eq!((served.required("Content-Type"), &served.body), (media_type, &bytes));
    }
    response
}

fn allowing(setup: &mut Setup) -> &mut Setup {
    setup
        .env("REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW", r"^https?://([^/]+\.)*example\.com/")
        .env("REGISTRY_VALIDATION_MANIFESTS_URLS_DENY", r"^https?://www\.example\.com/")
}

#[test]
fn without_settings_no_url_is_taken() {
    let server = Server::start();
    for (media_type, layer_type) in [(DOCKER_MANIFEST, DOCKER_LAYER), (OCI_MANIFEST, OCI_LAYER)] {
        let refused = push(&server, media_type, layer_type, json!(["https://example.com/layer.tar.gz"]));
        assert_error(&refused, 400, "MANIFEST_INVALID");
        let message = refused.json()["errors"][0]["message"].to_string();
        assert!(message.contains("validation.manifests.urls") && message.contains("sha256:"), "{message}");
        push(&server, media_type, layer_type, json!([])).expect(201);
    }
}

#[test]
fn the_urls_that_are_allowed_and_not_denied_are_taken() {
    let server = Server::with(allowing);
    for (urls, taken) in [
        (json!(["https://example.com/l"]), true),
        (json!(["HTTPS://cdn.example.com/l"]), false),
        (json!(["http://a.b.example.com/l", "https://example.com/"]), true),
        (json!(["https://www.example.com/l"]), false),
        (json!(["https://example.com/l", "https://example.org/l"]), false),
        (json!(["https://example.com/l#part"]), false),
        (json!(["ftp://example.com/l"]), false),
        (json!(["https://example.com/a\nhttps://evil.org/l"]), false),
        (json!([""]), false),
        (json!([7]), false),
    ] {
        for (media_type, layer_type) in [(DOCKER_MANIFEST, DOCKER_LAYER), (OCI_MANIFEST, OCI_LAYER)] {
            let response = push(&server, media_type, layer_type, urls.clone());
            assert_eq!(response.status, if taken { 201 } else { 400 }, "{urls}: {response}");
        }
    }
    // A usual layer with URLs is one that may be fetched elsewhere, too.
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    push(&server, OCI_MANIFEST, layer, json!(["https://example.org/"])).expect(400);
    push(&server, OCI_MANIFEST, layer, json!(["https://example.com/"])).expect(201);
}

#[test]
fn with_denials_alone_all_other_urls_are_taken_and_without_validation_all_are() {
    let denying = Server::with(|s| s.env("REGISTRY_VALIDATION_MANIFESTS_URLS_DENY", "^http://"));
    push(&denying, OCI_MANIFEST, OCI_LAYER, json!(["https://anywhere.test/l"])).expect(201);
    push(&denying, OCI_MANIFEST, OCI_LAYER, json!(["http://anywhere.test/l"])).expect(400);
    let off = Server::with(|s| s.env("REGISTRY_VALIDATION_DISABLED", "true"));
    push(&off, OCI_MANIFEST, OCI_LAYER, json!(["http://anywhere.test/l"])).expect(201);
    push(&off, OCI_MANIFEST, OCI_LAYER, json!(["javascript:alert(1)"])).expect(400);
}

#[test]
fn a_url_as_long_as_a_manifest_may_be_is_judged_in_time() {
    let server = Server::with(allowing);
    let url = format!("https://{}.example.org/", "a.".repeat(2_000_000));
    let refused = push(&server, OCI_MANIFEST, OCI_LAYER, json!([url]));
    assert_error(&refused, 400, "MANIFEST_INVALID");
    server.get("/v2/").expect(200);
}
