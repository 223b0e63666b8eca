//! What becomes of a connection when a request is answered without its body having been read.
use std::time::{Duration, Instant};
use tests::{Request, Response, Server, assert_error, start_upload};

const UNKNOWN: &str = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000";
const MIB: usize = 1 << 20;

fn assert_kept(response: &Response) {
    assert_eq!(response.header("Connection"), None, "{response}");
}

fn assert_closed(response: &Response) {
    assert_eq!(response.header("Connection"), Some("close"), "{response}");
}

/// A body of this length in pieces that say theirs.
fn chunks(length: usize) -> Vec<u8> {
    [format!("{length:x}\r\n").as_bytes(), &vec![b'x'; length], b"\r\n0\r\n\r\n"].concat()
}

#[test]
fn a_short_one_is_read_off_and_the_connection_goes_on() {
    let server = Server::start();
    let mut client = server.client();
    for length in [1, 20_000, 100_000, 256 << 10] {
        for _ in 0..10 {
            let body = || vec![b'x'; length];
            for (request, status) in [
                (Request::patch(UNKNOWN, body()), 404),
                (Request::put("/v2/a/manifests/-bad", body()), 400),
                (Request::put("/v2/a/tags/list", body()), 405),
                (Request::post("/v2/a/blobs/uploads/").body(body()), 202),
            ] {
                let response = client.request(&request).expect(status);
                assert_kept(&response);
                client.request(&Request::get("/v2/")).expect(200);
            }
        }
    }
}

#[test]
fn a_short_one_in_chunks_is_read_off_too() {
    let server = Server::start();
    let mut client = server.client();
    for length in [20_000, 200_000] {
        client.send_head(&Request::new("PATCH", UNKNOWN).header("Transfer-Encoding", "chunked"));
        client.send(&chunks(length));
        assert_kept(&client.response("PATCH").expect(404));
        client.request(&Request::get("/v2/")).expect(200);
    }
}

#[test]
fn of_a_long_one_the_answer_says_that_the_connection_ends() {
    let server = Server::start();
    for length in [(256 << 10) + 1, MIB, 16 * MIB] {
        let mut client = server.client();
        let response = client.request(&Request::patch(UNKNOWN, vec![b'x'; length]));
        assert_error(&response, 404, "BLOB_UPLOAD_UNKNOWN");
        assert_closed(&response);
        assert_eq!(client.rest().expect("the end of the connection"), b"");

        let mut client = server.client();
        client.send_head(&Request::new("PATCH", UNKNOWN).header("Transfer-Encoding", "chunked"));
        // The server need not take all of it.
        let _ = client.write(&chunks(length));
        let response = client.response("PATCH");
        assert_error(&response, 404, "BLOB_UPLOAD_UNKNOWN");
        assert_closed(&response);
    }
}

#[test]
fn one_that_was_not_asked_for_is_not_waited_for() {
    let server = Server::start();
    let mut client = server.client();
    let head = Request::new("PATCH", UNKNOWN).header("Content-Length", 10).header("Expect", "100-continue");
    client.send_head(&head);
    let response = client.response("PATCH").expect(404);
    assert_eq!(response.interim, [0_u16; 0], "{response}");
    assert_closed(&response);
    assert_eq!(client.rest().expect("the end of the connection"), b"");
}

#[test]
fn one_that_was_asked_for_is_read_as_any_other() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    let mut client = server.client();
    let head = Request::new("PATCH", &upload).header("Content-Length", 10).header("Expect", "100-continue");
    client.send_head(&head);
    assert_eq!(client.one_head().expect("an interim answer").status, 100);
    client.send(b"0123456789");
    assert_kept(&client.response("PATCH").expect(202));
    client.request(&Request::get("/v2/")).expect(200);
}

#[test]
fn a_client_that_sends_slowly_is_answered_at_once() {
    let server = Server::start();
    let mut client = server.client();
    let begun = Instant::now();
    client.send_head(&Request::new("PATCH", UNKNOWN).header("Content-Length", 8));
    assert_kept(&client.response("PATCH").expect(404));
    for byte in b"01234567" {
        std::thread::sleep(Duration::from_millis(50));
        client.send(&[*byte]);
    }
    client.request(&Request::get("/v2/")).expect(200);

    client.send_head(&Request::new("PATCH", UNKNOWN).header("Transfer-Encoding", "chunked"));
    client.send(b"5\r\n01234\r\n");
    assert_closed(&client.response("PATCH").expect(404));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_rest_that_does_not_come_is_not_waited_for_without_end() {
    for (name, other) in [
        ("REGISTRY_LIMITS_IDLETIMEOUT", "REGISTRY_LIMITS_LINGERTIME"),
        ("REGISTRY_LIMITS_LINGERTIME", "REGISTRY_LIMITS_IDLETIMEOUT"),
    ] {
        let server = Server::with(|s| s.env(name, "1s").env(other, "30s"));
        let mut client = server.client().patience(Duration::from_secs(5));
        client.send_head(&Request::new("PATCH", UNKNOWN).header("Content-Length", 100));
        client.response("PATCH").expect(404);
        client.send(b"x");
        assert_eq!(client.rest().expect("the end of the connection"), b"", "{name}");
    }
}

#[test]
fn who_has_no_other_request_is_not_kept() {
    let server = Server::start();
    let close = "HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n";
    let keep_alive = "HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n";
    for line in [close, keep_alive, "HTTP/1.0\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n"] {
        let mut client = server.client();
        client.send(format!("PATCH {UNKNOWN} {line}Content-Length: 10\r\n\r\n").as_bytes());
        let answer = client.rest().expect("the end of the connection");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(" 404 ") && answer.contains("BLOB_UPLOAD_UNKNOWN"), "{line}: {answer}");
        let answer = answer.to_ascii_lowercase();
        assert!(answer.contains("connection: close"), "{line}: {answer}");
        assert!(!answer.contains("keep-alive"), "{line}: {answer}");
    }
}
