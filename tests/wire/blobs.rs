//! Blobs that are read.
use tests::{Request, Server, assert_error, noise, push_blob, sha256};

#[test]
fn a_blob_is_served_with_everything_a_cache_wants() {
    let server = Server::start();
    let bytes = noise(1, 70_000);
    let digest = push_blob(&server, "a", &bytes);
    let response = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(response.body, bytes);
    assert_eq!(response.required("Content-Length"), "70000");
    assert_eq!(response.required("Content-Type"), "application/octet-stream");
    assert_eq!(response.required("Docker-Content-Digest"), digest.as_str());
    assert_eq!(response.required("ETag"), format!("\"{digest}\""));
    assert_eq!(response.required("Cache-Control"), "max-age=31536000");
    assert_eq!(response.required("Accept-Ranges"), "bytes");
}

#[test]
fn head_is_get_without_a_byte_of_body() {
    let server = Server::start();
    for length in [0, 1, 1000, 3_000_000] {
        let digest = push_blob(&server, "a", &noise(length as u64, length));
        let path = format!("/v2/a/blobs/{digest}");
        let get = server.get(&path).expect(200);
        let mut client = server.client();
        let head = client.request(&Request::head(&path).header("Connection", "close")).expect(200);
        assert_eq!(client.rest().expect("the end of the connection"), b"");
        assert_eq!(head.required("Content-Length"), length.to_string());
        for name in ["Content-Length", "Content-Type", "Docker-Content-Digest", "ETag", "Accept-Ranges"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
    }
}

#[test]
fn a_blob_that_the_client_has_is_304() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    let path = format!("/v2/a/blobs/{digest}");
    let other = sha256(b"others");
    let ask =
        |method, value: &str| server.request(&Request::new(method, &path).header("If-None-Match", value));
    for value in
        [format!("\"{digest}\""), format!("W/\"{digest}\""), format!("\"{other}\", \"{digest}\""), "*".into()]
    {
        for method in ["GET", "HEAD"] {
            let response = ask(method, &value).expect(304);
            assert_eq!(response.required("ETag"), format!("\"{digest}\""), "{value}");
        }
    }
    for value in [format!("\"{other}\""), "\"\"".into(), "nonsense".into()] {
        assert_eq!(ask("GET", &value).expect(200).body, b"bytes", "{value}");
    }
    let absent =
        Request::get(&format!("/v2/a/blobs/{other}")).header("If-None-Match", format!("\"{other}\""));
    assert_error(&server.request(&absent), 404, "BLOB_UNKNOWN");
}

#[test]
fn an_unknown_blob_is_404() {
    let server = Server::start();
    let absent = format!("/v2/a/blobs/{}", sha256(b"absent"));
    assert_error(&server.get(&absent), 404, "BLOB_UNKNOWN");
    push_blob(&server, "a", b"present");
    assert_error(&server.get(&absent), 404, "BLOB_UNKNOWN");
    let head = server.head(&absent).expect(404);
    assert_eq!(head.header("Content-Length"), server.get(&absent).header("Content-Length"));
}

#[test]
fn a_blob_of_another_repository_is_404() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    push_blob(&server, "b", b"others");
    for repository in ["b", "a/b", "c"] {
        let path = format!("/v2/{repository}/blobs/{digest}");
        assert_error(&server.get(&path), 404, "BLOB_UNKNOWN");
        server.head(&path).expect(404);
    }
}

#[test]
fn a_blob_stays_after_a_restart() {
    let mut server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    server.restart();
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, b"bytes");
    server.kill();
    server.launch();
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, b"bytes");
}

#[test]
fn a_client_that_goes_away_in_the_middle_of_a_download_harms_nobody() {
    let server = Server::start();
    let bytes = noise(2, 8_000_000);
    let digest = push_blob(&server, "a", &bytes);
    let path = format!("/v2/a/blobs/{digest}");
    for _ in 0..30 {
        let mut client = server.client();
        client.send_head(&Request::get(&path));
        client.response_head().expect("a head");
        client.read_exact(1000).expect("a part");
    }
    assert_eq!(sha256(&server.get(&path).expect(200).body), digest);
}
