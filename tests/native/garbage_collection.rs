//! `pierhead garbage-collect` beside a server that goes on.
use std::fs;
use std::time::{Duration, SystemTime};
use tests::garbage::{NOW, assert_whole, collect, killed_collections_take_nothing};
use tests::{Host, Image, OCI_INDEX, Server, assert_error, index, push_blob, push_manifest, run};

/// Where content lies: what is garbage does not depend on it.
const PLACES: [Host; 2] = [Host::Native, Host::NativeS3];

fn server(place: Host) -> Server {
    Server::with(|s| s.on(place).env("REGISTRY_STORAGE_DELETE_ENABLED", "true"))
}

#[test]
fn distributions_switches_are_taken() {
    let server = server(Host::Native);
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let file = server.scratch().join("config.yml");
    let root = server.root();
    fs::write(
        &file,
        format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n", root.display()),
    )
    .expect("a file");
    let file = file.to_str().expect("a path");
    for (arguments, silent) in [
        (&["garbage-collect", file][..], false),
        (&["garbage-collect", "--dry-run", "--delete-untagged=true", "--quiet=false", file], false),
        (&["garbage-collect", "-dmq", file], true),
        (&["garbage-collect", "-m=T", file, "-d=1"], false),
    ] {
        let finished = run(arguments, |s| s);
        assert_eq!((finished.code, finished.output.is_empty()), (Some(0), silent), "{}", finished.output);
        assert!(silent || finished.output.contains("4 blobs marked, 0 blobs and 0 manifests eligible"));
    }
    assert_whole(&server, "a", &image);

    let finished =
        run(&["garbage-collect"], |s| s.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/nonexistent"));
    assert_eq!(finished.code, Some(1));
    assert!(finished.output.contains("there is no directory /nonexistent"), "{}", finished.output);
    for wrong in [&["garbage-collect", "--grace", "soon"][..], &["garbage-collect", "--quiet=maybe"]] {
        let finished = run(wrong, |s| s);
        assert_eq!(finished.code, Some(2), "{}", finished.output);
    }
    let empty = server.scratch().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let said = server.beside(&NOW).env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", &empty).output();
    let said = String::from_utf8_lossy(&said.expect("it can be run").stderr).into_owned();
    assert!(said.contains("nothing was pushed to it yet"), "{said}");
    assert_eq!(fs::read_dir(&empty).expect("the folder").count(), 0);
}

#[test]
fn what_was_deleted_gives_its_room_back_while_the_server_serves() {
    PLACES.into_iter().for_each(what_was_deleted_gives_its_room_back_while_the_server_serves_in);
}

fn what_was_deleted_gives_its_room_back_while_the_server_serves_in(place: Host) {
    let server = server(place);
    let [kept, deleted] = [1, 2].map(Image::oci);
    kept.push(&server, "a", "kept");
    let digest = deleted.push(&server, "a", "deleted");
    push_blob(&server, "b", &deleted.layers[0]);
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);

    // What was pushed today stays; that it does is told.
    let said = collect(&server, &["garbage-collect"]);
    assert!(said.contains("kept: 4 blobs") && said.contains("--grace 0s"), "{said}");
    let said = collect(&server, &[&NOW[..], &["--dry-run"]].concat());
    assert!(said.contains(&format!("blob eligible for deletion: {digest}")), "{said}");
    assert!(said.contains("would be removed: 4 blobs of"), "{said}");
    let said = collect(&server, &NOW);
    assert!(said.contains("\nremoved: 4 blobs of") && !said.contains("kept"), "{said}");

    assert_whole(&server, "a", &kept);
    for (repository, blob) in [("a", &deleted.layers[0]), ("a", &deleted.config), ("b", &deleted.layers[0])] {
        let digest = tests::sha256(blob);
        assert!(!server.blob_file(&digest).exists());
        assert_error(&server.get(&format!("/v2/{repository}/blobs/{digest}")), 404, "BLOB_UNKNOWN");
        server.head(&format!("/v2/{repository}/blobs/{digest}")).expect(404);
        server.post(&format!("/v2/c/blobs/uploads/?mount={digest}&from={repository}")).expect(202);
    }
    // Nothing is said to exist that does not.
    deleted.push(&server, "a", "again");
    assert_whole(&server, "a", &deleted);
}

