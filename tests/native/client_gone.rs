//! Clients that are gone before their answer, where an endpoint is told of what becomes of content.
use crate::notifications::{configure, server_with, told};
use std::time::Duration;
use tests::endpoint::{Endpoint, SOON};
use tests::{Request, Server, eventually, noise, sha256, start_upload, with_login};

#[test]
fn what_was_pushed_is_told_though_its_client_does_not_wait_for_the_answer() {
    let endpoint = Endpoint::start();
    let server = server_with(&endpoint, ", ignore: {actions: [pull]}");
    let blobs: Vec<_> = (0..60)
        .map(|seed| {
            let bytes = noise(seed, 100_000);
            let digest = sha256(&bytes);
            let push = Request::post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body(&*bytes);
            let mut client = server.client();
            client.send_head(&push);
            client.send(push.content());
            // Some are gone before the bytes have come, some before they are stored, some after.
            std::thread::sleep(Duration::from_micros(seed * 100));
            digest
        })
        .collect();
    let is_here = |digest: &&names::Digest| server.head(&format!("/v2/a/blobs/{digest}")).status == 200;
    // What is under way then is done.
    std::thread::sleep(Duration::from_secs(1));
    let here: Vec<_> = blobs.iter().filter(is_here).map(ToString::to_string).collect();
    assert!(!here.is_empty());
    let mut told: Vec<_> =
        told(&endpoint.events(here.len())).into_iter().map(|[.., digest]| digest).collect();
    told.sort_by_key(|digest| here.iter().position(|here| here == digest));
    assert_eq!(told, here);
}

#[test]
fn what_is_told_of_though_its_client_is_gone_counts_as_not_answered() {
    let endpoint = Endpoint::start();
    let server = server_with(&endpoint, "");
    let upload = start_upload(&server, "a");
    let mut busy = server.client();
    busy.send_head(&Request::new("PATCH", &upload).header("Content-Length", 1000));
    busy.send(b"0123456789");
    let all_there =
        || server.request(&Request::get(&upload)).header("range").is_some_and(|range| range == "0-9");
    assert!(eventually(SOON, all_there), "{}", server.log());
    // It waits for the other one.
    let mut waiting = server.client();
    waiting.send_head(&Request::new("DELETE", &upload));
    std::thread::sleep(Duration::from_millis(200));
    drop(waiting);
    std::thread::sleep(Duration::from_millis(200));
    drop(busy);
    let line = server.access_line(|line| line.status() == 499);
    assert_eq!(line.method(), "DELETE", "{line:?}");
}

#[test]
fn an_upload_that_begins_in_place_of_a_mount_ends_with_its_client() {
    /// A password that takes a quarter of a second to be hashed.
    const SLOW: &str = "carol:$2y$12$oprTp0qXV3Xnj9/f8m5eG.GiAPpJP3VuJdrM.Wc3IdvAhf3.yANk6\n";
    let endpoint = Endpoint::start();
    let server = Server::with(|setup| {
        configure(&endpoint, setup, "").users().file("slow", SLOW);
        setup.env("REGISTRY_AUTH_HTPASSWD_PATH", "{scratch}/slow")
    });
    let mount = format!("/v2/a/blobs/uploads/?mount={}&from=b", sha256(b"nowhere"));
    let begin = Request::new("POST", &mount).header("Content-Length", 0);
    let mut client = server.client();
    client.send_head(&with_login(begin, "carol:through-the-looking-glass"));
    // While the password is hashed the client goes.
    std::thread::sleep(Duration::from_millis(50));
    drop(client);
    let line = server.access_line(|line| line.method() == "POST");
    assert_eq!(line.status(), 499, "{line:?}");
    let uploads = server.root().join("docker/registry/v2/repositories/a/_uploads");
    let has_none = || uploads.read_dir().map_or(0, Iterator::count) == 0;
    assert!(eventually(SOON, has_none), "an upload stays in {}", uploads.display());
}
