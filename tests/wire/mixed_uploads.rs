//! A client that mixes up two of its uploads.
use tests::{Request, Response, Server, assert_error, closing, sha256, start_upload};

fn chunk(server: &Server, upload: &str, range: &str, body: &[u8]) -> Response {
    server.request(&Request::patch(upload, body).header("Content-Range", range))
}

#[test]
fn a_chunk_for_the_other_upload_is_416_with_the_offset_of_the_one_that_was_named() {
    let server = Server::start();
    let (one, other) = (start_upload(&server, "a"), start_upload(&server, "a"));
    let one = chunk(&server, &one, "0-4", b"first").expect(202).location();
    let response = chunk(&server, &other, "5-9", b" part");
    assert_error(&response, 416, "RANGE_INVALID");
    assert_eq!(response.required("Range"), "0-0");
    let (path, asked) = (response.location(), other.split('?').next());
    assert_eq!(path.split('?').next(), asked, "the location is of another upload");
    chunk(&server, &one, "5-9", b" part").expect(202);
    server.put(&closing(&one, &sha256(b"first part")), b"").expect(201);
    server.put(&closing(&other, &sha256(b"second")), b"second").expect(201);
}

#[test]
fn the_digest_of_the_other_upload_is_refused_and_neither_loses_a_byte() {
    let server = Server::start();
    let (one, other) = (start_upload(&server, "a"), start_upload(&server, "a"));
    server.patch(&one, b"first").expect(202);
    server.patch(&other, b"second").expect(202);
    assert_error(&server.put(&closing(&one, &sha256(b"second")), b""), 400, "DIGEST_INVALID");
    assert_error(&server.put(&closing(&other, &sha256(b"first")), b""), 400, "DIGEST_INVALID");
    for bytes in [&b"first"[..], b"second"] {
        server.head(&format!("/v2/a/blobs/{}", sha256(bytes))).expect(404);
    }
    server.put(&closing(&one, &sha256(b"first")), b"").expect(201);
    server.put(&closing(&other, &sha256(b"second")), b"").expect(201);
}

#[test]
fn a_location_with_the_query_of_the_other_upload_is_the_upload_of_its_path() {
    let server = Server::start();
    let (one, other) = (start_upload(&server, "a"), start_upload(&server, "a"));
    let path = one.split('?').next().expect("a path");
    let query = other.split_once('?').map(|(_, query)| query).unwrap_or("_state=other");
    server.patch(&other, b"second").expect(202);
    server.patch(&format!("{path}?{query}"), b"first").expect(202);
    server.put(&closing(path, &sha256(b"first")), b"").expect(201);
    server.put(&closing(&other, &sha256(b"second")), b"").expect(201);
}

#[test]
fn canceling_one_upload_leaves_the_other() {
    let server = Server::start();
    let (one, other) = (start_upload(&server, "a"), start_upload(&server, "a"));
    server.patch(&one, b"first").expect(202);
    server.patch(&other, b"second").expect(202);
    server.delete(&one).expect(204);
    assert_error(&server.patch(&one, b"more"), 404, "BLOB_UPLOAD_UNKNOWN");
    server.put(&closing(&other, &sha256(b"second")), b"").expect(201);
}
