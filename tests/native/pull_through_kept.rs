//! What a cache of another registry keeps, and for how long; and its settings.
use crate::pull_through::{URL, assert_kept, blob_at, cache_of, pull, pull_to_keep};
use names::Digest;
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tests::between::SOON;
use tests::{
    Client, Image, Request, Server, Tmpfs, eventually, files_below, free_port, noise, push_blob, run, sha256,
};

const MIB: usize = 1 << 20;

/// Says that everything that a folder has was used so long ago.
fn age(folder: &Path, age: Duration) {
    let then = SystemTime::now() - age;
    for file in files_below(folder.to_owned()) {
        File::options()
            .write(true)
            .open(file)
            .and_then(|file| file.set_modified(then))
            .expect("a file's time");
    }
}

#[test]
fn what_nobody_pulled_for_long_is_forgotten_and_what_is_pulled_stays() {
    let upstream = Server::start();
    let mut cache = cache_of(&upstream);
    let (used, unused) = (Image::oci(1), Image::oci(2));
    used.push(&upstream, "a", "used");
    unused.push(&upstream, "a", "unused");
    unused.push(&upstream, "b", "unused");
    pull_to_keep(&cache, "a", "used", &used);
    pull_to_keep(&cache, "a", "unused", &unused);
    pull_to_keep(&cache, "b", "unused", &unused);
    age(&cache.tree(), Duration::from_secs(3 * 24 * 3600));
    pull_to_keep(&cache, "a", "used", &used);
    cache.restart_with(|setup| setup.env("REGISTRY_PROXY_TTL", "48h"));
    cache.assert_says("the cache has evicted");
    let tags = cache.repository("a").join("_manifests/tags");
    assert!(tags.join("used").exists() && !tags.join("unused").exists());
    assert!(cache.blob_file(&used.digest()).exists());
    for blob in used.layers.iter().chain([&used.config]) {
        assert!(cache.blob_file(&sha256(blob)).exists());
    }
    for blob in unused.layers.iter().chain([&unused.config, &unused.manifest]) {
        assert!(!cache.blob_file(&sha256(blob)).exists());
    }
    assert_eq!(cache.get("/v2/_catalog").expect(200).json(), json!({"repositories": ["a"]}));
    pull_to_keep(&cache, "a", "unused", &unused);
    // For ever.
    age(&cache.tree(), Duration::from_secs(3 * 24 * 3600));
    cache.restart_with(|setup| setup.env("REGISTRY_PROXY_TTL", "0"));
    pull_to_keep(&cache, "a", "unused", &unused);
    assert!(cache.blob_file(&sha256(&used.config)).exists());
}

#[test]
fn beyond_the_largest_size_what_was_pulled_longest_ago_goes() {
    let upstream = Server::start();
    let cache = Server::with(|setup| setup.env(URL, upstream.url()).env("REGISTRY_PROXY_MAXSIZE", "10MiB"));
    let blobs: Vec<Digest> = (0..12).map(|seed| push_blob(&upstream, "a", &noise(seed, MIB))).collect();
    for (at, blob) in blobs.iter().enumerate().take(10) {
        cache.get(&blob_at("a", blob)).expect(200);
        assert_kept(&cache, "a", blob);
        let hold = cache.repository("a").join("_layers/sha256").join(blob.hex());
        age(&hold, Duration::from_secs(24 * 3600 - 600 * at as u64));
    }
    // The first one is in use.
    cache.get(&blob_at("a", &blobs[0])).expect(200);
    for blob in &blobs[10..] {
        cache.get(&blob_at("a", blob)).expect(200);
        assert_kept(&cache, "a", blob);
    }
    assert!(eventually(SOON, || !cache.blob_file(&blobs[2]).exists()), "there is too much");
    assert!(cache.blob_file(&blobs[0]).exists() && cache.blob_file(&blobs[11]).exists());
    assert!(!cache.blob_file(&blobs[1]).exists());
    assert_eq!(sha256(&cache.get(&blob_at("a", &blobs[1])).expect(200).body), blobs[1]);
}

