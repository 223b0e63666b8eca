//! Lists of tags and of repositories.
#![allow(missing_docs)]

mod common;
use common::*;
use names::Algorithm;
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

/// Makes a repository as another program would: it holds a manifest.
fn hold(tree: &Tree, name: &str) {
    let digest = sha256("x");
    let link = format!("repositories/{name}/_manifests/revisions/sha256/{}/link", digest.hex());
    tree.write(link, digest.as_str());
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
            0 => drop(store.create_upload(&repository(name), Algorithm::Sha256).unwrap()),
            _ => store.put_manifest(&repository(name), manifest("one", &[])).unwrap(),
        }
    }
    in_pages(repositories(&store), &all);
}

#[test]
fn a_page_starts_after_a_name_that_need_not_exist() {
    let tree = Tree::new();
    for name in ["a/b", "a/d", "c"] {
        hold(&tree, name);
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
    hold(&tree, "a");
    tree.write("repositories/b/_manifests/tags/latest/current/link", sha256("x").as_str());
    for path in [
        "blobs/_layers/x",
        "empty/_manifests/revisions/sha256",
        "hex/_manifests/revisions/sha256/x/link",
        "unlinked/_manifests/revisions/sha256/{hex}/signatures/x",
        "untagged/_manifests/tags/latest/index/x",
        "old/_uploads/x/startedat",
        "d/readme",
        "E/_manifests/revisions/sha256/{hex}/link",
        "_x/_manifests/revisions/sha256/{hex}/link",
        "a/_layers/f/_manifests/revisions/sha256/{hex}/link",
    ] {
        let path = path.replace("{hex}", sha256("x").hex());
        tree.write(format!("repositories/{path}"), sha256("x").as_str());
    }
    tree.write("repositories/old/_uploads/y/startedat", "2020-01-01T00:00:00Z");
    tree.write("repositories/file", "");
    let store = tree.open();
    assert_eq!(store.repositories(None, 10).unwrap().names, ["a", "b"]);
    for name in ["blobs", "empty", "unlinked", "old", "nothing"] {
        assert_eq!(store.tags(&repository(name), None, 10).unwrap(), None, "{name}");
    }
}

#[test]
fn an_emptied_repository_is_gone_and_comes_back() {
    let tree = Tree::new();
    let (store, name) = (tree.open(), repository("a"));
    run(push(&store, &name, "blob"));
    assert_eq!(store.tags(&name, None, 10).unwrap(), None, "a blob alone makes no repository");
    for _ in 0..2 {
        store.put_manifest(&name, manifest("one", &["latest"])).unwrap();
        assert_eq!(store.repositories(None, 10).unwrap().names, ["a"]);
        assert!(store.delete_manifest(&name, &sha256("one")).unwrap());
        assert_eq!(store.tags(&name, None, 10).unwrap(), None);
        assert_eq!(store.repositories(None, 10).unwrap().names, [] as [&str; 0]);
    }
    let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
    assert_eq!(store.repositories(None, 10).unwrap().names, ["a"], "someone is about to push to it");
    run(store.cancel_upload(&name, &id)).unwrap();
    assert_eq!(store.repositories(None, 10).unwrap().names, [] as [&str; 0]);
}

#[test]
fn an_upload_keeps_its_repository_only_while_it_is_young() {
    let tree = Tree::new();
    let options =
        store::Options { upload_age: std::time::Duration::from_secs(1), ..store::Options::new(&tree.0) };
    let (store, name) = (Store::open(options).unwrap(), repository("a"));
    store.create_upload(&name, Algorithm::Sha256).unwrap();
    assert!(store.tags(&name, None, 10).unwrap().is_some());
    settle();
    assert_eq!(store.tags(&name, None, 10).unwrap(), None);
}

#[test]
fn a_directory_of_many_repositories_is_read_in_batches() {
    let tree = Tree::new();
    let all: Vec<String> = (0..2500).map(|i| format!("r{i:04}")).collect();
    for name in &all {
        hold(&tree, name);
    }
    let store = tree.open();
    for _ in 0..2 {
        assert!(store.repositories(None, usize::MAX).unwrap().names == all);
        let page = store.repositories(Some(&repository("r1000")), 5).unwrap();
        assert_eq!((page.names, page.more), (all[1001..1006].to_vec(), true));
        settle();
    }
}

#[test]
fn a_list_longer_than_what_is_remembered_is_complete() {
    let tree = Tree::new();
    let name = repository("a");
    let all: Vec<String> = (0..20_000).map(|i| format!("t{i:05}")).collect();
    let tags = tree.repository("a/_manifests/tags");
    for tag in &all {
        std::fs::create_dir_all(tags.join(tag)).unwrap();
    }
    settle();
    let store = tree.open();
    assert!(store.tags(&name, None, usize::MAX).unwrap().unwrap().names == all);
    for from in [0, 16_380, 16_384, 18_000, 19_990] {
        for _ in 0..2 {
            let page = store.tags(&name, Some(&all[from]), 9).unwrap().unwrap();
            assert_eq!(page.names, all[from + 1..from + 10], "after {from}");
            assert_eq!(page.more, from + 10 < all.len(), "after {from}");
        }
    }
    let page = store.tags_now(&name, Some(&all[19_990]), 5).unwrap().unwrap().unwrap();
    assert_eq!(page.names, all[19_991..19_996]);
    std::fs::create_dir(tags.join("t19990-a")).unwrap();
    let page = store.tags(&name, Some(&all[19_990]), 1).unwrap().unwrap();
    assert_eq!(page.names, ["t19990-a"]);
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
    store.put_manifest(&repository("manifests"), manifest("one", &[])).unwrap();
    store.create_upload(&repository("uploads"), Algorithm::Sha256).unwrap();
    for name in ["manifests", "uploads"] {
        let none = Page { names: Vec::new(), more: false };
        assert_eq!(store.tags(&repository(name), None, 10).unwrap(), Some(none));
    }
}
