//! People edit the tree by hand, and other programs do: nothing that is remembered may hide it.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Algorithm;
use rustix::fs::{FileType, Mode};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use store::{Options, Store};

#[test]
fn a_tree_written_by_distribution_opens() {
    let (tree, name) = (Tree::new(), repository("library/alpine"));
    let (layer, one) = (sha256("layer"), sha256("one"));
    tree.write(tree.data(&layer), "layer");
    tree.write(tree.data(&one), "one");
    let below = "repositories/library/alpine";
    tree.write(format!("{below}/_layers/sha256/{}/link", layer.hex()), layer.as_str());
    tree.write(format!("{below}/_manifests/revisions/sha256/{}/link", one.hex()), one.as_str());
    tree.write(format!("{below}/_manifests/tags/latest/current/link"), one.as_str());
    tree.write(format!("{below}/_manifests/tags/latest/index/sha256/{}/link", one.hex()), one.as_str());
    let store = tree.open();
    assert_eq!(run(pull(&store, &name, &layer)).unwrap(), b"layer");
    assert_eq!(get(&store, &name, "latest").unwrap(), "one");
    assert_eq!(store.tags(&name, None, 10).unwrap().unwrap().names, ["latest"]);
    assert_eq!(store.repositories(None, 10).unwrap().names, ["library/alpine"]);
}

/// What can be asked about a repository with a tag and a layer, and whether it is there; each question twice, on both
/// roads, so that whatever may be remembered is.
fn seen(store: &Store, name: &str, layer: &names::Digest) -> [bool; 4] {
    let (name, latest) = (repository(name), "latest".parse().unwrap());
    let mut seen = [[false; 4]; 2];
    for round in &mut seen {
        *round = [
            store.manifest(&name, &latest).unwrap().is_some(),
            store.tags(&name, None, 10).unwrap().is_some_and(|page| page.names == ["latest"]),
            store.stat_blob(&name, layer).unwrap().is_some(),
            store.open_blob(&name, layer).unwrap().is_some(),
        ];
        if let Some(now) = store.manifest_now(&name, &latest) {
            assert_eq!(now.unwrap().is_some(), round[0]);
        }
        if let Some(now) = store.tags_now(&name, None, 10) {
            assert_eq!(now.unwrap().is_some_and(|page| page.names == ["latest"]), round[1]);
        }
        if let Some(now) = store.stat_blob_now(&name, layer) {
            assert_eq!(now.unwrap().is_some(), round[2]);
        }
        if let Some(now) = store.open_blob_now(&name, layer) {
            assert_eq!(now.unwrap().is_some(), round[3]);
        }
    }
    assert_eq!(seen[0], seen[1]);
    seen[0]
}

#[test]
fn a_repository_removed_by_hand_is_gone_and_can_be_pushed_again() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    for settled in [false, true] {
        let layer = run(push(&store, &name, "layer"));
        store.put_manifest(&name, manifest("one", &["latest"])).unwrap();
        assert_eq!(seen(&store, "x", &layer), [true; 4]);
        if settled {
            settle();
            assert_eq!(seen(&store, "x", &layer), [true; 4]);
        }
        fs::remove_dir_all(tree.repository("x")).unwrap();
        assert_eq!(seen(&store, "x", &layer), [false; 4]);
        assert_eq!(store.repositories(None, 10).unwrap().names, [] as [&str; 0]);
    }
}

#[test]
fn a_repository_moved_by_hand_is_found_where_it_is() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    let layer = run(push(&store, &name, "layer"));
    store.put_manifest(&name, manifest("one", &["latest"])).unwrap();
    settle();
    assert_eq!(seen(&store, "x", &layer), [true; 4]);
    assert_eq!(seen(&store, "y", &layer), [false; 4]);
    fs::rename(tree.repository("x"), tree.repository("y")).unwrap();
    assert_eq!(seen(&store, "x", &layer), [false; 4]);
    assert_eq!(seen(&store, "y", &layer), [true; 4]);
}

#[test]
fn the_whole_tree_can_be_emptied_while_we_run() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    for _ in 0..2 {
        let layer = run(push(&store, &name, "layer"));
        store.put_manifest(&name, manifest("one", &["latest"])).unwrap();
        assert_eq!(seen(&store, "x", &layer), [true; 4]);
        fs::remove_dir_all(tree.0.join("docker")).unwrap();
        assert_eq!(seen(&store, "x", &layer), [false; 4]);
    }
}

#[test]
fn a_link_rewritten_in_place_is_read_again_however_soon() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    for text in ["one", "two"] {
        store.put_manifest(&name, manifest(text, &[text, "latest"])).unwrap();
    }
    let link = tree.repository("x").join("_manifests/tags/latest/current/link");
    // Same size, same inode; within one tick of the clock the same times, too.
    for round in 0..500 {
        let text = ["one", "two"][round % 2];
        fs::write(&link, sha256(text).as_str()).unwrap();
        assert_eq!(get(&store, &name, "latest").unwrap(), text, "round {round}");
    }
    settle();
    assert_eq!(get(&store, &name, "latest").unwrap(), "two");
    assert_eq!(get(&store, &name, "latest").unwrap(), "two");
    fs::write(&link, sha256("one").as_str()).unwrap();
    assert_eq!(get(&store, &name, "latest").unwrap(), "one");
}

