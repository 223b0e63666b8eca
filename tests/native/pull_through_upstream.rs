//! A cache of another registry that does not do all that registries do, or does it in its own way.
use crate::pull_through::{
    URL, assert_asked, assert_kept, behind, blob_at, cache_at, is_get_of, pull, pull_to_keep,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tests::between::{Between, Fate, SOON};
use tests::{
    Image, OCI_INDEX, OCI_MANIFEST, Request, Server, Tmpfs, assert_error, descriptor, eventually, noise,
    push_blob, push_manifest, sha256,
};

const MIB: usize = 1 << 20;

fn answer(status: &str, headers: &str, body: &str) -> Fate {
    let length = body.len();
    Fate::Answered(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

fn referrers(cache: &Server, image: &Image) -> Vec<String> {
    let found = cache.get(&format!("/v2/a/referrers/{}", image.digest())).expect(200).json();
    let digest = |one: &Value| one["digest"].as_str().expect("a digest").to_owned();
    found["manifests"].as_array().expect("a list").iter().map(digest).collect()
}

#[test]
fn referrers_of_a_registry_without_such_a_list_are_those_under_the_tag() {
    let (upstream, between, cache) = behind();
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    between.rule(|head| match head.contains("/referrers/") {
        true => answer("404 Not Found", "", ""),
        false => Fate::Passes,
    });
    assert_eq!(referrers(&cache, &image), Vec::<String>::new());
    let about = Image::oci(2);
    let digest = about.push(&upstream, "a", "about");
    let list = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_MANIFEST, &about.manifest)]});
    let tag = image.digest().as_str().replace(':', "-");
    push_manifest(&upstream, "a", &tag, OCI_INDEX, list.to_string().as_bytes());
    assert_eq!(referrers(&cache, &image), [digest.to_string()]);
    // To say that there are none would be to say that nobody signed it.
    between.rule(|_| answer("502 Bad Gateway", "", ""));
    assert_error(&cache.get(&format!("/v2/a/referrers/{}", about.digest())), 503, "UNAVAILABLE");
}

#[test]
fn of_those_who_wait_for_a_registry_that_is_asked_too_often_one_asks() {
    let (upstream, between, cache) = behind();
    let (image, known) = (Image::oci(1), Image::oci(2));
    image.push(&upstream, "a", "latest");
    known.push(&upstream, "a", "known");
    pull_to_keep(&cache, "a", "known", &known);
    let (digest, asked) = (image.digest(), Arc::new(AtomicUsize::new(0)));
    let (wanted, times) = (digest.clone(), asked.clone());
    between.rule(move |head| match is_get_of(head, &wanted) {
        true => {
            times.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(500));
            let said = r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "you have reached your pull rate limit"}]}"#;
            answer("429 Too Many Requests", "", said)
        }
        false => Fate::Passes,
    });
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope
                .spawn(|| assert_error(&cache.get(&format!("/v2/a/manifests/{digest}")), 503, "UNAVAILABLE"));
        }
    });
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    cache.assert_says("you have reached your pull rate limit");
    // What is here is served meanwhile, and nobody asks for it.
    let before = upstream.access().len();
    pull(&cache, "a", "known", &known);
    assert_eq!(upstream.access().len(), before);
}

#[test]
fn a_registry_that_knows_no_ranges_or_tells_no_length_or_answers_no_head_is_pulled_from() {
    let (upstream, between, cache) = behind();
    let bytes = noise(1, MIB);
    let blob = push_blob(&upstream, "a", &bytes);
    let (times, wanted) = (Arc::new(AtomicUsize::new(0)), blob.clone());
    between.rule(move |head| match is_get_of(head, &wanted) {
        true if times.fetch_add(1, Ordering::SeqCst) == 0 => Fate::AnswerIsCut(300 << 10),
        _ => Fate::PassesWithout("range"),
    });
    assert!(cache.get(&blob_at("a", &blob)).expect(200).body == bytes);

    let small = "fifteen of bytes";
    let other = sha256(small.as_bytes());
    let wanted = other.clone();
    between.rule(move |head| match head.contains(wanted.as_str()) {
        true if head.starts_with("GET") => Fate::Answered(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{small}\r\n0\r\n\r\n",
            small.len()
        )),
        true => answer("405 Method Not Allowed", "", ""),
        false => Fate::Passes,
    });
    assert_eq!(cache.get(&blob_at("a", &other)).expect(200).text(), small);
    assert_kept(&cache, "a", &other);

    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    between.rule(|head| match head.starts_with("HEAD") {
        true => answer("405 Method Not Allowed", "", ""),
        false => Fate::Passes,
    });
    pull(&cache, "a", "latest", &image);
}

