//! Lists of tags and of repositories.
#![allow(missing_docs)]

mod common;
use common::*;
use store::{Page, Store};

/// All names, in pages of each size.
fn in_pages(mut next: impl FnMut(Option<&str>, usize) -> Page, all: &[String]) {
    for limit in [1, 2, 3, 7, all.len(), all.len() + 1, usize::MAX] {
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = next(found.last().cloned().as_deref(), limit);
            assert!(page.names.len() == limit || !page.more);
            found.extend(page.names);
            assert_eq!(page.more, found.len() < all.len(), "after {:?}", found.last());
            if !page.more {
                break;
            }
        }
        assert_eq!(found, all, "in pages of {limit}");
    }
}

fn repositories(store: &Store) -> impl FnMut(Option<&str>, usize) -> Page {
    |after, limit| store.repositories(after.map(repository).as_ref(), limit).unwrap()
}

#[test]
fn repositories_come_in_the_order_of_path_components() {
    let tree = Tree::new();
    let store = tree.open();
    assert_eq!(store.repositories(None, 10).unwrap(), Page { names: Vec::new(), more: false });
    let all = ["a", "a/b", "a/b/c", "a-b", "a.b", "ab", "b/c/d/e", "b/c0", "z"].map(str::to_owned);
    for (i, name) in all.iter().enumerate() {
        match i % 2 {
            0 => drop(run(push(&store, &repository(name), "blob"))),
            _ => store.put_manifest(&repository(name), manifest("one", &[])).unwrap(),
        }
    }
    in_pages(repositories(&store), &all);
}

#[test]
fn a_page_starts_after_a_name_that_need_not_exist() {
    let tree = Tree::new();
    for name in ["a/b", "a/d", "c"] {
        tree.write(format!("repositories/{name}/_manifests/x"), "");
    }
    let store = tree.open();
    for (after, names) in [
        ("0", &["a/b", "a/d", "c"][..]),
        ("a", &["a/b", "a/d", "c"]),
        ("a/b", &["a/d", "c"]),
        ("a/b/z", &["a/d", "c"]),
        ("a/c/z", &["a/d", "c"]),
        ("a/d", &["c"]),
        ("a-b", &["c"]),
        ("b/x/y", &["c"]),
        ("c", &[]),
        ("z/z", &[]),
    ] {
        assert_eq!(repositories(&store)(Some(after), 10).names, names, "after {after}");
    }
    assert_eq!(repositories(&store)(None, 0), Page { names: Vec::new(), more: true });
}

#[test]
fn what_is_no_repository_is_not_listed() {
    let tree = Tree::new();
    for path in [
        "a/_layers/x",
        "b/_manifests/x",
        "c/_uploads/x",
        "d/readme",
        "E/_layers/x",
        "_x/_layers/x",
        "a/_layers/f/_layers/x",
    ] {
        tree.write(format!("repositories/{path}"), "");
    }
    tree.write("repositories/file", "");
    assert_eq!(tree.open().repositories(None, 10).unwrap().names, ["a", "b"]);
}

#[test]
fn a_directory_of_many_repositories_is_read_in_batches() {
    let tree = Tree::new();
    let all: Vec<String> = (0..2500).map(|i| format!("r{i:04}")).collect();
    for name in &all {
        std::fs::create_dir_all(tree.repository(name).join("_manifests")).unwrap();
    }
    let store = tree.open();
    assert_eq!(store.repositories(None, usize::MAX).unwrap().names, all);
    let page = store.repositories(Some(&repository("r1000")), 5).unwrap();
    assert_eq!((page.names, page.more), (all[1001..1006].to_vec(), true));
}

#[test]
fn tags_come_bytewise_and_in_pages() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    assert_eq!(store.tags(&name, None, 10).unwrap(), None);
    let all = ["0", "A", "B.1", "_", "a", "a-b", "a.b", "ab", "b"].map(str::to_owned);
    for tag in all.iter().rev() {
        store.put_manifest(&name, manifest("one", &[tag])).unwrap();
    }
    tree.write("repositories/a/_manifests/tags/.hidden/current/link", "not a tag");
    tree.write("repositories/a/_manifests/tags/file", "not a tag either");
    for _ in 0..2 {
        in_pages(|after, limit| store.tags(&name, after, limit).unwrap().unwrap(), &all);
        assert_eq!(store.tags(&name, Some("a/"), 1).unwrap().unwrap().names, ["ab"]);
        assert_eq!(store.tags(&name, Some("é"), 1).unwrap().unwrap().names, [] as [&str; 0]);
        settle();
    }
}

#[test]
fn a_repository_without_tags_has_an_empty_list() {
    let tree = Tree::new();
    let store = tree.open();
    run(push(&store, &repository("blobs"), "blob"));
    store.put_manifest(&repository("manifests"), manifest("one", &[])).unwrap();
    for name in ["blobs", "manifests"] {
        let none = Page { names: Vec::new(), more: false };
        assert_eq!(store.tags(&repository(name), None, 10).unwrap(), Some(none));
    }
    store.create_upload(&repository("uploads")).unwrap();
    assert_eq!(store.tags(&repository("uploads"), None, 10).unwrap(), None);
}
