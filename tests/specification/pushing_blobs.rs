//! Pushing blobs in one piece: POST then PUT, and a single POST.
use tests::{Request, Server, assert_error, closing, push_blob, sha256, start_upload};

/// Digests that are none, and one of an algorithm that is registered but not served here.
fn bad_digests() -> Vec<String> {
    let right = sha256(b"bytes");
    vec![
        "bytes".into(),
        "sha256:".into(),
        "sha256:abc".into(),
        format!("{right}00"),
        format!("sha256:{}", "x".repeat(64)),
        format!("sha512:{}", right.hex()),
        format!("blake3:{}", right.hex()),
    ]
}

#[test]
fn a_digest_that_is_invalid_or_of_an_unsupported_algorithm_is_400() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    for digest in bad_digests() {
        let single = Request::post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body(*b"bytes");
        assert_error(&server.request(&single), 400, "DIGEST_INVALID");
        assert_error(&server.put(&format!("{upload}?digest={digest}"), b"bytes"), 400, "DIGEST_INVALID");
    }
    let unsupported = server.post("/v2/a/blobs/uploads/?digest-algorithm=blake3");
    assert_error(&unsupported, 400, "DIGEST_INVALID");
}

#[test]
fn a_session_begins_with_202_and_its_location() {
    let server = Server::start();
    let response = server.post("/v2/a/blobs/uploads/").expect(202);
    server.get(&response.location()).expect(204);
}

#[test]
fn the_location_of_a_session_has_a_uuid_of_its_own() {
    let server = Server::start();
    let ids: Vec<_> = (0..10)
        .map(|_| {
            let location = start_upload(&server, "a");
            let path = location.split('?').next().expect("a path");
            let id = path.rsplit('/').next().expect("a last segment");
            id.parse::<names::UploadId>().unwrap_or_else(|_| panic!("no UUID: {location}"))
        })
        .collect();
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id), "{id} stands for two sessions");
    }
}

#[test]
fn a_put_of_the_bytes_is_201_with_a_location_to_pull_from() {
    let server = Server::start();
    let response = server.put(&closing(&start_upload(&server, "a"), &sha256(b"bytes")), b"bytes").expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, b"bytes");
}

#[test]
fn a_single_post_is_201_with_a_location_to_pull_from() {
    let server = Server::start();
    let target = format!("/v2/a/blobs/uploads/?digest={}", sha256(b"bytes"));
    let response = server.request(&Request::post(&target).body(*b"bytes")).expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, b"bytes");
}

#[test]
fn a_single_post_that_is_shorter_than_its_content_length_stores_nothing() {
    let server = Server::start();
    let digest = sha256(b"bytes");
    let mut client = server.client();
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    client.send_head(&Request::post(&target).header("Content-Length", 6));
    client.send(b"bytes");
    client.finish_sending();
    if let Ok(response) = client.try_response("POST") {
        assert!((400..500).contains(&response.status), "{response}");
    }
    server.head(&format!("/v2/a/blobs/{digest}")).expect(404);
    push_blob(&server, "a", b"bytes");
}

#[test]
fn a_single_post_whose_digest_is_of_other_bytes_is_refused() {
    let server = Server::start();
    let digest = sha256(b"others");
    let single = Request::post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body(*b"bytes");
    assert_error(&server.request(&single), 400, "DIGEST_INVALID");
    server.head(&format!("/v2/a/blobs/{digest}")).expect(404);
}