#[test]
fn who_is_sent_elsewhere_for_a_blob_takes_no_login_there() {
    let upstream = tests::guarded("access:\n  - {who: alice, repositories: \"**\", actions: [pull, push]}\n");
    let store = Server::start();
    let blob = push_blob(&store, "a", b"the bytes");
    let (way, elsewhere) = (Between::to(&upstream.url()), Between::to(&store.url()));
    let location = format!("{}{}?signature=very-secret", elsewhere.endpoint(), blob_at("a", &blob));
    way.rule(move |head| {
        match head.contains("/blobs/") && head.to_ascii_lowercase().contains("authorization") {
            true => answer("307 Temporary Redirect", &format!("Location: {location}\r\n"), ""),
            false => Fate::Passes,
        }
    });
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    elsewhere.rule(move |head| {
        seen.lock().expect("a list").push(head.to_ascii_lowercase());
        Fate::Passes
    });
    let cache = Server::with(|setup| {
        setup
            .env(URL, way.endpoint())
            .env("REGISTRY_PROXY_USERNAME", "alice")
            .env("REGISTRY_PROXY_PASSWORD", "wonderland")
            .env("REGISTRY_LOG_LEVEL", "debug")
    });
    assert_eq!(cache.get(&blob_at("a", &blob)).expect(200).body, b"the bytes");
    assert!(
        heads.lock().expect("a list").iter().all(|head| !head.contains("authorization")),
        "it takes its login there"
    );
    assert!(!heads.lock().expect("a list").is_empty());
    // Nor when it is asked for there: its own registry has not asked.
    let realm = format!("{}/token", elsewhere.endpoint());
    for challenge in ["Basic realm=\"give it to me\"".to_owned(), format!("Bearer realm=\"{realm}\"")] {
        let seen = heads.clone();
        elsewhere.rule(move |head| {
            seen.lock().expect("a list").push(head.to_ascii_lowercase());
            answer("401 Unauthorized", &format!("Www-Authenticate: {challenge}\r\n"), "")
        });
        assert_error(&cache.get(&blob_at("a", &sha256(b"other"))), 503, "UNAVAILABLE");
    }
    let heads = heads.lock().expect("a list");
    assert!(
        heads.iter().all(|head| !head.contains("authorization") && !head.contains("/token")),
        "{heads:?}"
    );
    let log = cache.log();
    assert!(!log.contains("very-secret") && !log.contains("wonderland"), "{log}");
}

#[test]
fn no_part_of_other_bytes_ends_and_nothing_that_passes_through() {
    let upstream = Server::start();
    let blob = push_blob(&upstream, "a", b"the bytes");
    let between = Between::to(&upstream.url());
    let wanted = blob.clone();
    let times = Arc::new(AtomicUsize::new(0));
    let asked = times.clone();
    between.rule(move |head| match is_get_of(head, &wanted) {
        true => {
            times.fetch_add(1, Ordering::SeqCst);
            answer("200 OK", "", "The bytes")
        }
        false => Fate::Passes,
    });
    let cache = cache_at(between.endpoint());
    let none = sha256(b"none");
    assert_eq!(cache.get(&blob_at("a", &none)).status, 404);
    let part = Request::get(&blob_at("a", &blob)).header("Range", "bytes=0-2");
    assert!(cache.client().try_request(&part).is_err(), "a part of other bytes is given");
    let disk = Tmpfs::mount(16);
    let full = Server::with(|setup| setup.env(URL, between.endpoint()).root(disk.path().join("data")));
    assert!(full.client().try_request(&Request::get(&blob_at("a", &blob))).is_err(), "other bytes are given");
    assert!(eventually(SOON, || asked.load(Ordering::SeqCst) >= 2));
    assert_asked(&upstream, "GET", "blob", 1);
}

#[test]
fn who_leaves_before_anything_has_come_keeps_nobody_from_fetching() {
    let upstream = Server::start();
    let (one, other) = (push_blob(&upstream, "a", b"one"), push_blob(&upstream, "a", b"other"));
    let between = Between::to(&upstream.url());
    let cache = Server::with(|setup| setup.env(URL, between.endpoint()).env("REGISTRY_PROXY_FETCHES", "1"));
    let wanted = one.clone();
    let gate = between.hold(move |head| is_get_of(head, &wanted));
    let mut client = cache.client();
    client.send_head(&Request::get(&blob_at("a", &one)));
    gate.reached();
    drop(client);
    assert_eq!(cache.get(&blob_at("a", &other)).expect(200).body, b"other");
    gate.open();
    assert_eq!(cache.get(&blob_at("a", &one)).expect(200).body, b"one");
}

#[test]
fn bytes_that_end_before_they_begin_are_those_of_nothing_alone() {
    let (upstream, between, cache) = behind();
    let (empty, blob) = (push_blob(&upstream, "a", b""), push_blob(&upstream, "a", b"the bytes"));
    assert_eq!(cache.get(&blob_at("a", &empty)).expect(200).body, b"");
    between.rule(|_| answer("200 OK", "", ""));
    let refused = cache.get(&blob_at("a", &blob));
    assert_eq!(refused.status, 500, "{refused}");
}

#[test]
fn what_breaks_off_is_gone_on_with_and_who_pulls_does_not_notice() {
    let (upstream, between, cache) = behind();
    let bytes = noise(1, MIB);
    let blob = push_blob(&upstream, "a", &bytes);
    let times = Arc::new(AtomicUsize::new(0));
    let wanted = blob.clone();
    between.rule(move |head| match is_get_of(head, &wanted) && times.fetch_add(1, Ordering::SeqCst) < 2 {
        true => Fate::AnswerIsCut(400 << 10),
        false => Fate::Passes,
    });
    assert!(cache.get(&blob_at("a", &blob)).expect(200).body == bytes);
    assert_asked(&upstream, "GET", "blob", 3);
    assert_kept(&cache, "a", &blob);
}
