//! For our own host with a container of Azure's that plays a part that Azurite does not: answers that are lost, kinds of blobs that
//! cannot be replaced, copies that take their time, and two who are at one upload.
use crate::container::{assert_there, kind};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tests::between::{Between, Fate, Gate, SOON};
use tests::garbage::assert_whole;
use tests::{Container, Image, Server, closing, eventually, noise, push_blob, sha256, start_upload};

const MIB: usize = 1 << 20;

/// A server with something between it and its container.
fn with_something_between() -> (Server, Between, Container) {
    let container = Container::serve();
    let between = Between::to(&container.endpoint());
    let service = format!("{}/{}", between.endpoint(), Container::ACCOUNT);
    let server = Server::with(|setup| {
        setup.container(&container).delete_enabled().env("REGISTRY_STORAGE_AZURE_SERVICEURL", service)
    });
    (server, between, container)
}

fn is(head: &str, method: &str, part: &str) -> bool {
    let line = head.lines().next().unwrap_or_default();
    line.starts_with(&format!("{method} ")) && line.contains(part)
}

fn answered(status: &str, headers: &str, body: &str) -> Fate {
    let length = body.len();
    Fate::Answered(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

#[test]
fn what_cannot_be_replaced_is_removed_first() {
    let (server, between, _container) = with_something_between();
    let (old, new) = (Image::oci(1), Image::oci(2));
    old.push(&server, "a", "latest");
    let deleted = Arc::new(AtomicBool::new(false));
    let seen = deleted.clone();
    between.rule(move |head| {
        if is(head, "DELETE", "/latest/current/link") {
            seen.store(true, Ordering::SeqCst);
        }
        match is(head, "PUT", "/latest/current/link") && !seen.load(Ordering::SeqCst) {
            true => answered("409 Conflict", "x-ms-error-code: InvalidBlobType\r\n", ""),
            false => Fate::Passes,
        }
    });
    new.push(&server, "a", "latest");
    assert!(deleted.load(Ordering::SeqCst));
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, new.manifest);
}

#[test]
fn what_cannot_be_replaced_and_has_these_bytes_already_stays() {
    let (server, between, container) = with_something_between();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let keys = container.keys();
    between.rule(move |head| match is(head, "PUT", "/link ") {
        true => answered("409 Conflict", "x-ms-error-code: InvalidBlobType\r\n", ""),
        false if is(head, "DELETE", "/link") => answered("403 Forbidden", "", ""),
        false => Fate::Passes,
    });
    image.push(&server, "a", "latest");
    assert_whole(&server, "a", &image);
    assert_eq!(container.keys(), keys);
}

/// What became of two who end one upload with these last bytes: the first comes to join his parts when the second has joined his,
/// and copies what that made.
fn two_ends(lasts: [&[u8]; 2]) -> [(u16, bool); 2] {
    let (server, between, _container) = with_something_between();
    let begun = noise(8, 6 * MIB);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &begun).expect(202);
    let (joins, copies) = (Gate::default(), Gate::default());
    let (first, second) = (joins.clone(), copies.clone());
    between.rule(move |head| match first.first(is(head, "PUT", "comp=blocklist")) {
        Fate::Passes => second.first(head.to_ascii_lowercase().contains("x-ms-copy-source:")),
        waits => waits,
    });
    let wholes = lasts.map(|last| [&*begun, last].concat());
    let end = |which: usize| server.put(&closing(&upload, &sha256(&wholes[which])), lasts[which]).status;
    let statuses = std::thread::scope(|scope| {
        let first = scope.spawn(|| end(0));
        joins.reached();
        let second = scope.spawn(|| end(1));
        copies.reached();
        joins.open();
        let first = first.join().expect("an answer");
        copies.open();
        [first, second.join().expect("an answer")]
    });
    std::array::from_fn(|which| {
        let answer = server.get(&format!("/v2/a/blobs/{}", sha256(&wholes[which])));
        assert!(answer.status == 404 || answer.body == wholes[which], "other bytes under a digest");
        (statuses[which], answer.status == 200)
    })
}

