//! Collecting garbage beside others who store things.
#![allow(missing_docs)]

mod common;
use common::garbage::*;
use common::*;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use store::{CollectError, Collection, PutManifest, PutManifestError, Store};

#[test]
fn what_others_need_meanwhile_stays() {
    let tree = Tree::new();
    let (collector, server, a, b) = (tree.open(), tree.open(), repository("a"), repository("b"));
    for round in 0..2 {
        let mut blobs = run(async {
            let mut blobs = Vec::new();
            for number in 0..400 {
                blobs.push(push(&server, &a, format!("{round} {number}")).await);
            }
            blobs
        });
        blobs.sort();
        // The last ones go last; the first is being told of.
        let [last, mounted, again] = [399, 398, 397].map(|number| blobs[number].clone());
        let mut done = None;
        let found = collector.collect(&UNTAGGED, &mut |_| {
            done.get_or_insert_with(|| {
                // As a full disk leaves a line.
                let needed = fs::OpenOptions::new().append(true).open(tree.path("_collection/needed"));
                needed.unwrap().write_all(b"sha256:01").unwrap();
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
            397 + if round > 0 { 6 } else { 0 },
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
    put(&servers[0], &repository("source"), manifest("{}", &[]));
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
fn a_repository_that_is_moved_meanwhile_is_missed() {
    let tree = Tree::new();
    let store = tree.open();
    for name in ["a", "b", "c"] {
        put(&store, &repository(name), naming(name, &[], &[], None));
    }
    let mut moved = false;
    let found = store.collect(&UNTAGGED, &mut |_| {
        if !std::mem::replace(&mut moved, true) {
            fs::rename(tree.repository("c"), tree.repository("0")).unwrap();
        }
    });
    let error = found.unwrap_err().to_string();
    assert!(error.contains("repositories/c was moved"), "{error}");
}

#[test]
fn what_a_manifest_names_stays_that_is_held_as_a_blob_and_named_meanwhile() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (collector, server) = (tree.open(), tree.open());
    // What goes last.
    let layer = (0..).map(|number| format!("layer {number}")).find(|text| sha256(text).hex() > "f").unwrap();
    let layer = run(push(&server, &name, layer));
    let children = (0..).map(|number| naming(&format!("child {number}"), &[&layer], &[], None));
    let child = children.into_iter().find(|child| child.digest.hex() > "f").unwrap();
    let held = run(push(&server, &name, &child.bytes));
    run(async {
        for number in 0..400 {
            push(&server, &name, format!("{number}")).await;
        }
    });
    let mut done = false;
    collector
        .collect(&ALL, &mut |_| {
            if !std::mem::replace(&mut done, true) {
                put(&server, &name, naming("index", &[], &[&held], None));
            }
        })
        .unwrap();
    assert!(done);
    assert!(server.stat_blob(&name, &layer).unwrap().is_some());
}

#[test]
fn another_digest_of_the_same_bytes_is_known_where_it_was_mounted_meanwhile() {
    let (tree, source, other, name) = (Tree::new(), repository("z"), repository("y"), repository("new"));
    let (collector, server) = (tree.open(), tree.open());
    let (held, alias) = (run(push(&server, &source, "bytes")), sha512("bytes"));
    tree.write(format!("repositories/z/_layers/sha512/{}/link", alias.hex()), held.as_str());
    put(&server, &other, naming("untagged", &[], &[], None));
    let mut done = false;
    collector
        .collect(&UNTAGGED, &mut |_| {
            if !std::mem::replace(&mut done, true) {
                assert!(server.mount(&name, &source, &alias).unwrap());
                assert!(
                    server.delete_blob(&source, &alias).unwrap()
                        && server.delete_blob(&source, &held).unwrap()
                );
                put(&server, &name, naming("one", &[&alias], &[], None));
            }
        })
        .unwrap();
    assert_eq!(server.stat_blob(&name, &alias).unwrap(), Some(5));
}

#[test]
fn who_removes_what_others_have_said_ends_the_collection() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (collector, server) = (tree.open(), tree.open());
    put(&server, &name, naming("untagged", &[], &[], None));
    let blob = run(push(&server, &name, "blob"));
    let found = collector.collect(&UNTAGGED, &mut |_| {
        fs::remove_dir_all(tree.path("_collection")).unwrap();
        put(&server, &name, naming("one", &[&blob], &[], None));
    });
    let error = found.unwrap_err().to_string();
    assert!(error.contains("removed meanwhile"), "{error}");
    assert_eq!(server.stat_blob(&name, &blob).unwrap(), Some(4));
}
