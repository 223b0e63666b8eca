//! Manifests that are large, deep or out of bounds: refused or taken, and never a burden.
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::{
    Image, OCI_INDEX, OCI_MANIFEST, Request, Response, Server, assert_error, descriptor, push_blob,
    push_manifest, sha256,
};

const LIMIT: usize = 4 << 20;

fn put(server: &Server, media_type: &str, text: String) -> Response {
    server.request(&Request::put("/v2/a/manifests/latest", text).header("Content-Type", media_type))
}

/// An image whose configuration is in `a`, without layers.
fn image(server: &Server) -> Value {
    push_blob(server, "a", b"{}");
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []})
}

/// An image whose layers are `layer(0)`, `layer(1)`, …: `count` of them.
fn layered(server: &Server, count: usize, layer: impl Fn(usize) -> String) -> String {
    let layers: Vec<_> = (0..count).map(layer).collect();
    image(server).to_string().replacen("\"layers\":[]", &format!("\"layers\":[{}]", layers.join(",")), 1)
}

/// Holds the server to have had no fault of its own.
#[track_caller]
fn assert_unharmed(server: &Server) {
    server.get("/v2/").expect(200);
}

#[test]
fn a_size_that_no_content_can_have_is_refused_wherever_it_stands() {
    let server = Server::start();
    let whole = image(&server).to_string();
    let entry = |size: &str| {
        format!("{{\"mediaType\":\"text/plain\",\"digest\":\"{}\",\"size\":{size}}}", sha256(b"{}"))
    };
    for size in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
        "1e19",
        "1e400",
        "-1",
        "-9223372036854775809",
        "1.5",
        "\"2\"",
        "null",
        "[2]",
    ] {
        let layer = whole.replacen("\"layers\":[]", &format!("\"layers\":[{}]", entry(size)), 1);
        let subject = whole.replacen('{', &format!("{{\"subject\":{},", entry(size)), 1);
        let config = whole.replacen("\"size\":2", &format!("\"size\":{size}"), 1);
        let index =
            format!("{{\"schemaVersion\":2,\"mediaType\":\"{OCI_INDEX}\",\"manifests\":[{}]}}", entry(size));
        for (media_type, text) in
            [(OCI_MANIFEST, layer), (OCI_MANIFEST, subject), (OCI_MANIFEST, config), (OCI_INDEX, index)]
        {
            let response = put(&server, media_type, text.clone());
            assert_eq!(response.status, 400, "{text}: {response}");
            assert_error(&response, 400, "MANIFEST_INVALID");
        }
    }
    assert_unharmed(&server);
}

#[test]
fn a_hundred_thousand_descriptors_that_are_none_are_refused_at_the_first() {
    let server = Server::start();
    let begun = Instant::now();
    let response =
        put(&server, OCI_MANIFEST, layered(&server, 100_000, |_| "{\"digest\":\"sha256:\"}".into()));
    assert_error(&response, 400, "MANIFEST_INVALID");
    assert!(response.text().contains("layers[0]") && response.body.len() < 1000, "{response}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_unharmed(&server);
}

#[test]
fn a_hundred_thousand_descriptors_do_not_fit_and_are_413() {
    let server = Server::start();
    let layer = descriptor("a/b", b"{}").to_string();
    let response = put(&server, OCI_MANIFEST, layered(&server, 100_000, |_| layer.clone()));
    assert_error(&response, 413, "MANIFEST_INVALID");
    assert_unharmed(&server);
}

#[test]
fn as_many_missing_descriptors_as_fit_are_refused_in_an_answer_that_is_no_larger() {
    let server = Server::start();
    let layer = |n: usize| format!("{{\"mediaType\":\"a/b\",\"digest\":\"sha256:{n:064x}\",\"size\":1}}");
    let text = layered(&server, (LIMIT - 1000) / (layer(0).len() + 1), layer);
    assert!((LIMIT * 9 / 10..LIMIT).contains(&text.len()), "{} bytes", text.len());
    let response = put(&server, OCI_MANIFEST, text);
    assert_error(&response, 400, "MANIFEST_BLOB_UNKNOWN");
    assert!(response.body.len() < LIMIT, "{} bytes", response.body.len());
    assert!(response.text().contains(&format!("{:064x}", 0)), "{response}");
    assert_unharmed(&server);
}

#[test]
fn as_many_descriptors_as_fit_are_an_image() {
    let server = Server::start();
    let layer = descriptor("a/b", b"{}").to_string();
    let text = layered(&server, (LIMIT - 1000) / (layer.len() + 1), |_| layer.clone());
    put(&server, OCI_MANIFEST, text.clone()).expect(201);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, text.as_bytes());
    assert_unharmed(&server);
}

