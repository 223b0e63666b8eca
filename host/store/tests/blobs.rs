//! Blobs: holds, bytes, mounts, deletions.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Algorithm;
use std::fs;
use store::UploadError;

#[test]
fn a_blob_that_was_pushed_is_pulled_whole_and_in_parts() {
    let (tree, name) = (Tree::new(), repository("library/alpine"));
    let store = tree.open();
    for size in [0, 1, 100, 16 << 10, 64 << 10, (64 << 10) + 1, 1 << 20] {
        let bytes = noise(size);
        run(async {
            let digest = push(&store, &name, &bytes).await;
            assert_eq!(fs::read(tree.data(&digest)).unwrap(), bytes);
            assert_eq!(pull(&store, &name, &digest).await.unwrap(), bytes);
            let content = store.open_blob(&name, &digest).unwrap().unwrap();
            let middle = content.body(size as u64 / 3, size as u64 / 2);
            assert_eq!(read(middle).await.unwrap(), bytes[size / 3..size / 3 + size / 2]);
            let beyond = content.body(size as u64 / 2, u64::MAX);
            assert_eq!(read(beyond).await.unwrap(), bytes[size / 2..]);
        });
    }
    assert_eq!(tree.litter(), [] as [&str; 0]);
    assert_eq!(tree.files("repositories/library/alpine/_uploads"), [] as [&str; 0]);
}

#[test]
fn a_push_writes_distributions_files() {
    let (tree, name) = (Tree::new(), repository("a/b"));
    let digest = run(push(&tree.open(), &name, "bytes"));
    let hex = digest.hex();
    assert_eq!(tree.files("blobs"), [format!("sha256/{}/{hex}/data", &hex[..2])]);
    assert_eq!(tree.files("repositories"), [format!("a/b/_layers/sha256/{hex}/link")]);
    let link = tree.repository("a/b").join(format!("_layers/sha256/{hex}/link"));
    assert_eq!(fs::read_to_string(link).unwrap(), digest.as_str());
}

#[test]
fn a_sha512_push_lies_under_its_own_digest() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    run(async {
        let digest = sha512("bytes");
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body("by")).await.unwrap();
        assert_eq!(store.finish(&name, &id, Some(2), Some(body("tes")), &digest).await.unwrap(), 5);
        assert_eq!(pull(&store, &name, &digest).await.unwrap(), b"bytes");
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let result = store.finish(&name, &id, None, Some(body("other")), &digest).await;
        assert!(matches!(result, Err(UploadError::DigestMismatch { actual }) if actual == sha512("other")));
    });
}

#[test]
fn a_digest_opens_nothing_in_a_repository_that_does_not_hold_it() {
    let (tree, name, other) = (Tree::new(), repository("a"), repository("b"));
    let store = tree.open();
    let digest = run(push(&store, &name, "secret"));
    assert_eq!(store.stat_blob(&other, &digest).unwrap(), None);
    assert!(store.open_blob(&other, &digest).unwrap().is_none());
    assert!(!store.mount(&repository("c"), &other, &digest).unwrap());
    assert_eq!(store.stat_blob(&repository("c"), &digest).unwrap(), None);
}

#[test]
fn a_mount_moves_no_byte_and_repeats() {
    let (tree, from, to) = (Tree::new(), repository("from"), repository("to"));
    let store = tree.open();
    let digest = run(push(&store, &from, "bytes"));
    for _ in 0..2 {
        assert!(store.mount(&to, &from, &digest).unwrap());
        assert_eq!(run(pull(&store, &to, &digest)).unwrap(), b"bytes");
    }
    assert_eq!(tree.files("blobs").len(), 1);
}

#[test]
fn a_deletion_takes_this_repositorys_hold_and_no_other() {
    let (tree, name, other) = (Tree::new(), repository("a"), repository("b"));
    let store = tree.open();
    let digest = run(push(&store, &name, "bytes"));
    store.mount(&other, &name, &digest).unwrap();
    assert!(store.delete_blob(&name, &digest).unwrap());
    assert!(!store.delete_blob(&name, &digest).unwrap());
    assert_eq!(store.stat_blob(&name, &digest).unwrap(), None);
    assert_eq!(run(pull(&store, &other, &digest)).unwrap(), b"bytes");
}

