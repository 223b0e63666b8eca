//! Manifests and tags.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Reference;
use std::fs;
use store::{Page, PutManifest, PutManifestError};

fn page(names: &[&str], more: bool) -> Page {
    Page { names: names.iter().map(|name| name.to_string()).collect(), more }
}

#[test]
fn a_manifest_is_got_by_tag_and_by_digest_as_it_was_put() {
    let (tree, name) = (Tree::new(), repository("library/alpine"));
    let store = tree.open();
    let one = manifest("one", &["latest", "v1"]);
    store.put_manifest(&name, one.clone()).unwrap();
    for reference in ["latest", "v1", one.digest.as_str()] {
        let got = store.manifest(&name, &reference.parse().unwrap()).unwrap().unwrap();
        assert_eq!((got.digest, got.bytes, got.media_type), (one.digest.clone(), one.bytes.clone(), None));
    }
    for reference in ["v2", sha256("two").as_str()] {
        assert_eq!(get(&store, &name, reference), None);
    }
    assert_eq!(get(&store, &repository("library"), "latest"), None);
    assert_eq!(get(&store, &repository("other"), one.digest.as_str()), None);
}

#[test]
fn a_put_writes_distributions_files() {
    let (tree, name) = (Tree::new(), repository("a"));
    let one = manifest("one", &["latest"]);
    tree.open().put_manifest(&name, one.clone()).unwrap();
    let hex = one.digest.hex();
    assert_eq!(tree.files("blobs"), [format!("sha256/{}/{hex}/data", &hex[..2])]);
    let links = [
        format!("_manifests/revisions/sha256/{hex}/link"),
        "_manifests/tags/latest/current/link".to_owned(),
        format!("_manifests/tags/latest/index/sha256/{hex}/link"),
    ];
    assert_eq!(tree.files("repositories/a"), links);
    for link in links {
        assert_eq!(fs::read_to_string(tree.repository("a").join(link)).unwrap(), one.digest.as_str());
    }
    assert!(tree.repository("a").join("_layers").is_dir(), "distribution 2.x finds repositories by it");
    assert_eq!(tree.litter(), [] as [&str; 0]);
}

#[test]
fn a_tag_moves_and_the_manifest_it_named_stays() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let (one, two) = (manifest("one", &["latest"]), manifest("two", &["latest"]));
    for _ in 0..3 {
        for put in [&one, &two] {
            store.put_manifest(&name, put.clone()).unwrap();
            assert_eq!(get(&store, &name, "latest").unwrap(), put.bytes);
        }
    }
    assert_eq!(get(&store, &name, one.digest.as_str()).unwrap(), one.bytes);
    assert_eq!(tree.files("repositories/a/_manifests/tags/latest/index").len(), 2);
}

#[test]
fn the_media_type_is_kept_beside_the_link_and_can_change() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let reference: Reference = "latest".parse().unwrap();
    for media_type in ["application/one", "application/another"] {
        let put = PutManifest { media_type: Some(media_type.into()), ..manifest("one", &["latest"]) };
        store.put_manifest(&name, put).unwrap();
        for round in 0..2 {
            let got = store.manifest(&name, &reference).unwrap().unwrap();
            assert_eq!(got.media_type.as_deref(), Some(media_type), "{round}");
            settle();
        }
    }
}

