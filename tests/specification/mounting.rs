//! Mounting a blob from another repository.
use tests::{Server, closing, push_blob, sha256};

#[test]
fn a_mounted_blob_is_201_with_a_location_to_pull_from() {
    let server = Server::start();
    let digest = push_blob(&server, "from", b"bytes");
    let response = server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from")).expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, b"bytes");
}

#[test]
fn a_blob_is_mounted_from_wherever_it_is_found_when_no_repository_is_named() {
    let server = Server::start();
    let digest = push_blob(&server, "from", b"bytes");
    let response = server.post(&format!("/v2/to/blobs/uploads/?mount={digest}")).expect(201);
    assert_eq!(server.get(&response.location()).expect(200).body, b"bytes");
}

#[test]
fn a_mount_that_cannot_be_done_is_202_and_a_session() {
    let server = Server::start();
    push_blob(&server, "from", b"others");
    let digest = sha256(b"bytes");
    for query in [
        format!("mount={digest}&from=from"),
        format!("mount={digest}&from=absent"),
        format!("mount={digest}"),
    ] {
        let upload = server.post(&format!("/v2/to/blobs/uploads/?{query}")).expect(202).location();
        server.get(&upload).expect(204);
        server.delete(&upload).expect(204);
    }
    let upload =
        server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from")).expect(202).location();
    server.put(&closing(&upload, &digest), b"bytes").expect(201);
}
