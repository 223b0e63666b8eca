//! Two stores on one tree, as when a new server takes over from an old one, or two share the load.
#![allow(missing_docs)]

mod common;
use common::*;
use names::{RepositoryName, Tag};
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};
use store::{ReferrersQuery, Store};

/// How often two do something at once. Less than a tenth of it showed each of these mistakes.
const ROUNDS: usize = 300;

/// Does both at once, the second a little later from round to round.
fn at_once<A: Send, B: Send>(
    round: usize,
    one: impl FnOnce() -> A + Send,
    two: impl FnOnce() -> B + Send,
) -> (A, B) {
    let together = Barrier::new(2);
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            together.wait();
            one()
        });
        together.wait();
        thread::sleep(Duration::from_micros(100 * (round as u64 % 20)));
        let two = two();
        (one.join().unwrap(), two)
    })
}

fn tags(store: &Store, name: &RepositoryName) -> Vec<String> {
    store.tags(name, None, usize::MAX).unwrap().map(|page| page.names).unwrap_or_default()
}

#[test]
fn a_tag_that_one_moves_survives_the_deletion_by_another_of_what_it_named() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (one, two) = (tree.open(), tree.open());
    for round in 0..ROUNDS {
        let old = manifest(format!("old {round}"), &["latest"]);
        let new = manifest(format!("new {round}"), &["latest"]);
        one.put_manifest(&name, old.clone()).unwrap();
        let (deleted, put) = at_once(
            round,
            || one.delete_manifest(&name, &old.digest).unwrap(),
            || two.put_manifest(&name, new.clone()),
        );
        put.unwrap();
        assert!(deleted);
        for store in [&one, &two] {
            assert_eq!(get(store, &name, "latest").as_ref(), Some(&new.bytes), "round {round}");
        }
        assert_eq!(get(&one, &name, old.digest.as_str()), None);
    }
    assert_eq!(tree.litter(), [] as [&str; 0]);
}

#[test]
fn what_one_puts_while_another_deletes_it_is_there_whole_or_not_at_all() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (one, two) = (tree.open(), tree.open());
    let stays = manifest("stays", &["stays"]);
    one.put_manifest(&name, stays).unwrap();
    for round in 0..ROUNDS {
        let put = manifest("again", &["latest", &format!("v{round}")]);
        one.put_manifest(&name, manifest("again", &["old"])).unwrap();
        let (_, stored) = at_once(
            round,
            || one.delete_manifest(&name, &put.digest).unwrap(),
            || two.put_manifest(&name, put.clone()),
        );
        stored.unwrap();
        for store in [&one, &two] {
            let pulled = get(store, &name, put.digest.as_str());
            for tag in tags(store, &name) {
                assert!(get(store, &name, &tag).is_some(), "round {round}: {tag} is listed and not there");
            }
            assert_eq!(get(store, &name, "latest"), pulled, "round {round}");
        }
        one.delete_manifest(&name, &put.digest).unwrap();
        assert_eq!(tags(&one, &name), ["stays"], "round {round}");
    }
    assert_eq!(tree.litter(), [] as [&str; 0]);
}

#[test]
fn a_tag_that_one_removes_while_another_moves_it_is_there_or_gone() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (one, two) = (tree.open(), tree.open());
    let tag: Tag = "latest".parse().unwrap();
    for round in 0..ROUNDS {
        one.put_manifest(&name, manifest("old", &["latest"])).unwrap();
        let (_, put) = at_once(
            round,
            || one.delete_tag(&name, &tag).unwrap(),
            || two.put_manifest(&name, manifest("new", &["latest"])),
        );
        put.unwrap();
        let listed = tags(&one, &name) == ["latest"];
        assert_eq!(get(&two, &name, "latest").is_some(), listed, "round {round}");
    }
}