#[test]
fn an_end_that_is_sent_twice_ends_the_upload_both_times() {
    assert_eq!(two_ends([b"the same", b"the same"]), [(201, true), (201, true)]);
}

#[test]
fn who_ends_an_upload_in_another_way_does_not_take_it_from_who_was_quicker() {
    assert_eq!(two_ends([b"one", b"two"]), [(503, false), (201, true)]);
}

#[test]
fn two_who_send_all_of_an_upload_at_once_do_not_meet() {
    let (server, between, _container) = with_something_between();
    let bytes = noise(9, 21 * MIB);
    let upload = start_upload(&server, "a");
    let held = between.hold(|head| is(head, "PUT", "comp=blocklist"));
    let end = || server.put(&closing(&upload, &sha256(&bytes)), &bytes).status;
    let statuses = std::thread::scope(|scope| {
        let first = scope.spawn(end);
        held.reached();
        let second = end();
        held.open();
        [first.join().expect("an answer"), second]
    });
    assert_eq!(statuses, [201, 201]);
    assert_there(&server, &bytes);
}

#[test]
fn no_two_parts_have_one_name() {
    let (server, between, _container) = with_something_between();
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = names.clone();
    between.rule(move |head| {
        let name = head.split_once("blockid=").and_then(|(_, rest)| rest.split(['&', ' ']).next());
        seen.lock().expect("no panic").extend(name.map(str::to_owned));
        Fate::Passes
    });
    let upload = start_upload(&server, "a");
    let bytes = noise(10, 26 * MIB);
    server.patch(&upload, &bytes[..22 * MIB]).expect(202);
    server.put(&closing(&upload, &sha256(&bytes)), &bytes[22 * MIB..]).expect(201);
    let names = names.lock().expect("no panic");
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert!(names.len() == 3 && distinct.len() == names.len(), "{names:?}");
}

#[test]
fn a_tag_moves_though_the_answer_about_what_was_in_its_way_is_lost() {
    let (server, between, container) = with_something_between();
    let (old, new) = (Image::oci(1), Image::oci(2));
    old.push(&server, "a", "latest");
    let key = container.keys().into_iter().find(|key| key.ends_with("/latest/current/link")).expect("a tag");
    let (deleted, lost) = (Arc::new(AtomicBool::new(false)), Gate::default());
    let seen = deleted.clone();
    between.rule(move |head| {
        let of_tag = |method| is(head, method, "/latest/current/link");
        if of_tag("DELETE") {
            return match seen.swap(true, Ordering::SeqCst) {
                false => Fate::AnswerIsLost,
                // Azurite would say that the condition does not hold.
                true => answered("404 Not Found", "x-ms-error-code: BlobNotFound\r\n", ""),
            };
        }
        match of_tag("PUT") {
            true if !seen.load(Ordering::SeqCst) => {
                answered("409 Conflict", "x-ms-error-code: InvalidBlobType\r\n", "")
            }
            true if !lost.is_open() => {
                lost.open();
                Fate::AnswerIsLost
            }
            _ => Fate::Passes,
        }
    });
    new.push(&server, "a", "latest");
    assert!(deleted.load(Ordering::SeqCst));
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, new.manifest);
    assert_eq!(kind(&container, &key), "BlockBlob");
}

