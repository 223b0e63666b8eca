//! Uploads that go as they should, and the ways to end one.
use std::sync::Barrier;
use std::time::Duration;
use tests::{Request, Server, assert_error, closing, noise, push_blob, sha256, sha512, start_upload};

#[test]
fn an_upload_opens_with_202_and_everything_to_go_on_with() {
    let server = Server::start();
    for path in ["/v2/a/blobs/uploads/", "/v2/a/blobs/uploads", "/v2/deep/er/name/blobs/uploads/"] {
        let response = server.post(path).expect(202);
        let id = response.required("Docker-Upload-UUID");
        assert!(id.parse::<names::UploadId>().is_ok(), "{response}");
        assert!(response.location().contains(id), "{response}");
        assert_eq!(response.required("Range"), "0-0");
        assert_eq!(response.required("Content-Length"), "0");
    }
}

#[test]
fn a_blob_goes_up_by_post_and_put() {
    let server = Server::start();
    let bytes = noise(1, 100_000);
    let digest = sha256(&bytes);
    let upload = start_upload(&server, "a");
    let response = server.put(&closing(&upload, &digest), &bytes).expect(201);
    assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
    assert_eq!(response.location(), format!("/v2/a/blobs/{digest}"));
    assert_eq!(server.get(&response.location()).expect(200).body, bytes);
}

#[test]
fn a_blob_goes_up_by_post_patch_and_put() {
    let server = Server::start();
    let bytes = noise(2, 300_000);
    let digest = sha256(&bytes);
    let upload = start_upload(&server, "a");
    let response = server.patch(&upload, &bytes).expect(202);
    assert_eq!(response.required("Range"), "0-299999");
    assert_eq!(response.required("Content-Length"), "0");
    response.required("Docker-Upload-UUID");
    server.put(&closing(&response.location(), &digest), b"").expect(201);
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, bytes);
}

#[test]
fn a_blob_goes_up_by_a_single_post() {
    let server = Server::start();
    let bytes = noise(3, 5000);
    let digest = sha256(&bytes);
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    let response = server.request(&Request::post(&target).body(&*bytes)).expect(201);
    assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
    assert_eq!(server.get(&response.location()).expect(200).body, bytes);
}

#[test]
fn a_single_post_whose_digest_is_wrong_stores_nothing() {
    let server = Server::start();
    let digest = sha256(b"others");
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    let response = server.request(&Request::post(&target).body(*b"bytes"));
    assert_error(&response, 400, "DIGEST_INVALID");
    for absent in [digest, sha256(b"bytes")] {
        server.head(&format!("/v2/a/blobs/{absent}")).expect(404);
    }
}

#[test]
fn a_colon_of_the_digest_may_come_encoded() {
    let server = Server::start();
    let digest = sha256(b"bytes");
    let upload = start_upload(&server, "a");
    let encoded = digest.as_str().replace(':', "%3A");
    server.put(&format!("{upload}?digest={encoded}"), b"bytes").expect(201);
    server.head(&format!("/v2/a/blobs/{digest}")).expect(200);
}

#[test]
fn the_location_carries_all_state_in_its_path() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let without_query = upload.split('?').next().expect("a path");
    server.patch(without_query, b"by").expect(202);
    server.get(without_query).expect(204);
    server.put(&format!("{without_query}?digest={}", sha256(b"bytes")), b"tes").expect(201);
}

#[test]
fn a_body_of_unknown_length_goes_up_in_http_chunks() {
    let server = Server::start();
    let bytes = noise(4, 200_000);
    let upload = start_upload(&server, "a");
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", &upload).header("Transfer-Encoding", "chunked"));
    for part in bytes.chunks(70_000) {
        client.send(format!("{:x}\r\n", part.len()).as_bytes());
        client.send(part);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.response("PATCH").expect(202).required("Range"), "0-199999");
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
}

