//! Readers that take their time, and many at once: each gets every byte.
use std::sync::Barrier;
use std::time::Duration;
use tests::{Client, Request, Server, noise, push_blob, sha256};

/// More than the buffers between a server and a client that does not read.
const LAYER: usize = 24 << 20;

/// Asks for a blob, and reads of the answer no more than its head.
fn begin(server: &Server, target: &str) -> Client {
    let mut client = server.client();
    client.send_head(&Request::get(target));
    let head = client.response_head().expect("a head");
    assert_eq!((head.status, head.required("Content-Length")), (200, LAYER.to_string().as_str()), "{head}");
    client
}

fn rest(client: &mut Client, mut read: Vec<u8>) -> Vec<u8> {
    read.extend(client.read_exact(LAYER - read.len()).expect("the rest"));
    read
}

#[test]
fn a_reader_of_64_kib_a_second_gets_every_byte() {
    let server = Server::start();
    let digest = push_blob(&server, "a", &noise(1, LAYER));
    let mut client = begin(&server, &format!("/v2/a/blobs/{digest}"));
    let mut read = Vec::new();
    for _ in 0..5 * 8 {
        read.extend(client.read_exact(8 << 10).expect("8 KiB"));
        std::thread::sleep(Duration::from_millis(125));
    }
    assert_eq!(sha256(&rest(&mut client, read)), digest);
}

#[test]
fn a_reader_that_pauses_for_three_seconds_gets_every_byte() {
    let server = Server::start();
    let digest = push_blob(&server, "a", &noise(2, LAYER));
    let target = format!("/v2/a/blobs/{digest}");
    // One that has not begun, and one that is in the middle of it.
    let (mut early, mut late) = (begin(&server, &target), begin(&server, &target));
    let half = late.read_exact(LAYER / 2).expect("a half");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(sha256(&rest(&mut early, Vec::new())), digest);
    assert_eq!(sha256(&rest(&mut late, half)), digest);
}

#[test]
fn what_is_asked_beside_a_slow_reader_is_answered() {
    let server = Server::start();
    let digest = push_blob(&server, "a", &noise(3, LAYER));
    let target = format!("/v2/a/blobs/{digest}");
    let mut slow: Vec<_> = (0..8).map(|_| begin(&server, &target)).collect();
    for seed in 10..20 {
        let other = push_blob(&server, "a", &noise(seed, 100_000));
        server.head(&format!("/v2/a/blobs/{other}")).expect(200);
    }
    for client in &mut slow {
        assert_eq!(sha256(&rest(client, Vec::new())), digest);
    }
}

#[test]
fn of_24_who_pull_at_once_each_gets_every_byte() {
    const READERS: usize = 24;
    let server = Server::start();
    let layers: Vec<_> = (0..4).map(|seed| push_blob(&server, "a", &noise(20 + seed, 4 << 20))).collect();
    let together = Barrier::new(READERS);
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (server, layers, together) = (&server, &layers, &together);
            scope.spawn(move || {
                together.wait();
                for turn in 0..layers.len() {
                    let digest = &layers[(reader + turn) % layers.len()];
                    let got = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
                    assert_eq!(sha256(&got.body), *digest, "reader {reader}");
                }
            });
        }
    });
}
