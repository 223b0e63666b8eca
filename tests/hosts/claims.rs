//! For `wasmtime serve` with files: servers that have one folder between them, and whom of several an upload belongs to.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tests::program::Folder;
use tests::{
    Client, Host, Request, Response, Server, assert_error, closing, eventually, noise, sha256, start_upload,
};

const MIB: usize = 1 << 20;

/// How long ago a file is said to have been written to that was left behind.
const LEFT: Duration = Duration::from_secs(60);

/// Two servers that know nothing of each other. The folder goes after them.
struct Pair {
    servers: [Server; 2],
    _folder: Folder,
}

fn pair() -> Pair {
    let folder = Folder::new();
    let server = || Server::with(|setup| setup.on(Host::WasmtimeFs).root(folder.join("data")));
    Pair { servers: [server(), server()], _folder: folder }
}

/// Where an upload to `a` lies.
fn directory(server: &Server, upload: &str) -> PathBuf {
    let id = upload.split('?').next().and_then(|path| path.rsplit('/').next()).expect("an upload has a name");
    server.repository("a").join("_uploads").join(id)
}

/// The file that someone writes to, and no other.
fn claimed(directory: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = names.filter(|path| path.to_string_lossy().contains("/_writing-"));
    let first = found.next();
    assert!(found.next().is_none(), "two files that someone writes to");
    first
}

/// Has a file look as if nobody had written to it for long.
fn age(path: &Path) {
    let file = File::options().write(true).open(path).expect("the file can be opened");
    file.set_modified(SystemTime::now() - LEFT).expect("a file takes a time");
}

/// A client that sends the head of a request to append ten bytes, and has the upload for itself; its file looks as if it
/// had been left behind.
fn stalled(server: &Server, upload: &str, request: &Request) -> Client {
    let mut client = server.client();
    client.send_head(request);
    let directory = directory(server, upload);
    assert!(eventually(Duration::from_secs(10), || claimed(&directory).is_some()), "nobody writes");
    age(&claimed(&directory).expect("someone writes"));
    client
}

fn ten_more(upload: &str) -> Request {
    Request::new("PATCH", upload).header("Content-Length", 10)
}

/// How many bytes an upload says that it has.
fn stands(server: &Server, upload: &str) -> usize {
    let range = server.get(upload).expect(204).required("Range").to_owned();
    range.strip_prefix("0-").and_then(|last| last.parse().ok()).map_or(0, |last: usize| last + 1)
}

/// Holds an upload to be finished with these bytes in it, to leave nothing behind, and the blob to be there.
#[track_caller]
fn assert_finishes(server: &Server, upload: &str, bytes: &[u8]) {
    server.put(&closing(upload, &sha256(bytes)), b"").expect(201);
    assert!(!directory(server, upload).exists(), "the upload is still there");
    assert_there(server, bytes);
}

#[track_caller]
fn assert_there(server: &Server, bytes: &[u8]) {
    let there = server.get(&format!("/v2/a/blobs/{}", sha256(bytes))).expect(200).body;
    assert!(there == bytes, "of {} bytes {} came, or others", bytes.len(), there.len());
}

#[test]
fn of_many_who_go_on_with_an_upload_that_was_left_behind_one_is_told_that_it_did() {
    const UPLOADS: u64 = 4;
    const WRITERS: u8 = 5;
    const MORE: usize = 500;
    // Large enough for the copy of it to take a while.
    const SIZE: usize = 64 * MIB;
    let Pair { servers, .. } = &pair();
    for seed in 0..UPLOADS {
        let bytes = noise(seed, SIZE);
        let upload = start_upload(&servers[0], "a");
        servers[0].patch(&upload, &bytes).expect(202);
        let mut slow = stalled(&servers[0], &upload, &ten_more(&upload));

        let range = format!("{SIZE}-{}", SIZE + MORE - 1);
        let mut writers: Vec<(Client, Vec<u8>)> = (0..WRITERS)
            .map(|number| {
                let mut client = servers[usize::from(number) % 2].client();
                let more = vec![b'A' + number; MORE];
                client.send_head(
                    &Request::new("PATCH", &upload)
                        .header("Content-Range", &range)
                        .header("Content-Length", MORE),
                );
                client.send(&more[..MORE - 1]);
                (client, more)
            })
            .collect();
        // Whoever may write does by now.
        std::thread::sleep(Duration::from_secs(2));
        // Those who may not have been answered already.
        writers.iter_mut().for_each(|(client, more)| drop(client.write(&more[MORE - 1..])));
        let answers: Vec<(Response, &Vec<u8>)> =
            writers.iter_mut().map(|(client, more)| (client.response("PATCH"), &*more)).collect();
        let statuses: Vec<u16> = answers.iter().map(|(answer, _)| answer.status).collect();
        let told: Vec<_> = answers.iter().filter(|(answer, _)| answer.status == 202).collect();
        assert_eq!(told.len(), 1, "upload {seed}: {statuses:?}");
        assert_eq!(stands(&servers[1], &upload), SIZE + MORE);

        slow.send(b"0123456789");
        let told_late = slow.response("PATCH");
        assert_error(&told_late, 416, "RANGE_INVALID");
        assert_eq!(told_late.required("Range"), format!("0-{}", SIZE + MORE - 1));
        assert_finishes(&servers[1], &upload, &[&bytes[..], told[0].1].concat());
    }
}

