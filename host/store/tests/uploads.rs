//! Upload sessions: offsets, interruptions, publication.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Algorithm;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use store::UploadError;
use tokio::sync::Notify;

#[test]
fn chunks_are_appended_and_the_offset_tells_how_many_bytes_came() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 0);
        assert_eq!(store.append(&name, &id, Some(0), body("he")).await.unwrap(), 2);
        assert_eq!(store.append(&name, &id, None, body("l")).await.unwrap(), 3);
        assert_eq!(store.append(&name, &id, Some(3), body("")).await.unwrap(), 3);
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 3);
        assert_eq!(store.finish(&name, &id, Some(3), Some(body("lo")), &sha256("hello")).await.unwrap(), 5);
        assert_eq!(pull(&store, &name, &sha256("hello")).await.unwrap(), b"hello");
    });
}

#[test]
fn a_chunk_at_the_wrong_offset_tells_the_right_one_and_writes_nothing() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body("hello")).await.unwrap();
        for at in [0, 4, 6, u64::MAX] {
            let result = store.append(&name, &id, Some(at), body("x")).await;
            assert!(matches!(result, Err(UploadError::WrongOffset(5))), "{result:?}");
            let result = store.finish(&name, &id, Some(at), Some(body("x")), &sha256("hellox")).await;
            assert!(matches!(result, Err(UploadError::WrongOffset(5))), "{result:?}");
        }
        assert_eq!(store.finish(&name, &id, Some(5), NONE, &sha256("hello")).await.unwrap(), 5);
    });
}

#[test]
fn a_session_is_known_until_it_ends_and_in_its_repository_only() {
    let (tree, name, other) = (Tree::new(), repository("a"), repository("b"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let unknown = |result: Result<u64, UploadError>| assert!(matches!(result, Err(UploadError::Unknown)));
        unknown(store.upload_offset(&other, &id));
        unknown(store.append(&other, &id, None, body("x")).await);
        unknown(store.finish(&other, &id, None, NONE, &sha256("")).await);
        assert!(matches!(store.cancel_upload(&other, &id).await, Err(UploadError::Unknown)));

        store.finish(&name, &id, None, NONE, &sha256("")).await.unwrap();
        unknown(store.finish(&name, &id, None, NONE, &sha256("")).await);
        unknown(store.upload_offset(&name, &id));

        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, None, body("x")).await.unwrap();
        store.cancel_upload(&name, &id).await.unwrap();
        unknown(store.upload_offset(&name, &id));
        unknown(store.append(&name, &id, None, body("x")).await);
    });
    assert_eq!(tree.files("repositories/a/_uploads"), [] as [&str; 0]);
}

#[test]
fn a_digest_that_does_not_match_leaves_the_session_as_it_was() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body("hel")).await.unwrap();
        let result = store.finish(&name, &id, Some(3), Some(body("p!")), &sha256("hello")).await;
        assert!(matches!(result, Err(UploadError::DigestMismatch { actual }) if actual == sha256("help!")));
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 3);
        assert_eq!(store.stat_blob(&name, &sha256("hello")).unwrap(), None);
        assert_eq!(store.stat_blob(&name, &sha256("help!")).unwrap(), None);
        store.finish(&name, &id, Some(3), Some(body("lo")), &sha256("hello")).await.unwrap();
    });
}

#[test]
fn a_body_that_breaks_off_is_kept_by_append_and_taken_back_by_finish() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(700_000));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, broken) = sent();
        sender.send(Ok(bytes.slice(..600_000))).unwrap();
        sender.send(Err("the client went away".into())).unwrap();
        match store.append(&name, &id, Some(0), broken).await {
            Err(UploadError::Interrupted { offset: 600_000, why }) => assert_eq!(why, "the client went away"),
            result => panic!("{result:?}"),
        }
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 600_000);

        let (sender, broken) = sent();
        sender.send(Ok(bytes.slice(600_000..650_000))).unwrap();
        sender.send(Err("again".into())).unwrap();
        let result = store.finish(&name, &id, Some(600_000), Some(broken), &sha256(&bytes)).await;
        assert!(matches!(result, Err(UploadError::Interrupted { offset: 600_000, .. })), "{result:?}");
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 600_000);

        let rest = Some(body(bytes.slice(600_000..)));
        store.finish(&name, &id, Some(600_000), rest, &sha256(&bytes)).await.unwrap();
        assert_eq!(pull(&store, &name, &sha256(&bytes)).await.unwrap(), bytes);
    });
}

#[test]
fn an_append_that_nobody_awaits_any_more_keeps_what_came() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(400_000));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, endless) = sent();
        for piece in bytes[..300_000].chunks(30_000) {
            sender.send(Ok(bytes.slice_ref(piece))).unwrap();
        }
        let append = store.append(&name, &id, Some(0), endless);
        assert!(tokio::time::timeout(Duration::from_millis(300), append).await.is_err());
        // The next one waits until the last of it is written.
        let at = match store.append(&name, &id, Some(0), body("")).await {
            Err(UploadError::WrongOffset(at)) => at,
            result => panic!("{result:?}"),
        };
        assert_eq!(at, 300_000);
        let rest = Some(body(bytes.slice(at as usize..)));
        store.finish(&name, &id, Some(at), rest, &sha256(&bytes)).await.unwrap();
        assert_eq!(pull(&store, &name, &sha256(&bytes)).await.unwrap(), bytes);
    });
}

