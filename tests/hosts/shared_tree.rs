//! For `wasmtime serve` with a bucket: one tree that our own host serves from its disk, and the other host from a bucket
//! whose objects are the same files.
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::program::Folder;
use tests::{Bucket, Host, Image, Request, Response, Server, noise, push_blob, push_manifest, sha256};

/// How many images each side pushes while the other does.
const IMAGES: u64 = 12;

/// Our own host and the other, with one tree. The folder and the bucket go after them.
struct Sides {
    native: Server,
    edge: Server,
    _bucket: Bucket,
    _folder: Folder,
}

fn sides() -> Sides {
    let folder = Folder::new();
    let bucket = Bucket::serve(&folder.join("bucket"));
    let native = Server::with(|setup| setup.on(Host::Native).root(bucket.folder()).delete_enabled());
    let edge = Server::with(|setup| setup.on(Host::WasmtimeS3).bucket(&bucket).delete_enabled());
    Sides { native, edge, _bucket: bucket, _folder: folder }
}

/// Holds every byte of an image to come from a server.
#[track_caller]
fn assert_pulls(server: &Server, repository: &str, tag: &str, image: &Image) {
    let manifest = server.get(&format!("/v2/{repository}/manifests/{tag}")).expect(200);
    assert_eq!(manifest.body, image.manifest);
    assert_eq!(manifest.required("Content-Type"), image.media_type);
    for blob in image.layers.iter().chain([&image.config]) {
        assert_eq!(server.get(&format!("/v2/{repository}/blobs/{}", sha256(blob))).expect(200).body, *blob);
    }
}

#[test]
fn what_either_side_was_given_the_other_serves() {
    let sides = sides();
    for (from, to, name) in [(&sides.native, &sides.edge, "native"), (&sides.edge, &sides.native, "edge")] {
        for (seed, image) in [Image::oci(1), Image::docker(2)].into_iter().enumerate() {
            let tag = seed.to_string();
            image.push(from, name, &tag);
            assert_pulls(to, name, &tag, &image);
        }
        let tags = to.get(&format!("/v2/{name}/tags/list")).expect(200).json();
        assert_eq!(tags["tags"], serde_json::json!(["0", "1"]));
    }
    for server in [&sides.native, &sides.edge] {
        let listed = server.get("/v2/_catalog").expect(200).json();
        assert_eq!(listed["repositories"], serde_json::json!(["edge", "native"]));
    }
}

#[test]
fn what_either_side_deletes_is_gone_from_the_other() {
    let sides = sides();
    for (from, to) in [(&sides.native, &sides.edge), (&sides.edge, &sides.native)] {
        let image = Image::oci(1);
        let digest = image.push(from, "a", "latest");
        assert_pulls(to, "a", "latest", &image);
        image.push(from, "a", "other");
        to.delete("/v2/a/manifests/other").expect(202);
        from.get("/v2/a/manifests/other").expect(404);
        to.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
        from.get("/v2/a/manifests/latest").expect(404);
        from.get("/v2/a/tags/list").expect(404);
    }
}

#[test]
fn while_both_sides_push_each_pulls_what_the_other_has_finished() {
    let sides = sides();
    let pushed = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let image = |side: usize, number: u64| Image::oci(100 * side as u64 + number);
    std::thread::scope(|scope| {
        for (side, server) in [&sides.native, &sides.edge].into_iter().enumerate() {
            let pushed = &pushed;
            scope.spawn(move || {
                for number in 0..IMAGES {
                    // One repository for both, and tags of its own for each.
                    image(side, number).push(server, "shared", &format!("{side}-{number}"));
                    pushed[side].fetch_add(1, Ordering::SeqCst);
                }
            });
            let other = [&sides.edge, &sides.native][side];
            scope.spawn(move || {
                for number in 0..IMAGES {
                    let come = || pushed[side].load(Ordering::SeqCst) as u64 > number;
                    assert!(tests::eventually(std::time::Duration::from_secs(60), come), "nothing comes");
                    assert_pulls(other, "shared", &format!("{side}-{number}"), &image(side, number));
                }
            });
        }
    });
    for server in [&sides.native, &sides.edge] {
        let tags = server.get("/v2/shared/tags/list").expect(200).json();
        assert_eq!(tags["tags"].as_array().map(Vec::len), Some(2 * IMAGES as usize), "{tags}");
    }
}

/// A page of the tags of `a`.
fn tags(page: &Response) -> Vec<String> {
    serde_json::from_value(page.json()["tags"].clone()).expect("a list of tags")
}

#[test]
fn tags_come_in_order_page_by_page_whatever_keys_sort_like() {
    let sides = sides();
    let image = Image::oci(1);
    image.push_blobs(&sides.native, "a");
    // The key of a tag goes on with a slash, which is behind a hyphen and a full stop.
    for tag in ["v1", "v1-alpha", "v1.0", "v1.0-rc.1", "v1.0.1", "v10", "v2", "a", "a-", "a.b", "A"] {
        push_manifest(&sides.native, "a", tag, image.media_type, &image.manifest);
    }
    let all = tags(&sides.native.get("/v2/a/tags/list").expect(200));
    assert_eq!(all.len(), 11);
    for n in 1..=all.len() {
        let (mut found, mut last) = (Vec::new(), String::new());
        while found.len() < all.len() {
            let page = sides.edge.get(&format!("/v2/a/tags/list?n={n}&last={last}")).expect(200);
            found.extend(tags(&page));
            assert_ne!(found.last(), Some(&last), "{n} after {last}: {page}");
            last = found.last().cloned().unwrap_or_default();
        }
        assert_eq!(found, all, "by {n}");
    }
}

#[test]
fn what_a_part_of_a_blob_is_asked_for_is_that_part() {
    let sides = sides();
    let bytes = noise(7, 300_000);
    let target = format!("/v2/a/blobs/{}", push_blob(&sides.native, "a", &bytes));
    let part = |range: &str| sides.edge.request(&Request::get(&target).header("Range", range));
    assert_eq!(part("bytes=100000-199999").expect(206).body, bytes[100_000..200_000]);
    assert_eq!(part("bytes=-1").expect(206).body, bytes[299_999..]);
    part("bytes=300000-").expect(416);
}
