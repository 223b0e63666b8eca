//! `proxy`: a cache of another registry, which is a server of our own here.
use names::Digest;
use serde_json::json;
use std::fs;
use tests::between::{Between, Fate, Gate, SOON};
use tests::{
    ALICE, Image, OCI_MANIFEST, Request, Server, Setup, assert_error, descriptor, eventually, guarded, noise,
    push_blob, push_manifest, sha256, with_login,
};

pub const URL: &str = "REGISTRY_PROXY_REMOTEURL";
const MIB: usize = 1 << 20;

pub fn cache_at(url: &str) -> Server {
    Server::with(|setup| setup.env(URL, url))
}

pub fn cache_of(upstream: &Server) -> Server {
    cache_at(&upstream.url())
}

/// How often the registry behind a cache was asked for something.
#[track_caller]
pub fn assert_asked(upstream: &Server, method: &str, route: &str, times: usize) {
    let is_it = |line: &tests::AccessLine| line.method() == method && line.route() == route;
    let asked = || upstream.access().into_iter().filter(is_it).count();
    assert!(eventually(SOON, || asked() >= times), "{method} {route}: {} times of {times}", asked());
    assert_eq!(asked(), times, "{method} {route}");
}

/// A registry, a cache of it, and what stands between them.
pub fn behind() -> (Server, Between, Server) {
    let upstream = Server::with(|setup| setup.delete_enabled());
    let between = Between::to(&upstream.url());
    let cache = cache_at(between.endpoint());
    (upstream, between, cache)
}

pub fn is_get_of(head: &str, blob: &Digest) -> bool {
    head.starts_with("GET") && head.contains(blob.as_str())
}

#[track_caller]
pub fn pull(server: &Server, name: &str, tag: &str, image: &Image) {
    let manifest = server.get(&format!("/v2/{name}/manifests/{tag}")).expect(200);
    assert_eq!(manifest.body, image.manifest);
    assert_eq!(manifest.required("Docker-Content-Digest"), image.digest().as_str());
    assert_eq!(manifest.required("Content-Type"), image.media_type);
    for blob in image.layers.iter().chain([&image.config]) {
        assert_eq!(server.get(&blob_at(name, &sha256(blob))).expect(200).body, *blob);
    }
}

/// Pulls, and waits until it is kept: who pulls need not wait for that.
#[track_caller]
pub fn pull_to_keep(cache: &Server, name: &str, tag: &str, image: &Image) {
    pull(cache, name, tag, image);
    for blob in image.layers.iter().chain([&image.config]) {
        assert_kept(cache, name, &sha256(blob));
    }
}

/// Waits until a blob is kept for a repository.
#[track_caller]
pub fn assert_kept(cache: &Server, name: &str, blob: &Digest) {
    let hold =
        cache.repository(name).join("_layers").join(blob.algorithm().as_str()).join(blob.hex()).join("link");
    assert!(eventually(SOON, || cache.blob_file(blob).exists() && hold.exists()), "{blob} is not kept");
}

pub fn blob_at(name: &str, digest: &Digest) -> String {
    format!("/v2/{name}/blobs/{digest}")
}

#[test]
fn what_was_pulled_once_is_served_without_the_other_registry() {
    let mut upstream = Server::start();
    let cache = cache_of(&upstream);
    let (one, other) = (Image::oci(1), Image::docker(2));
    one.push(&upstream, "library/one", "latest");
    other.push(&upstream, "other", "1.0");
    for _ in 0..2 {
        pull_to_keep(&cache, "library/one", "latest", &one);
        pull_to_keep(&cache, "other", "1.0", &other);
    }
    assert_asked(&upstream, "GET", "blob", 6);
    assert_asked(&upstream, "GET", "manifest", 2);
    assert_eq!(
        cache.get("/v2/_catalog").expect(200).json(),
        json!({"repositories": ["library/one", "other"]})
    );
    upstream.kill();
    pull(&cache, "library/one", "latest", &one);
    pull(&cache, "other", "1.0", &other);
    cache.get(&format!("/v2/other/manifests/{}", other.digest())).expect(200);
    assert_eq!(cache.get("/v2/other/tags/list").expect(200).json()["tags"], json!(["1.0"]));
    cache.assert_says("served is what it named last");
    // What is not here is not to be had, which is not to say that there is none.
    assert_error(&cache.get("/v2/other/manifests/2.0"), 503, "UNAVAILABLE");
    assert_error(&cache.get(&blob_at("other", &sha256(b"other"))), 503, "UNAVAILABLE");
    cache.assert_says("proxy.remoteurl");
}

