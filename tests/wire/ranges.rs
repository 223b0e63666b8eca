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

/// The parts of a `multipart/byteranges`: what each says of its range, and its bytes.
#[track_caller]
fn parts(response: &Response) -> Vec<(String, Vec<u8>)> {
    let media_type = response.required("Content-Type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    assert!((1..=70).contains(&boundary.len()), "{boundary}");
    let (mut rest, mut parts) = (&response.body[..], Vec::new());
    loop {
        let line = format!("{}--{boundary}", if parts.is_empty() { "" } else { "\r\n" });
        rest = rest.strip_prefix(line.as_bytes()).expect("a part begins with the boundary");
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a part has a head");
        let head = str::from_utf8(&rest[..end]).expect("the head is text");
        let head = head.strip_prefix("\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ");
        let said = head.expect("type and range").to_owned();
        let (range, _) = said.split_once('/').expect("a range of a size");
        let (first, last) = range.split_once('-').expect("a range");
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let (bytes, after) = rest[end + 4..].split_at(number(last) - number(first) + 1);
        parts.push((said, bytes.to_vec()));
        rest = after;
    }
}

#[test]
fn several_ranges_are_parts_of_one_answer_in_the_order_that_was_asked_for() {
    let (server, digest, bytes) = with_blob(300_000);
    for (header, ranges) in [
        ("bytes=0-4,6-9", &[(0, 4), (6, 9)][..]),
        ("bytes=-1, 0-0", &[(299_999, 299_999), (0, 0)]),
        ("bytes=0-4,5-9", &[(0, 4), (5, 9)]),
        ("bytes=100-200099,300000-,150-160,", &[(100, 200_099), (150, 160)]),
    ] {
        let response = ask(&server, &digest, &[("Range", header)]).expect(206);
        let expected = ranges.iter().map(|&(first, last): &(usize, usize)| {
            (format!("{first}-{last}/300000"), bytes[first..=last].to_vec())
        });
        assert!(parts(&response) == expected.collect::<Vec<_>>(), "{header}: {response}");
        assert_eq!(response.header("Content-Range"), None, "{header}");
        assert_eq!(response.required("ETag"), format!("\"{digest}\""), "{header}");
    }
    let alone = ask(&server, &digest, &[("Range", "bytes=300000-,0-4")]).expect(206);
    assert_eq!((alone.required("Content-Range"), &*alone.body), ("bytes 0-4/300000", &bytes[..5]));
    let response = ask(&server, &digest, &[("Range", "bytes=300000-,400000-500000")]);
    assert_error(&response, 416, "RANGE_INVALID");
}

#[test]
fn a_thousand_ranges_are_as_many_parts() {
    let (server, digest, bytes) = with_blob(3_000_000);
    let ranges: Vec<_> = (0..1024).map(|n| (n * 2900, n * 2900 + n)).collect();
    let header: Vec<_> = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
    let response = ask(&server, &digest, &[("Range", &format!("bytes={}", header.join(",")))]).expect(206);
    let parts = parts(&response);
    assert_eq!(parts.len(), ranges.len());
    for ((said, part), (first, last)) in parts.iter().zip(ranges) {
        assert_eq!(*said, format!("{first}-{last}/3000000"));
        assert!(*part == bytes[first..=last], "{said}: other bytes");
    }
}

#[test]
fn more_ranges_than_the_limit_are_the_whole() {
    let server = Server::with(|setup| setup.env("REGISTRY_LIMITS_RANGES", 3));
    let bytes = noise(1, 10_000);
    let digest = push_blob(&server, "a", &bytes);
    let three = ask(&server, &digest, &[("Range", "bytes=0-0,2-2,4-4")]).expect(206);
    assert_eq!(parts(&three).len(), 3);
    let four = ask(&server, &digest, &[("Range", "bytes=0-0,2-2,4-4,6-6")]).expect(200);
    assert!(four.body == bytes, "{four}");
}

#[test]
fn ranges_that_are_no_less_than_the_whole_are_the_whole() {
    let (server, digest, bytes) = with_blob(1000);
    let thousands = format!("bytes={}", ["0-0"; 2000].join(","));
    for range in ["bytes=0-4,5-999", "bytes=0-499,500-999", "bytes=0-998,0-998", &thousands] {
        let response = ask(&server, &digest, &[("Range", range)]).expect(200);
        assert!(response.body == bytes, "{response}");
    }
}

#[test]
fn a_range_that_is_not_understood_is_ignored() {
    let (server, digest, bytes) = with_blob(1000);
    for range in ["bytes=0-4,x", "lines=0-1", "bytes=a-b", "bytes", "bytes=", "bytes=--1"] {
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
