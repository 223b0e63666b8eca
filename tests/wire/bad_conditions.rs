//! Conditions and ranges that come in lists, twice, or in no form at all.
use tests::{Image, Request, Server, noise, push_blob, sha256};

#[test]
fn a_manifest_is_304_if_any_of_a_list_is_its_own() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    let other = sha256(b"others");
    let ask = |value: &str| {
        let request = Request::get("/v2/a/manifests/latest").header("If-None-Match", value);
        server.request(&request).status
    };
    let many: Vec<_> = (0..200_u8).map(|n| format!("\"{}\"", sha256(&[n]))).collect();
    for (value, status) in [
        (format!("\"{other}\", \"{digest}\""), 304),
        (format!("\"{other}\",,  W/\"{digest}\" ,"), 304),
        ("*".into(), 304),
        (format!("{}, \"{digest}\"", many.join(", ")), 304),
        (many.join(", "), 200),
        (format!("\"{digest}"), 200),
        ("\"".into(), 200),
        (",".into(), 200),
        (String::new(), 200),
    ] {
        assert_eq!(ask(&value), status, "{}", &value[..value.len().min(100)]);
    }
}

#[test]
fn a_condition_that_comes_in_two_headers_is_one_list() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    let (own, other) = (format!("\"{digest}\""), format!("\"{}\"", sha256(b"others")));
    for values in [[&own, &other], [&other, &own]] {
        let request = Request::get("/v2/a/manifests/latest");
        let request = values.iter().fold(request, |request, value| request.header("If-None-Match", value));
        server.request(&request).expect(304);
    }
}

#[test]
fn ranges_that_cannot_be_served_are_the_whole_or_416_and_never_other_bytes() {
    let server = Server::start();
    let bytes = noise(1, 1000);
    let digest = push_blob(&server, "a", &bytes);
    let ask = |ranges: &[&str]| {
        let request = Request::get(&format!("/v2/a/blobs/{digest}"));
        server.request(&ranges.iter().fold(request, |request, range| request.header("Range", range)))
    };
    let many: Vec<_> = (0..2000).map(|n| format!("{0}-{0}", 2 * n)).collect();
    let many = format!("bytes={}", many.join(","));
    for ranges in [
        &["bytes=0-1,x"][..],
        &[&many],
        &["pages=1-2"],
        &["bytes 0-1"],
        &["bytes=0x0-0x1"],
        &["bytes=0-1-2"],
        &["bytes=\u{661}-\u{662}"],
        &["0-1"],
        &["bytes=0-1", "bytes=2-3"],
    ] {
        let response = ask(ranges);
        assert_eq!(response.status, 200, "{}: {response}", &ranges[0][..ranges[0].len().min(100)]);
        assert!(response.body == bytes, "{ranges:?}: other bytes");
    }
    for range in ["bytes=9-1", "bytes=1000-", "bytes=18446744073709551616-18446744073709551617"] {
        let response = ask(&[range]);
        tests::assert_error(&response, 416, "RANGE_INVALID");
        assert_eq!(response.required("Content-Range"), "bytes */1000", "{range}");
    }
}
