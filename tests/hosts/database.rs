//! For hosts with a database: a file that is full, and one that cannot be written.
use std::path::Path;
use std::process::Command;
use tests::{Image, Request, Server, Tmpfs, assert_error, noise, push_blob, sha256, start_upload};

/// Pushes until nothing more fits, and returns what did.
fn fill(server: &Server) -> Vec<(names::Digest, Vec<u8>)> {
    let mut stored = Vec::new();
    for seed in 0..1000 {
        let bytes = noise(seed, 300_000);
        let opened = server.post("/v2/a/blobs/uploads/");
        let answer = match opened.status {
            202 => server.put(&tests::closing(&opened.location(), &sha256(&bytes)), &bytes),
            _ => opened,
        };
        match answer.status {
            201 => stored.push((sha256(&bytes), bytes)),
            _ => {
                assert_error(&answer, 503, "UNAVAILABLE");
                return stored;
            }
        }
    }
    panic!("it is never full");
}

#[test]
fn when_the_file_is_full_pushing_is_503_and_what_is_there_is_served() {
    let disk = Tmpfs::mount(8);
    let server = Server::with(|setup| setup.root(disk.path()));
    let stored = fill(&server);
    assert!(!stored.is_empty(), "nothing was stored");
    server.assert_says("full");
    for (digest, bytes) in stored {
        assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, bytes);
    }
}

#[test]
fn when_the_file_cannot_be_written_pulling_goes_on_and_pushing_is_405() {
    let disk = Tmpfs::mount(32);
    let mut server = Server::with(|setup| setup.root(disk.path()));
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    server.kill();
    remount(disk.path(), "ro");
    server.launch();
    // As where writes are switched off by the configuration.
    assert_error(&server.post("/v2/a/blobs/uploads/"), 405, "UNSUPPORTED");
    server.assert_says("readonly database");
    server.assert_says("let Spin write to the file");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
    server.kill();
    remount(disk.path(), "rw");
    server.launch();
    let digest = push_blob(&server, "a", b"bytes");
    server.request(&Request::get(&format!("/v2/a/blobs/{digest}"))).expect(200);
    start_upload(&server, "a");
}

fn remount(folder: &Path, how: &str) {
    let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(folder).status();
    assert!(done.is_ok_and(|status| status.success()), "the tests want to be run by root");
}
