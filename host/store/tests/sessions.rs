//! Upload sessions: what is on disk of them, restarts, several writers.
#![allow(missing_docs)]

mod common;
use common::*;
use names::{Algorithm, UploadId};
use std::fs;
use std::time::Duration;
use store::{Options, Store, UploadError};

#[test]
fn two_writers_of_one_session_do_not_mix() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, slow) = sent();
        let first = store.append(&name, &id, Some(0), slow);
        let second = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let result = store.append(&name, &id, Some(0), body("second")).await;
            assert!(matches!(result, Err(UploadError::Busy)), "{result:?}");
            assert!(matches!(store.cancel_upload(&name, &id).await, Err(UploadError::Busy)));
            sender.send(Ok("first".into())).unwrap();
            drop(sender);
        };
        let (first, ()) = tokio::join!(first, second);
        assert_eq!(first.unwrap(), 5);
        // One that comes shortly before the other is done waits for it.
        let (sender, slow) = sent();
        let first = store.append(&name, &id, Some(5), slow);
        let second = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let late = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                drop(sender)
            };
            tokio::join!(store.append(&name, &id, Some(5), body("!")), late).0
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first.unwrap(), second.unwrap()), (5, 6));
        store.finish(&name, &id, Some(6), NONE, &sha256("first!")).await.unwrap();
    });
}

#[test]
fn another_process_that_writes_to_the_session_is_noticed() {
    let (tree, name) = (Tree::new(), repository("a"));
    let (store, other) = (tree.open(), tree.open());
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, slow) = sent();
        let first = store.append(&name, &id, Some(0), slow);
        let second = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let result = other.append(&name, &id, Some(0), body("second")).await;
            assert!(matches!(result, Err(UploadError::Busy)), "{result:?}");
            drop(sender);
        };
        assert_eq!(tokio::join!(first, second).0.unwrap(), 0);
    });
}

#[test]
fn a_restart_goes_on_from_the_kept_hash_state_and_reads_nothing_again() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(100_000));
    let id = run(async {
        let store = tree.open();
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, None, body(&bytes[..99_000])).await.unwrap();
        id
    });
    // Whoever reads the bytes again will find that the first one has changed.
    let data = tree.repository("a").join(format!("_uploads/{id}/data"));
    let mut damaged = fs::read(&data).unwrap();
    damaged[0] ^= 1;
    fs::write(&data, &damaged).unwrap();
    run(async {
        let rest = Some(body(&bytes[99_000..]));
        tree.open().finish(&name, &id, Some(99_000), rest, &sha256(&bytes)).await.unwrap();
    });
}

#[test]
fn a_session_without_a_usable_hash_state_is_hashed_again() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(1_000_000));
    // None; damaged; of more bytes than there are; and as a crash leaves it, of fewer.
    for kind in 0..4 {
        run(async {
            let store = tree.open();
            let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
            let directory = tree.repository("a").join(format!("_uploads/{id}"));
            let (data, state) = (directory.join("data"), directory.join("_hashstate"));
            store.append(&name, &id, None, body(&bytes[..500_000])).await.unwrap();
            let kept = fs::read(&state).unwrap();
            store.append(&name, &id, None, body(&bytes[500_000..900_000])).await.unwrap();
            let mut at = 900_000;
            match kind {
                0 => fs::remove_file(&state).unwrap(),
                1 => fs::write(&state, &kept[..kept.len() - 1]).unwrap(),
                2 => {
                    at = 123_456;
                    fs::File::options().write(true).open(&data).unwrap().set_len(at).unwrap();
                }
                _ => fs::write(&state, &kept).unwrap(),
            }
            let store = tree.open();
            assert_eq!(store.upload_offset(&name, &id).unwrap(), at);
            let rest = Some(body(&bytes[at as usize..]));
            store.finish(&name, &id, Some(at), rest, &sha256(&bytes)).await.unwrap();
            assert_eq!(pull(&store, &name, &sha256(&bytes)).await.unwrap(), bytes);
        });
    }
}

#[test]
fn a_session_that_distribution_began_is_continued() {
    let (tree, name) = (Tree::new(), repository("a"));
    let id: names::UploadId = "0a1b2c3d-0000-4000-8000-000000000000".parse().unwrap();
    let directory = format!("repositories/a/_uploads/{id}");
    tree.write(format!("{directory}/startedat"), "2024-01-01T00:00:00Z");
    tree.write(format!("{directory}/data"), "hel");
    tree.write(format!("{directory}/hashstates/sha256/3"), "Go's own");
    let store = tree.open();
    run(store.finish(&name, &id, Some(3), Some(body("lo")), &sha256("hello"))).unwrap();
    assert_eq!(run(pull(&store, &name, &sha256("hello"))).unwrap(), b"hello");
    assert_eq!(tree.files(directory), [] as [&str; 0]);
    // Nor does anything of it turn up in the next one.
    let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
    assert_eq!(tree.files(format!("repositories/a/_uploads/{id}")), ["data", "startedat"]);
}

