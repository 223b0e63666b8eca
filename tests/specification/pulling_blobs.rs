//! Pulling blobs.
use tests::{Server, closing, noise, push_blob, sha256, sha512, start_upload};

#[test]
fn an_existing_blob_is_200_with_exactly_its_bytes() {
    let server = Server::start();
    for length in [0, 1, 70_000] {
        let bytes = noise(length, length as usize);
        let digest = push_blob(&server, "a", &bytes);
        assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, bytes);
    }
}

#[test]
fn a_pulled_blob_comes_with_its_digest() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    let response = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
}

#[test]
fn the_digest_that_comes_with_a_blob_is_that_of_its_bytes() {
    let server = Server::start();
    let bytes = noise(1, 10_000);
    push_blob(&server, "a", &bytes);
    server.put(&closing(&start_upload(&server, "a"), &sha512(&bytes)), &bytes).expect(201);
    for asked in [sha256(&bytes), sha512(&bytes)] {
        let response = server.get(&format!("/v2/a/blobs/{asked}")).expect(200);
        let told = response.required("Docker-Content-Digest");
        assert!(
            [sha256(&response.body), sha512(&response.body)].iter().any(|d| d.as_str() == told),
            "{response}"
        );
    }
}
