//! A layer as large as machine learning has them: it passes through, and no host keeps more of it than a little.
//!
//! `PIERHEAD_LAYER_MIB` says how large (256 otherwise).
use names::{Algorithm, Digest};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use tests::{Request, Server, closing, noise, push_blob, start_upload};

/// How much more memory the processes of a server may come to hold for it, in KiB: the buffers of a few bodies.
const GROWTH_KIB: u64 = 96 << 10;

/// How much is sent, and read, at once.
const PIECE: usize = 1 << 20;

/// The pieces of the layer: each of them another, and none kept.
fn pieces(count: u64) -> impl Iterator<Item = Vec<u8>> {
    let noise = noise(1, PIECE);
    (0..count).map(move |number| {
        let mut piece = noise.clone();
        piece[..8].copy_from_slice(&number.to_le_bytes());
        piece
    })
}

/// The digest of what comes in pieces.
fn digest(pieces: impl Iterator<Item = Vec<u8>>) -> Digest {
    let hash = pieces.fold(Sha256::new(), |hash, piece| hash.chain_update(piece));
    Digest::from_raw(Algorithm::Sha256, &hash.finalize())
}

#[test]
fn a_large_layer_goes_in_and_out_and_memory_does_not_grow_with_it() {
    let mebibytes = match std::env::var("PIERHEAD_LAYER_MIB") {
        Ok(text) => text.parse().expect("PIERHEAD_LAYER_MIB is a number"),
        Err(_) => 256,
    };
    let server = Server::start();
    // A server that has taken and given something has the memory that it needs for anything.
    let small = push_blob(&server, "a", &noise(2, 8 << 20));
    server.get(&format!("/v2/a/blobs/{small}")).expect(200);
    let before = server.memory_peak();

    let upload = start_upload(&server, "a");
    let mut client = server.client().patience(Duration::from_secs(300));
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", mebibytes * PIECE as u64));
    pieces(mebibytes).for_each(|piece| client.send(&piece));
    let upload = client.response("PATCH").expect(202).location();
    let digest = digest(pieces(mebibytes));
    client.request(&Request::put(&closing(&upload, &digest), *b"")).expect(201);
    let pushed = server.memory_peak();

    client.send_head(&Request::get(&format!("/v2/a/blobs/{digest}")));
    let head = client.response_head().expect("a head");
    assert_eq!(head.status, 200, "{head}");
    let read = (0..mebibytes).map(|_| client.read_exact(PIECE).expect("a piece"));
    assert_eq!(self::digest(read), digest);
    let pulled = server.memory_peak();

    let said = format!(
        "{mebibytes} MiB: {before} KiB before, {pushed} KiB with the push, {pulled} KiB with the pull"
    );
    println!("{}: {said}", server.host().name());
    assert!(pulled - before < GROWTH_KIB, "{said}");
}