#[test]
fn the_status_of_an_upload_tells_its_offset() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let response = server.get(&upload).expect(204);
    assert_eq!(response.required("Range"), "0-0");
    response.required("Docker-Upload-UUID");
    assert_eq!(server.patch(&upload, b"").expect(202).required("Range"), "0-0");
    server.patch(&upload, b"12345").expect(202);
    let response = server.get(&upload).expect(204);
    assert_eq!(response.required("Range"), "0-4");
    assert_eq!(response.location().split('?').next(), upload.split('?').next());
}

#[test]
fn a_cancelled_upload_is_gone_with_its_bytes() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    server.patch(&upload, b"12345").expect(202);
    server.delete(&upload).expect(204);
    assert_error(&server.get(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.patch(&upload, b"6"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.delete(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
    let left: Vec<_> = server.files().into_iter().filter(|file| file.ends_with("data")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_upload_that_ended_is_gone() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let target = closing(&upload, &sha256(b"bytes"));
    server.put(&target, b"bytes").expect(201);
    assert_error(&server.put(&target, b"bytes"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert_error(&server.get(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn the_empty_blob_is_a_blob() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"");
    let response = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(response.required("Content-Length"), "0");
    assert_eq!(response.body, b"");
}

#[test]
fn a_blob_may_be_named_by_its_sha512() {
    let server = Server::start();
    let bytes = noise(5, 150_000);
    let digest = sha512(&bytes);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes[..100_000]).expect(202);
    let wrong = server.put(&closing(&upload, &sha512(b"others")), b"");
    assert_error(&wrong, 400, "DIGEST_INVALID");
    server.put(&closing(&upload, &digest), &bytes[100_000..]).expect(201);
    let response = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(response.body, bytes);
    assert_eq!(
        server.head(&format!("/v2/a/blobs/{digest}")).expect(200).required("Content-Length"),
        "150000"
    );
}

#[test]
fn the_same_blob_pushed_twice_is_stored_once() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    assert_eq!(push_blob(&server, "a", b"bytes"), digest);
    assert_eq!(push_blob(&server, "b", b"bytes"), digest);
    assert_eq!(std::fs::read(server.blob_file(&digest)).expect("the blob"), b"bytes");
    server.get(&format!("/v2/b/blobs/{digest}")).expect(200);
}

#[test]
fn many_uploads_of_one_blob_at_once_all_succeed() {
    let server = Server::start();
    let bytes = noise(6, 200_000);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (server, bytes) = (&server, &bytes);
            scope.spawn(move || push_blob(server, ["a", "b"][n % 2], bytes));
        }
    });
    for repository in ["a", "b"] {
        let response = server.get(&format!("/v2/{repository}/blobs/{}", sha256(&bytes))).expect(200);
        assert_eq!(response.body, bytes);
    }
}

#[test]
fn two_hundred_and_fifty_clients_that_push_at_once_all_succeed() {
    const CLIENTS: u64 = 250;
    let server = Server::start();
    let (same, ready) = (noise(8, 2 << 20), Barrier::new(CLIENTS as usize));
    std::thread::scope(|scope| {
        for n in 0..CLIENTS {
            let (same, ready, own) = (&same, &ready, n.to_le_bytes());
            let digest = sha256(&[&own[..], same].concat());
            // They are connected before they begin: of more than a hundred who come to wasmtime serve in one moment, Linux
            // turns some away.
            let mut client = server.client().patience(Duration::from_secs(120));
            client.request(&Request::get("/v2/")).expect(200);
            scope.spawn(move || {
                ready.wait();
                let begin = Request::post(&format!("/v2/a/b{n}/blobs/uploads/"));
                let upload = client.request(&begin).expect(202).location();
                let length = own.len() + same.len();
                client.send_head(
                    &Request::new("PUT", &closing(&upload, &digest)).header("Content-Length", length),
                );
                client.send(&own);
                client.send(same);
                client.response("PUT").expect(201);
            });
        }
    });
}

#[test]
fn a_large_blob_comes_back_as_it_went() {
    let server = Server::start();
    let bytes = noise(7, 20_000_000);
    let digest = push_blob(&server, "a", &bytes);
    let response = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(response.body.len(), bytes.len());
    assert_eq!(sha256(&response.body), digest);
}
