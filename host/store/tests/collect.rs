//! Collecting garbage beside others who store things.
#![allow(missing_docs)]

mod common;
use common::*;
use names::{Algorithm, Digest, RepositoryName};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};
use store::{CollectError, Collected, Collection, Garbage, PutManifest, PutManifestError, Store};

const ALL: Collection = Collection { dry_run: false, delete_untagged: false, grace: Duration::ZERO };
const UNTAGGED: Collection = Collection { delete_untagged: true, ..ALL };
const HOUR: Duration = Duration::from_secs(3600);

/// What was garbage, in any order.
fn collect(store: &Store, how: &Collection) -> (Vec<Digest>, Collected) {
    let mut gone = Vec::new();
    let found = store.collect(how, &mut |piece| match piece {
        Garbage::Manifest { digest, .. } | Garbage::Blob { digest, .. } => gone.push(digest.clone()),
    });
    gone.sort();
    (gone, found.unwrap())
}

fn sorted(digests: impl Into<Vec<Digest>>) -> Vec<Digest> {
    let mut digests = digests.into();
    digests.sort();
    digests
}

/// A manifest that names these, as one of them after the other where they have to be.
fn naming(text: &str, blobs: &[&Digest], manifests: &[&Digest], subject: Option<&Digest>) -> PutManifest {
    let list = |digests: &[&Digest]| {
        digests.iter().map(|digest| format!(r#"{{"digest":"{digest}"}}"#)).collect::<Vec<_>>().join(",")
    };
    let subject = subject.map(|digest| format!(r#""subject":{{"digest":"{digest}"}},"#)).unwrap_or_default();
    let json = format!(
        r#"{{"schemaVersion":2,{subject}"text":"{text}","layers":[{}],"manifests":[{}]}}"#,
        list(blobs),
        list(manifests)
    );
    PutManifest {
        blobs: blobs.iter().copied().cloned().collect(),
        manifests: manifests.iter().copied().cloned().collect(),
        ..manifest(json, &[])
    }
}

fn tagged(manifest: PutManifest, tag: &str) -> PutManifest {
    PutManifest { tags: vec![tag.parse().unwrap()], ..manifest }
}

fn put(store: &Store, name: &RepositoryName, manifest: PutManifest) -> Digest {
    let digest = manifest.digest.clone();
    store.put_manifest(name, manifest).unwrap();
    digest
}

/// Gives a link the time of long ago.
fn forget(tree: &Tree, path: String) {
    touch(&tree.path(path), SystemTime::now() - 48 * HOUR);
}

fn layer(name: &str, digest: &Digest) -> String {
    format!("repositories/{name}/_layers/sha256/{}/link", digest.hex())
}

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
    let expected = Collected { needed: 4, young: 0, manifests: 0, blobs: 1, bytes: 4 };
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
    assert_eq!((gone.len(), found.young), (0, 4));

    settle();
    let (gone, _) = collect(&store, &Collection { dry_run: true, ..how });
    assert_eq!(gone.len(), 6 + 2, "bytes, and two as manifests too");
    for blob in &blobs {
        forget(&tree, layer("a", blob));
    }
    for manifest in &manifests {
        forget(&tree, format!("repositories/a/_manifests/revisions/sha256/{}/link", manifest.hex()));
    }
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
    assert_eq!((found.blobs, found.manifests, found.young), (2, 1, 3));
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
}

#[test]
fn what_others_need_meanwhile_stays() {
    let tree = Tree::new();
    let (collector, server, a, b) = (tree.open(), tree.open(), repository("a"), repository("b"));
    for round in 0..3 {
        let mut blobs = run(async {
            let mut blobs = Vec::new();
            for number in 0..100 {
                blobs.push(push(&server, &a, format!("{round} {number}")).await);
            }
            blobs
        });
        blobs.sort();
        // The last ones go last; the first is being told of.
        let [last, mounted, again] = [99, 98, 97].map(|number| blobs[number].clone());
        let mut done = None;
        let found = collector.collect(&UNTAGGED, &mut |_| {
            done.get_or_insert_with(|| {
                assert!(server.mount(&b, &a, &mounted).unwrap());
                run(push(&server, &b, format!("{round} new")));
                put(&server, &a, naming(&format!("{round}"), &[&last], &[], None));
                // What is not checked for is needed all the same.
                let sparse = PutManifest { blobs: Vec::new(), ..naming("sparse", &[&again], &[], None) };
                put(&server, &a, sparse)
            });
        });
        assert_eq!(
            found.unwrap().blobs,
            97 + if round > 0 { 6 } else { 0 },
            "with what is left of the last round"
        );
        for (name, blob) in [(&a, &last), (&b, &mounted), (&a, &again)] {
            assert!(server.stat_blob(name, blob).unwrap().is_some(), "round {round}");
        }
        assert_eq!(server.stat_blob(&b, &sha256(format!("{round} new"))).unwrap(), Some(5));
        // Nothing has a tag.
        assert_eq!(collect(&collector, &Collection { dry_run: true, ..ALL }).1.blobs, 2);
    }
}

#[test]
fn what_is_acknowledged_is_there_whoever_collects_meanwhile() {
    let tree = Tree::new();
    let (collectors, servers) = ([tree.open(), tree.open()], [tree.open(), tree.open()]);
    let over = AtomicBool::new(false);
    let (mut collections, mut refused) = (0, 0);
    thread::scope(|scope| {
        let collecting: Vec<_> = collectors
            .iter()
            .map(|store| {
                scope.spawn(|| {
                    let mut done = 0;
                    while !over.load(Ordering::Relaxed) {
                        match store.collect(&UNTAGGED, &mut |_| {}) {
                            Ok(_) => done += 1,
                            Err(CollectError::Busy) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    done
                })
            })
            .collect();
        let serving: Vec<_> = servers
            .iter()
            .enumerate()
            .map(|(number, store)| scope.spawn(move || serve(store, number)))
            .collect();
        {
            let _ended = Ended(&over);
            refused += serving.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>();
        }
        collections += collecting.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>();
    });
    eprintln!("{collections} collections, {refused} manifests whose blobs were gone before them");
    assert!(collections > 10);
    collect(&collectors[0], &UNTAGGED);
    assert_eq!(tree.files("blobs"), [] as [&str; 0]);
}

/// Says that it is over, also when it ends with a panic.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Pushes, looks and deletes. Without a grace a blob may be gone before its manifest comes; once that is stored, nothing is.
fn serve(store: &Store, number: usize) -> usize {
    let (name, source) = (repository(&format!("r{number}")), repository("source"));
    let mut refused = 0;
    for round in 0..150 {
        // Of the two who share the bytes, each is to find what the other one has pushed.
        let (text, other) = (format!("{}", round % 7), format!("{number} {round}"));
        let mounted = run(push(store, &source, &text));
        let one = run(push(store, &name, &other));
        let is_mounted = store.mount(&name, &source, &mounted).unwrap();
        let manifest = tagged(naming(&other, &[&mounted, &one], &[], None), "latest");
        match store.put_manifest(&name, manifest.clone()) {
            Ok(()) => assert!(is_mounted || store.stat_blob(&name, &mounted).unwrap().is_some()),
            Err(PutManifestError::Missing { .. }) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        for _ in 0..5 {
            run(async {
                assert_eq!(pull(store, &name, &mounted).await.unwrap(), text.as_bytes(), "round {round}");
                assert_eq!(pull(store, &name, &one).await.unwrap(), other.as_bytes(), "round {round}");
            });
            assert_eq!(get(store, &name, "latest").unwrap(), manifest.bytes);
        }
        // Between its tag and itself whoever collects may be quicker.
        store.delete_manifest(&name, &manifest.digest).unwrap();
    }
    refused
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

    let text = put(&store, &name, tagged(manifest("no JSON", &[]), "text"));
    refused("cannot be read");
    store.delete_manifest(&name, &text).unwrap();

    tree.write("elsewhere/_manifests/x", "");
    for (link, part) in [
        ("repositories/b", "repositories/b is a symbolic link"),
        ("repositories/a/b", "repositories/a/b is"),
        ("repositories/a/_manifests/tags", "a/_manifests/tags is"),
        ("repositories/a/_manifests/revisions/sha512", "revisions/sha512 is"),
    ] {
        let _ = fs::remove_dir(tree.path(link));
        std::os::unix::fs::symlink("../elsewhere", tree.path(link)).unwrap();
        refused(part);
        fs::remove_file(tree.path(link)).unwrap();
    }
    fs::create_dir_all(tree.path("repositories/Upper/case/_manifests")).unwrap();
    refused("repositories/Upper has manifests");
    fs::rename(tree.path("repositories/Upper"), tree.path("repositories/@eaDir")).unwrap();
    refused("@eaDir");
    fs::remove_dir_all(tree.path("repositories/@eaDir/case/_manifests")).unwrap();

    fs::rename(tree.path("repositories"), tree.path("away")).unwrap();
    refused("is not there, and blobs are");
    fs::rename(tree.path("away"), tree.path("repositories")).unwrap();
    assert_eq!(collect(&store, &ALL).0, sorted([gone, text]));
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