#[test]
fn everything_that_is_missing_is_named_and_nothing_is_stored() {
    let (tree, name, other) = (Tree::new(), repository("a"), repository("b"));
    let store = tree.open();
    let held = run(push(&store, &name, "held"));
    let elsewhere = run(push(&store, &other, "elsewhere"));
    let lost = run(push(&store, &name, "lost"));
    fs::remove_file(tree.data(&lost)).unwrap();
    let child = manifest("child", &[]);
    store.put_manifest(&name, child.clone()).unwrap();
    let absent = sha256("absent");

    let put = PutManifest {
        blobs: vec![held, absent.clone(), elsewhere.clone(), lost.clone()],
        manifests: vec![child.digest, absent.clone(), elsewhere.clone()],
        ..manifest("one", &["latest"])
    };
    match store.put_manifest(&name, put) {
        Err(PutManifestError::Missing { blobs, manifests }) => {
            assert_eq!(blobs, [absent.clone(), elsewhere.clone(), lost]);
            assert_eq!(manifests, [absent, elsewhere]);
        }
        result => panic!("{result:?}"),
    }
    assert_eq!(get(&store, &name, "latest"), None);
    assert!(!tree.data(&sha256("one")).exists());
    assert_eq!(store.tags(&name, None, 10).unwrap(), Some(page(&[], false)));
}

#[test]
fn a_manifest_goes_with_its_tags_and_leaves_its_blobs() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let layer = run(push(&store, &name, "layer"));
    let one = PutManifest { blobs: vec![layer.clone()], ..manifest("one", &["latest", "v1", "moved"]) };
    store.put_manifest(&name, one.clone()).unwrap();
    let two = manifest("two", &["moved", "v2"]);
    store.put_manifest(&name, two.clone()).unwrap();

    assert!(store.delete_manifest(&name, &one.digest).unwrap());
    assert!(!store.delete_manifest(&name, &one.digest).unwrap());
    for reference in ["latest", "v1", one.digest.as_str()] {
        assert_eq!(get(&store, &name, reference), None, "{reference}");
    }
    assert_eq!(store.tags(&name, None, 10).unwrap(), Some(page(&["moved", "v2"], false)));
    assert_eq!(get(&store, &name, "moved").unwrap(), two.bytes);
    assert_eq!(store.stat_blob(&name, &layer).unwrap(), Some(5));
    assert!(!store.delete_manifest(&repository("b"), &two.digest).unwrap());
    assert!(!store.delete_manifest(&name, &layer).unwrap(), "a layer is no manifest");
}

#[test]
fn a_tag_is_removed_alone() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let one = manifest("one", &["latest", "v1"]);
    store.put_manifest(&name, one.clone()).unwrap();
    let latest = "latest".parse().unwrap();
    assert!(store.delete_tag(&name, &latest).unwrap());
    assert!(!store.delete_tag(&name, &latest).unwrap());
    assert_eq!(get(&store, &name, "latest"), None);
    assert_eq!(get(&store, &name, "v1").unwrap(), one.bytes);
    assert_eq!(get(&store, &name, one.digest.as_str()).unwrap(), one.bytes);
    assert!(!tree.repository("a").join("_manifests/tags/latest").exists());
}

#[test]
fn manifests_of_very_old_trees_are_linked_among_the_layers() {
    let (tree, name) = (Tree::new(), repository("old"));
    let text = r#"{"schemaVersion": 1}"#;
    let digest = sha256(text);
    tree.write(tree.data(&digest), text);
    tree.write(format!("repositories/old/_layers/sha256/{}/link", digest.hex()), digest.as_str());
    tree.write("repositories/old/_manifests/tags/latest/current/link", digest.as_str());
    tree.write(
        format!("repositories/old/_manifests/revisions/sha256/{}/signatures/x", digest.hex()),
        "ignored",
    );
    let store = tree.open();
    assert_eq!(get(&store, &name, "latest").unwrap(), text);
    assert_eq!(get(&store, &name, digest.as_str()).unwrap(), text);
    let parent = PutManifest { manifests: vec![digest.clone()], ..manifest("parent", &[]) };
    store.put_manifest(&name, parent).unwrap();
    // What is no manifest is not served as one.
    let layer = run(push(&store, &name, "a layer"));
    assert_eq!(get(&store, &name, layer.as_str()), None);
    assert!(store.delete_manifest(&name, &digest).unwrap());
    assert_eq!(get(&store, &name, "latest"), None);
    assert_eq!(get(&store, &name, digest.as_str()), None);
}