#[test]
fn a_referrer_that_is_there_is_listed_whoever_deleted_it_meanwhile() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (one, two) = (tree.open(), tree.open());
    let subject = sha256("subject");
    let query = ReferrersQuery {
        subject: subject.clone(),
        artifact_type: None,
        after: None,
        limit: usize::MAX,
        room: usize::MAX,
    };
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"x/y","digest":"{subject}","size":1}},"layers":[],
        "subject":{{"mediaType":"x/y","digest":"{subject}","size":1}}}}"#
    );
    let put = manifest(text, &[]);
    for round in 0..ROUNDS {
        one.put_manifest(&name, put.clone()).unwrap();
        at_once(
            round,
            || one.delete_manifest(&name, &put.digest).unwrap(),
            || (two.put_manifest(&name, put.clone()).unwrap(), two.referrers(&name, &query).unwrap()),
        );
        let there = get(&two, &name, put.digest.as_str()).is_some();
        for store in [&one, &two, &tree.open()] {
            let listed = store.referrers(&name, &query).unwrap().descriptors != "[]";
            assert_eq!(listed, there, "round {round}");
        }
    }
}

/// Does both at once, and says what cannot be in any order: that the blob was put and not deleted, and is gone.
fn put_beside_deletion(put: impl Fn() + Sync, delete: impl Fn() -> bool + Sync, there: impl Fn() -> bool) {
    for round in 0..ROUNDS {
        let done = AtomicBool::new(false);
        let deletions = || std::iter::from_fn(|| (!done.load(Ordering::Relaxed)).then(&delete));
        let (deleted, ()) = at_once(
            round,
            || deletions().any(|deleted| deleted),
            || {
                put();
                done.store(true, Ordering::Relaxed);
            },
        );
        assert!(deleted || there(), "round {round}");
        delete();
    }
}

#[test]
fn a_blob_that_one_mounts_is_deleted_by_nobody_who_says_that_it_was_not_there() {
    let (tree, from, to) = (Tree::new(), repository("from"), repository("to"));
    let (one, two) = (tree.open(), tree.open());
    let blob = run(push(&one, &from, "blob"));
    for deleting in [&one, &two] {
        let delete = || deleting.delete_blob(&to, &blob).unwrap();
        let mount = || assert!(one.mount(&to, &from, &blob).unwrap());
        put_beside_deletion(mount, delete, || one.stat_blob(&to, &blob).unwrap().is_some());
    }
}

#[test]
fn a_blob_that_one_pushes_is_deleted_by_no_other_who_says_that_it_was_not_there() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (one, two) = (tree.open(), tree.open());
    let blob = sha256("blob");
    let delete = || two.delete_blob(&name, &blob).unwrap();
    let put = || drop(run(push(&one, &name, "blob")));
    put_beside_deletion(put, delete, || two.stat_blob(&name, &blob).unwrap().is_some());
}

#[test]
fn many_that_write_for_the_first_time_at_once_all_can() {
    for round in 0..30 {
        let (tree, name) = (Tree::new(), repository("a"));
        let stores: Vec<Store> = (0..4).map(|_| tree.open()).collect();
        let together = Barrier::new(stores.len());
        thread::scope(|scope| {
            for (number, store) in stores.iter().enumerate() {
                let (together, name) = (&together, &name);
                scope.spawn(move || {
                    together.wait();
                    let put = manifest(format!("{number}"), &["latest"]);
                    store.put_manifest(name, put).unwrap_or_else(|error| panic!("round {round}: {error}"));
                });
            }
        });
    }
}

#[test]
fn what_others_prepare_in_the_staging_area_stays_until_it_is_old() {
    let (tree, name) = (Tree::new(), repository("a"));
    // As a component names what it prepares there; it cannot lock it.
    let (young, old) = ("00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100");
    for (staged, age) in [(young, 60), (old, 2 * 24 * 60 * 60)] {
        tree.write(format!("_staging/{staged}/link"), "sha256:1");
        let directory = fs::File::open(tree.path(format!("_staging/{staged}"))).unwrap();
        directory.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    tree.open().put_manifest(&name, manifest("one", &["latest"])).unwrap();
    assert_eq!(tree.files("_staging"), [format!("{young}/link")]);
}