#[test]
fn a_tag_is_what_it_is_there_and_is_gone_when_it_is() {
    let (upstream, _between, cache) = behind();
    let (old, new) = (Image::oci(1), Image::oci(2));
    for image in [&old, &new] {
        image.push(&upstream, "a", "latest");
        pull(&cache, "a", "latest", image);
    }
    pull(&cache, "a", old.digest().as_str(), &old);
    assert_error(&cache.get("/v2/a/manifests/none"), 404, "MANIFEST_UNKNOWN");
    assert_error(&cache.get("/v2/none/manifests/latest"), 404, "MANIFEST_UNKNOWN");
    assert_error(&cache.get("/v2/none/tags/list"), 404, "NAME_UNKNOWN");
    assert_error(&cache.get(&blob_at("a", &sha256(b"none"))), 404, "BLOB_UNKNOWN");
    upstream.delete("/v2/a/manifests/latest").expect(202);
    assert_error(&cache.get("/v2/a/manifests/latest"), 404, "MANIFEST_UNKNOWN");
}

#[test]
fn tags_and_referrers_are_those_of_the_other_registry_in_pages() {
    let upstream = Server::start();
    let cache = cache_of(&upstream);
    let image = Image::oci(1);
    for tag in ["c", "a", "b"] {
        image.push(&upstream, "a", tag);
    }
    let page = cache.get("/v2/a/tags/list?n=2").expect(200);
    assert_eq!(page.json()["tags"], json!(["a", "b"]));
    assert!(page.required("Link").contains("last=b"));
    assert_eq!(cache.get("/v2/a/tags/list?n=2&last=b").expect(200).json()["tags"], json!(["c"]));

    let about = |kind: &str| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": kind,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &image.config), "layers": [],
            "subject": descriptor(OCI_MANIFEST, &image.manifest),
        });
        push_manifest(
            &upstream,
            "a",
            kind.rsplit('/').next().unwrap(),
            OCI_MANIFEST,
            manifest.to_string().as_bytes(),
        )
    };
    let (one, other) = (about("a/one"), about("a/other"));
    let referrers = |query: &str| {
        let found = cache.get(&format!("/v2/a/referrers/{}{query}", image.digest())).expect(200).json();
        let found = found["manifests"].as_array().unwrap().clone();
        found.iter().map(|one| one["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut both = vec![one.to_string(), other.to_string()];
    both.sort();
    assert_eq!(referrers(""), both);
    assert_eq!(referrers("?artifactType=a/one"), [one.to_string()]);
    assert_eq!(cache.get(&format!("/v2/a/manifests/{one}")).expect(200).json()["artifactType"], "a/one");
}

#[test]
fn nothing_is_pushed_to_a_cache_and_nothing_deleted_there() {
    let upstream = Server::start();
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let cache = Server::with(|setup| setup.delete_enabled().env(URL, upstream.url()));
    pull(&cache, "a", "latest", &image);
    for (method, target) in [
        ("POST", "/v2/a/blobs/uploads/".to_owned()),
        ("PUT", "/v2/a/manifests/other".into()),
        ("DELETE", "/v2/a/manifests/latest".into()),
        ("DELETE", blob_at("a", &sha256(&image.config))),
    ] {
        let response = cache.request(&Request::new(method, &target));
        assert_error(&response, 405, "UNSUPPORTED");
        assert!(response.text().contains("proxy.remoteurl"), "{response}");
    }
}

#[test]
fn who_asks_for_the_same_at_once_has_it_fetched_once_and_reads_it_as_it_comes() {
    let (upstream, between, cache) = behind();
    let bytes = noise(1, 4 * MIB);
    let blob = push_blob(&upstream, "a", &bytes);
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let gate = between.hold(move |head| head.starts_with("GET"));
    std::thread::scope(|scope| {
        let get = |target: String| {
            scope.spawn(|| {
                let target = target;
                cache.get(&target).expect(200).body
            })
        };
        let pulls: Vec<_> = (0..8).map(|_| get(blob_at("a", &blob))).collect();
        gate.reached();
        // Parts of it wait as well, and come from the same fetch.
        let part = scope.spawn(|| {
            let request = Request::get(&blob_at("a", &blob)).header("Range", "bytes=-10");
            cache.request(&request).expect(206).body
        });
        gate.open();
        for pull in pulls {
            assert!(pull.join().unwrap() == bytes);
        }
        assert_eq!(part.join().unwrap(), bytes[bytes.len() - 10..]);
        let tags: Vec<_> = (0..8).map(|_| get("/v2/a/manifests/latest".into())).collect();
        for tag in tags {
            assert_eq!(tag.join().unwrap(), image.manifest);
        }
    });
    assert_asked(&upstream, "GET", "blob", 1);
    assert_asked(&upstream, "GET", "manifest", 1);
}

#[test]
fn bytes_that_are_not_what_was_asked_for_are_never_served_whole_and_never_kept() {
    let (upstream, between, cache) = behind();
    let blob = push_blob(&upstream, "a", b"the bytes");
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let (other, manifest) = (blob.clone(), image.digest());
    between.rule(move |head| {
        let body = match head {
            _ if is_get_of(head, &other) => "The bytes",
            _ if is_get_of(head, &manifest) => "{}",
            _ => return Fate::Passes,
        };
        Fate::Answered(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    });
    let cut = cache.client().try_request(&Request::get(&blob_at("a", &blob)));
    assert!(cut.is_err(), "{cut:?}");
    cache.assert_says("gives bytes of the digest");
    assert_error(&cache.get(&format!("/v2/a/manifests/{}", image.digest())), 500, "UNKNOWN");
    cache.assert_says("gives a manifest of the digest");
    assert!(!cache.blob_file(&blob).exists() && !cache.blob_file(&image.digest()).exists());
    between.rule(|_| Fate::Passes);
    assert_eq!(cache.get(&blob_at("a", &blob)).expect(200).body, b"the bytes");
    pull(&cache, "a", "latest", &image);
    // A page of somebody who wants a login is no manifest.
    between.rule(|head| match head.starts_with("HEAD") || head.starts_with("GET") {
        true => {
            Fate::Answered("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>".into())
        }
        false => Fate::Passes,
    });
    pull(&cache, "a", "latest", &image);
    assert_error(&cache.get("/v2/a/manifests/other"), 500, "UNKNOWN");
}

#[test]
fn a_fetch_goes_on_when_nobody_waits_for_it_and_what_a_killed_one_left_is_cleared_away() {
    let (upstream, between, mut cache) = behind();
    let bytes = noise(1, 2 * MIB);
    let blob = push_blob(&upstream, "a", &bytes);
    // Of which half comes, and the rest when its client has left.
    let half = |blob: &Digest, gate: &Gate| {
        let (wanted, held) = (blob.clone(), gate.clone());
        between.rule(move |head| match (is_get_of(head, &wanted), head.contains("ange:")) {
            (true, false) => Fate::AnswerIsCut(MIB as u64),
            (true, true) => held.first(true),
            _ => Fate::Passes,
        });
    };
    let gate = Gate::default();
    half(&blob, &gate);
    let mut client = cache.client();
    client.send_head(&Request::get(&blob_at("a", &blob)));
    gate.reached();
    drop(client);
    gate.open();
    assert!(eventually(SOON, || cache.blob_file(&blob).exists()), "it is not fetched");

    let other = push_blob(&upstream, "a", &noise(2, 2 * MIB));
    let cut = Gate::default();
    half(&other, &cut);
    let mut client = cache.client();
    client.send_head(&Request::get(&blob_at("a", &other)));
    cut.reached();
    let uploads = cache.repository("a").join("_uploads");
    assert_eq!(fs::read_dir(&uploads).expect("an upload").count(), 1);
    cache.kill();
    cut.open();
    for upload in fs::read_dir(&uploads).expect("an upload").flatten() {
        fs::write(upload.path().join("startedat"), "2020-01-01T00:00:00Z").expect("a time");
    }
    between.rule(|_| Fate::Passes);
    cache.launch();
    assert!(eventually(SOON, || fs::read_dir(&uploads).map_or(0, |all| all.count()) == 0), "it stays");
    assert_eq!(sha256(&cache.get(&blob_at("a", &other)).expect(200).body), other);
}

#[test]
fn a_blob_of_another_repository_is_not_fetched_again_and_shown_to_no_one_who_could_not_have_it_there() {
    let upstream = Server::start();
    let cache = cache_of(&upstream);
    let blob = push_blob(&upstream, "a", b"shared");
    push_blob(&upstream, "b", b"shared");
    push_blob(&upstream, "c", b"other");
    cache.get(&blob_at("a", &blob)).expect(200);
    assert_kept(&cache, "a", &blob);
    assert_eq!(cache.get(&blob_at("b", &blob)).expect(200).body, b"shared");
    assert_asked(&upstream, "GET", "blob", 1);
    assert_error(&cache.get(&blob_at("c", &blob)), 404, "BLOB_UNKNOWN");
    let head = cache.head(&blob_at("b", &blob)).expect(200);
    assert_eq!(head.required("Content-Length"), "6");
}

/// A registry that asks who pulls, and a cache that knows it or not.
fn with_login_of(
    upstream: &Server,
    login: &str,
    more: impl for<'a> FnOnce(&'a mut Setup) -> &'a mut Setup,
) -> Server {
    let (user, password) = login.split_once(':').expect("a name and a password");
    Server::with(|setup| {
        more(setup)
            .env(URL, upstream.url())
            .env("REGISTRY_PROXY_USERNAME", user)
            .env("REGISTRY_PROXY_PASSWORD", password)
    })
}

#[test]
fn a_cache_logs_in_with_a_password_or_a_token_and_its_clients_do_not() {
    let everyone = "  - {who: anonymous, repositories: public/**, actions: pull}\n";
    let rules = "access:\n  - {who: alice, repositories: \"**\", actions: [pull, push]}\n";
    // With a rule for everyone the registry makes tokens itself.
    for rules in [rules.to_owned(), format!("{rules}{everyone}")] {
        let upstream = guarded(&rules);
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
            "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}")})
        .to_string();
        let upload = upstream
            .request(&with_login(Request::post("/v2/a/blobs/uploads/"), ALICE))
            .expect(202)
            .location();
        let config = sha256(b"{}");
        let put = Request::put(&tests::closing(&upload, &config), "{}");
        upstream.request(&with_login(put, ALICE)).expect(201);
        let put =
            Request::put("/v2/a/manifests/latest", manifest.clone()).header("Content-Type", OCI_MANIFEST);
        upstream.request(&with_login(put, ALICE)).expect(201);

        let cache = with_login_of(&upstream, ALICE, |setup| setup);
        for _ in 0..2 {
            assert_eq!(cache.get("/v2/a/manifests/latest").expect(200).text(), manifest);
        }
        assert_eq!(cache.get(&blob_at("a", &config)).expect(200).body, b"{}");
        assert_eq!(cache.get("/v2/a/tags/list").expect(200).json()["tags"], json!(["latest"]));
        let issued = upstream
            .access()
            .iter()
            .filter(|line| line.route() == "token" && line.repository().is_empty())
            .count();
        assert!(issued <= 3, "{issued} tokens are asked for");

        let wrong = with_login_of(&upstream, "alice:wrong-secret", |setup| setup);
        wrong.assert_says("cannot be asked");
        for target in ["/v2/a/manifests/latest", &blob_at("a", &config), "/v2/a/tags/list"] {
            let refused = wrong.get(target);
            assert_error(&refused, 503, "UNAVAILABLE");
            assert!(refused.text().contains("is a cache of"), "{refused}");
        }
        wrong.assert_says("does not take proxy.username with proxy.password");
        // Where passwords are asked for, one is missing; where tokens are, everyone gets one, that is good for little.
        let nobody = cache_of(&upstream);
        let status = nobody.get("/v2/a/manifests/latest").status;
        assert_eq!(status, if rules.contains("anonymous") { 404 } else { 503 });
        for server in [&cache, &wrong, &nobody] {
            let log = server.log();
            assert!(!log.contains("wonderland") && !log.contains("wrong-secret"), "{log}");
        }
    }
}

#[test]
fn who_pulls_from_a_cache_may_be_asked_who_he_is() {
    let upstream = Server::start();
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let url = upstream.url();
    let cache = Server::with(|setup| {
        tests::guard(setup, "access:\n  - {who: alice, repositories: a, actions: pull}\n").env(URL, url)
    });
    assert_error(&cache.get("/v2/a/manifests/latest"), 401, "UNAUTHORIZED");
    cache.request(&with_login(Request::get("/v2/a/manifests/latest"), ALICE)).expect(200);
    assert_error(&cache.request(&with_login(Request::get("/v2/b/manifests/latest"), ALICE)), 403, "DENIED");
    assert_asked(&upstream, "HEAD", "manifest", 1);
}
