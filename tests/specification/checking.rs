//! Checking if content exists in the registry.
use names::Digest;
use tests::{Image, Server, assert_error, sha256};

/// A server with an image; the paths of its manifest and of a blob, with their digests and sizes.
fn content() -> (Server, Vec<(String, Digest, usize)>) {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let layer = sha256(&image.layers[0]);
    let paths = vec![
        ("/v2/a/manifests/latest".to_owned(), digest.clone(), image.manifest.len()),
        (format!("/v2/a/manifests/{digest}"), digest, image.manifest.len()),
        (format!("/v2/a/blobs/{layer}"), layer, image.layers[0].len()),
    ];
    (server, paths)
}

#[test]
fn head_of_what_exists_is_200() {
    let (server, paths) = content();
    for (path, ..) in paths {
        server.head(&path).expect(200);
    }
}

#[test]
fn head_tells_the_digest() {
    let (server, paths) = content();
    for (path, digest, _) in paths {
        assert_eq!(server.head(&path).required("Docker-Content-Digest"), digest.as_str(), "{path}");
    }
}

#[test]
fn head_tells_the_size_in_bytes() {
    let (server, paths) = content();
    for (path, _, size) in paths {
        assert_eq!(server.head(&path).required("Content-Length"), size.to_string(), "{path}");
    }
}

#[test]
fn head_of_what_does_not_exist_is_404() {
    let (server, paths) = content();
    let absent = sha256(b"absent");
    let elsewhere = paths.into_iter().map(|(path, ..)| path.replacen("/a/", "/b/", 1));
    let absent = [
        format!("/v2/a/blobs/{absent}"),
        format!("/v2/a/manifests/{absent}"),
        "/v2/a/manifests/absent".into(),
    ];
    for path in absent.into_iter().chain(elsewhere) {
        server.head(&path).expect(404);
        let code = match path.contains("/blobs/") {
            true => "BLOB_UNKNOWN",
            false => "MANIFEST_UNKNOWN",
        };
        assert_error(&server.get(&path), 404, code);
    }
}