#[test]
fn settings_of_a_cache_that_do_not_go_together_are_refused() {
    let start = |settings: &[(&str, &str)]| {
        run(&["config", "check"], |setup| {
            for (name, value) in settings {
                setup.env(&format!("REGISTRY_{name}"), value);
            }
            setup
        })
        .output
    };
    let url = ("PROXY_REMOTEURL", "https://registry-1.docker.io");
    for (settings, part) in [
        (&[("PROXY_REMOTEURL", "registry-1.docker.io")][..], "not a URL"),
        (&[("PROXY_USERNAME", "u"), ("PROXY_PASSWORD", "p")], "has no effect without proxy.remoteurl"),
        (&[url, ("PROXY_USERNAME", "u")], "of no use without proxy.password"),
        (&[url, ("PROXY_PASSWORD", "p")], "of no use without proxy.username"),
        (&[url, ("STORAGE_MAINTENANCE_READONLY_ENABLED", "true")], "has to keep what it fetches"),
        (&[url, ("PROXY_EXEC_COMMAND", "/bin/true")], "proxy.exec"),
        (&[url, ("PROXY_TTL", "7d")], "proxy.ttl"),
    ] {
        let said = start(settings);
        assert!(said.contains(part), "{settings:?}: {said}");
    }
    let said = start(&[url, ("PROXY_USERNAME", "u"), ("PROXY_PASSWORD", "secret"), ("PROXY_TTL", "0")]);
    assert!(!said.contains("wrong") && !said.contains("secret\n"), "{said}");
}

/// What Prometheus is shown of a counter.
fn counter(metrics: &str, name: &str, kind: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{type=\"{kind}\"}}")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn what_was_in_the_cache_and_what_was_not_is_counted_as_distribution_does() {
    let upstream = Server::start();
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let port = free_port();
    let cache = Server::with(|setup| {
        setup
            .env(URL, upstream.url())
            .env("REGISTRY_HTTP_DEBUG_ADDR", format!("127.0.0.1:{port}"))
            .env("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true")
    });
    for _ in 0..3 {
        pull_to_keep(&cache, "a", "latest", &image);
    }
    let mut client = Client::connect(([127, 0, 0, 1], port).into());
    let metrics = client.request(&Request::get("/metrics"));
    let metrics = metrics.expect(200).text();
    let count = |name: &str, kind: &str| counter(&metrics, &format!("registry_proxy_{name}_total"), kind);
    assert_eq!((count("hits", "blob"), count("misses", "blob"), count("requests", "blob")), (6.0, 3.0, 9.0));
    assert_eq!((count("hits", "manifest"), count("misses", "manifest")), (2.0, 1.0));
    let blobs: usize = image.layers.iter().chain([&image.config]).map(Vec::len).sum();
    assert_eq!(
        (count("pulled_bytes", "blob"), count("pushed_bytes", "blob")),
        (blobs as f64, 3.0 * blobs as f64)
    );
}

#[test]
fn where_there_is_no_room_what_is_pulled_passes_through() {
    let upstream = Server::start();
    let bytes = noise(1, 8 * MIB);
    let blob = push_blob(&upstream, "a", &bytes);
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let disk = Tmpfs::mount(16);
    let cache = Server::with(|setup| setup.env(URL, upstream.url()).root(disk.path().join("data")));
    assert!(cache.get(&blob_at("a", &blob)).expect(200).body == bytes);
    let part = Request::get(&blob_at("a", &blob)).header("Range", "bytes=5-14");
    assert_eq!(cache.request(&part).expect(206).body, bytes[5..15]);
    cache.assert_says("bytes are free in storage.filesystem.rootdirectory");
    assert!(!cache.blob_file(&blob).exists());
    pull(&cache, "a", "latest", &image);
}

#[test]
fn what_was_pushed_to_a_registry_stays_when_it_is_made_a_cache() {
    let upstream = Server::start();
    let mut server = Server::start();
    let (pushed, fetched) = (Image::oci(1), Image::oci(2));
    pushed.push(&server, "a", "latest");
    fetched.push(&upstream, "b", "latest");
    age(&server.tree(), Duration::from_secs(365 * 24 * 3600));
    server.restart_with(|setup| setup.env(URL, upstream.url()));
    server.assert_says("content that no cache has fetched");
    pull_to_keep(&server, "b", "latest", &fetched);
    assert_eq!(server.get(&blob_at("a", &sha256(&pushed.config))).expect(200).body, pushed.config);

    // And what is pushed where a cache was.
    let mut cache = cache_of(&upstream);
    pull_to_keep(&cache, "b", "latest", &fetched);
    cache.restart_with(|setup| setup.env(URL, ""));
    pushed.push(&cache, "a", "latest");
    age(&cache.tree(), Duration::from_secs(365 * 24 * 3600));
    cache.restart_with(|setup| setup.env(URL, upstream.url()));
    cache.assert_says("content that no cache has fetched");
    assert_eq!(cache.get(&blob_at("a", &sha256(&pushed.config))).expect(200).body, pushed.config);

    // Though distribution's was there before that.
    let mut taken = Server::start();
    std::fs::write(taken.root().join("scheduler-state.json"), "{}").expect("a file");
    taken.restart();
    pushed.push(&taken, "a", "latest");
    age(&taken.tree(), Duration::from_secs(365 * 24 * 3600));
    taken.restart_with(|setup| setup.env(URL, upstream.url()));
    taken.assert_says("content that no cache has fetched");
    assert!(taken.blob_file(&pushed.digest()).exists());
}

#[test]
fn a_directory_is_the_cache_of_one_registry() {
    let (upstream, other) = (Server::start(), Server::start());
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let mut cache = cache_of(&upstream);
    pull_to_keep(&cache, "a", "latest", &image);
    cache.kill();
    let refused = cache.beside(&["serve"]).env(URL, other.url()).output().expect("it can be run");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("is a cache of {}", upstream.url())), "{said}");
    cache.launch();
    pull_to_keep(&cache, "a", "latest", &image);
}

