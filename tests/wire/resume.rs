//! Uploads that were cut and go on.
use std::time::{Duration, Instant};
use tests::{Client, Host, Request, Response, Server, closing, eventually, noise, sha256, start_upload};

const SIZE: usize = 3_000_000;

/// Begins a PATCH of everything and sends a part of it.
fn begin(server: &Server, upload: &str, bytes: &[u8], sent: usize) -> Client {
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..sent]);
    client
}

/// The offset of which the server tells.
fn offset(server: &Server, upload: &str) -> usize {
    let response = server.get(upload).expect(204);
    let range = response.required("Range");
    match range.strip_prefix("0-").and_then(|last| last.parse().ok()) {
        Some(0) => 0,
        Some(last) => last + 1,
        None => panic!("{response}"),
    }
}

/// Sends what is missing from the offset of which the server tells, and ends the upload.
fn go_on(server: &Server, upload: &str, bytes: &[u8]) {
    let begun = Instant::now();
    let from = offset(server, upload);
    let range = format!("{from}-{}", bytes.len() - 1);
    let request = Request::patch(upload, &bytes[from..]).header("Content-Range", range);
    // Where the store outlives the process, a writer that was killed has the session until its time is up.
    let busy = |answer: &Response| answer.status == 416 && server.host() != Host::Native;
    let mut answer = server.request(&request);
    while busy(&answer) && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(500));
        answer = server.request(&request);
    }
    answer.expect(202);
    let digest = sha256(bytes);
    server.put(&closing(upload, &digest), b"").expect(201);
    assert_eq!(sha256(&server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body), digest);
}

#[test]
fn an_upload_cut_in_the_middle_of_a_patch_goes_on_from_its_offset() {
    let server = Server::start();
    let bytes = noise(1, SIZE);
    let upload = start_upload(&server, "a");
    drop(begin(&server, &upload, &bytes, 1_234_567));
    let kept = || offset(&server, &upload) == 1_234_567;
    assert!(eventually(Duration::from_secs(5), kept), "what came before the cut is kept");
    go_on(&server, &upload, &bytes);
}

#[test]
fn a_client_that_comes_back_at_once_can_go_on() {
    let server = Server::start();
    let bytes = noise(2, SIZE);
    let upload = start_upload(&server, "a");
    drop(begin(&server, &upload, &bytes, 2_000_000));
    let done = eventually(Duration::from_secs(10), || {
        let from = offset(&server, &upload);
        let request = Request::patch(&upload, &bytes[from..]);
        let range = format!("{from}-{}", SIZE - 1);
        let response = server.request(&request.header("Content-Range", range));
        assert!(matches!(response.status, 202 | 416 | 429 | 503 | 409), "{response}");
        response.status == 202
    });
    assert!(done, "the session stays busy");
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    let mut server = Server::start();
    let bytes = noise(3, SIZE);
    let upload = start_upload(&server, "a");
    drop(begin(&server, &upload, &bytes, 1_500_001));
    let kept = || offset(&server, &upload) == 1_500_001;
    assert!(eventually(Duration::from_secs(5), kept), "what came before the cut is kept");
    server.restart();
    assert_eq!(offset(&server, &upload), 1_500_001);
    go_on(&server, &upload, &bytes);
}

#[test]
fn an_upload_goes_on_after_the_server_was_killed_in_the_middle_of_it() {
    let mut server = Server::start();
    let bytes = noise(4, SIZE);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes[..700_000]).expect(202);
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", SIZE - 700_000));
    client.send(&bytes[700_000..2_000_000]);
    std::thread::sleep(Duration::from_millis(100));
    server.kill();
    server.launch();
    let from = offset(&server, &upload);
    assert!(
        (700_000..=2_000_000).contains(&from),
        "an acknowledged chunk is kept, what never came is not: {from}"
    );
    go_on(&server, &upload, &bytes);
}

#[test]
fn an_upload_goes_on_in_many_small_pieces_over_many_restarts() {
    let mut server = Server::start();
    let bytes = noise(5, 10_007);
    let upload = start_upload(&server, "a");
    let mut from = 0;
    for (n, to) in [1, 64, 65, 4096, 5000, 10_007].into_iter().enumerate() {
        server.patch(&upload, &bytes[from..to]).expect(202);
        from = to;
        match n % 2 {
            0 => server.restart(),
            _ => {
                server.kill();
                server.launch();
            }
        }
        assert_eq!(server.get(&upload).expect(204).required("Range"), format!("0-{}", to - 1));
    }
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
}
