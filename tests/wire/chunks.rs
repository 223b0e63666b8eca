//! Offsets, ranges and digests of uploads that do not fit.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::{Request, Server, assert_error, assert_errors, closing, noise, sha256, start_upload};

/// PATCH with a `Content-Range`.
fn chunk(server: &Server, upload: &str, range: &str, body: &[u8]) -> tests::Response {
    server.request(&Request::patch(upload, body).header("Content-Range", range))
}

#[test]
fn chunks_in_their_order_make_the_blob() {
    let server = Server::start();
    let bytes = noise(1, 250_000);
    let mut upload = start_upload(&server, "a");
    for (n, part) in bytes.chunks(100_000).enumerate() {
        let (first, last) = (n * 100_000, n * 100_000 + part.len() - 1);
        let response = chunk(&server, &upload, &format!("{first}-{last}"), part).expect(202);
        assert_eq!(response.required("Range"), format!("0-{last}"));
        upload = response.location();
    }
    let digest = sha256(&bytes);
    server.put(&closing(&upload, &digest), b"").expect(201);
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, bytes);
}

#[test]
fn the_last_chunk_may_come_with_the_put() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-2", b"byt").expect(202);
    let target = closing(&upload, &sha256(b"bytes"));
    server.request(&Request::put(&target, *b"es").header("Content-Range", "3-4")).expect(201);
}

#[test]
fn a_chunk_at_the_wrong_offset_is_416_and_keeps_the_session() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-4", b"01234").expect(202);
    for range in ["7-9", "0-2", "4-6", "6-8"] {
        let response = chunk(&server, &upload, range, b"xyz");
        assert_error(&response, 416, "RANGE_INVALID");
        assert_eq!(response.required("Range"), "0-4", "{range}");
        assert_eq!(response.location().split('?').next(), upload.split('?').next());
    }
    let response = server.request(
        &Request::put(&closing(&upload, &sha256(b"01234xyz")), *b"xyz").header("Content-Range", "8-10"),
    );
    assert_error(&response, 416, "RANGE_INVALID");
    chunk(&server, &upload, "5-9", b"56789").expect(202);
    server.put(&closing(&upload, &sha256(b"0123456789")), b"").expect(201);
}

#[test]
fn the_first_chunk_begins_at_zero() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let response = chunk(&server, &upload, "1-3", b"abc");
    assert_error(&response, 416, "RANGE_INVALID");
    assert_eq!(response.required("Range"), "0-0");
    chunk(&server, &upload, "0-2", b"abc").expect(202);
}

#[test]
fn a_content_range_that_disagrees_with_the_content_length_is_refused() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    chunk(&server, &upload, "0-1", b"ab").expect(202);
    for range in ["2-9", "2-2"] {
        assert_error(&chunk(&server, &upload, range, b"cde"), 400, "SIZE_INVALID");
        assert_eq!(server.get(&upload).expect(204).required("Range"), "0-1");
    }
    chunk(&server, &upload, "2-4", b"cde").expect(202);
    server.put(&closing(&upload, &sha256(b"abcde")), b"").expect(201);
}

#[test]
fn a_content_range_that_is_none_is_refused() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    for range in ["abc", "3", "5-3", "-3", "0-", "0--1", "0-99999999999999999999999", "0x0-2", "0-2-4"] {
        let response = chunk(&server, &upload, range, b"abc");
        assert!(matches!(response.status, 400 | 416), "{range}: {response}");
        assert_errors(&response, response.status, &["RANGE_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID"]);
        assert_eq!(server.get(&upload).expect(204).required("Range"), "0-0", "{range}");
    }
    chunk(&server, &upload, "0-2", b"abc").expect(202);
}

#[test]
fn a_content_range_or_a_digest_that_is_empty_is_as_good_as_none() {
    let server = Server::start();
    let upload = server.post("/v2/a/blobs/uploads/?digest=").expect(202).location();
    assert_eq!(chunk(&server, &upload, "", b"01234").expect(202).required("Range"), "0-4");
    assert_eq!(chunk(&server, &upload, " ", b"56789").expect(202).required("Range"), "0-9");
    server.put(&closing(&upload, &sha256(b"0123456789")), b"").expect(201);
}

#[test]
fn a_digest_that_does_not_match_leaves_the_session_as_before_the_put() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    server.patch(&upload, b"01234").expect(202);
    for body in [&b"56789"[..], b""] {
        let response = server.put(&closing(&upload, &sha256(b"others")), body);
        assert_error(&response, 400, "DIGEST_INVALID");
        assert_eq!(server.get(&upload).expect(204).required("Range"), "0-4");
    }
    server.head(&format!("/v2/a/blobs/{}", sha256(b"others"))).expect(404);
    server.head(&format!("/v2/a/blobs/{}", sha256(b"0123456789"))).expect(404);
    server.put(&closing(&upload, &sha256(b"0123456789")), b"56789").expect(201);
    assert_eq!(server.get(&format!("/v2/a/blobs/{}", sha256(b"0123456789"))).body, b"0123456789");
}