#[test]
fn a_server_that_is_read_only_is_collected_beside() {
    PLACES.into_iter().for_each(a_server_that_is_read_only_is_collected_beside_in);
}

fn a_server_that_is_read_only_is_collected_beside_in(place: Host) {
    let mut server = server(place);
    let digest = Image::oci(1).push(&server, "a", "latest");
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    let read_only = "REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED";
    server.restart_with(|s| s.env(read_only, "true"));
    let done = server.beside(&NOW).env(read_only, "true").output().expect("it can be run");
    assert!(String::from_utf8_lossy(&done.stdout).contains("removed: 4 blobs"), "{done:?}");
    assert_eq!(server.get("/v2/_catalog").expect(200).text().trim(), r#"{"repositories":[]}"#);
}

#[test]
fn without_tags_an_image_of_an_index_with_one_stays() {
    PLACES.into_iter().for_each(without_tags_an_image_of_an_index_with_one_stays_in);
}

fn without_tags_an_image_of_an_index_with_one_stays_in(place: Host) {
    let server = server(place);
    let [one, two, alone] = [1, 2, 3].map(Image::oci);
    for image in [&one, &two, &alone] {
        image.push(&server, "a", image.digest().as_str());
    }
    push_manifest(&server, "a", "latest", OCI_INDEX, &index(OCI_INDEX, &[&one, &two]));
    let said = collect(&server, &[&NOW[..], &["--delete-untagged"]].concat());
    let line = format!("manifest eligible for deletion: a@{}\n", alone.digest());
    assert!(said.contains(&line) && said.contains("4 blobs and 1 manifests eligible"), "{said}");
    assert_whole(&server, "a", &one);
    assert_whole(&server, "a", &two);
    assert_error(&server.get(&format!("/v2/a/manifests/{}", alone.digest())), 404, "MANIFEST_UNKNOWN");
    server.get("/v2/a/manifests/latest").expect(200);
}

#[test]
fn what_a_client_was_told_is_there_stays() {
    PLACES.into_iter().for_each(what_a_client_was_told_is_there_stays_in);
}

fn what_a_client_was_told_is_there_stays_in(place: Host) {
    let server = server(place);
    let image = Image::oci(1);
    image.push_blobs(&server, "a");
    let old = SystemTime::now() - Duration::from_secs(48 * 3600);
    let links: Vec<_> = image
        .layers
        .iter()
        .chain([&image.config])
        .map(|blob| {
            server.repository("a").join("_layers/sha256").join(tests::sha256(blob).hex()).join("link")
        })
        .collect();
    for link in &links {
        fs::File::options()
            .append(true)
            .open(link)
            .and_then(|file| file.set_modified(old))
            .expect("the link");
    }
    std::thread::sleep(Duration::from_millis(3100));
    for blob in &image.layers {
        server.head(&format!("/v2/a/blobs/{}", tests::sha256(blob))).expect(200);
    }
    let said = collect(&server, &["garbage-collect", "--grace", "3s"]);
    let config = tests::sha256(&image.config);
    assert!(said.starts_with(&format!("blob eligible for deletion: {config}\n0 blobs marked")), "{said}");
    assert!(said.contains("kept: 2 blobs that no manifest needs, 0 manifests without a tag"), "{said}");
}

#[test]
fn collections_that_are_killed_and_begin_anew_take_nothing_that_was_acknowledged() {
    killed_collections_take_nothing(&server(Host::Native), 120, Duration::from_millis(25));
}
