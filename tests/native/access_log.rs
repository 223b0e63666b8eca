//! The log: one line per request.
use std::collections::HashSet;
use tests::{Image, Request, Server, noise, push_blob};

#[test]
fn a_request_is_one_line_that_tells_all_of_it() {
    let server = Server::start();
    let bytes = noise(1, 70_000);
    let digest = push_blob(&server, "a/b", &bytes);
    let mut client = server.client();
    client.request(&Request::get(&format!("/v2/a/b/blobs/{digest}"))).expect(200);
    let line = server.access_line(|line| line.method() == "GET" && line.route() == "blob");
    assert_eq!(line.status(), 200);
    assert_eq!(line.repository(), "a/b");
    assert_eq!(line.number("bytes"), Some(70_000.0), "{line:?}");
    assert!(line.number("duration_ms").is_some_and(|d| d > 0.0), "{line:?}");
    assert!(!line.text("request").is_empty(), "{line:?}");
    let remote = client.stream().local_addr().expect("an address").to_string();
    assert_eq!(line.text("remote"), remote, "{line:?}");
}

#[test]
fn every_request_has_a_line_and_no_request_has_two() {
    let mut server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    let requests = [
        ("GET", "/v2/".to_owned(), 200, "version"),
        ("GET", "/v2/_catalog".into(), 200, "catalog"),
        ("GET", "/v2/a/tags/list".into(), 200, "tags"),
        ("HEAD", format!("/v2/a/manifests/{digest}"), 200, "manifest"),
        ("GET", "/v2/a/manifests/absent".into(), 404, "manifest"),
        ("GET", "/v2/UPPER/manifests/latest".into(), 400, ""),
        ("GET", "/nowhere".into(), 404, ""),
        ("BREW", "/v2/a/tags/list".into(), 405, "tags"),
        ("POST", "/v2/a/blobs/uploads/".into(), 202, "uploads"),
        ("PATCH", "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000".into(), 404, "upload"),
    ];
    for (method, target, status, _) in &requests {
        server.request(&Request::new(method, target)).expect(*status);
    }
    server.terminate(std::time::Duration::from_secs(10));
    let lines: Vec<_> = server.access().into_iter().rev().take(requests.len()).collect();
    for ((method, target, status, route), line) in requests.iter().zip(lines.iter().rev()) {
        assert_eq!((line.method(), line.status()), (*method, *status), "{target}");
        if !route.is_empty() {
            assert_eq!(line.route(), *route, "{target}");
        }
    }
    let ids: HashSet<_> = lines.iter().map(|line| line.text("request").to_owned()).collect();
    assert_eq!(ids.len(), requests.len(), "a request id stands for one request");
}

#[test]
fn of_a_request_that_was_refused_the_line_says_why() {
    let server = Server::start();
    let refused = server.get("/v2/a/manifests/absent").expect(404).json()["errors"][0].clone();
    let line = server.access_line(|line| line.status() == 404);
    assert_eq!(line.text("err.code"), "MANIFEST_UNKNOWN", "{line:?}");
    assert_eq!(line.text("err.message"), refused["message"].as_str().expect("a text"), "{line:?}");
    server.get("/v2/").expect(200);
    let line = server.access_line(|line| line.status() == 200);
    assert_eq!(line.text("err.code"), "", "{line:?}");
}

#[test]
fn a_request_whose_client_is_gone_before_the_answer_has_a_line_too() {
    let server = Server::start();
    let upload = tests::start_upload(&server, "a");
    let mut busy = server.client();
    busy.send_head(&Request::new("PATCH", &upload).header("Content-Length", 1000));
    busy.send(b"0123456789");
    let all_there =
        || server.request(&Request::get(&upload)).header("range").is_some_and(|range| range == "0-9");
    assert!(tests::eventually(std::time::Duration::from_secs(5), all_there), "{}", server.log());
    // It waits for the other one.
    let mut waiting = server.client();
    waiting.send_head(&Request::new("PATCH", &upload).header("Content-Length", 3));
    waiting.send(b"abc");
    std::thread::sleep(std::time::Duration::from_millis(100));
    drop(waiting);
    let line = server.access_line(|line| line.status() == 499);
    assert_eq!((line.method(), line.number("received")), ("PATCH", Some(0.0)), "{line:?}");
}