#[test]
fn what_would_leave_no_room_for_anything_else_passes_through() {
    let upstream = Server::start();
    let (small, large) =
        (push_blob(&upstream, "a", &noise(1, MIB)), push_blob(&upstream, "a", &noise(2, 6 * MIB)));
    let cache = Server::with(|setup| setup.env(URL, upstream.url()).env("REGISTRY_PROXY_MAXSIZE", "10MiB"));
    for blob in [&small, &large, &large] {
        assert_eq!(sha256(&cache.get(&blob_at("a", blob)).expect(200).body), *blob);
    }
    cache.assert_says("more than half of proxy.maxsize");
    assert_kept(&cache, "a", &small);
    assert!(!cache.blob_file(&large).exists());
}

#[test]
fn the_directory_of_a_cache_of_distributions_is_taken_over() {
    let upstream = Server::start();
    let image = Image::oci(1);
    image.push(&upstream, "a", "latest");
    let mut cache = Server::start();
    image.push(&cache, "a", "latest");
    age(&cache.tree(), Duration::from_secs(365 * 24 * 3600));
    std::fs::write(cache.root().join("scheduler-state.json"), "{}").expect("a file");
    cache.restart_with(|setup| setup.env(URL, upstream.url()));
    cache.assert_says("the cache has evicted");
    assert!(!cache.blob_file(&image.digest()).exists());
    pull_to_keep(&cache, "a", "latest", &image);
}

#[test]
fn no_pull_fails_while_blobs_are_evicted() {
    let upstream = Server::start();
    let blobs: Vec<Digest> = (0..24).map(|seed| push_blob(&upstream, "a", &noise(seed, 100 << 10))).collect();
    (0..24).for_each(|seed| drop(push_blob(&upstream, "b", &noise(seed, 100 << 10))));
    let cache = Server::with(|setup| setup.env(URL, upstream.url()).env("REGISTRY_PROXY_MAXSIZE", "1MiB"));
    let until = std::time::Instant::now() + Duration::from_secs(3);
    std::thread::scope(|scope| {
        for (thread, name) in ["a", "b", "a", "b"].into_iter().enumerate() {
            let (cache, blobs) = (&cache, &blobs);
            scope.spawn(move || {
                for blob in blobs.iter().cycle().skip(thread * 7) {
                    assert_eq!(sha256(&cache.get(&blob_at(name, blob)).expect(200).body), *blob);
                    if std::time::Instant::now() > until {
                        return;
                    }
                }
            });
        }
    });
    cache.assert_says("the cache has evicted");
}