#[test]
fn custom_fields_may_be_nested_a_hundred_deep_and_no_deeper_than_127() {
    let server = Server::start();
    let nested = |depth: usize| {
        let value = format!("{}1{}", "{\"a\":[".repeat(depth / 2), "]}".repeat(depth / 2));
        image(&server).to_string().replacen('{', &format!("{{\"custom\":{value},"), 1)
    };
    let taken = nested(100);
    put(&server, OCI_MANIFEST, taken.clone()).expect(201);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).text(), taken);
    for depth in [128, 1000, 500_000] {
        assert_error(&put(&server, OCI_MANIFEST, nested(depth)), 400, "MANIFEST_INVALID");
    }
    assert_unharmed(&server);
}

#[test]
fn annotations_of_megabytes_are_kept_and_listed() {
    let server = Server::start();
    let mut manifest = image(&server);
    let subject = descriptor(OCI_MANIFEST, b"subject");
    manifest["subject"] = subject.clone();
    let one = json!({"large": "\u{e4}\"".repeat(1_000_000)});
    let many: serde_json::Map<_, _> = (0..50_000).map(|n| (format!("key-{n}"), json!("a value"))).collect();
    for annotations in [one, Value::Object(many)] {
        manifest["annotations"] = annotations;
        let text = manifest.to_string();
        assert!((1 << 20..LIMIT).contains(&text.len()), "{} bytes", text.len());
        let digest = push_manifest(&server, "a", "latest", OCI_MANIFEST, text.as_bytes());
        assert_eq!(server.get(&format!("/v2/a/manifests/{digest}")).expect(200).body, text.as_bytes());
        let mut target = format!("/v2/a/referrers/{}", sha256(b"subject"));
        let found = loop {
            let page = server.get(&target).expect(200);
            let entries = page.json()["manifests"].as_array().expect("a list").clone();
            if let Some(found) = entries.into_iter().find(|entry| entry["digest"] == digest.as_str()) {
                break found;
            }
            let link = page.required("Link");
            target = link[1..link.find('>').expect("a link")].to_owned();
        };
        assert!(found["annotations"] == manifest["annotations"], "the annotations are others");
    }
    assert_unharmed(&server);
}

#[test]
fn an_artifact_type_that_is_none_is_refused() {
    let server = Server::start();
    let types = ["a/b\u{0}", "a/b\r\nX-Evil: 1", "a/b\u{7f}", "a/\u{e4}", "\u{202e}a/b", &"a".repeat(10_000)];
    for artifact_type in types {
        let mut manifest = image(&server);
        manifest["artifactType"] = json!(artifact_type);
        let response = put(&server, OCI_MANIFEST, manifest.to_string());
        assert_eq!(response.status, 400, "{artifact_type:?}: {response}");
        assert_error(&response, 400, "MANIFEST_INVALID");
    }
    for artifact_type in [json!(1), json!(["a/b"]), json!({}), json!(true)] {
        let mut manifest = image(&server);
        manifest["artifactType"] = artifact_type;
        assert_error(&put(&server, OCI_MANIFEST, manifest.to_string()), 400, "MANIFEST_INVALID");
    }
}

#[test]
fn a_media_type_that_is_none_is_refused_and_gets_into_no_header() {
    let server = Server::start();
    for media_type in ["a/b\r\nX-Evil: 1", "a b/c", "\u{0}", "a/b\u{e4}"] {
        let mut manifest = image(&server);
        manifest["mediaType"] = json!(media_type);
        let response = put(&server, OCI_MANIFEST, manifest.to_string());
        assert_error(&response, 400, "MANIFEST_INVALID");
        assert_eq!(response.header("X-Evil"), None, "{response}");
    }
    server.get("/v2/a/manifests/latest").expect(404);
}

#[test]
fn a_manifest_pushed_as_nothing_is_what_it_says_it_is() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    server.request(&Request::put("/v2/a/manifests/latest", &*image.manifest)).expect(201);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).required("Content-Type"), OCI_MANIFEST);
}
