//! Warnings.
use crate::artifact::{empty_index, image, put};
use serde_json::json;
use tests::{OCI_MANIFEST, Request, Response, Server, push_manifest, sha256};

fn warnings(response: &Response) -> Vec<&str> {
    let fields = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Warning"));
    fields.map(|(_, value)| value.as_str()).collect()
}

/// Bytes that do not say of what type they are.
const UNTYPED: &str = r#"{"anything":["goes"]}"#;

/// The push of [`UNTYPED`] to `target` as a type of its own.
fn untyped(server: &Server, target: &str) -> Response {
    let request = Request::put(&format!("/v2/a/manifests/{target}"), UNTYPED);
    server.request(&request.header("Content-Type", "application/vnd.example.thing.v1+json")).expect(201)
}

/// Answers that warn: of a type that was withdrawn, of a type that the bytes do not say, of a referrers tag.
fn warned(server: &Server) -> Vec<Response> {
    let withdrawn = json!({
        "mediaType": "application/vnd.oci.artifact.manifest.v1+json",
        "artifactType": "application/vnd.example",
        "blobs": [],
    });
    let referrers_tag = format!("sha256-{}", sha256(b"bytes").hex());
    let answers = vec![
        put(server, "a", "withdrawn", &withdrawn).expect(201),
        untyped(server, "untyped"),
        put(server, "a", &referrers_tag, &empty_index()).expect(201),
    ];
    for answer in &answers {
        assert!(!warnings(answer).is_empty(), "no warning: {answer}");
    }
    answers
}

#[test]
fn a_warning_is_299_from_nobody_and_without_a_date() {
    let server = Server::start();
    for answer in warned(&server) {
        for warning in warnings(&answer) {
            let text = warning.strip_prefix("299 - \"").and_then(|rest| rest.strip_suffix('"'));
            let text = text.unwrap_or_else(|| panic!("{answer}"));
            assert!(!text.is_empty() && !text.contains(['"', '\\']), "{answer}");
            assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{answer}");
        }
    }
}

#[test]
fn all_warnings_of_an_answer_are_no_more_than_4096_bytes() {
    let server = Server::start();
    let tags: Vec<_> = (0..100).map(|n| format!("tag=sha256-{}", sha256(&[n]).hex())).collect();
    let target = format!("{}?{}", sha256(UNTYPED.as_bytes()), tags.join("&"));
    let answer = untyped(&server, &target);
    let length: usize = warnings(&answer).iter().map(|warning| warning.len()).sum();
    assert!((1..=4096).contains(&length), "{length} bytes: {answer}");
}

#[test]
fn what_is_as_it_should_be_has_no_warning() {
    let server = Server::start();
    let manifest = image(&server, "a").to_string();
    push_manifest(&server, "a", "latest", OCI_MANIFEST, manifest.as_bytes());
    for answer in [server.get("/v2/a/manifests/latest"), server.get("/v2/a/tags/list"), server.get("/v2/")] {
        assert_eq!(warnings(&answer.expect(200)), [""; 0]);
    }
}
