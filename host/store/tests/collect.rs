//! Collecting garbage: what is, and what is none.
#![allow(missing_docs)]

mod common;
use common::garbage::*;
use common::*;
use names::{Algorithm, Digest};
use std::fs;
use std::time::Duration;
use store::{Collected, Collection, PutManifest, Store};

#[test]
fn what_no_manifest_names_goes_with_its_holds_and_all_else_stays() {
    let tree = Tree::new();
    let (store, a, b) = (tree.open(), repository("a"), repository("b/c"));
    let (kept, other, gone) = run(async {
        (push(&store, &a, "kept").await, push(&store, &b, "other").await, push(&store, &a, "gone").await)
    });
    assert!(store.mount(&b, &a, &gone).unwrap());
    assert!(store.mount(&b, &a, &kept).unwrap());
    let one = put(&store, &a, naming("one", &[&kept], &[], None));
    let two = put(&store, &b, tagged(naming("two", &[&other], &[], None), "latest"));
    let dry = Collection { dry_run: true, ..ALL };
    let before = tree.files("");
    let expected = Collected { needed: 4, blobs: 1, bytes: 4, ..Collected::default() };
    assert_eq!(collect(&store, &dry), (vec![gone.clone()], expected));
    assert_eq!(tree.files(""), before);
    assert_eq!(collect(&store, &ALL), (vec![gone.clone()], expected));
    assert_eq!(tree.litter(), [] as [&str; 0]);

    for name in [&a, &b] {
        assert_eq!(store.stat_blob(name, &gone).unwrap(), None);
        assert!(!tree.repository(name.as_str()).join("_layers/sha256").join(gone.hex()).exists());
        assert_eq!(store.stat_blob(name, &kept).unwrap(), Some(4));
    }
    assert!(!tree.data(&gone).parent().unwrap().exists());
    assert!(get(&store, &a, one.as_str()).is_some() && get(&store, &b, "latest").is_some());
    // A push of the same bytes brings them back.
    assert!(!store.mount(&b, &a, &gone).unwrap());
    run(async {
        push(&store, &a, "gone").await;
        assert_eq!(pull(&store, &a, &gone).await.unwrap(), b"gone");
    });

    assert!(store.delete_manifest(&b, &two).unwrap());
    let (found, _) = collect(&store, &ALL);
    assert_eq!(found, sorted([gone, other, two]));
}

#[test]
fn a_manifest_that_names_another_digest_of_the_same_bytes_keeps_them() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let held = run(push(&store, &name, "bytes"));
    // As distribution keeps what it gets under a SHA-512 digest.
    let other = sha512("bytes");
    tree.write(format!("repositories/a/_layers/sha512/{}/link", other.hex()), held.as_str());
    let one = put(&store, &name, naming("one", &[&other], &[], None));
    assert_eq!(collect(&store, &ALL).0, sorted([]));
    store.delete_manifest(&name, &one).unwrap();
    assert_eq!(collect(&store, &ALL).0, sorted([held, one]));
    assert_eq!(tree.files("repositories/a/_layers"), [] as [&str; 0]);
}

#[test]
fn what_was_pushed_or_asked_for_lately_stays() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let how = Collection { grace: Duration::from_secs(2), ..UNTAGGED };
    let blobs: Vec<Digest> = run(async {
        let mut blobs = Vec::new();
        for text in ["asked", "held", "mounted", "old"] {
            blobs.push(push(&store, &name, text).await);
        }
        blobs
    });
    let manifests = ["one", "two"].map(|text| put(&store, &name, naming(text, &[], &[], None)));
    let (gone, found) = collect(&store, &how);
    assert_eq!((gone.len(), found.young_blobs, found.young_manifests), (0, 4, 2));
    for blob in &blobs {
        forget(&tree, held_in("a", blob));
    }
    for manifest in &manifests {
        forget(&tree, format!("repositories/a/_manifests/revisions/sha256/{}/link", manifest.hex()));
    }
    let (gone, found) = collect(&store, &how);
    assert_eq!(found.young_blobs, 6, "the bytes are new");
    // Without their bytes, which are taken again.
    assert_eq!(gone, sorted(manifests.clone()));
    let manifests = ["one", "two"].map(|text| put(&store, &name, naming(text, &[], &[], None)));
    for manifest in &manifests {
        forget(&tree, format!("repositories/a/_manifests/revisions/sha256/{}/link", manifest.hex()));
    }

    settle();
    let (gone, _) = collect(&store, &Collection { dry_run: true, ..how });
    assert_eq!(gone.len(), 6 + 2, "bytes, and two as manifests too");
    // It is enough to be asked; whoever need not wait is told to.
    assert!(store.stat_blob_now(&name, &blobs[0]).is_none());
    store.stat_blob(&name, &blobs[0]).unwrap();
    assert!(store.stat_blob_now(&name, &blobs[0]).is_some());
    assert!(store.manifest_now(&name, &manifests[0].as_str().parse().unwrap()).is_none());
    assert!(get(&store, &name, manifests[0].as_str()).is_some());
    assert!(store.mount(&name, &name, &blobs[2]).unwrap());
    // A link that another repository has made just now.
    store.mount(&repository("b"), &name, &blobs[1]).unwrap();
    let (gone, found) = collect(&store, &how);
    assert_eq!(gone, sorted([blobs[3].clone(), manifests[1].clone(), manifests[1].clone()]));
    assert_eq!((found.blobs, found.manifests, found.young_blobs), (2, 1, 3));
    assert!(get(&store, &name, manifests[0].as_str()).is_some());
}