#[test]
fn bytes_that_came_just_before_the_client_went_are_kept() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        for round in 0..20 {
            let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
            let (sender, endless) = sent();
            let drained = Arc::new(Notify::new());
            sender.send(Ok("hello".into())).unwrap();
            tokio::select! {
                result = store.append(&name, &id, Some(0), endless.noting(&drained)) => panic!("{result:?}"),
                () = drained.notified() => {}
            }
            let result = store.append(&name, &id, Some(u64::MAX), body("")).await;
            assert!(matches!(result, Err(UploadError::WrongOffset(5))), "round {round}: {result:?}");
        }
    });
}

#[test]
fn a_publication_that_fails_half_way_leaves_the_session_its_bytes() {
    let (tree, name, digest) = (Tree::new(), repository("a"), sha256("hello"));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body("hello")).await.unwrap();
        // Something lies where the hold is to appear.
        let obstacle = format!("repositories/a/_layers/sha256/{}", digest.hex());
        tree.write(&obstacle, "");
        let result = store.finish(&name, &id, Some(5), NONE, &digest).await;
        assert!(matches!(result, Err(UploadError::Storage(_))), "{result:?}");
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 5);
        fs::remove_file(tree.path(obstacle)).unwrap();
        store.finish(&name, &id, Some(5), NONE, &digest).await.unwrap();
        assert_eq!(pull(&store, &name, &digest).await.unwrap(), b"hello");
    });
    assert_eq!(tree.litter(), [] as [&str; 0]);
}

#[test]
fn an_append_dropped_at_any_moment_leaves_a_session_that_goes_on() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(3_000_000));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let mut at = 0;
        for round in 0u64.. {
            let (sender, endless) = sent();
            for piece in bytes[at as usize..].chunks(50_000) {
                sender.send(Ok(bytes.slice_ref(piece))).unwrap();
            }
            drop(sender);
            let append = store.append(&name, &id, Some(at), endless);
            let done = tokio::time::timeout(Duration::from_micros(round * 500), append).await;
            if let Ok(result) = done {
                assert_eq!(result.unwrap(), 3_000_000);
                break;
            }
            // The true offset is the one that the next writer is told.
            match store.append(&name, &id, Some(u64::MAX), body("")).await {
                Err(UploadError::WrongOffset(offset)) => at = offset,
                result => panic!("{result:?}"),
            }
        }
        store.finish(&name, &id, Some(3_000_000), NONE, &sha256(&bytes)).await.unwrap();
        assert_eq!(pull(&store, &name, &sha256(&bytes)).await.unwrap(), bytes);
    });
}

#[test]
fn a_finish_that_nobody_awaits_any_more_leaves_the_session_as_it_was() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(1_000_000));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body(bytes.slice(..400_000))).await.unwrap();
        let (sender, endless) = sent();
        sender.send(Ok(bytes.slice(400_000..900_000))).unwrap();
        let digest = sha256(&bytes);
        let finish = store.finish(&name, &id, Some(400_000), Some(endless), &digest);
        assert!(tokio::time::timeout(Duration::from_millis(50), finish).await.is_err());
        let rest = Some(body(bytes.slice(400_000..)));
        store.finish(&name, &id, Some(400_000), rest, &sha256(&bytes)).await.unwrap();
    });
}

#[test]
fn many_pushes_of_the_same_blob_at_once_all_succeed() {
    let (tree, bytes) = (Tree::new(), noise(300_000));
    let store = tree.open();
    let threads: Vec<_> = (0..16)
        .map(|i| {
            let (store, bytes) = (store.clone(), bytes.clone());
            std::thread::spawn(move || run(push(&store, &repository(&format!("r{}", i % 4)), bytes)))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), sha256(&bytes));
    }
    for i in 0..4 {
        assert_eq!(run(pull(&store, &repository(&format!("r{i}")), &sha256(&bytes))).unwrap(), bytes);
    }
    assert_eq!(tree.litter(), [] as [&str; 0]);
}

#[test]
fn a_body_of_very_small_pieces_arrives_whole() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(20_000));
    let store = tree.open();
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, pieces) = sent();
        let send = async {
            for (i, byte) in bytes.chunks(7).enumerate() {
                sender.send(Ok(bytes.slice_ref(byte))).unwrap();
                if i % 100 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            drop(sender);
        };
        let digest = sha256(&bytes);
        let finish = store.finish(&name, &id, Some(0), Some(pieces), &digest);
        assert_eq!(tokio::join!(finish, send).0.unwrap(), 20_000);
    });
}
