//! SIGTERM: what is in flight ends, nothing new begins.
use std::time::{Duration, Instant};
use tests::{Client, Request, Server, closing, eventually, noise, push_blob, sha256, start_upload};

/// An upload of ten bytes of which five were sent.
fn half_an_upload(server: &Server, upload: &str) -> Client {
    let mut client = server.client();
    let head = Request::new("PATCH", upload).header("Content-Length", 10).header("Expect", "100-continue");
    client.send_head(&head);
    assert_eq!(client.one_head().expect("an interim answer").status, 100);
    client.send(b"01234");
    client
}

/// Whether nobody takes a new request any more.
fn refuses(server: &Server) -> bool {
    Client::try_connect(server.addr()).and_then(|mut client| client.try_request(&Request::get("/"))).is_err()
}

#[test]
fn a_server_without_work_ends_at_once_with_success() {
    let mut server = Server::start();
    let begun = Instant::now();
    let status = server.terminate(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn connections_that_ask_for_nothing_do_not_hold_it_up() {
    let mut server = Server::start();
    let mut idle: Vec<_> = (0..5).map(|_| server.client()).collect();
    for client in &mut idle[1..] {
        client.request(&Request::get("/v2/")).expect(200);
    }
    assert_eq!(server.terminate(Duration::from_secs(3)).code(), Some(0));
}

#[test]
fn an_upload_in_flight_ends_and_nothing_new_begins() {
    let mut server = Server::start();
    let upload = start_upload(&server, "a");
    let mut client = half_an_upload(&server, &upload);
    server.signal_to_terminate();
    assert!(eventually(Duration::from_secs(3), || refuses(&server)), "new connections are still served");
    assert!(server.is_running(), "it ended without waiting for the upload:\n{}", server.log());
    client.send(b"56789");
    assert_eq!(client.response("PATCH").expect(202).required("Range"), "0-9");
    assert_eq!(client.rest().expect("the end of the connection"), b"");
    assert_eq!(server.wait(Duration::from_secs(5)).code(), Some(0), "{}", server.log());
    server.launch();
    server.put(&closing(&upload, &sha256(b"0123456789")), b"").expect(201);
}

#[test]
fn a_download_in_flight_comes_whole() {
    let mut server = Server::start();
    let bytes = noise(1, 32 << 20);
    let digest = push_blob(&server, "a", &bytes);
    let mut client = server.client();
    client.send_head(&Request::get(&format!("/v2/a/blobs/{digest}")));
    client.response_head().expect("a head");
    let mut read = client.read_exact(1000).expect("a part");
    server.signal_to_terminate();
    assert!(eventually(Duration::from_secs(3), || refuses(&server)), "new connections are still served");
    read.extend(client.read_exact(bytes.len() - 1000).expect("the rest"));
    assert_eq!(sha256(&read), digest);
    assert_eq!(server.wait(Duration::from_secs(5)).code(), Some(0), "{}", server.log());
}

#[test]
fn an_upload_that_outlasts_the_drain_time_is_cut_and_goes_on_after_a_restart() {
    let mut server = Server::with(|s| s.env("REGISTRY_HTTP_DRAINTIMEOUT", "1s"));
    let upload = start_upload(&server, "a");
    let client = half_an_upload(&server, &upload);
    let begun = Instant::now();
    server.terminate(Duration::from_secs(5));
    let took = begun.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    drop(client);
    server.launch();
    assert_eq!(server.get(&upload).expect(204).required("Range"), "0-4");
    server.patch(&upload, b"56789").expect(202);
    server.put(&closing(&upload, &sha256(b"0123456789")), b"").expect(201);
}

#[test]
fn as_process_one_it_ends_on_sigterm_too() {
    let mut server =
        Server::with(|s| s.under(&["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]));
    let upload = start_upload(&server, "a");
    let mut client = half_an_upload(&server, &upload);
    let outer = server.pid();
    let children = format!("/proc/{outer}/task/{outer}/children");
    let inner = std::fs::read_to_string(children).expect("the children of unshare");
    let inner: i32 = inner.trim().parse().expect("one child");
    let pid = rustix::process::Pid::from_raw(inner).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    assert!(eventually(Duration::from_secs(3), || refuses(&server)), "new connections are still served");
    client.send(b"56789");
    client.response("PATCH").expect(202);
    assert_eq!(server.wait(Duration::from_secs(5)).code(), Some(0), "{}", server.log());
}

#[test]
fn an_interrupt_from_the_keyboard_ends_it_too() {
    let mut server = Server::start();
    let pid = rustix::process::Pid::from_raw(server.pid().cast_signed()).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    assert_eq!(server.wait(Duration::from_secs(5)).code(), Some(0), "{}", server.log());
}
