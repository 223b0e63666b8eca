use crate::edge::Bucket;
use std::path::Path;
use std::time::Duration;
use tests::{Request, assert_error, closing, eventually, noise, sha256, sha512};

/// The files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let found = entries.flatten().flat_map(|entry| match entry.path() {
        path if path.is_dir() => files(&path),
        path => vec![path.display().to_string()],
    });
    found.collect()
}

#[test]
fn a_blob_of_any_size_is_what_was_pushed_and_leaves_nothing_else_behind() {
    let bucket = Bucket::new();
    let edge = bucket.edge();
    // Parts have 10 MiB, and at least five.
    for (size, chunk) in
        [(0, None), (1, None), (5 << 20, None), (10 << 20, None), (25 << 20, None), (1, Some(1))]
    {
        let bytes = noise(size as u64, size);
        edge.push_blob("app", &bytes, chunk);
        assert!(edge.get(&format!("/v2/app/blobs/{}", sha256(&bytes))).expect(200).body == bytes, "{size}");
    }
    for (size, chunk) in [(9 << 20, 2 << 20), (20 << 20, 5 << 20), (21 << 20, 8 << 20), (45 << 20, 20 << 20)]
    {
        let bytes = noise(size as u64, size);
        edge.push_blob("app", &bytes, Some(chunk));
        assert!(edge.get(&format!("/v2/app/blobs/{}", sha256(&bytes))).expect(200).body == bytes, "{size}");
    }
    let left = files(&bucket.root().join("docker/registry/v2/repositories/app/_uploads"));
    assert!(left.is_empty(), "{left:?}");
    let parts = files(&bucket.root().join(".sgwtmp"));
    assert!(parts.is_empty(), "{parts:?}");
}

#[test]
fn an_upload_that_was_cut_goes_on_where_it_stands_on_another_edge() {
    let bucket = Bucket::new();
    let (first, second) = (bucket.edge(), bucket.edge());
    let bytes = noise(3, 30 << 20);
    let upload = first.start_upload("app");
    let mut client = first.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..17_000_000]);
    drop(client);
    let stands = || second.get(&upload).expect(204).required("Range").to_owned();
    assert!(eventually(Duration::from_secs(10), || stands() == "0-16999999"), "it stands at {}", stands());

    let wrong = Request::patch(&upload, b"x").header("Content-Range", "5-5");
    assert_error(&second.ask(&wrong), 416, "RANGE_INVALID");
    let rest = Request::patch(&upload, &bytes[17_000_000..]).header("Content-Range", "17000000-31457279");
    second.ask(&rest).expect(202);
    let other = closing(&upload, &sha256(b"other bytes"));
    assert_error(&first.ask(&Request::put(&other, b"")), 400, "DIGEST_INVALID");
    first.ask(&Request::put(&closing(&upload, &sha256(&bytes)), b"")).expect(201);
    assert!(second.get(&format!("/v2/app/blobs/{}", sha256(&bytes))).expect(200).body == bytes);
    assert_error(&second.get(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn an_upload_can_end_with_a_digest_that_nobody_has_hashed_for() {
    let bucket = Bucket::new();
    let edge = bucket.edge();
    let bytes = noise(4, 22 << 20);
    let upload = edge.start_upload("app");
    edge.ask(&Request::patch(&upload, &bytes[..12 << 20])).expect(202);
    // The parts are read again for it, and the upload stays as it was when the digest is wrong.
    let wrong = closing(&upload, &sha512(b"other bytes"));
    assert_error(&edge.ask(&Request::put(&wrong, &bytes[12 << 20..])), 400, "DIGEST_INVALID");
    assert_eq!(edge.get(&upload).expect(204).required("Range"), "0-12582911");
    let right = closing(&upload, &sha512(&bytes));
    edge.ask(&Request::put(&right, &bytes[12 << 20..])).expect(201);
    assert!(edge.get(&format!("/v2/app/blobs/{}", sha512(&bytes))).expect(200).body == bytes);
}

#[test]
fn of_two_who_write_to_one_upload_the_later_one_is_told_where_it_stands() {
    let bucket = Bucket::new();
    let (first, second) = (bucket.edge(), bucket.edge());
    let upload = first.start_upload("app");
    let mut slow = first.client();
    slow.send_head(&Request::new("PATCH", &upload).header("Content-Length", 10));
    slow.send(b"01234");
    std::thread::sleep(Duration::from_millis(500));
    second.ask(&Request::patch(&upload, b"abc")).expect(202);
    slow.send(b"56789");
    let told = slow.response("PATCH");
    assert_error(&told, 416, "RANGE_INVALID");
    assert_eq!(told.required("Range"), "0-2");
    second.ask(&Request::put(&closing(&upload, &sha256(b"abc")), b"")).expect(201);
}