#[test]
fn a_change_that_hides_behind_an_old_modification_time_is_seen() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    for text in ["one", "two"] {
        store.put_manifest(&name, manifest(text, &[text, "latest"])).unwrap();
    }
    let link = tree.repository("x").join("_manifests/tags/latest/current/link");
    settle();
    assert_eq!(get(&store, &name, "latest").unwrap(), "two");
    let time = fs::metadata(&link).unwrap().modified().unwrap();
    fs::write(&link, sha256("one").as_str()).unwrap();
    touch(&link, time);
    assert_eq!(get(&store, &name, "latest").unwrap(), "one");
}

#[test]
fn tags_made_and_removed_by_hand_show_at_once_however_soon() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    let one = manifest("one", &["a"]);
    store.put_manifest(&name, one.clone()).unwrap();
    settle();
    store.tags(&name, None, 10).unwrap();
    for round in 0..200 {
        tree.write("repositories/x/_manifests/tags/b/current/link", one.digest.as_str());
        assert_eq!(store.tags(&name, None, 10).unwrap().unwrap().names, ["a", "b"], "round {round}");
        if let Some(now) = store.tags_now(&name, None, 10) {
            assert_eq!(now.unwrap().unwrap().names, ["a", "b"]);
        }
        assert_eq!(get(&store, &name, "b").unwrap(), "one");
        fs::remove_dir_all(tree.repository("x").join("_manifests/tags/b")).unwrap();
        assert_eq!(store.tags(&name, None, 10).unwrap().unwrap().names, ["a"], "round {round}");
        assert_eq!(get(&store, &name, "b"), None);
    }
}

#[test]
fn small_blobs_changed_by_hand_are_not_served_from_memory() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    let digest = run(push(&store, &name, "bytes"));
    settle();
    for _ in 0..2 {
        assert_eq!(run(pull(&store, &name, &digest)).unwrap(), b"bytes");
    }
    fs::write(tree.data(&digest), "other bytes").unwrap();
    assert_eq!(run(pull(&store, &name, &digest)).unwrap(), b"other bytes");
}

#[test]
fn a_symbolic_link_that_leads_out_of_the_tree_is_refused() {
    let (tree, outside) = (Tree::new(), Tree::new());
    let store = tree.open();
    let theirs = outside.open();
    let layer = run(push(&theirs, &repository("x"), "layer"));
    theirs.put_manifest(&repository("x"), manifest("one", &["latest"])).unwrap();
    for text in ["other", "layer"] {
        run(push(&store, &repository("y"), text));
    }
    store.put_manifest(&repository("y"), manifest("one", &["latest"])).unwrap();

    symlink(outside.repository("x"), tree.repository("x")).unwrap();
    let x = repository("x");
    assert!(!matches!(store.stat_blob(&x, &layer), Ok(Some(_))));
    assert!(!matches!(store.open_blob(&x, &layer), Ok(Some(_))));
    assert!(!matches!(store.manifest(&x, &"latest".parse().unwrap()), Ok(Some(_))));
    assert!(!matches!(store.tags(&x, None, 10), Ok(Some(_))));
    // Once for the kernel to remember the names.
    assert_eq!(tree.files("repositories/x").len(), 4);
    assert!(!matches!(store.stat_blob_now(&x, &layer), Some(Ok(Some(_)))));
    assert!(!matches!(store.open_blob_now(&x, &layer), Some(Ok(Some(_)))));
    assert!(!matches!(store.manifest_now(&x, &"latest".parse().unwrap()), Some(Ok(Some(_)))));
    assert_eq!(store.repositories(None, 10).unwrap().names, ["y"]);
    let before = outside.files("");
    assert!(store.create_upload(&x, Algorithm::Sha256).is_err());
    assert!(store.put_manifest(&x, manifest("two", &["latest"])).is_err());
    assert!(store.delete_tag(&x, &"latest".parse().unwrap()).is_err());
    assert!(store.mount(&x, &repository("y"), &sha256("other")).is_err());
    assert_eq!(outside.files(""), before);

    // Neither does one that was put in the place of what was asked for before.
    let data = tree.data(&sha256("other"));
    assert_eq!(store.stat_blob(&repository("y"), &sha256("other")).unwrap(), Some(5));
    fs::remove_file(&data).unwrap();
    symlink(outside.data(&layer), &data).unwrap();
    assert!(store.stat_blob(&repository("y"), &sha256("other")).is_err());
    assert!(store.open_blob(&repository("y"), &sha256("other")).is_err());
}

#[test]
fn the_root_is_made_where_it_is_absent_and_an_error_names_it() {
    let tree = Tree::new();
    let root = tree.0.join("a/b");
    Store::open(Options::new(&root)).unwrap();
    assert!(root.is_dir());
    fs::write(tree.0.join("file"), "").unwrap();
    let error = Store::open(Options::new(tree.0.join("file/below"))).err().unwrap().to_string();
    assert!(error.contains("file/below") && error.contains("storage.filesystem.rootdirectory"), "{error}");
}