#[test]
fn a_session_knows_nothing_of_those_that_ended() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        for round in 0..3 {
            // Its hash state is of more bytes than the next session begins with.
            let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
            store.append(&name, &id, Some(0), body(format!("long {round}"))).await.unwrap();
            match round {
                0 => store.cancel_upload(&name, &id).await.unwrap(),
                _ => drop(
                    store.finish(&name, &id, None, NONE, &sha256(format!("long {round}"))).await.unwrap(),
                ),
            }
            let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
            assert_eq!(store.upload_offset(&name, &id).unwrap(), 0);
            let directory = format!("repositories/a/_uploads/{id}");
            assert_eq!(fs::metadata(tree.path(format!("{directory}/startedat"))).unwrap().len(), 20);
            // As a killed process leaves it: bytes without a state of their own.
            tree.write(format!("{directory}/data"), format!("other {round}"));
            let digest = sha256(format!("other {round}"));
            store.finish(&name, &id, None, NONE, &digest).await.unwrap();
        }
    });
}

#[test]
fn a_session_says_when_it_began() {
    let (tree, name) = (Tree::new(), repository("a"));
    let id = tree.open().create_upload(&name, Algorithm::Sha256).unwrap();
    let file = tree.repository("a").join(format!("_uploads/{id}/startedat"));
    let text = fs::read_to_string(file).unwrap();
    assert_eq!((text.len(), &text[10..11], &text[19..]), (20, "T", "Z"), "{text}");
}

#[test]
fn what_remains_of_a_session_without_bytes_is_purged_when_it_is_old() {
    let tree = Tree::new();
    let store = Store::open(Options { upload_age: Duration::from_secs(1), ..Options::new(&tree.0) }).unwrap();
    let id = |number: u8| format!("00000000-0000-4000-8000-0000000000{number:02}");
    let uploads = tree.repository("a").join("_uploads");
    // Killed after its bytes had become a blob; before it had any; and while it was made.
    tree.write(format!("repositories/a/_uploads/{}/startedat", id(1)), "2020-01-01T00:00:00Z");
    fs::create_dir_all(uploads.join(id(2))).unwrap();
    settle();
    fs::create_dir_all(uploads.join(id(3))).unwrap();
    assert_eq!(store.purge_uploads(true).unwrap(), 2);
    assert_eq!(store.purge_uploads(false).unwrap(), 2);
    let left: Vec<_> = fs::read_dir(uploads).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [id(3).as_str()]);
}

#[test]
fn what_cannot_be_looked_at_keeps_no_others_from_being_purged() {
    let tree = Tree::new();
    let id = |number: u8| format!("00000000-0000-4000-8000-0000000000{number:02}");
    let upload = |name: &str, number| format!("repositories/{name}/_uploads/{}", id(number));
    for (name, number) in [("a", 1), ("a", 3), ("a/b", 1), ("c", 1)] {
        tree.write(format!("{}/startedat", upload(name, number)), "2020-01-01T00:00:00Z");
        tree.write(format!("{}/data", upload(name, number)), "bytes");
    }
    let unreadable = tree.path(upload("a", 2));
    fs::create_dir_all(&unreadable).unwrap();
    let _socket = socket_in(&unreadable, "startedat");
    assert_eq!(tree.open().purge_uploads(false).unwrap(), 4);
    assert_eq!(fs::read_dir(tree.repository("a").join("_uploads")).unwrap().count(), 1);
}

#[test]
fn the_kept_state_of_a_hash_is_whole_when_another_algorithm_had_a_longer_one() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let state = |id: &UploadId| {
        fs::read(tree.repository("a").join("_uploads").join(id.as_str()).join("_hashstate")).unwrap().len()
    };
    let other = store.create_upload(&name, Algorithm::Sha256).unwrap();
    let id = store.create_upload(&name, Algorithm::Sha512).unwrap();
    for id in [&other, &id] {
        let wrong = sha256("others");
        run(store.finish(&name, id, Some(0), Some(body("bytes")), &wrong)).unwrap_err();
    }
    assert_eq!(state(&id), state(&other));
}
