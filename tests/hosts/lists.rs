//! For `wasmtime serve` with files: lists of directories in which others are at work, or were.
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::{Image, Request, Response, Server, assert_error};

#[test]
fn tags_are_listed_while_others_remove_some() {
    const LISTS: usize = 3000;
    // How long each of them is there, and not there.
    const PAUSE: Duration = Duration::from_micros(50);
    let server = Server::start();
    Image::oci(1).push(&server, "a", "latest");
    let tags = server.tree().join("repositories/a/_manifests/tags");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let name = tags.join("removed");
            while !over.load(Ordering::SeqCst) {
                fs::create_dir(&name).expect("a directory");
                std::thread::sleep(PAUSE);
                fs::remove_dir(&name).expect("it can be removed");
                std::thread::sleep(PAUSE);
            }
        });
        let mut client = server.client();
        let answers: Vec<Response> =
            (0..LISTS).map(|_| client.request(&Request::get("/v2/a/tags/list"))).collect();
        over.store(true, Ordering::SeqCst);
        for answer in answers {
            assert!(answer.expect(200).text().contains("latest"));
        }
    });
}

#[test]
fn repositories_behind_a_link_are_served_and_not_listed() {
    let server = Server::start();
    Image::oci(1).push(&server, "team/a", "latest");
    symlink("team", server.tree().join("repositories/link")).expect("a link");
    symlink(".", server.tree().join("repositories/team/again")).expect("a link");
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["team/a"]));
    server.get("/v2/link/a/manifests/latest").expect(200);
}

#[test]
fn a_name_that_is_no_text_fails_the_list_and_the_log_says_where_it_is() {
    let server = Server::start();
    Image::oci(1).push(&server, "a", "latest");
    let name = server.tree().join("repositories/a/_manifests/tags").join(OsStr::from_bytes(b"bad\xff"));
    fs::create_dir(&name).expect("a directory");
    assert_error(&server.get("/v2/a/tags/list"), 500, "UNKNOWN");
    server.assert_says("a/_manifests/tags: it has a name that is not UTF-8");
    fs::remove_dir(&name).expect("it can be removed");
    server.get("/v2/a/tags/list").expect(200);
}
