//! People edit the tree on disk, and the server shows what is there.
use std::fs;
use std::time::Duration;
use tests::{Image, Server, assert_error, assert_errors, push_blob, sha256};

/// Longer than any cache may trust what it has not looked at.
const SETTLED: Duration = Duration::from_millis(2200);

/// Reads everything of an image often enough for every cache to know it.
fn warm(server: &Server, repository: &str, image: &Image) {
    std::thread::sleep(SETTLED);
    for _ in 0..4 {
        server.get(&format!("/v2/{repository}/manifests/latest")).expect(200);
        server.get(&format!("/v2/{repository}/manifests/{}", image.digest())).expect(200);
        server.get(&format!("/v2/{repository}/tags/list")).expect(200);
        server.get("/v2/_catalog").expect(200);
        for blob in &image.layers {
            server.get(&format!("/v2/{repository}/blobs/{}", sha256(blob))).expect(200);
            server.head(&format!("/v2/{repository}/blobs/{}", sha256(blob))).expect(200);
        }
    }
}

#[test]
fn a_removed_repository_is_gone_at_once_and_can_be_pushed_again() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a/b", "latest");
    push_blob(&server, "other", b"bytes");
    warm(&server, "a/b", &image);
    fs::remove_dir_all(server.repository("a/b")).expect("the repository");
    for reference in ["latest", digest.as_str()] {
        let response = server.get(&format!("/v2/a/b/manifests/{reference}"));
        assert_errors(&response, 404, &["MANIFEST_UNKNOWN", "NAME_UNKNOWN"]);
    }
    assert_error(&server.get("/v2/a/b/tags/list"), 404, "NAME_UNKNOWN");
    assert!(!server.get("/v2/_catalog").expect(200).text().contains("a/b"));
    let layer = sha256(&image.layers[0]);
    assert_error(&server.get(&format!("/v2/a/b/blobs/{layer}")), 404, "BLOB_UNKNOWN");
    server.head(&format!("/v2/a/b/blobs/{layer}")).expect(404);
    server.post(&format!("/v2/c/blobs/uploads/?mount={layer}&from=a/b")).expect(202);

    image.push(&server, "a/b", "latest");
    warm(&server, "a/b", &image);
}

#[test]
fn a_removed_blob_is_gone_at_once_and_can_be_pushed_again() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    warm(&server, "a", &image);
    let layer = sha256(&image.layers[0]);
    let folder = server.blob_file(&layer);
    fs::remove_dir_all(folder.parent().expect("the folder of the blob")).expect("the blob");
    let path = format!("/v2/a/blobs/{layer}");
    assert_error(&server.get(&path), 404, "BLOB_UNKNOWN");
    server.head(&path).expect(404);
    server.post(&format!("/v2/b/blobs/uploads/?mount={layer}&from=a")).expect(202);
    let request = tests::Request::put("/v2/a/manifests/again", &*image.manifest);
    let response = server.request(&request.header("Content-Type", image.media_type));
    assert_error(&response, 400, "MANIFEST_BLOB_UNKNOWN");

    push_blob(&server, "a", &image.layers[0]);
    assert_eq!(server.get(&path).expect(200).body, image.layers[0]);
    image.push(&server, "a", "again");
}

#[test]
fn a_hold_without_bytes_is_404_where_only_the_file_is_gone() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    fs::remove_file(server.blob_file(&digest)).expect("the bytes");
    assert_error(&server.get(&format!("/v2/a/blobs/{digest}")), 404, "BLOB_UNKNOWN");
    push_blob(&server, "a", b"bytes");
    server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
}

#[test]
fn a_manifest_whose_bytes_were_removed_is_stored_again_by_the_next_push() {
    let mut server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    warm(&server, "a", &image);
    // The bytes of a manifest may be remembered by their digest; that they are gone must not be forgotten.
    fs::remove_file(server.blob_file(&digest)).expect("the manifest");
    let response = server.get("/v2/a/manifests/latest");
    assert!(response.status == 404 || response.body == image.manifest, "{response}");
    image.push(&server, "a", "latest");
    assert_eq!(fs::read(server.blob_file(&digest)).expect("the manifest"), image.manifest);
    fs::remove_file(server.blob_file(&digest)).expect("the manifest");
    server.restart();
    for reference in ["latest", digest.as_str()] {
        assert_error(&server.get(&format!("/v2/a/manifests/{reference}")), 404, "MANIFEST_UNKNOWN");
    }
    image.push(&server, "a", "latest");
    warm(&server, "a", &image);
}

#[test]
fn a_tag_that_was_moved_or_removed_on_disk_is_served_as_it_is_there() {
    let server = Server::start();
    let (old, new) = (Image::oci(1), Image::docker(2));
    new.push(&server, "a", "new");
    old.push(&server, "a", "latest");
    warm(&server, "a", &old);
    let tag = server.repository("a").join("_manifests/tags/latest");
    fs::write(tag.join("current/link"), new.digest().as_str()).expect("the link");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, new.manifest);
    fs::remove_dir_all(&tag).expect("the tag");
    assert_error(&server.get("/v2/a/manifests/latest"), 404, "MANIFEST_UNKNOWN");
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], serde_json::json!(["new"]));
}

#[test]
fn a_repository_that_was_moved_away_comes_back_as_it_was() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    warm(&server, "a", &image);
    fs::rename(server.repository("a"), server.repository("moved")).expect("a move");
    server.get("/v2/a/manifests/latest").expect(404);
    assert_eq!(server.get("/v2/moved/manifests/latest").expect(200).body, image.manifest);
    fs::rename(server.repository("moved"), server.repository("a")).expect("a move");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
    server.get("/v2/moved/manifests/latest").expect(404);
}

#[test]
fn what_lies_in_the_tree_and_is_none_of_ours_harms_nobody() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let tree = server.tree();
    fs::write(tree.join("repositories/README"), "hello").expect("a file");
    fs::create_dir_all(tree.join("repositories/UPPER/_manifests/tags/latest")).expect("a folder");
    fs::create_dir_all(server.repository("a").join("_manifests/tags/.bad")).expect("a folder");
    fs::create_dir_all(server.repository("a").join("_anything/else")).expect("a folder");
    fs::write(server.repository("a").join("_manifests/tags/file"), "hello").expect("a file");
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["a"]));
    let tags = server.get("/v2/a/tags/list").expect(200).json();
    assert!(tags["tags"].as_array().is_some_and(|tags| tags.contains(&"latest".into())), "{tags}");
    assert!(!tags.to_string().contains(".bad"), "{tags}");
}

#[test]
fn a_link_out_of_the_tree_is_not_followed() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    let secret = server.scratch().join("secret");
    fs::write(&secret, b"secret").expect("a file");
    let file = server.blob_file(&digest);
    fs::remove_file(&file).expect("the blob");
    std::os::unix::fs::symlink(&secret, &file).expect("a link");
    let response = server.get(&format!("/v2/a/blobs/{digest}"));
    assert!(response.status >= 400, "{response}");
    assert!(!response.text().contains("secret"), "{response}");
    server.get("/v2/").expect(200);
}
