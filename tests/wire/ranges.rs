//! Parts of blobs (RFC 9110, section 14).
use ::names::Digest;
use tests::{Request, Response, Server, assert_error, noise, push_blob, sha256};

/// A server with one blob, and the blob.
fn with_blob(length: usize) -> (Server, Digest, Vec<u8>) {
    let server = Server::start();
    let bytes = noise(1, length);
    let digest = push_blob(&server, "a", &bytes);
    (server, digest, bytes)
}

fn ask(server: &Server, digest: &Digest, headers: &[(&str, &str)]) -> Response {
    let request = Request::get(&format!("/v2/a/blobs/{digest}"));
    server.request(&headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
}

#[test]
fn a_range_is_206_with_its_bytes() {
    let (server, digest, bytes) = with_blob(1000);
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=990-", 990, 999),
        ("bytes=990-5000", 990, 999),
        ("bytes=999-999", 999, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-100", 900, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=0-", 0, 999),
        ("bytes=10-99999999999999999999999", 10, 999),
    ] {
        let response = ask(&server, &digest, &[("Range", range)]).expect(206);
        assert_eq!(response.body, bytes[first..=last], "{range}");
        assert_eq!(response.required("Content-Range"), format!("bytes {first}-{last}/1000"), "{range}");
        assert_eq!(response.required("Content-Length"), (last - first + 1).to_string(), "{range}");
        assert_eq!(response.required("ETag"), format!("\"{digest}\""), "{range}");
    }
}

#[test]
fn a_range_in_the_middle_of_a_large_blob_has_the_right_bytes() {
    let (server, digest, bytes) = with_blob(5_000_000);
    for (first, last) in [(4095, 4097), (131_071, 393_217), (1_000_001, 4_000_000), (4_999_999, 4_999_999)] {
        let response = ask(&server, &digest, &[("Range", &format!("bytes={first}-{last}"))]).expect(206);
        assert_eq!(sha256(&response.body), sha256(&bytes[first..=last]), "{first}-{last}");
    }
}

#[test]
fn a_range_that_begins_behind_the_end_is_416_and_tells_the_size() {
    let (server, digest, _) = with_blob(1000);
    for range in ["bytes=1000-", "bytes=1000-1001", "bytes=5-2", "bytes=99999999999999999999-", "bytes=-0"] {
        let response = ask(&server, &digest, &[("Range", range)]);
        assert_error(&response, 416, "RANGE_INVALID");
        assert_eq!(response.required("Content-Range"), "bytes */1000", "{range}");
    }
}

#[test]
fn several_ranges_that_come_to_one_are_206_with_that_one() {
    let (server, digest, bytes) = with_blob(1000);
    for (range, first, last) in [
        ("bytes=0-4,", 0, 4),
        ("bytes=0-4,1000-2000", 0, 4),
        ("bytes=2000-,0-4, 3000-3001", 0, 4),
        ("bytes=0-4,5-9", 0, 9),
        ("bytes=500-, 100-600", 100, 999),
        ("bytes=-10,0-989", 0, 999),
        (&format!("bytes={}", ["0-0"; 2000].join(",")), 0, 0),
    ] {
        let response = ask(&server, &digest, &[("Range", range)]).expect(206);
        assert_eq!(response.body, bytes[first..=last], "{range}");
        assert_eq!(response.required("Content-Range"), format!("bytes {first}-{last}/1000"), "{range}");
    }
    for range in ["bytes=0-4,6-9", "bytes=0-0,-1", "bytes=0-4,x"] {
        assert_eq!(ask(&server, &digest, &[("Range", range)]).expect(200).body, bytes, "{range}");
    }
    let response = ask(&server, &digest, &[("Range", "bytes=1000-,2000-3000")]);
    assert_error(&response, 416, "RANGE_INVALID");
}

#[test]
fn a_range_that_is_not_understood_is_ignored() {
    let (server, digest, bytes) = with_blob(1000);
    for range in ["bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes", "bytes=", "bytes=--1"] {
        let response = ask(&server, &digest, &[("Range", range)]).expect(200);
        assert_eq!(response.body, bytes, "{range}");
        assert_eq!(response.header("Content-Range"), None, "{range}");
    }
}

#[test]
fn a_range_is_served_only_if_the_condition_holds() {
    let (server, digest, bytes) = with_blob(1000);
    let same = format!("\"{digest}\"");
    let other = format!("\"{}\"", sha256(b"others"));
    let weak = format!("W/{same}");
    let part = ask(&server, &digest, &[("Range", "bytes=0-9"), ("If-Range", &same)]).expect(206);
    assert_eq!(part.body, bytes[..10]);
    for condition in [&other, &weak, "Sat, 01 Jan 2022 00:00:00 GMT"] {
        let whole = ask(&server, &digest, &[("Range", "bytes=0-9"), ("If-Range", condition)]).expect(200);
        assert_eq!(whole.body, bytes, "{condition}");
    }
    ask(&server, &digest, &[("Range", "bytes=0-9"), ("If-None-Match", &same)]).expect(304);
}

#[test]
fn head_ignores_ranges() {
    let (server, digest, _) = with_blob(1000);
    let request = Request::head(&format!("/v2/a/blobs/{digest}")).header("Range", "bytes=0-9");
    assert_eq!(server.request(&request).expect(200).required("Content-Length"), "1000");
}