#[test]
fn without_a_tag_manifests_stay_that_an_index_or_a_subject_with_one_leads_to() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let put = |manifest| put(&store, &name, manifest);
    let layer = run(push(&store, &name, "layer"));
    let child = put(naming("child", &[&layer], &[], None));
    let shared = put(naming("shared", &[], &[], None));
    let inner = put(naming("inner", &[], &[&child, &shared], None));
    let index = put(tagged(naming("index", &[], &[&inner], None), "latest"));
    let signature = put(naming("signature", &[], &[], Some(&child)));
    let about_it = put(naming("about it", &[], &[], Some(&signature)));

    let alone = put(naming("alone", &[], &[], None));
    let lost = put(naming("lost", &[], &[&shared, &alone], None));
    let about_lost = put(naming("about lost", &[], &[], Some(&lost)));
    let dry = Collection { dry_run: true, ..UNTAGGED };
    for how in [&dry, &UNTAGGED] {
        let (gone, found) = collect(&store, how);
        assert_eq!((found.manifests, found.blobs), (3, 3));
        let expected = [&alone, &lost, &about_lost].map(Clone::clone);
        assert_eq!(gone, sorted([&expected[..], &expected].concat()));
    }
    for kept in [&child, &shared, &inner, &index, &signature, &about_it] {
        assert!(get(&store, &name, kept.as_str()).is_some());
    }
    assert_eq!(store.stat_blob(&name, &layer).unwrap(), Some(5));

    // Each of the two keeps the other one, and what they name.
    let own = run(push(&store, &name, "own"));
    let about = put(naming("about", &[&own], &[], None));
    let both = put(naming("both", &[], &[&about], Some(&about)));
    assert_eq!(collect(&store, &UNTAGGED).0, sorted([]));
    assert!(get(&store, &name, both.as_str()).is_some());
    assert_eq!(store.stat_blob(&name, &own).unwrap(), Some(3));
}

#[test]
fn nothing_goes_where_it_cannot_be_told_what_is_needed() {
    let tree = Tree::new();
    let (store, name) = (tree.open(), repository("a"));
    let gone = run(push(&store, &name, "gone"));
    let one = put(&store, &name, naming("one", &[], &[], None));
    let refused = |part: &str| {
        let error = store.collect(&UNTAGGED, &mut |piece| panic!("{piece:?}")).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("no blob was removed"), "{error}");
    };

    let bytes = fs::read(tree.data(&one)).unwrap();
    fs::write(tree.data(&one), "cut").unwrap();
    refused(one.as_str());
    fs::write(tree.data(&one), bytes).unwrap();

    let tag = tree.path("repositories/a/_manifests/tags/v1/current/link");
    store.put_manifest(&name, tagged(naming("one", &[], &[], None), "v1")).unwrap();
    fs::write(&tag, "").unwrap();
    refused("tags/v1/current/link has no digest in it");
    fs::write(&tag, one.as_str()).unwrap();

    tree.write("elsewhere/_manifests/x", "");
    for (link, part) in [
        ("repositories/b", "repositories/b is a symbolic link"),
        ("repositories/a/b", "repositories/a/b is"),
        ("repositories/a/_manifests/tags", "a/_manifests/tags is"),
        ("repositories/a/_manifests/revisions/sha512", "revisions/sha512 is"),
    ] {
        let aside = fs::rename(tree.path(link), tree.path("aside"));
        std::os::unix::fs::symlink("../elsewhere", tree.path(link)).unwrap();
        refused(part);
        fs::remove_file(tree.path(link)).unwrap();
        if aside.is_ok() {
            fs::rename(tree.path("aside"), tree.path(link)).unwrap();
        }
    }
    fs::create_dir_all(tree.path("repositories/Upper/case/_manifests")).unwrap();
    refused("repositories/Upper has manifests");
    fs::rename(tree.path("repositories/Upper"), tree.path("repositories/_parked")).unwrap();
    refused("_parked");
    // What file systems and their snapshots make is nobody's repository.
    fs::rename(tree.path("repositories/_parked"), tree.path("repositories/@eaDir")).unwrap();

    fs::rename(tree.path("repositories"), tree.path("away")).unwrap();
    refused("is not there, and blobs are");
    fs::rename(tree.path("away"), tree.path("repositories")).unwrap();
    assert_eq!(collect(&store, &ALL).0, sorted([gone]));

    let nothing = Tree::new();
    let error = nothing.open().collect(&ALL, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("nothing was pushed to it yet"), "{error}");
    assert_eq!(fs::read_dir(&nothing.0).unwrap().count(), 0, "and nothing was made");
}

