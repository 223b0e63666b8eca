//! For hosts with a bucket: garbage is collected there while they take pushes (docs/decisions/0018).
use crate::between::{Fate, Faulty, SOON, error};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tests::garbage::{NOW, assert_whole, collect, forget_who_was_killed, killed_collections_take_nothing};
use tests::{Image, Request, Response, Server, assert_error, eventually, push_blob, sha256, sha512};

fn server() -> Server {
    Server::with(|setup| setup.delete_enabled())
}

fn state(server: &Server) -> PathBuf {
    server.tree().join("_collection/state")
}

/// As who collects garbage says it.
fn say(server: &Server, word: &str, condemned: &[&names::Digest]) {
    let lines: String = condemned.iter().map(|digest| format!("{digest}\n")).collect();
    let state = state(server);
    let beside = state.with_extension("new");
    fs::create_dir_all(state.parent().expect("a folder")).expect("a folder");
    fs::write(&beside, format!("0f {word} 1\n{lines}"))
        .and_then(|()| fs::rename(&beside, state))
        .expect("a file");
}

fn grow_old(path: &Path) {
    let old = SystemTime::now() - Duration::from_secs(48 * 3600);
    File::options().append(true).open(path).and_then(|file| file.set_modified(old)).expect("a file of ours");
}

/// Whether somebody has said that he needs this.
fn is_said(server: &Server, digest: &names::Digest) -> bool {
    let said = tests::files_below(server.tree().join("_collection/said/0f"));
    said.iter().any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(digest.as_str())))
}

/// The answer to a request that waits until this is no longer removed, and what `ends` it is done.
fn while_condemned(
    server: &Server,
    digest: &names::Digest,
    request: &Request,
    end: impl FnOnce(),
) -> Response {
    say(server, "collecting", &[digest]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.request(request));
        assert!(eventually(SOON, || is_said(server, digest)), "nobody says that he needs it");
        std::thread::sleep(Duration::from_millis(500));
        assert!(!asked.is_finished(), "it does not wait");
        end();
        say(server, "over", &[]);
        asked.join().expect("an answer")
    })
}

/// As who collects garbage removes a blob that repository a holds.
fn remove(server: &Server, blob: &names::Digest) {
    fs::remove_file(link(server, "_layers", blob)).expect("a hold");
    fs::remove_file(server.blob_file(blob)).expect("bytes");
}

fn link(server: &Server, directory: &str, digest: &names::Digest) -> PathBuf {
    server.repository("a").join(directory).join(digest.algorithm().as_str()).join(digest.hex()).join("link")
}

fn put(image: &Image, tag: &str) -> Request {
    let target = format!("/v2/a/manifests/{tag}");
    Request::put(&target, &*image.manifest).header("Content-Type", image.media_type)
}

#[test]
fn a_blob_that_is_being_removed_is_pushed_as_if_it_had_not_been_there() {
    let server = server();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    let digest = sha256(&image.layers[0]);
    let post = Request::post(&format!("/v2/a/blobs/uploads/?digest={digest}"))
        .header("Content-Type", "application/octet-stream")
        .body(&*image.layers[0]);
    while_condemned(&server, &digest, &post, || remove(&server, &digest)).expect(201);
    assert!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body == image.layers[0]);
    image.push(&server, "a", "latest");
    assert_whole(&server, "a", &image);
}

#[test]
fn a_manifest_that_needs_what_is_being_removed_is_refused_and_nothing_is_left_of_it() {
    let server = server();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    let layer = sha256(&image.layers[0]);
    let answer = while_condemned(&server, &layer, &put(&image, "latest"), || remove(&server, &layer));
    assert_error(&answer, 400, "MANIFEST_BLOB_UNKNOWN");
    for reference in ["latest", image.digest().as_str()] {
        assert_error(&server.get(&format!("/v2/a/manifests/{reference}")), 404, "MANIFEST_UNKNOWN");
    }
}

#[test]
fn a_mount_of_what_is_being_removed_is_an_upload() {
    let server = server();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    let digest = sha256(&image.layers[0]);
    let mount = Request::post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a"));
    while_condemned(&server, &digest, &mount, || remove(&server, &digest)).expect(202);
    server.head(&format!("/v2/b/blobs/{digest}")).expect(404);
}