#[test]
fn nothing_is_written_until_something_is_stored() {
    let tree = Tree::new();
    let store = tree.open();
    assert_eq!(get(&store, &repository("x"), "latest"), None);
    assert_eq!(store.tags(&repository("x"), None, 10).unwrap(), None);
    assert_eq!(store.repositories(None, 10).unwrap().names, [] as [&str; 0]);
    assert_eq!(fs::read_dir(&tree.0).unwrap().count(), 0);
}

#[test]
fn what_a_dead_process_left_in_the_staging_area_is_cleared_away() {
    let tree = Tree::new();
    let living = tree.open();
    run(push(&living, &repository("x"), "bytes"));
    tree.write("_staging/01234567-89ab-4def-8123-456789abcdef/17/current/link", "half a tag");
    let store = tree.open();
    run(push(&store, &repository("x"), "more bytes"));
    assert_eq!(tree.litter(), [] as [&str; 0]);
    assert_eq!(fs::read_dir(tree.path("_staging")).unwrap().count(), 2, "one for each store that lives");
}

#[test]
fn a_manifest_whose_bytes_were_removed_by_hand_is_gone_until_it_is_pushed_again() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    for _ in 0..2 {
        let put = manifest("one", &["latest"]);
        let reference = put.digest.as_str().parse().unwrap();
        store.put_manifest(&name, put.clone()).unwrap();
        for there in [true, false] {
            for _ in 0..2 {
                assert_eq!(store.manifest(&name, &reference).unwrap().is_some(), there);
                if let Some(now) = store.manifest_now(&name, &reference) {
                    assert_eq!(now.unwrap().is_some(), there);
                }
            }
            let _ = fs::remove_file(tree.data(&put.digest));
        }
    }
}

#[test]
fn a_staging_area_that_is_removed_while_it_is_made_is_made_again() {
    let (tree, name) = (Tree::new(), repository("x"));
    let staging = tree.path("_staging");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                // As programs do that show the tree as a bucket: directories that are empty.
                let _ = fs::remove_dir(&staging);
            }
        });
        for round in 0..200 {
            // It may fail, but not for ever.
            let _ = tree.open().put_manifest(&name, manifest(format!("{round}"), &[]));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    tree.open().put_manifest(&name, manifest("one", &["latest"])).unwrap();
}

/// Puts something that is no file in the place of one: a pipe that nobody writes to, a socket, a directory, a link that
/// leads out.
fn no_files(path: &Path) -> Vec<Box<dyn Fn() + '_>> {
    let parent = path.parent().unwrap();
    vec![
        Box::new(move || rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap()),
        Box::new(move || drop(socket_in(parent, path.file_name().unwrap().to_str().unwrap()))),
        Box::new(move || fs::create_dir(path).unwrap()),
        Box::new(move || symlink("/etc/passwd", path).unwrap()),
    ]
}

#[test]
fn what_is_no_file_keeps_nobody_waiting_and_hides_nothing_else() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    let layer = run(push(&store, &name, "layer"));
    for text in ["one", "two"] {
        store.put_manifest(&name, manifest(text, &[text])).unwrap();
    }
    run(push(&store, &repository("uploads/only"), "layer"));
    let other = store.create_upload(&repository("other"), Algorithm::Sha256).unwrap();
    let link = tree.repository("x").join("_manifests/tags/one/current/link");
    let began = tree.repository("other").join("_uploads").join(other.as_str()).join("startedat");
    let bytes = tree.data(&layer);
    for (path, is_blob) in [(&link, false), (&bytes, true), (&began, false)] {
        for put_there in no_files(path) {
            let aside = path.with_extension("aside");
            fs::rename(path, &aside).unwrap();
            put_there();
            for _ in 0..2 {
                let _ = store.manifest(&name, &"one".parse().unwrap());
                let _ = store.manifest_now(&name, &"one".parse().unwrap());
                let _ = store.open_blob(&name, &layer).map(|content| assert!(content.is_none() || !is_blob));
                assert_eq!(get(&store, &name, "two").unwrap(), "two");
                let listed = store.repositories(None, 10).unwrap().names;
                assert!(listed.contains(&"x".into()), "{listed:?}");
            }
            store.purge_uploads(true).unwrap();
            let gone = manifest("gone", &["gone"]);
            store.put_manifest(&name, gone.clone()).unwrap();
            assert!(store.delete_manifest(&name, &gone.digest).unwrap());
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
            fs::rename(&aside, path).unwrap();
        }
    }
    assert_eq!(get(&store, &name, "one").unwrap(), "one");
}

#[test]
fn a_push_replaces_bytes_that_were_damaged_whatever_their_size() {
    let (tree, name) = (Tree::new(), repository("x"));
    let store = tree.open();
    for damaged in ["", "l", "\0\0\0\0\0"] {
        let layer = run(push(&store, &name, "layer"));
        fs::write(tree.data(&layer), damaged).unwrap();
        run(push(&store, &name, "layer"));
        assert_eq!(run(pull(&store, &name, &layer)).unwrap(), b"layer");
    }
}