#[test]
fn a_blob_that_someone_else_is_copying_is_waited_for() {
    let (server, between, container) = with_something_between();
    let bytes = noise(11, 21 * MIB);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes).expect(202);
    let looks = Arc::new(AtomicUsize::new(0));
    let (asked, refused) = (looks.clone(), Gate::default());
    let seen = refused.clone();
    between.rule(move |head| {
        const PENDING: &str = "x-ms-copy-status: pending\r\nETag: \"e\"\r\nx-ms-copy-id: 1\r\n";
        if head.to_ascii_lowercase().contains("x-ms-copy-source:") {
            seen.open();
            return answered("409 Conflict", "x-ms-error-code: PendingCopyOperation\r\n", "");
        }
        let of_blob = is(head, "HEAD", "/blobs/sha256/") && seen.is_open();
        match of_blob && asked.fetch_add(1, Ordering::SeqCst) < 20 {
            true => answered("200 OK", PENDING, ""),
            false => Fate::Passes,
        }
    });
    let digest = sha256(&bytes);
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| server.put(&closing(&upload, &digest), b""));
        assert!(eventually(SOON, || looks.load(Ordering::SeqCst) > 2), "it is not looked at");
        let to = format!("docker/registry/v2/blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex());
        container.object("PUT", &to, &[("x-ms-blob-type", "BlockBlob")], &bytes).expect(201);
        looks.store(20, Ordering::SeqCst);
        ending.join().expect("an answer").expect(201);
    });
    assert_there(&server, &bytes);
}

#[test]
fn a_copy_that_takes_its_time_is_waited_for_and_is_not_there_before() {
    let (server, between, container) = with_something_between();
    let bytes = noise(7, 21 * MIB);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes).expect(202);
    let (made, asked) = (Arc::new(AtomicBool::new(false)), Gate::default());
    let (done, first) = (made.clone(), asked.clone());
    between.rule(move |head| {
        const PENDING: &str = "x-ms-copy-status: pending\r\nETag: \"e\"\r\nx-ms-copy-id: 1\r\n";
        if head.to_ascii_lowercase().contains("x-ms-copy-source:") {
            first.open();
            return answered("202 Accepted", PENDING, "");
        }
        match is(head, "HEAD", "/blobs/sha256/") && first.is_open() && !done.load(Ordering::SeqCst) {
            true => answered("200 OK", PENDING, ""),
            false => Fate::Passes,
        }
    });
    let digest = sha256(&bytes);
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| server.put(&closing(&upload, &digest), b""));
        assert!(eventually(SOON, || asked.is_open()), "nothing is copied");
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert!(!ending.is_finished(), "it is not waited for");
        server.head(&format!("/v2/a/blobs/{digest}")).expect(404);
        let hex = digest.hex();
        let keys = container.keys();
        let data = keys
            .iter()
            .find(|key| key.contains("_uploads") && key.contains("/data-"))
            .expect("what is copied");
        let source = container.url(data);
        let to = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        container.object("PUT", &to, &[("x-ms-copy-source", &source)], b"").expect(202);
        made.store(true, Ordering::SeqCst);
        ending.join().expect("an answer").expect(201);
    });
    assert_there(&server, &bytes);
}

#[test]
fn a_link_that_is_old_is_made_young_without_being_written() {
    let (server, between, container) = with_something_between();
    let digest = push_blob(&server, "a", b"content");
    let keys = container.keys();
    let link = keys.iter().find(|key| key.contains("_layers/")).expect("a link");
    let etag = container.object("HEAD", link, &[], b"").expect(200).required("ETag").to_owned();
    let (touched, before) = (Gate::default(), etag.clone());
    let (gate, text) = (touched.clone(), digest.to_string());
    between.rule(move |head| {
        if is(head, "PUT", "comp=metadata") {
            gate.open();
        }
        let old = format!(
            "Date: Tue, 24 Nov 2026 04:00:00 GMT\r\nLast-Modified: Mon, 23 Nov 2026 04:00:00 GMT\r\nETag: {etag}\r\n"
        );
        match is(head, "GET", "/_layers/") {
            true => answered("200 OK", &old, &text),
            false => Fate::Passes,
        }
    });
    server.head(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert!(touched.is_open(), "it stays old");
    assert_ne!(container.object("HEAD", link, &[], b"").expect(200).required("ETag"), before);
    assert_there(&server, b"content");
}
