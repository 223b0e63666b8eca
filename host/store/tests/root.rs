//! The directory that everything lies in, where it is not as it should be.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Algorithm;
use std::fs;
use std::os::unix::fs::symlink;
use store::{Options, Store};

#[test]
fn what_is_no_directory_is_refused_by_name() {
    let tree = Tree::new();
    fs::write(tree.0.join("file"), "").unwrap();
    symlink(tree.0.join("nowhere"), tree.0.join("link")).unwrap();
    for name in ["file", "link"] {
        let error = Store::open(Options::new(tree.0.join(name))).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("is a file, or a link"), "{error}");
    }
}

#[test]
fn what_was_replaced_while_the_server_runs_is_told() {
    let tree = Tree::new();
    let store = tree.open();
    fs::remove_dir_all(&tree.0).unwrap();
    fs::create_dir_all(&tree.0).unwrap();
    let error = store.put_manifest(&repository("a"), manifest("one", &["latest"])).unwrap_err().to_string();
    assert!(error.contains("removed or replaced while the server runs"), "{error}");
}

#[test]
fn what_is_pushed_does_not_go_where_the_root_was_moved_to() {
    let tree = Tree::new();
    let (root, aside) = (tree.0.join("root"), tree.0.join("aside"));
    let store = Store::open(Options::new(&root)).unwrap();
    let put = || store.put_manifest(&repository("a"), manifest("one", &["latest"]));
    put().unwrap();
    fs::rename(&root, &aside).unwrap();
    for _ in 0..2 {
        let error = put().unwrap_err().to_string();
        assert!(error.contains("removed or replaced while the server runs"), "{error}");
        store.create_upload(&repository("a"), Algorithm::Sha256).unwrap_err();
        fs::create_dir_all(&root).unwrap();
    }
    fs::remove_dir(&root).unwrap();
    fs::rename(&aside, &root).unwrap();
    put().unwrap();
}

#[test]
fn what_lies_elsewhere_by_a_link_is_told_before_anyone_asks_for_it() {
    for link in ["docker", "docker/registry", "docker/registry/v2", "docker/registry/v2/blobs"] {
        let (tree, elsewhere) = (Tree::new(), Tree::new());
        let path = tree.0.join(link);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(&elsewhere.0, &path).unwrap();
        let error = Store::open(Options::new(&tree.0)).err().unwrap().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("mount --bind"), "{error}");
    }
    let tree = Tree::new();
    fs::create_dir_all(tree.0.join("elsewhere")).unwrap();
    symlink("elsewhere", tree.0.join("docker")).unwrap();
    tree.open().put_manifest(&repository("a"), manifest("one", &["latest"])).unwrap();
    assert!(tree.0.join("elsewhere/registry/v2/repositories/a").exists());
}
