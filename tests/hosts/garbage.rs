//! For hosts with a bucket: garbage is collected there while they take pushes (docs/decisions/0018).
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tests::garbage::{NOW, assert_whole, collect, forget_who_was_killed, killed_collections_take_nothing};
use tests::{Image, Request, Response, Server, assert_error, eventually, sha256};

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
    fs::write(&beside, format!("0f {word}\n{lines}"))
        .and_then(|()| fs::rename(&beside, state))
        .expect("a file");
}

fn grow_old(path: PathBuf) {
    let old = SystemTime::now() - Duration::from_secs(48 * 3600);
    File::options().append(true).open(path).and_then(|file| file.set_modified(old)).expect("a file of ours");
}

/// Whether somebody has said that he needs this.
fn is_said(server: &Server, digest: &names::Digest) -> bool {
    let said = tests::files_below(server.tree().join("_collection/said/0f"));
    said.iter().any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(digest.as_str())))
}

/// The answer to a request that waits for a removal to end, which takes away this blob of repository a.
fn while_it_is_removed(server: &Server, blob: &names::Digest, request: &Request) -> Response {
    say(server, "collecting", &[blob]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.request(request));
        assert!(
            eventually(Duration::from_secs(20), || is_said(server, blob)),
            "nobody says that he needs it"
        );
        std::thread::sleep(Duration::from_millis(500));
        assert!(!asked.is_finished(), "it does not wait");
        fs::remove_file(server.repository("a").join("_layers/sha256").join(blob.hex()).join("link"))
            .expect("a hold");
        fs::remove_file(server.blob_file(blob)).expect("bytes");
        say(server, "over", &[]);
        asked.join().expect("an answer")
    })
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
    while_it_is_removed(&server, &digest, &post).expect(201);
    assert!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body == image.layers[0]);
    image.push(&server, "a", "latest");
    assert_whole(&server, "a", &image);
}

#[test]
fn a_manifest_that_needs_what_is_being_removed_is_refused_and_nothing_is_left_of_it() {
    let server = server();
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    let put =
        Request::put("/v2/a/manifests/latest", &*image.manifest).header("Content-Type", image.media_type);
    let answer = while_it_is_removed(&server, &sha256(&image.layers[0]), &put);
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
    while_it_is_removed(&server, &digest, &mount).expect(202);
    server.head(&format!("/v2/b/blobs/{digest}")).expect(404);
}

#[test]
fn who_asks_for_what_is_old_renews_it_and_is_not_told_of_what_is_being_removed() {
    let server = server();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let blob = sha256(&image.layers[0]);
    let link = |directory: &str, digest: &names::Digest| {
        server.repository("a").join(directory).join("sha256").join(digest.hex()).join("link")
    };
    let manifest = link("_manifests/revisions", &image.digest());
    let layer = link("_layers", &blob);
    let age = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|link| link.modified()).expect("a link");
        modified.elapsed().unwrap_or_default()
    };
    for (file, path) in
        [(layer, format!("blobs/{blob}")), (manifest, format!("manifests/{}", image.digest()))]
    {
        let digest = path.split_once('/').expect("a digest").1.parse().expect("a digest");
        server.head(&format!("/v2/a/{path}")).expect(200);
        grow_old(file.clone());
        say(&server, "collecting", &[&digest]);
        server.head(&format!("/v2/a/{path}")).expect(404);
        assert!(is_said(&server, &digest));
        grow_old(file.clone());
        say(&server, "over", &[]);
        server.head(&format!("/v2/a/{path}")).expect(200);
        assert!(age(&file) < Duration::from_secs(600), "the link of {path} is not renewed");
    }
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
    let put =
        Request::put("/v2/a/manifests/other", &*image.manifest).header("Content-Type", image.media_type);
    assert_error(&server.request(&put), 503, "UNAVAILABLE");
    server.assert_says("_collection/state");
    assert_whole(&server, "a", &image);
}

#[test]
fn collections_that_are_killed_and_begin_anew_take_nothing_that_was_acknowledged() {
    killed_collections_take_nothing(&server(), 40, Duration::from_millis(250));
}
