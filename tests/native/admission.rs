//! More requests at once than the server takes.
use std::sync::Barrier;
use std::time::Duration;
use tests::{Client, Request, Server, assert_error, eventually, noise, push_blob, start_upload};

/// Uploads that have begun and wait for the rest of their bodies: each is a request in flight, as its bytes on disk
/// show. One that was turned away, because an answer before it was still on its way out, is begun again.
pub fn waiting(server: &Server, uploads: &[String]) -> Vec<Client> {
    let begin = |upload: &String| {
        let id = upload.trim_end_matches('/').rsplit('/').next().expect("an upload's path ends in its id");
        let data = server.repository("a").join("_uploads").join(id).join("data");
        for _ in 0..10 {
            let mut client = server.client();
            client.send_head(&Request::new("PATCH", upload).header("Content-Length", 10));
            client.send(b"01234");
            let begun = || std::fs::metadata(&data).is_ok_and(|data| data.len() == 5);
            if eventually(Duration::from_millis(500), begun) {
                return client;
            }
        }
        panic!("the upload {upload} does not begin");
    };
    uploads.iter().map(begin).collect()
}

#[test]
fn beyond_the_bound_the_answer_is_503_and_when_to_try_again() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_REQUESTS", 4));
    let uploads: Vec<_> = (0..4).map(|_| start_upload(&server, "a")).collect();
    let mut clients = waiting(&server, &uploads);
    let full = eventually(Duration::from_secs(5), || server.get("/v2/").status == 503);
    assert!(full, "the bound is not kept");
    let response = server.get("/v2/a/tags/list");
    assert_error(&response, 503, "UNAVAILABLE");
    let seconds: u32 = response.required("Retry-After").parse().expect("a number of seconds");
    assert!((1..=60).contains(&seconds), "{response}");

    for client in &mut clients {
        client.send(b"56789");
        client.response("PATCH").expect(202);
    }
    let recovered = eventually(Duration::from_secs(5), || server.get("/v2/").status == 200);
    assert!(recovered, "the server does not recover");
}

#[test]
fn clients_that_go_away_make_room() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_REQUESTS", 3));
    for _ in 0..3 {
        let uploads: Vec<_> = (0..3).map(|_| start_upload(&server, "a")).collect();
        let clients = waiting(&server, &uploads);
        assert!(eventually(Duration::from_secs(5), || server.get("/v2/").status == 503));
        drop(clients);
        assert!(eventually(Duration::from_secs(5), || server.get("/v2/").status == 200));
    }
}

#[test]
fn a_request_that_was_turned_away_can_be_repeated_on_the_same_connection() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_REQUESTS", 1));
    let uploads = [start_upload(&server, "a")];
    let mut clients = waiting(&server, &uploads);
    let mut client = server.client();
    assert!(eventually(Duration::from_secs(5), || client.request(&Request::get("/v2/")).status == 503));
    clients[0].send(b"56789");
    clients[0].response("PATCH").expect(202);
    assert!(eventually(Duration::from_secs(5), || client.request(&Request::get("/v2/")).status == 200));
}

#[test]
fn connections_that_ask_for_nothing_take_no_place_among_the_requests() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_REQUESTS", 2));
    let mut idle: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut idle {
        client.request(&Request::get("/v2/")).expect(200);
    }
    server.get("/v2/").expect(200);
}

#[test]
fn two_hundred_and_fifty_clients_that_come_in_one_moment_are_all_served() {
    const CLIENTS: usize = 250;
    let (server, ready) = (Server::start(), Barrier::new(CLIENTS));
    std::thread::scope(|scope| {
        for n in 0..CLIENTS {
            let (server, ready) = (&server, &ready);
            scope.spawn(move || {
                let bytes = noise(n as u64, 256 << 10);
                ready.wait();
                push_blob(server, &format!("a/b{n}"), &bytes);
            });
        }
    });
}

#[test]
fn a_connection_beyond_the_bound_waits_until_another_ends() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_CONNECTIONS", 3));
    let mut open: Vec<_> = (0..3).map(|_| server.client()).collect();
    for client in &mut open {
        client.request(&Request::get("/v2/")).expect(200);
    }
    let mut waiting = server.client().patience(Duration::from_millis(500));
    waiting.send_head(&Request::get("/v2/"));
    assert!(waiting.try_response("GET").is_err(), "the bound is not kept");
    open.pop();
    let mut waiting = waiting.patience(Duration::from_secs(5));
    waiting.response("GET").expect(200);
}

/// Expects a number of connections at once to be served and one more to wait.
#[track_caller]
fn assert_room(server: &Server, count: usize) {
    let mut open: Vec<_> = (0..count).map(|_| server.client()).collect();
    for client in &mut open {
        client.request(&Request::get("/v2/")).expect(200);
    }
    let mut waiting = server.client().patience(Duration::from_millis(500));
    waiting.send_head(&Request::get("/v2/"));
    assert!(waiting.try_response("GET").is_err(), "there is room for more than {count}");
    open.pop();
    waiting.patience(Duration::from_secs(5)).response("GET").expect(200);
}

#[test]
fn where_the_system_allows_few_open_files_it_is_said_and_as_many_connections_are_accepted_as_fit() {
    let server = Server::with(|s| s.under(&["sh", "-c", "ulimit -n 80; exec \"$@\"", "sh"]));
    server.assert_says("allow 11024 (LimitNOFILE= of systemd, ulimit -n, --ulimit nofile= of docker)");
    assert_room(&server, 40);
    assert!(!server.log().contains("no connection can be accepted"), "{}", server.log());
}

#[test]
fn that_no_connection_can_be_accepted_is_said_once_until_one_is() {
    let server = Server::start();
    let said = || server.log().lines().filter(|line| line.contains("no connection can be accepted")).count();
    for times in 1..=2 {
        server.allow_files(Some(0));
        let mut client = server.client();
        std::thread::sleep(Duration::from_millis(500));
        server.allow_files(None);
        client.request(&Request::get("/v2/")).expect(200);
        assert_eq!(said(), times, "{}", server.log());
    }
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_the_system_allows() {
    let server = Server::with(|s| s.under(&["sh", "-c", "ulimit -Sn 80; exec \"$@\"", "sh"]));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{line}");
    assert_ne!(words[3], "80", "{line}");
}

#[test]
fn a_hundred_slow_uploads_do_not_keep_others_waiting() {
    let server = Server::start();
    let uploads: Vec<_> = (0..100).map(|_| start_upload(&server, "a")).collect();
    let mut clients = waiting(&server, &uploads);
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        server.get("/v2/").expect(200);
    }
    tests::push_blob(&server, "b", b"bytes");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for client in &mut clients {
        client.send(b"56789");
        client.response("PATCH").expect(202);
    }
}
