//! Blobs that are taken over from another repository.
use tests::{Request, Server, assert_error, closing, noise, push_blob, sha256};

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
    for digest in ["bytes", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", ".."] {
        let response = server.post(&format!("/v2/to/blobs/uploads/?mount={digest}&from=from"));
        assert_error(&response, 400, "DIGEST_INVALID");
    }
}

#[test]
fn a_mount_from_a_bad_name_or_of_nothing_becomes_an_upload() {
    let server = Server::start();
    let digest = push_blob(&server, "from", b"bytes");
    let mut queries: Vec<String> = ["FROM", "../from", "%2e%2e/from", "from/", "a//b"]
        .map(|name| format!("mount={digest}&from={name}"))
        .into();
    queries.extend(["mount=&from=from".into(), "mount=".into(), "mount&from=from&digest=".into()]);
    for query in queries {
        let response = server.post(&format!("/v2/to/blobs/uploads/?{query}")).expect(202);
        server.head(&format!("/v2/to/blobs/{digest}")).expect(404);
        server.delete(&response.location()).expect(204);
    }
}

#[test]
fn a_mount_that_names_the_digest_as_well_is_a_mount_unless_it_brings_the_bytes() {
    let server = Server::start();
    let digest = push_blob(&server, "from", b"bytes");
    let both = |digest, from| format!("/v2/to/blobs/uploads/?mount={digest}&from={from}&digest={digest}");
    let mounted = server.post(&both(&digest, "from")).expect(201);
    assert_eq!(mounted.location(), format!("/v2/to/blobs/{digest}"));

    let absent = sha256(b"others");
    let upload = server.post(&both(&absent, "from")).expect(202).location();
    server.put(&closing(&upload, &absent), b"others").expect(201);

    let whole = sha256(b"whole");
    server.request(&Request::post(&both(&whole, "from")).body(*b"whole")).expect(201);
    assert_eq!(server.get(&format!("/v2/to/blobs/{whole}")).expect(200).body, b"whole");
    assert_error(&server.post("/v2/to/blobs/uploads/?mount=bytes&digest=bytes"), 400, "DIGEST_INVALID");
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

#[test]
fn a_mount_that_names_the_digest_twice_and_no_length_is_no_upload_of_nothing() {
    let server = Server::start();
    push_blob(&server, "source", b"bytes");
    let digest = sha256(b"bytes");
    let mut client = server.client();
    // As curl sends it.
    let target = format!("/v2/a/blobs/uploads/?mount={digest}&from=source&digest={digest}");
    client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    client.response("POST").expect(201);
    server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
}

#[test]
fn a_mount_that_names_the_digest_twice_may_bring_bytes_whose_length_it_does_not_say() {
    let server = Server::start();
    let digest = sha256(b"bytes");
    let send = |mounted: &names::Digest, named: &names::Digest| {
        let mut client = server.client();
        let target = format!("/v2/a/blobs/uploads/?mount={mounted}&from=source&digest={named}");
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(head.as_bytes());
        client.send(b"5\r\nbytes\r\n0\r\n\r\n");
        client.response("POST")
    };
    let other = sha256(b"other");
    assert_error(&send(&other, &other), 400, "DIGEST_INVALID");
    send(&other, &digest).expect(201);
    server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    send(&digest, &digest).expect(201);
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, b"bytes");
}
