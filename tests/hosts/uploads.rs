//! For hosts with a bucket: what S3 keeps of an upload, and two servers that have one between them.
use std::path::PathBuf;
use std::time::Duration;
use tests::program::Folder;
use tests::{
    Bucket, Request, Server, assert_error, closing, eventually, files_below, noise, push_blob, sha256,
    sha512, start_upload,
};

const MIB: usize = 1 << 20;

/// Two servers that know nothing of each other. The bucket and its folder go after them.
struct Pair {
    first: Server,
    second: Server,
    _bucket: Bucket,
    _folder: Folder,
}

fn pair() -> Pair {
    let folder = Folder::new();
    let bucket = Bucket::serve(&folder.join("bucket"));
    let server = || Server::with(|setup| setup.bucket(&bucket));
    Pair { first: server(), second: server(), _bucket: bucket, _folder: folder }
}

/// Where the gateway keeps parts that nobody has joined yet.
fn parts(server: &Server) -> Vec<PathBuf> {
    files_below(server.root().join(".sgwtmp"))
}

/// Holds a blob to come as it went.
#[track_caller]
fn assert_there(server: &Server, bytes: &[u8]) {
    let there = server.get(&format!("/v2/a/blobs/{}", sha256(bytes))).expect(200).body;
    assert!(there == bytes, "of {} bytes {} came, or others", bytes.len(), there.len());
}

#[test]
fn a_blob_of_any_size_is_what_was_pushed_and_leaves_nothing_else_behind() {
    let server = Server::start();
    // Parts have 10 MiB, and at least five.
    for size in [0, 1, 5 * MIB, 10 * MIB, 25 * MIB] {
        let bytes = noise(size as u64, size);
        push_blob(&server, "a", &bytes);
        assert_there(&server, &bytes);
    }
    let mut seen = 0;
    for (size, chunk) in
        [(2, 1), (9 * MIB, 2 * MIB), (20 * MIB, 5 * MIB), (21 * MIB, 8 * MIB), (45 * MIB, 20 * MIB)]
    {
        let bytes = noise(size as u64, size);
        let upload = start_upload(&server, "a");
        for chunk in bytes.chunks(chunk) {
            server.patch(&upload, chunk).expect(202);
        }
        seen += parts(&server).len();
        server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
        assert_there(&server, &bytes);
    }
    assert!(seen > 0, "parts are kept elsewhere");
    for left in [parts(&server), files_below(server.repository("a").join("_uploads"))] {
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn an_upload_that_was_cut_goes_on_where_it_stands_on_another_server() {
    const CUT: usize = 17_000_000;
    let Pair { first, second, .. } = &pair();
    let bytes = noise(3, 30 * MIB);
    let upload = start_upload(first, "a");
    let mut client = first.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..CUT]);
    drop(client);
    let stands = || second.get(&upload).expect(204).required("Range").to_owned();
    let kept = eventually(Duration::from_secs(10), || stands() == format!("0-{}", CUT - 1));
    assert!(kept, "it stands at {}", stands());

    let wrong = Request::patch(&upload, b"x").header("Content-Range", "5-5");
    assert_error(&second.request(&wrong), 416, "RANGE_INVALID");
    let range = format!("{CUT}-{}", bytes.len() - 1);
    let rest = Request::patch(&upload, &bytes[CUT..]).header("Content-Range", range);
    second.request(&rest).expect(202);
    let other = closing(&upload, &sha256(b"other bytes"));
    assert_error(&first.put(&other, b""), 400, "DIGEST_INVALID");
    first.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
    assert_there(second, &bytes);
    assert_error(&second.get(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn an_upload_can_end_with_a_digest_that_nobody_has_hashed_for() {
    const SENT: usize = 12 * MIB;
    let server = Server::start();
    let bytes = noise(4, 22 * MIB);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes[..SENT]).expect(202);
    // The parts are read again for it, and the upload stays as it was when the digest is wrong.
    let wrong = closing(&upload, &sha512(b"other bytes"));
    assert_error(&server.put(&wrong, &bytes[SENT..]), 400, "DIGEST_INVALID");
    assert_eq!(server.get(&upload).expect(204).required("Range"), format!("0-{}", SENT - 1));
    let digest = sha512(&bytes);
    server.put(&closing(&upload, &digest), &bytes[SENT..]).expect(201);
    assert!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body == bytes, "it has other bytes");
}

#[test]
fn of_two_who_write_to_one_upload_the_later_one_is_told_where_it_stands() {
    let Pair { first, second, .. } = &pair();
    let upload = start_upload(first, "a");
    let mut slow = first.client();
    slow.send_head(&Request::new("PATCH", &upload).header("Content-Length", 10));
    slow.send(b"01234");
    std::thread::sleep(Duration::from_millis(500));
    second.patch(&upload, b"abc").expect(202);
    slow.send(b"56789");
    let told = slow.response("PATCH");
    assert_error(&told, 416, "RANGE_INVALID");
    assert_eq!(told.required("Range"), "0-2");
    second.put(&closing(&upload, &sha256(b"abc")), b"").expect(201);
    assert_there(first, b"abc");
}