#[test]
fn who_asks_for_what_is_old_renews_it_and_waits_for_whether_it_goes() {
    let server = server();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let blob = sha256(&image.layers[0]);
    let age = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|link| link.modified()).expect("a link");
        modified.elapsed().unwrap_or_default()
    };
    for (directory, digest, path) in
        [("_layers", &blob, "blobs"), ("_manifests/revisions", &image.digest(), "manifests")]
    {
        let file = link(&server, directory, digest);
        let head = Request::head(&format!("/v2/a/{path}/{digest}"));
        grow_old(&file);
        server.request(&head).expect(200);
        assert!(age(&file) < Duration::from_secs(600), "{path}: it is not renewed");
        grow_old(&file);
        while_condemned(&server, digest, &head, || ()).expect(200);
        assert!(age(&file) < Duration::from_secs(600), "{path}: it is not renewed");
        fs::remove_dir_all(server.tree().join("_collection/said")).expect("what was said");
    }
    grow_old(&link(&server, "_layers", &blob));
    let head = Request::head(&format!("/v2/a/blobs/{blob}"));
    while_condemned(&server, &blob, &head, || remove(&server, &blob)).expect(404);
}

#[test]
fn a_collection_of_which_nothing_is_heard_holds_nobody_up() {
    let server = server();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    say(&server, "collecting", &[&sha256(&image.layers[0]), &image.digest()]);
    forget_who_was_killed(&server);
    image.push(&server, "a", "latest");
    assert_whole(&server, "a", &image);
    // The next one clears away what was said to that one.
    collect(&server, &NOW);
    assert_eq!(tests::files_below(server.tree().join("_collection/said")).len(), 0);
    assert_whole(&server, "a", &image);
}

#[test]
fn what_a_collection_says_that_is_not_understood_keeps_pushes_away_and_the_log_names_it() {
    let server = server();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    say(&server, "thinking", &[]);
    assert_error(&server.request(&put(&image, "other")), 503, "UNAVAILABLE");
    server.assert_says("_collection/state");
    assert_whole(&server, "a", &image);
}

#[test]
fn collections_that_are_killed_and_begin_anew_take_nothing_that_was_acknowledged() {
    killed_collections_take_nothing(&server(), 40, Duration::from_millis(250));
}

#[test]
fn who_is_refused_does_not_take_away_what_another_has_stored_meanwhile() {
    let Faulty { server: one, between, bucket, .. } = &Faulty::start();
    let other = &Server::with(|setup| setup.bucket(bucket));
    let image = Image::oci(1);
    image.push_blobs(other, "a");
    let layer = sha256(&image.layers[0]);
    let removal = between.hold(|head| head.starts_with("DELETE") && head.contains("/_manifests/revisions/"));
    say(other, "collecting", &[&layer]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| one.request(&put(&image, "mine")));
        assert!(eventually(SOON, || is_said(other, &layer)), "nobody says that he needs it");
        remove(other, &layer);
        say(other, "over", &[]);
        removal.reached();
        image.push(other, "a", "theirs");
        removal.open();
        asked.join().expect("an answer").expect(201);
    });
    assert_whole(other, "a", &image);
    for tag in ["mine", "theirs"] {
        assert_eq!(other.get(&format!("/v2/a/manifests/{tag}")).expect(200).body, image.manifest);
    }
}

#[test]
fn a_link_that_cannot_be_renewed_keeps_nobody_from_pulling() {
    let Faulty { server, between, .. } = &Faulty::start();
    let image = Image::oci(1);
    image.push(server, "a", "latest");
    let blob = sha256(&image.layers[0]);
    for (status, code, head) in [
        // Someone else was quicker.
        ("412 Precondition Failed", "PreconditionFailed", 200),
        ("409 Conflict", "ConditionalRequestConflict", 200),
        // Nobody knows whether the blob will be there.
        ("503 Slow Down", "SlowDown", 503),
        // This one may not push either.
        ("403 Forbidden", "AccessDenied", 200),
    ] {
        grow_old(&link(server, "_manifests/revisions", &image.digest()));
        grow_old(&link(server, "_layers", &blob));
        between.rule(move |head| match head.starts_with("PUT") && head.contains("/link ") {
            true => error(status, code),
            false => Fate::Passes,
        });
        assert_eq!(
            server.get(&format!("/v2/a/manifests/{}", image.digest())).expect(200).body,
            image.manifest
        );
        server.head(&format!("/v2/a/blobs/{blob}")).expect(head);
    }
}