#[test]
fn a_password_in_the_query_is_in_no_line() {
    let server = Server::start();
    for query in ["username=a&password=hunter2", "refresh_token=hunter2&service=a"] {
        server.request(&Request::post(&format!("/auth/token?{query}")));
        server.access_line(|line| line.text("uri") == "/auth/token");
    }
    assert!(!server.log().contains("hunter2"), "{}", server.log());
}

#[test]
fn an_upload_that_was_cut_has_a_line_too() {
    let server = Server::start();
    let upload = tests::start_upload(&server, "a");
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", 1000));
    client.send(b"0123456789");
    drop(client);
    server.access_line(|line| line.method() == "PATCH" && line.route() == "upload");
}

#[test]
fn a_download_that_was_cut_tells_the_bytes_that_went() {
    let server = Server::start();
    let bytes = noise(2, 32 << 20);
    let digest = push_blob(&server, "a", &bytes);
    let mut client = server.client();
    client.send_head(&Request::get(&format!("/v2/a/blobs/{digest}")));
    client.response_head().expect("a head");
    client.read_exact(1000).expect("a part");
    drop(client);
    let line = server.access_line(|line| line.method() == "GET" && line.route() == "blob");
    let sent = line.number("bytes").expect("a number of bytes");
    assert!((1000.0..bytes.len() as f64).contains(&sent), "{line:?}");
}

#[test]
fn a_push_tells_the_bytes_that_came() {
    let server = Server::start();
    push_blob(&server, "a", &noise(3, 70_000));
    let line = server.access_line(|line| line.method() == "PUT" && line.route() == "upload");
    assert_eq!(line.status(), 201);
    assert_eq!(line.number("received"), Some(70_000.0), "{line:?}");
}

#[test]
fn no_key_of_a_line_stands_twice() {
    let server = Server::start();
    push_blob(&server, "a", b"bytes");
    server.access_line(|line| line.method() == "PUT");
    let log = server.log();
    for line in log.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        for key in value.as_object().expect("an object").keys() {
            assert_eq!(line.matches(&format!("\"{key}\":")).count(), 1, "{key}: {line}");
        }
    }
}

#[test]
fn no_secret_gets_into_the_log() {
    let server = Server::start();
    let secret = "dXNlcjpzZWNyZXQtcGFzc3dvcmQ=";
    let request = Request::get("/v2/a/tags/list").header("Authorization", format!("Basic {secret}"));
    server.request(&request.header("Cookie", secret)).expect(404);
    server.access_line(|line| line.route() == "tags");
    assert!(!server.log().contains(secret), "{}", server.log());
}

#[test]
fn what_a_client_sends_cannot_forge_a_line() {
    let server = Server::start();
    let forged = r#"x","status":200,"method":"FORGED"#;
    let request = Request::get("/v2/a/manifests/%22%0a%7b%22method%22").header("User-Agent", forged);
    let response = server.request(&request);
    assert!(response.status >= 400, "{response}");
    server.access_line(|line| line.status() == response.status);
    assert!(server.access().iter().all(|line| line.method() != "FORGED"), "{}", server.log());
    for line in server.log().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "not JSON: {line}");
    }
}

#[test]
fn at_the_level_error_the_log_has_the_requests_that_the_server_failed_at() {
    let mut server = Server::with(|s| s.env("REGISTRY_LOG_LEVEL", "error"));
    server.get("/v2/").expect(200);
    server.get("/v2/a/manifests/absent").expect(404);
    std::fs::create_dir_all(server.tree()).expect("a directory");
    std::fs::write(server.tree().join("repositories"), "in its place").expect("a file");
    let failed = server.post("/v2/a/blobs/uploads/");
    assert!(failed.status >= 500, "{failed}");
    server.terminate(std::time::Duration::from_secs(10));
    let lines = server.access();
    assert_eq!(
        lines.iter().map(|line| line.status()).collect::<Vec<_>>(),
        [failed.status],
        "{}",
        server.log()
    );
    assert_eq!((lines[0].method(), lines[0].text("uri")), ("POST", "/v2/a/blobs/uploads/"));
}

#[test]
fn who_asks_says_what_it_is() {
    let server = Server::start();
    server.request(&Request::get("/v2/").header("User-Agent", "docker/29.0")).expect(200);
    let line = server.access_line(|line| line.route() == "version");
    assert_eq!(line.text("agent"), "docker/29.0");
}
