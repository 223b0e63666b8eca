//! Error codes.
use crate::artifact::{image, put, with};
use serde_json::json;
use tests::{
    OCI_MANIFEST, Request, Response, Server, assert_error, closing, descriptor, sha256, start_upload,
};

/// The codes of the specification.
const CODES: [&str; 14] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
];

/// The codes that distribution has where the specification has none; docs/conformance.md names them.
const DISTRIBUTIONS: [&str; 3] = ["RANGE_INVALID", "TAG_INVALID", "PAGINATION_NUMBER_INVALID"];

/// An answer of every kind of error that a client can bring about, with the code that it is to have.
fn errors(server: &Server) -> Vec<(Response, &'static str)> {
    let absent = sha256(b"absent");
    let upload = start_upload(server, "a");
    let manifest = image(server, "a");
    put(server, "a", "latest", &manifest).expect(201);
    let lacking = with(manifest, json!({"layers": [descriptor("text/plain", b"absent")]}));
    let invalid = Request::put("/v2/a/manifests/latest", *b"{").header("Content-Type", OCI_MANIFEST);
    let shifted = |range| Request::patch(&upload, *b"abc").header("Content-Range", range);
    let session = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000";
    vec![
        (server.get(&format!("/v2/a/blobs/{absent}")), "BLOB_UNKNOWN"),
        (server.get(session), "BLOB_UPLOAD_UNKNOWN"),
        (server.put(&closing(&upload, &absent), b"bytes"), "DIGEST_INVALID"),
        (put(server, "a", "latest", &lacking), "MANIFEST_BLOB_UNKNOWN"),
        (server.request(&invalid), "MANIFEST_INVALID"),
        (server.get("/v2/a/manifests/absent"), "MANIFEST_UNKNOWN"),
        (server.get("/v2/A/tags/list"), "NAME_INVALID"),
        (server.get("/v2/absent/tags/list"), "NAME_UNKNOWN"),
        (server.request(&shifted("0-9")), "SIZE_INVALID"),
        (server.delete("/v2/a/manifests/latest"), "UNSUPPORTED"),
        (server.request(&shifted("7-9")), "RANGE_INVALID"),
        (server.get("/v2/a/manifests/-"), "TAG_INVALID"),
        (server.get("/v2/a/tags/list?n=x"), "PAGINATION_NUMBER_INVALID"),
    ]
}

#[test]
fn an_error_in_json_is_a_list_of_codes_with_messages_and_details() {
    let server = Server::start();
    for (response, code) in errors(&server) {
        assert_error(&response, response.status, code);
        assert!((400..500).contains(&response.status), "{response}");
        let body = response.json();
        assert_eq!(body.as_object().map(|object| object.len()), Some(1), "{response}");
        for error in body["errors"].as_array().expect("a list") {
            let members: Vec<_> = error.as_object().expect("an object").keys().collect();
            assert!(
                members.iter().all(|name| ["code", "message", "detail"].contains(&name.as_str())),
                "{response}"
            );
        }
    }
}

#[test]
fn a_code_is_of_upper_case_letters_and_underscores() {
    let server = Server::start();
    for (response, _) in errors(&server) {
        let body = response.json();
        let code = body["errors"][0]["code"].as_str().expect("a code");
        assert!(code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{response}");
    }
}

#[test]
fn a_message_is_for_people() {
    let server = Server::start();
    for (response, code) in errors(&server) {
        let body = response.json();
        let message =
            body["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("no message: {response}"));
        assert!(message.contains(' ') && message != code, "{response}");
    }
}

#[test]
fn a_code_is_the_specifications_where_it_has_one() {
    let server = Server::start();
    for (response, code) in errors(&server) {
        assert!(CODES.contains(&code) || DISTRIBUTIONS.contains(&code), "{code}");
        assert_error(&response, response.status, code);
    }
}
