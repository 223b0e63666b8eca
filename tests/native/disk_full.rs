//! A disk without room: a file system of 10 MiB. These tests mount it, and want to be run by root.
use std::io::Write;
use tests::{
    Image, Request, Response, Server, Tmpfs, assert_error, closing, noise, push_blob, sha256, start_upload,
};

/// Holds the answer to be a clear 503.
#[track_caller]
fn assert_full(response: &Response) {
    assert_error(response, 503, "UNAVAILABLE");
    assert!(response.text().contains("full"), "{response}");
}

/// Fills the file system to its last byte.
fn fill(tmpfs: &Tmpfs) -> std::path::PathBuf {
    let path = tmpfs.path().join("filler");
    let mut file = std::fs::File::create(&path).expect("a file");
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    path
}

#[test]
fn an_upload_that_does_not_fit_is_503_and_goes_on_once_there_is_room() {
    let tmpfs = Tmpfs::mount(10);
    let server = Server::with(|s| s.root(tmpfs.path().join("data")));
    let filler = tmpfs.path().join("filler");
    std::fs::write(&filler, vec![1; 6 << 20]).expect("it fits");
    let bytes = noise(1, 7 << 20);
    let digest = sha256(&bytes);
    let upload = start_upload(&server, "a");
    assert_full(&server.patch(&upload, &bytes));
    let status = server.get(&upload).expect(204);
    let last: usize = status.required("Range")[2..].parse().expect("an offset");
    let from = if last == 0 { 0 } else { last + 1 };
    assert!(from < 4 << 20, "{status}");
    assert_full(&server.put(&closing(&upload, &digest), &bytes[from..]));
    server.get(&format!("/v2/a/blobs/{digest}")).expect(404);
    server.get("/v2/").expect(200);

    std::fs::remove_file(filler).expect("the filler");
    let last: usize = server.get(&upload).expect(204).required("Range")[2..].parse().expect("an offset");
    let from = if last == 0 { 0 } else { last + 1 };
    let request = Request::patch(&upload, &bytes[from..]);
    server.request(&request.header("Content-Range", format!("{from}-{}", bytes.len() - 1))).expect(202);
    server.put(&closing(&upload, &digest), b"").expect(201);
    assert_eq!(sha256(&server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body), digest);
}

#[test]
fn what_is_there_is_served_from_a_full_disk_and_what_is_new_refused() {
    let tmpfs = Tmpfs::mount(10);
    let server = Server::with(|s| s.root(tmpfs.path().join("data")));
    let (stored, new) = (Image::oci(1), Image::oci(2));
    stored.push(&server, "a", "latest");
    new.push_blobs(&server, "a");
    let upload = start_upload(&server, "a");
    let filler = fill(&tmpfs);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, stored.manifest);
    server.get(&format!("/v2/a/blobs/{}", sha256(&stored.layers[0]))).expect(200);
    assert_full(&server.patch(&upload, &noise(3, 100_000)));
    let put = Request::put("/v2/a/manifests/new", &*new.manifest).header("Content-Type", new.media_type);
    assert_full(&server.request(&put));
    server.get("/v2/a/manifests/new").expect(404);
    for _ in 0..5 {
        let response = server.post("/v2/a/blobs/uploads/");
        if response.status != 202 {
            assert_full(&response);
        }
    }
    server.get("/v2/").expect(200);

    std::fs::remove_file(filler).expect("the filler");
    server.request(&put).expect(201);
    push_blob(&server, "a", b"bytes");
}

#[test]
fn a_full_disk_is_told_in_the_log_under_the_id_of_the_request() {
    let tmpfs = Tmpfs::mount(2);
    let server = Server::with(|s| s.root(tmpfs.path().join("data")));
    let upload = start_upload(&server, "a");
    let response = server.patch(&upload, &noise(1, 5 << 20));
    assert_full(&response);
    let id = response.required("X-Request-Id");
    let line = server.access_line(|line| line.status() == 503);
    assert_eq!(line.text("request"), id);
    let told = || {
        let tells = |line: &str| line.contains("full") || line.contains("No space left");
        server.log().lines().any(|line| line.contains(id) && tells(line))
    };
    assert!(tests::eventually(std::time::Duration::from_secs(2), told), "{}", server.log());
}
