//! Clients that take their time, and those that take too much of it.
use std::time::{Duration, Instant};
use tests::{
    Request, Response, Server, assert_error, closing, eventually, guard, noise, push_blob, sha256,
    start_upload,
};

#[test]
fn a_head_that_comes_a_byte_at_a_time_is_cut_off() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_HEADERTIMEOUT", "1s"));
    let mut client = server.client().patience(Duration::from_secs(5));
    let begun = Instant::now();
    let head = b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n";
    let refused = head.iter().any(|byte| {
        std::thread::sleep(Duration::from_millis(100));
        client.write(&[*byte]).is_err()
    });
    let took = begun.elapsed();
    match client.try_response("GET") {
        Ok(response) => assert_eq!(response.status, 408, "{response}"),
        Err(_) => assert!(refused, "the server read all of the head, and answered nothing"),
    }
    assert!(took < Duration::from_secs(7), "{took:?}");
}

#[test]
fn a_connection_that_says_nothing_or_stops_in_its_first_words_is_closed() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_HEADERTIMEOUT", "1s"));
    let begin = |words: &&str| {
        let mut client = server.client().patience(Duration::from_secs(5));
        client.send(words.as_bytes());
        client
    };
    let words = ["", "P", "PRI * HTTP/2.0\r\n", "GET /v2/ HT", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"];
    let clients: Vec<_> = words.iter().map(begin).collect();
    for (words, mut client) in words.iter().zip(clients) {
        assert!(client.rest().is_ok(), "the server still waits after {words:?}");
    }
}

#[test]
fn an_upload_that_stands_still_is_cut_and_can_go_on() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_IDLETIMEOUT", "1s"));
    let bytes = noise(1, 100_000);
    let upload = start_upload(&server, "a");
    let mut client = server.client().patience(Duration::from_secs(6));
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..40_000]);
    match client.try_response("PATCH") {
        Ok(response) => assert!((400..600).contains(&response.status), "{response}"),
        Err(error) => {
            let waited =
                matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!waited, "the server still waits");
        }
    }
    let kept = || server.get(&upload).expect(204).required("Range") == "0-39999";
    assert!(eventually(Duration::from_secs(2), kept), "{}", server.get(&upload));
    server.patch(&upload, &bytes[40_000..]).expect(202);
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
}

#[test]
fn an_upload_that_is_slow_but_moves_is_not_cut() {
    let server = Server::with(|s| {
        s.env("REGISTRY_LIMITS_IDLETIMEOUT", "1s").env("REGISTRY_LIMITS_HEADERTIMEOUT", "1s")
    });
    let upload = start_upload(&server, "a");
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", 8));
    for byte in b"01234567" {
        std::thread::sleep(Duration::from_millis(350));
        client.send(&[*byte]);
    }
    assert_eq!(client.response("PATCH").expect(202).required("Range"), "0-7");
    server.put(&closing(&upload, &sha256(b"01234567")), b"").expect(201);
}

#[test]
fn a_manifest_that_stands_still_is_cut() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_IDLETIMEOUT", "1s"));
    let mut client = server.client().patience(Duration::from_secs(6));
    client.send_head(&Request::new("PUT", "/v2/a/manifests/latest").header("Content-Length", 1000));
    client.send(b"{");
    match client.try_response("PUT") {
        Ok(response) => assert!((400..600).contains(&response.status), "{response}"),
        Err(error) => {
            let waited =
                matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!waited, "the server still waits");
        }
    }
}

/// Sends the body of a request a few bytes at a time, until the server has answered or all is sent. The answer, and how long
/// it took to come.
fn trickle(server: &Server, request: Request, body: &[u8], each: usize) -> (Response, Duration) {
    let mut client = server.client().patience(Duration::from_millis(100));
    let begun = Instant::now();
    client.send_head(&request.header("Content-Length", body.len()));
    for part in body.chunks(each) {
        if client.write(part).is_err() {
            break;
        }
        if let Ok(response) = client.try_response("POST") {
            return (response, begun.elapsed());
        }
    }
    (client.patience(Duration::from_secs(5)).response("POST"), begun.elapsed())
}

#[test]
fn a_form_or_a_manifest_that_comes_a_byte_at_a_time_is_cut() {
    let server = Server::with(|s| {
        guard(s, "access: [{who: anonymous, repositories: a, actions: [pull, push]}]\n")
            .env("REGISTRY_LIMITS_HEADERTIMEOUT", "1s")
    });
    for (request, says) in [
        (Request::post("/auth/token"), "took too long"),
        (Request::new("PUT", "/v2/a/manifests/latest"), "SIZE_INVALID"),
    ] {
        let (response, took) = trickle(&server, request, &[b'a'; 1000], 1);
        assert_eq!(response.status, 400, "{response}");
        assert!(response.text().contains(says), "{response}");
        assert!((900..4000).contains(&took.as_millis()), "{took:?}");
    }
}

#[test]
fn a_manifest_that_is_slow_but_long_has_more_time() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_HEADERTIMEOUT", "1s"));
    let put = Request::new("PUT", "/v2/a/manifests/latest");
    let (response, took) = trickle(&server, put, &[b'x'; 24 << 10], 1 << 10);
    assert!(took > Duration::from_secs(2), "{took:?}");
    assert_error(&response, 400, "MANIFEST_INVALID");
}

#[test]
fn a_download_that_nobody_reads_is_cut() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_IDLETIMEOUT", "1s"));
    let bytes = noise(2, 32 << 20);
    let digest = push_blob(&server, "a", &bytes);
    let mut client = server.client();
    client.send_head(&Request::get(&format!("/v2/a/blobs/{digest}")));
    client.response_head().expect("a head");
    std::thread::sleep(Duration::from_secs(3));
    let rest = client.rest().map_or(0, |rest| rest.len());
    assert!(rest < bytes.len(), "all of it came");
}

#[test]
fn a_download_that_is_read_slowly_comes_whole() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_IDLETIMEOUT", "1s"));
    let bytes = noise(3, 24 << 20);
    let digest = push_blob(&server, "a", &bytes);
    let mut client = server.client();
    client.send_head(&Request::get(&format!("/v2/a/blobs/{digest}")));
    client.response_head().expect("a head");
    let mut read = Vec::new();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(300));
        read.extend(client.read_exact(2 << 20).expect("two mebibytes"));
    }
    read.extend(client.read_exact(bytes.len() - read.len()).expect("the rest"));
    assert_eq!(sha256(&read), digest);
}