#[test]
fn a_hold_without_bytes_is_no_hold_and_a_new_push_mends_it() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let digest = run(push(&store, &name, "bytes"));
    assert_eq!(run(pull(&store, &name, &digest)).unwrap(), b"bytes");
    fs::remove_file(tree.data(&digest)).unwrap();
    assert_eq!(store.stat_blob(&name, &digest).unwrap(), None);
    assert!(store.open_blob(&name, &digest).unwrap().is_none());
    assert!(!store.mount(&repository("b"), &name, &digest).unwrap());
    assert!(!store.delete_blob(&name, &digest).unwrap());
    run(push(&store, &name, "bytes"));
    assert_eq!(run(pull(&store, &name, &digest)).unwrap(), b"bytes");
}

#[test]
fn the_content_of_a_link_decides_not_its_name() {
    // distribution keeps a sha512 push as sha256 bytes, and links the one to the other.
    let (tree, name) = (Tree::new(), repository("a"));
    let (bytes, asked, kept) = ("bytes", sha512("bytes"), sha256("bytes"));
    tree.write(tree.data(&kept), bytes);
    tree.write(format!("repositories/a/_layers/sha512/{}/link", asked.hex()), kept.as_str());
    let store = tree.open();
    assert_eq!(run(pull(&store, &name, &asked)).unwrap(), b"bytes");
    assert_eq!(store.stat_blob(&name, &kept).unwrap(), None);
    assert!(store.mount(&repository("b"), &name, &asked).unwrap());
    assert_eq!(run(pull(&store, &repository("b"), &asked)).unwrap(), b"bytes");
}

#[test]
fn a_link_without_a_digest_is_passed_over() {
    let (tree, name, digest) = (Tree::new(), repository("a"), sha256("bytes"));
    tree.write(tree.data(&digest), "bytes");
    let link = format!("repositories/a/_layers/sha256/{}/link", digest.hex());
    let store = tree.open();
    for text in ["", "sha256:", "no digest", &"x".repeat(5000)] {
        tree.write(&link, text);
        assert_eq!(store.stat_blob(&name, &digest).unwrap(), None, "{text}");
    }
    tree.write(&link, format!("{digest}\n"));
    assert_eq!(store.stat_blob(&name, &digest).unwrap(), Some(5));
}

#[test]
fn bytes_of_the_wrong_size_are_replaced_by_a_push() {
    let (tree, name, digest) = (Tree::new(), repository("a"), sha256("bytes"));
    tree.write(tree.data(&digest), "byt");
    let store = tree.open();
    run(push(&store, &name, "bytes"));
    assert_eq!(run(pull(&store, &name, &digest)).unwrap(), b"bytes");
}

#[test]
fn a_blob_that_is_deleted_while_it_is_read_is_read_to_its_end() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(1 << 20));
    let store = tree.open();
    run(async {
        let digest = push(&store, &name, &bytes).await;
        let content = store.open_blob(&name, &digest).unwrap().unwrap();
        store.delete_blob(&name, &digest).unwrap();
        fs::remove_file(tree.data(&digest)).unwrap();
        assert_eq!(read(content.body(0, u64::MAX)).await.unwrap(), bytes);
    });
}

#[test]
fn a_blob_that_is_cut_off_while_it_is_read_is_an_error_never_a_short_answer() {
    let (tree, name, bytes) = (Tree::new(), repository("a"), noise(1 << 20));
    let store = tree.open();
    run(async {
        let digest = push(&store, &name, &bytes).await;
        let content = store.open_blob(&name, &digest).unwrap().unwrap();
        let file = fs::File::options().write(true).open(tree.data(&digest)).unwrap();
        file.set_len((1 << 19) + 7).unwrap();
        let error = read(content.body(0, u64::MAX)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn what_was_just_pushed_is_answered_without_waiting() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let digest = run(push(&store, &name, "bytes"));
    // Once for the kernel to remember the names.
    store.stat_blob(&name, &digest).unwrap();
    assert_eq!(store.stat_blob_now(&name, &digest).unwrap().unwrap(), Some(5));
    let content = store.open_blob_now(&name, &digest).unwrap().unwrap().unwrap();
    assert_eq!(run(read(content.body(0, 5))).unwrap(), b"bytes");
}