#[test]
fn a_tag_without_its_revision_is_none() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let one = manifest("one", &["latest"]);
    store.put_manifest(&name, one.clone()).unwrap();
    assert_eq!(get(&store, &name, "latest").unwrap(), one.bytes);
    let link = format!("_manifests/revisions/sha256/{}/link", one.digest.hex());
    fs::remove_file(tree.repository("a").join(link)).unwrap();
    assert_eq!(get(&store, &name, "latest"), None);
    store.put_manifest(&name, one.clone()).unwrap();
    assert_eq!(get(&store, &name, "latest").unwrap(), one.bytes);
}

#[test]
fn bytes_that_do_not_hash_to_their_name_are_not_served() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let one = manifest("one", &["latest"]);
    store.put_manifest(&name, one.clone()).unwrap();
    fs::write(tree.data(&one.digest), "eno").unwrap();
    let result = tree.open().manifest(&name, &"latest".parse().unwrap());
    assert!(matches!(result, Err(store::Error::Corrupt { .. })), "{result:?}");
}

#[test]
fn a_manifest_too_large_to_hash_at_once_is_got_by_the_road_that_waits() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(4 << 20));
    let store = tree.open();
    store.put_manifest(&name, manifest(&bytes, &["latest"])).unwrap();
    assert_eq!(get(&store, &name, "latest").unwrap(), bytes);
    assert!(store.manifest_now(&name, &"latest".parse().unwrap()).is_none());
    store.put_manifest(&name, manifest(noise((4 << 20) + 1), &["larger"])).unwrap();
    let result = store.manifest(&name, &"larger".parse().unwrap());
    assert!(matches!(result, Err(store::Error::Corrupt { .. })), "beyond what a manifest may have");
}

#[test]
fn many_writers_of_one_new_tag_leave_one_of_their_manifests_and_no_litter() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let threads: Vec<_> = (0..16)
        .map(|i| {
            let (store, name) = (store.clone(), name.clone());
            std::thread::spawn(move || {
                for round in 0..5 {
                    store.put_manifest(&name, manifest(format!("{i}"), &[&format!("t{round}")])).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for round in 0..5 {
        let bytes = get(&store, &name, &format!("t{round}")).unwrap();
        assert!((0..16).any(|i| bytes == i.to_string()));
        let index = tree.files(format!("repositories/a/_manifests/tags/t{round}/index"));
        assert_eq!(index.len(), 16);
    }
    assert_eq!(tree.litter(), [] as [&str; 0]);
}

#[test]
fn a_list_never_shows_a_half_made_tag() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    store.put_manifest(&name, manifest("one", &["t"])).unwrap();
    let reader = {
        let (store, name) = (store.clone(), name.clone());
        std::thread::spawn(move || {
            loop {
                let tags = store.tags(&name, None, usize::MAX).unwrap().unwrap();
                for tag in &tags.names {
                    assert!(get(&store, &name, tag).is_some(), "{tag} is listed and leads nowhere");
                }
                if tags.names.len() == 101 {
                    return;
                }
            }
        })
    };
    for i in 0..100 {
        store.put_manifest(&name, manifest("one", &[&format!("t{i:03}")])).unwrap();
    }
    reader.join().unwrap();
}

#[test]
fn what_was_asked_for_before_is_answered_without_waiting() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    store.put_manifest(&name, manifest("one", &["latest"])).unwrap();
    let latest = "latest".parse().unwrap();
    store.manifest(&name, &latest).unwrap();
    let got = store.manifest_now(&name, &latest).unwrap().unwrap().unwrap();
    assert_eq!(got.bytes, "one");
    settle();
    store.tags(&name, None, 10).unwrap();
    let tags = store.tags_now(&name, None, 10).unwrap().unwrap().unwrap();
    assert_eq!(tags, page(&["latest"], false));
}
