//! Blobs that are taken over from another repository.
use tests::{Server, assert_error, closing, noise, push_blob, sha256};

#[test]
fn a_blob_is_mounted_without_being_sent() {
    let server = Server::start();
    let bytes = noise(1, 5000);
    let digest = push_blob(&server, "from", &bytes);
    let response = server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from")).expect(201);
    assert_eq!(response.location(), format!("/v2/to/blobs/{digest}"));
    assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
    assert_eq!(server.get(&response.location()).expect(200).body, bytes);
    server.head(&format!("/v2/from/blobs/{digest}")).expect(200);
}

#[test]
fn a_repository_of_several_parts_is_mounted_from_with_its_slashes_encoded_or_not() {
    let server = Server::start();
    let digest = push_blob(&server, "fr/om", b"bytes");
    server.post(&format!("/v2/a/blobs/uploads/?mount={digest}&from=fr/om")).expect(201);
    server
        .post(&format!("/v2/b/blobs/uploads/?from=fr%2Fom&mount={}", digest.as_str().replace(':', "%3A")))
        .expect(201);
}

#[test]
fn what_cannot_be_mounted_becomes_an_upload() {
    let server = Server::start();
    let bytes = noise(2, 5000);
    let digest = push_blob(&server, "from", b"others");
    let absent = sha256(&bytes);
    for query in [
        format!("mount={absent}&from=from"),
        format!("mount={digest}&from=unknown"),
        format!("mount={}", sha256(b"nobody has this")),
        "from=from".to_owned(),
    ] {
        let response = server.post(&format!("/v2/to/blobs/uploads/?{query}")).expect(202);
        server.head(&format!("/v2/to/blobs/{digest}")).expect(404);
        response.required("Docker-Upload-UUID");
        server.put(&closing(&response.location(), &absent), &bytes).expect(201);
    }
}

#[test]
fn a_mount_by_a_bad_digest_is_refused() {
    let server = Server::start();
    push_blob(&server, "from", b"bytes");
    for digest in ["bytes", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "..", ""] {
        let response = server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from"));
        assert_error(&response, 400, "DIGEST_INVALID");
    }
}

#[test]
fn a_mount_from_a_bad_name_is_refused() {
    let server = Server::start();
    let digest = push_blob(&server, "from", b"bytes");
    for name in ["FROM", "../from", "%2e%2e/from", "from/", "a//b"] {
        let response = server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from={name}"));
        assert_error(&response, 400, "NAME_INVALID");
    }
}

#[test]
fn a_mounted_blob_outlives_the_repository_it_came_from() {
    let server = Server::start();
    let digest = push_blob(&server, "from", b"bytes");
    server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from")).expect(201);
    std::fs::remove_dir_all(server.repository("from")).expect("the repository");
    assert_eq!(server.get(&format!("/v2/to/blobs/{digest}")).expect(200).body, b"bytes");
    let again = server.post(&format!("/v2/other/blobs/uploads/?mount={digest}&from=from"));
    assert_eq!(again.status, 202, "what is gone cannot be mounted: {again}");
}