#[test]
fn of_many_who_go_on_with_an_upload_after_a_while_none_takes_it_from_another() {
    let Pair { servers, .. } = &pair();
    let upload = start_upload(&servers[0], "a");
    servers[0].patch(&upload, b"hello").expect(202);
    age(&directory(&servers[0], &upload).join("data"));
    let mut first = servers[0].client();
    first.send_head(&Request::new("PATCH", &upload).header("Content-Length", 10));
    let directory = directory(&servers[0], &upload);
    assert!(eventually(Duration::from_secs(10), || claimed(&directory).is_some()), "nobody writes");
    assert_error(&servers[1].patch(&upload, b"other"), 416, "RANGE_INVALID");
    first.send(b"0123456789");
    first.response("PATCH").expect(202);
    assert_finishes(&servers[1], &upload, b"hello0123456789");
}

#[test]
fn an_upload_whose_server_was_killed_at_any_moment_of_taking_it_over_goes_on() {
    let Pair { servers, .. } = &pair();
    let begun = || {
        let upload = start_upload(&servers[0], "a");
        servers[0].patch(&upload, b"hello").expect(202);
        let directory = directory(&servers[0], &upload);
        (upload, directory)
    };
    let goes_on = |upload: &str| {
        assert_eq!(stands(&servers[0], upload), 5);
        servers[1].patch(upload, b" world").expect(202);
        assert_finishes(&servers[0], upload, b"hello world");
    };

    // While it was copied, once and again.
    let (upload, directory) = begun();
    fs::rename(directory.join("data"), directory.join("_writing-1")).expect("it is renamed");
    fs::write(directory.join("_copy-1"), b"he").expect("a file can be written");
    fs::write(directory.join("_copy-2"), b"hell").expect("a file can be written");
    age(&directory.join("_writing-1"));
    goes_on(&upload);

    // When the copy counted, and was not back yet.
    let (upload, directory) = begun();
    fs::rename(directory.join("data"), directory.join("_copy-1")).expect("it is renamed");
    fs::write(directory.join("_copied-1"), b"hello, and what a slow writer adds")
        .expect("a file can be written");
    goes_on(&upload);

    // When the copy was back, and what it was made of was not removed yet.
    let (upload, directory) = begun();
    fs::write(directory.join("_copied-1"), b"hello, and what a slow writer adds")
        .expect("a file can be written");
    goes_on(&upload);

    // The same, and someone writes to it again.
    let (upload, directory) = begun();
    fs::rename(directory.join("data"), directory.join("_writing-2")).expect("it is renamed");
    age(&directory.join("_writing-2"));
    fs::write(directory.join("_copied-1"), b"hello, and what a slow writer adds")
        .expect("a file can be written");
    goes_on(&upload);
}

#[test]
fn what_a_writer_takes_back_that_has_lost_its_upload_is_nobody_elses() {
    let Pair { servers, .. } = &pair();
    let upload = start_upload(&servers[0], "a");
    let bytes = noise(1, 3 * MIB);
    servers[0].patch(&upload, &bytes).expect(202);
    // It finishes with a digest that its bytes do not have.
    let other = closing(&upload, &sha256(b"other bytes"));
    let ending = Request::new("PUT", &other).header("Content-Length", MIB);
    let mut slow = stalled(&servers[0], &upload, &ending);
    slow.send(&vec![b'x'; MIB / 2]);
    let directory = directory(&servers[0], &upload);
    let size = || claimed(&directory).and_then(|path| fs::metadata(path).ok()).map_or(0, |file| file.len());
    assert!(eventually(Duration::from_secs(10), || size() > 3 * MIB as u64), "nothing is written");
    age(&claimed(&directory).expect("someone writes"));
    let stood = stands(&servers[1], &upload);
    let more = vec![b'y'; 2 * MIB];
    servers[1].patch(&upload, &more).expect(202);
    let whole = [&bytes, &vec![b'x'; stood - bytes.len()][..], &more].concat();
    assert_finishes(&servers[1], &upload, &whole);
    slow.send(&vec![b'x'; MIB / 2]);
    assert_error(&slow.response("PUT"), 400, "DIGEST_INVALID");
    assert_there(&servers[0], &whole);
}

#[test]
fn an_upload_that_was_left_behind_is_cancelled_and_its_writer_told_so() {
    let Pair { servers, .. } = &pair();
    let upload = start_upload(&servers[0], "a");
    let mut slow = stalled(&servers[0], &upload, &ten_more(&upload));
    servers[1].delete(&upload).expect(204);
    assert!(!directory(&servers[0], &upload).exists(), "it is still there");
    slow.send(b"0123456789");
    assert_error(&slow.response("PATCH"), 404, "BLOB_UPLOAD_UNKNOWN");
    assert!(!directory(&servers[0], &upload).exists(), "it is there again");
}