#[test]
fn a_put_without_a_digest_or_with_a_bad_one_is_refused_and_keeps_the_session() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let right = sha256(b"bytes");
    for query in [
        String::new(),
        "?digest=".into(),
        "?digest=bytes".into(),
        "?digest=md5:d41d8cd98f00b204e9800998ecf8427e".into(),
        "?digest=sha256:abc".into(),
        format!("?digest={}", right.as_str().to_uppercase()),
        format!("?digest=sha256:{}", right.hex().to_uppercase()),
        format!("?digest={right}/.."),
    ] {
        let response = server.put(&format!("{upload}{query}"), b"bytes");
        assert_error(&response, 400, "DIGEST_INVALID");
        assert_eq!(server.get(&upload).expect(204).required("Range"), "0-0", "{query}");
    }
    server.put(&closing(&upload, &right), b"bytes").expect(201);
}

#[test]
fn a_patch_whose_body_ends_early_keeps_what_came() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", 100));
    client.send(b"0123456789");
    client.finish_sending();
    if let Ok(response) = client.try_response("PATCH") {
        assert!(response.status >= 400, "{response}");
    }
    let kept = || server.get(&upload).expect(204).required("Range") == "0-9";
    assert!(tests::eventually(std::time::Duration::from_secs(5), kept), "{}", server.get(&upload));
    server.patch(&upload, b"abc").expect(202);
    server.put(&closing(&upload, &sha256(b"0123456789abc")), b"").expect(201);
}

#[test]
fn a_put_whose_body_ends_early_publishes_nothing_and_can_go_on() {
    let server = Server::start();
    let bytes = noise(2, 100_000);
    let digest = sha256(&bytes);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes[..1000]).expect(202);
    let mut client = server.client();
    let target = closing(&upload, &digest);
    client.send_head(&Request::new("PUT", &target).header("Content-Length", 99_000));
    client.send(&bytes[1000..50_000]);
    client.finish_sending();
    if let Ok(response) = client.try_response("PUT") {
        assert!(response.status >= 400, "{response}");
    }
    // The server may be a moment behind: the offset counts once it stands still.
    std::thread::sleep(Duration::from_millis(300));
    server.head(&format!("/v2/a/blobs/{digest}")).expect(404);
    let status = server.get(&upload).expect(204);
    let range = status.required("Range");
    let last: usize = range.strip_prefix("0-").and_then(|n| n.parse().ok()).expect("an offset");
    assert!((999..50_000).contains(&last), "{status}");
    server.put(&target, &bytes[last + 1..]).expect(201);
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, bytes);
}

#[test]
fn an_unknown_session_is_404() {
    let server = Server::start();
    let unknown = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000";
    let target = closing(unknown, &sha256(b"bytes"));
    assert_error(&server.get(unknown), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.patch(unknown, b"bytes"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.put(&target, b"bytes"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.delete(unknown), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.get("/v2/a/tags/list"), 404, "NAME_UNKNOWN");
}

#[test]
fn a_session_that_has_no_uuid_is_404() {
    let server = Server::start();
    for id in
        ["x", "..", "%2e%2e", "00000000-0000-4000-8000-00000000000g", "00000000-0000-4000-8000-000000000000a"]
    {
        let response = server.patch(&format!("/v2/a/blobs/uploads/{id}"), b"bytes");
        assert!(matches!(response.status, 400 | 404), "{id}: {response}");
        assert_errors(
            &response,
            response.status,
            &["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "DIGEST_INVALID"],
        );
    }
}

#[test]
fn a_session_of_another_repository_is_404() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    server.patch(&upload, b"by").expect(202);
    let foreign = upload.replacen("/v2/a/", "/v2/b/", 1);
    let digest = sha256(b"bytes");
    assert_error(&server.get(&foreign), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.patch(&foreign, b"tes"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.put(&closing(&foreign, &digest), b"tes"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.delete(&foreign), 404, "BLOB_UPLOAD_UNKNOWN");
    server.put(&closing(&upload, &digest), b"tes").expect(201);
}

#[test]
fn of_two_writers_at_once_one_is_refused_clearly() {
    const LENGTH: usize = 400;
    let server = Server::start();
    let bytes = noise(9, LENGTH);
    let upload = start_upload(&server, "a");
    let mut first = server.client();
    let head = Request::new("PATCH", &upload).header("Content-Length", LENGTH);
    first.send_head(&head.header("Expect", "100-continue"));
    assert_eq!(first.one_head().expect("an interim answer").status, 100);
    first.send(&bytes[..5]);
    std::thread::sleep(Duration::from_millis(200));
    let refused = AtomicBool::new(false);
    let there = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // It is slow, and goes on: whoever stands still may lose the upload to another.
            let mut sent = 5;
            while !refused.load(Ordering::SeqCst) && sent < LENGTH {
                std::thread::sleep(Duration::from_millis(100));
                first.send(&bytes[sent..sent + 1]);
                sent += 1;
            }
            first.send(&bytes[sent..]);
            first.response("PATCH")
        });
        let second = server.patch(&upload, b"abcde");
        refused.store(true, Ordering::SeqCst);
        let first = writer.join().expect("the first writer ends");
        // Where nobody has a lock, whoever is done first has won.
        let (won, lost, there) = match second.status {
            202 => (&second, &first, 5),
            _ => (&first, &second, LENGTH),
        };
        assert!((400..500).contains(&lost.status), "{lost}");
        let message = lost.json()["errors"][0]["message"].to_string();
        assert!(message.len() > 10, "{lost}");
        assert_eq!((won.status, won.required("Range")), (202, &*format!("0-{}", there - 1)), "{won}");
        there
    });
    let bytes = if there == LENGTH { bytes } else { b"abcde".to_vec() };
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
}
