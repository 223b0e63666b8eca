//! A disk without room, and one that takes no writes. Mounting one takes root: without it these tests say that they
//! prove nothing.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Algorithm;
use std::path::Path;
use std::process::Command;
use store::{Error, PutManifestError, UploadError};

/// A small file system, mounted where a tree is.
struct Mounted(Tree);

impl Mounted {
    fn new(size: &str) -> Option<Mounted> {
        let tree = Tree::new();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "none"], &tree.0);
        if !mounted {
            eprintln!("cannot mount a file system here: nothing is proved");
        }
        mounted.then_some(Mounted(tree))
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount").args(arguments).arg(at).status().is_ok_and(|status| status.success())
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0.0).status();
    }
}

#[test]
fn a_full_disk_says_so_and_the_session_survives_at_its_true_offset() {
    let Some(Mounted(tree)) = &Mounted::new("4m") else { return };
    let (store, name, bytes) = (tree.open(), repository("a"), noise(3 << 20));
    run(async {
        let kept = push(&store, &name, noise(1 << 20)).await;
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body(&bytes[..1 << 20])).await.unwrap();
        let result = store.append(&name, &id, Some(1 << 20), body(&bytes[1 << 20..])).await;
        assert!(matches!(result, Err(UploadError::Storage(Error::Full(_)))), "{result:?}");
        let at = store.upload_offset(&name, &id).unwrap();
        assert_eq!(at, 1 << 20, "a piece is written whole or not at all");

        // Not the whole either, and finish takes back what it wrote.
        let rest = Some(body(&bytes[at as usize..]));
        let result = store.finish(&name, &id, Some(at), rest, &sha256(&bytes)).await;
        assert!(matches!(result, Err(UploadError::Storage(Error::Full(_)))), "{result:?}");
        assert_eq!(store.upload_offset(&name, &id).unwrap(), at);

        // Room is made; the upload goes on.
        store.delete_blob(&name, &kept).unwrap();
        std::fs::remove_file(tree.data(&kept)).unwrap();
        let rest = Some(body(&bytes[at as usize..]));
        store.finish(&name, &id, Some(at), rest, &sha256(&bytes)).await.unwrap();
        assert_eq!(pull(&store, &name, &sha256(&bytes)).await.unwrap(), bytes);
    });
}

#[test]
fn a_disk_without_room_for_a_manifest_keeps_the_old_one_and_can_be_tidied() {
    let Some(Mounted(tree)) = &Mounted::new("1m") else { return };
    let (store, name) = (tree.open(), repository("a"));
    store.put_manifest(&name, manifest("one", &["latest"])).unwrap();
    // A new process, which has no staging directory yet.
    let store = {
        drop(store);
        tree.open()
    };
    let mut filling = 0;
    while std::fs::write(tree.path(format!("filling{filling}")), noise(4096)).is_ok() {
        filling += 1;
    }
    let result = store.put_manifest(&name, manifest("two", &["latest", "new"]));
    assert!(matches!(result, Err(PutManifestError::Storage(Error::Full(_)))), "{result:?}");
    assert_eq!(get(&store, &name, "latest").unwrap(), "one");
    assert_eq!(store.tags(&name, None, 10).unwrap().unwrap().names, ["latest"]);
    assert_eq!(get(&store, &name, sha256("two").as_str()), None);
    assert_eq!(tree.litter(), [] as [&str; 0]);
    assert!(store.delete_tag(&name, &"latest".parse().unwrap()).unwrap());
    assert!(store.delete_manifest(&name, &sha256("one")).unwrap());
}

#[test]
fn a_full_disk_while_a_blob_is_published_leaves_the_session_its_bytes() {
    let Some(Mounted(tree)) = &Mounted::new("1m") else { return };
    let (store, name) = (tree.open(), repository("a"));
    run(async {
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        store.append(&name, &id, Some(0), body("bytes")).await.unwrap();
        let mut filling = 0;
        while std::fs::write(tree.path(format!("filling{filling}")), noise(4096)).is_ok() {
            filling += 1;
        }
        let result = store.finish(&name, &id, Some(5), NONE, &sha256("bytes")).await;
        assert!(matches!(result, Err(UploadError::Storage(Error::Full(_)))), "{result:?}");
        assert_eq!(store.upload_offset(&name, &id).unwrap(), 5);
        assert_eq!(store.stat_blob(&name, &sha256("bytes")).unwrap(), None);
        (0..=filling).for_each(|i| std::fs::remove_file(tree.path(format!("filling{i}"))).unwrap());
        store.finish(&name, &id, Some(5), NONE, &sha256("bytes")).await.unwrap();
        assert_eq!(pull(&store, &name, &sha256("bytes")).await.unwrap(), b"bytes");
    });
}

#[test]
fn a_read_only_disk_is_read_from_and_says_that_it_takes_no_writes() {
    let Some(Mounted(tree)) = &Mounted::new("4m") else { return };
    let name = repository("a");
    let digest = run(push(&tree.open(), &name, "bytes"));
    tree.open().put_manifest(&name, manifest("one", &["latest"])).unwrap();
    assert!(mount(&["-o", "remount,ro"], &tree.0));
    let store = tree.open();
    assert_eq!(get(&store, &name, "latest").unwrap(), "one");
    assert_eq!(run(pull(&store, &name, &digest)).unwrap(), b"bytes");
    assert!(matches!(store.create_upload(&name, Algorithm::Sha256), Err(Error::ReadOnly(_))));
    let result = store.put_manifest(&name, manifest("two", &["latest"]));
    assert!(matches!(result, Err(PutManifestError::Storage(Error::ReadOnly(_)))), "{result:?}");
    let result = store.delete_tag(&name, &"latest".parse().unwrap());
    assert!(matches!(result, Err(Error::ReadOnly(_))), "{result:?}");
    assert_eq!(get(&store, &name, "latest").unwrap(), "one");
}
