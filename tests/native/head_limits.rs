//! Heads that are too large.
use tests::{Client, Request, Response, Server};

/// Sends a head that the server need not read to its end, and reads the refusal.
fn refusal(server: &Server, head: &[u8]) -> Response {
    let mut client: Client = server.client();
    let _ = client.write(head);
    client.finish_sending();
    client.try_response("GET").unwrap_or_else(|error| panic!("the refusal cannot be read: {error}"))
}

fn assert_refused(response: &Response) {
    assert!(matches!(response.status, 400 | 414 | 431), "{response}");
}

#[test]
fn ten_thousand_headers_are_refused() {
    let server = Server::start();
    let mut head = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n".to_vec();
    for n in 0..10_000 {
        head.extend_from_slice(format!("X-{n}: {n}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    assert_refused(&refusal(&server, &head));
    server.get("/v2/").expect(200);
}

#[test]
fn more_headers_than_the_bound_are_refused_and_fewer_are_not() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_HEADERCOUNT", "20"));
    let ask = |count: usize| {
        let request = (0..count).fold(Request::get("/v2/"), |r, n| r.header(&format!("X-{n}"), n));
        server.request(&request)
    };
    ask(15).expect(200);
    assert_refused(&ask(30));
}

#[test]
fn a_giant_header_is_refused() {
    let server = Server::start();
    let head = format!("GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Giant: {}\r\n\r\n", "x".repeat(1 << 20));
    assert_refused(&refusal(&server, head.as_bytes()));
    server.get("/v2/").expect(200);
}

#[test]
fn a_giant_target_is_refused() {
    let server = Server::start();
    for target in
        [format!("/v2/{}", "a/".repeat(1 << 19)), format!("/v2/_catalog?last={}", "a".repeat(1 << 20))]
    {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_refused(&refusal(&server, head.as_bytes()));
    }
    server.get("/v2/").expect(200);
}

#[test]
fn the_bound_of_a_head_can_be_set() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_HEADERS", "16384"));
    let ask = |length: usize| server.request(&Request::get("/v2/").header("X-Long", "x".repeat(length)));
    ask(10_000).expect(200);
    assert_refused(&ask(40_000));
}

#[test]
fn what_is_no_http_is_refused_and_harms_nobody() {
    let server = Server::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /v2/\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
    ] {
        let mut client = server.client();
        client.send(bytes);
        client.finish_sending();
        if let Ok(response) = client.try_response("GET") {
            assert!(
                (400..500).contains(&response.status),
                "{:?}: {response}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
    server.get("/v2/").expect(200);
}

#[test]
fn a_length_beside_chunks_cannot_smuggle_a_request() {
    let server = Server::start();
    let upload = tests::start_upload(&server, "a");
    let smuggled = b"0\r\n\r\nDELETE /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = server.client();
    let request = Request::new("PATCH", &upload).header("Content-Length", smuggled.len());
    client.send_head(&request.header("Transfer-Encoding", "chunked"));
    client.send(smuggled);
    client.finish_sending();
    let mut statuses = Vec::new();
    while let Ok(response) = client.try_response("PATCH") {
        statuses.push(response.status);
    }
    assert!(!statuses.contains(&405), "the body was taken for a request: {statuses:?}");
}

#[test]
fn a_bound_of_heads_beyond_what_is_read_of_one_stops_the_server() {
    let check = |headers: &str, readbuffer: &str| {
        tests::run(&["config", "check"], |s| {
            s.env("REGISTRY_LIMITS_HEADERS", headers).env("REGISTRY_LIMITS_READBUFFER", readbuffer)
        })
    };
    let refused = check("128KiB", "64KiB");
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    for words in ["REGISTRY_LIMITS_HEADERS: limits.headers: ", "limits.readbuffer", "write no more here"] {
        assert!(refused.output.contains(words), "{words:?} is not in {}", refused.output);
    }
    assert_eq!(check("128KiB", "128KiB").code, Some(0));
}
