//! Pushing a blob in chunks.
use tests::{Request, Response, Server, assert_error, closing, noise, sha256, sha512, start_upload};

fn chunk(server: &Server, upload: &str, range: &str, body: &[u8]) -> Response {
    server.request(&Request::patch(upload, body).header("Content-Range", range))
}

#[test]
fn the_algorithm_of_the_digest_may_be_named_at_the_start() {
    let server = Server::start();
    let bytes = noise(1, 5000);
    let upload = server.post("/v2/a/blobs/uploads/?digest-algorithm=sha512").expect(202).location();
    let upload = chunk(&server, &upload, "0-2999", &bytes[..3000]).expect(202).location();
    let upload = chunk(&server, &upload, "3000-4999", &bytes[3000..]).expect(202).location();
    let response = server.put(&closing(&upload, &sha512(&bytes)), b"").expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, bytes);
}

#[test]
fn a_least_length_of_chunks_is_told_when_a_session_begins() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_CHUNKMINLENGTH", "64KiB"));
    let response = server.post("/v2/a/blobs/uploads/").expect(202);
    assert_eq!(response.required("OCI-Chunk-Min-Length"), "65536");
    let without = Server::start().post("/v2/a/blobs/uploads/").expect(202);
    assert_eq!(without.header("OCI-Chunk-Min-Length"), None, "{without}");
}

#[test]
fn the_range_of_a_chunk_includes_both_its_ends() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    assert_error(&chunk(&server, &upload, "0-3", b"abc"), 400, "SIZE_INVALID");
    assert_eq!(chunk(&server, &upload, "0-2", b"abc").expect(202).required("Range"), "0-2");
    chunk(&server, &upload, "3-3", b"d").expect(202);
    server.put(&closing(&upload, &sha256(b"abcd")), b"").expect(201);
}

#[test]
fn a_chunk_is_202_with_location_and_range() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let response = chunk(&server, &upload, "0-4", b"bytes").expect(202);
    assert_eq!(response.required("Range"), "0-4");
    server.get(&response.location()).expect(204);
}

#[test]
fn a_chunk_begins_where_the_last_one_ended() {
    let server = Server::start();
    let bytes = noise(2, 1000);
    let mut upload = start_upload(&server, "a");
    for (first, last) in [(0, 0), (1, 499), (500, 998), (999, 999)] {
        let response = chunk(&server, &upload, &format!("{first}-{last}"), &bytes[first..=last]).expect(202);
        upload = response.location();
    }
    let response = server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, bytes);
}

#[test]
fn a_chunk_out_of_order_is_416() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-1", b"by").expect(202);
    for range in ["0-1", "1-2", "3-4"] {
        assert_error(&chunk(&server, &upload, range, b"te"), 416, "RANGE_INVALID");
    }
    assert_eq!(server.get(&upload).expect(204).required("Range"), "0-1");
}

#[test]
fn a_session_that_no_put_closed_is_no_blob() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-4", b"bytes").expect(202);
    server.head(&format!("/v2/a/blobs/{}", sha256(b"bytes"))).expect(404);
}

#[test]
fn a_put_without_a_digest_does_not_close_the_session() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-4", b"bytes").expect(202);
    assert_error(&server.put(&upload, b""), 400, "DIGEST_INVALID");
    server.put(&closing(&upload, &sha256(b"bytes")), b"").expect(201);
}

#[test]
fn the_closing_put_is_201_with_a_location_to_pull_from() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-2", b"byt").expect(202);
    let target = closing(&upload, &sha256(b"bytes"));
    let response = server.request(&Request::put(&target, *b"es").header("Content-Range", "3-4")).expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, b"bytes");
}

#[test]
fn a_last_chunk_out_of_order_is_416() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-2", b"byt").expect(202);
    let target = closing(&upload, &sha256(b"bytes"));
    for range in ["2-3", "4-5", "0-1"] {
        let response = server.request(&Request::put(&target, *b"es").header("Content-Range", range));
        assert_error(&response, 416, "RANGE_INVALID");
    }
    server.head(&format!("/v2/a/blobs/{}", sha256(b"bytes"))).expect(404);
}

#[test]
fn the_state_of_a_session_is_204_with_location_and_range() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-2", b"byt").expect(202);
    assert_error(&chunk(&server, &upload, "0-1", b"es"), 416, "RANGE_INVALID");
    let response = server.get(&upload).expect(204);
    assert_eq!(response.required("Range"), "0-2");
    chunk(&server, &response.location(), "3-4", b"es").expect(202);
}