#[test]
fn a_manifest_of_an_index_that_is_held_as_a_blob_is_keeps_what_it_names() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let layer = run(push(&store, &name, "layer"));
    let child = naming("child", &[&layer], &[], None);
    let held = run(push(&store, &name, &child.bytes));
    put(&store, &name, tagged(naming("index", &[], &[&held], None), "latest"));
    for how in [&ALL, &UNTAGGED] {
        assert_eq!(collect(&store, how).0, sorted([]));
    }
    // A cache of builds is an index of layers, which are no manifests, however large.
    let large = run(push(&store, &name, noise(5 << 20)));
    put(
        &store,
        &name,
        tagged(
            PutManifest {
                blobs: vec![large.clone()],
                manifests: vec![],
                ..naming("cache", &[], &[&large], None)
            },
            "cache",
        ),
    );
    assert_eq!(collect(&store, &ALL).0, sorted([]));
}

#[test]
fn who_cannot_write_is_kept_from_nothing_that_only_reads() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let layer = run(push(&store, &name, "layer"));
    let one = put(&store, &name, naming("one", &[&layer], &[], None));
    forget(&tree, held_in("a", &layer));
    forget(&tree, format!("repositories/a/_manifests/revisions/sha256/{}/link", one.hex()));
    // Where no directory can be made.
    fs::remove_dir_all(tree.path("_collection")).unwrap();
    fs::write(tree.path("_collection"), "").unwrap();
    let read_only = Store::open(store::Options { read_only: true, ..store::Options::new(&tree.0) }).unwrap();
    for store in [&store, &read_only] {
        assert_eq!(store.stat_blob(&name, &layer).unwrap(), Some(5));
        assert!(get(store, &name, one.as_str()).is_some());
        // From then on nobody waits for it.
        assert!(store.stat_blob_now(&name, &layer).is_some());
        assert!(store.manifest_now(&name, &one.as_str().parse().unwrap()).is_some());
    }
}

#[test]
fn a_link_that_says_nothing_stands_for_what_its_name_says() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let layer = run(push(&store, &name, "layer"));
    let one = put(&store, &name, naming("one", &[&layer], &[], None));
    fs::write(tree.path(format!("repositories/a/_manifests/revisions/sha256/{}/link", one.hex())), "")
        .unwrap();
    assert_eq!(collect(&store, &UNTAGGED).0, sorted([]));
}

#[test]
fn an_upload_that_is_under_way_is_none_of_it() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, None, body("half")).await.unwrap();
        assert_eq!(collect(&store, &UNTAGGED).0, sorted([]));
        store.finish(&name, &id, None, Some(body(" and half")), &sha256("half and half")).await.unwrap();
    });
}

#[test]
fn a_child_that_one_repository_has_as_a_manifest_and_another_as_a_blob_keeps_what_it_names() {
    let (tree, a, b) = (Tree::new(), repository("a"), repository("b"));
    let store = tree.open();
    let layer = run(push(&store, &b, "layer"));
    store.mount(&a, &b, &layer).unwrap();
    let child = naming("child", &[&layer], &[], None);
    let index = naming("index", &[], &[&child.digest], None);
    put(&store, &a, child.clone());
    put(&store, &a, tagged(index.clone(), "latest"));
    store.delete_manifest(&a, &child.digest).unwrap();
    let held = run(push(&store, &b, &child.bytes));
    put(&store, &b, tagged(index, "latest"));
    assert_eq!(collect(&store, &ALL).0, sorted([]));
    assert!(get(&store, &b, held.as_str()).is_some());
}

#[test]
fn a_child_that_one_repository_alone_has_and_under_another_digest_keeps_what_it_names() {
    let (tree, a, b) = (Tree::new(), repository("a"), repository("b"));
    let store = tree.open();
    let layer = run(push(&store, &b, "layer"));
    let child = naming("child", &[&layer], &[], None);
    let (held, other) = (run(push(&store, &b, &child.bytes)), sha512(&child.bytes));
    tree.write(format!("repositories/b/_layers/sha512/{}/link", other.hex()), held.as_str());
    let index = PutManifest { manifests: vec![], ..naming("index", &[], &[&other], None) };
    for name in [&a, &b] {
        put(&store, name, tagged(index.clone(), "latest"));
    }
    assert_eq!(collect(&store, &ALL).0, sorted([]));
}

#[test]
fn a_blob_that_lies_where_no_blob_does_is_nobodys() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let one = run(push(&store, &name, "one"));
    let manifest = put(&store, &name, manifest("{}", &[]));
    tree.write(format!("blobs/sha256/zz/{}/data", one.hex()), "one");
    let dry = Collection { dry_run: true, ..ALL };
    assert_eq!(collect(&store, &dry), collect(&store, &ALL));
    assert!(tree.data(&manifest).exists() && !tree.data(&one).exists());
    assert!(tree.path(format!("blobs/sha256/zz/{}/data", one.hex())).exists());
}