#[test]
fn a_removal_that_may_still_come_ends_the_collection_and_one_that_was_put_off_is_tried_again() {
    let Faulty { server, between, .. } = &Faulty::start();
    let blob = push_blob(server, "a", b"garbage");
    Image::oci(1).push(server, "a", "latest");
    let collected = || {
        let mut command = server.beside(&NOW);
        command.env("REGISTRY_STORAGE_S3_REGIONENDPOINT", between.endpoint()).output().expect("it can be run")
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    between.rule(move |head| match head.starts_with("DELETE") && head.contains("/data ") {
        true => {
            count.fetch_add(1, Ordering::SeqCst);
            error("504 Gateway Timeout", "")
        }
        false => Fate::Passes,
    });
    let ended = collected();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.code() == Some(1) && said.contains("may still do it"), "{said}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it is asked again");
    let said = fs::read_to_string(state(server)).expect("a state");
    assert!(said.contains(" collecting ") && said.contains(blob.as_str()), "{said}");

    forget_who_was_killed(server);
    let put_off = Arc::new(AtomicUsize::new(0));
    between.rule(move |head| {
        match head.starts_with("DELETE")
            && head.contains("/data ")
            && put_off.fetch_add(1, Ordering::SeqCst) < 2
        {
            true => error("503 Slow Down", "SlowDown"),
            false => Fate::Passes,
        }
    });
    let ended = collected();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success() && said.contains("removed: 1 blobs of 7 bytes"), "{said}");
}

#[test]
fn what_was_removed_keeps_nobody_waiting_while_more_is_looked_for() {
    let Faulty { server, between, .. } = &Faulty::start();
    let image = Image::oci(1);
    image.push(server, "a", image.digest().as_str());
    image.push(server, "b", "latest");
    // What comes after the manifests.
    let sweep = between.hold(|head| head.contains("list-type=2") && head.contains("blobs%2F"));
    let mut command = server.beside(&[&NOW[..], &["-m"]].concat());
    command.env("REGISTRY_STORAGE_S3_REGIONENDPOINT", between.endpoint());
    std::thread::scope(|scope| {
        let collected = scope.spawn(move || command.output().expect("it can be run"));
        sweep.reached();
        assert_error(&server.get(&format!("/v2/a/manifests/{}", image.digest())), 404, "MANIFEST_UNKNOWN");
        let said = fs::read_to_string(state(server)).expect("a state");
        assert!(said.contains(" collecting ") && said.lines().count() == 1, "{said}");
        assert_whole(server, "b", &image);
        sweep.open();
        let said = String::from_utf8_lossy(&collected.join().expect("an end").stdout).into_owned();
        assert!(said.contains("removed: 0 blobs of 0 bytes, 1 manifests"), "{said}");
    });
    assert_whole(server, "b", &image);
}

/// A blob of repository a, written by hand.
fn write(server: &Server, bytes: &[u8]) -> names::Digest {
    let digest = sha256(bytes);
    let file = server.blob_file(&digest);
    fs::create_dir_all(file.parent().expect("a folder"))
        .and_then(|()| fs::write(file, bytes))
        .expect("a file");
    digest
}

fn lead(link: &Path, to: &names::Digest) {
    fs::create_dir_all(link.parent().expect("a folder"))
        .and_then(|()| fs::write(link, to.as_str()))
        .expect("a link");
}

#[test]
fn what_old_trees_have_is_needed_too() {
    let server = server();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    // Manifests that are held as blobs are, as what they are by another algorithm: an index names one that names blobs.
    let manifest = write(&server, &image.manifest);
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{}"}}]}}"#, sha512(&image.manifest));
    let content = write(&server, index.as_bytes());
    lead(&link(&server, "_layers", &sha512(&image.manifest)), &manifest);
    lead(&link(&server, "_layers", &sha512(index.as_bytes())), &content);
    lead(&server.repository("a").join("_manifests/tags/old/current/link"), &sha512(index.as_bytes()));
    // What is too large for a manifest needs nothing, and is no reason to stop.
    let large = write(&server, &vec![b' '; 5 << 20]);
    lead(&link(&server, "_manifests/revisions", &large), &large);
    let garbage = push_blob(&server, "a", b"garbage");
    let ended = server.beside(&NOW).output().expect("it can be run");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success() && said.contains("removed: 1 blobs of 7 bytes"), "{said}");
    assert!(!server.blob_file(&garbage).exists() && server.blob_file(&large).exists());
    for blob in image.layers.iter().chain([&image.config]) {
        server.get(&format!("/v2/a/blobs/{}", sha256(blob))).expect(200);
    }
}
