//! What is about what.
#![allow(missing_docs)]

mod common;
use common::*;
use names::{Digest, RepositoryName};
use std::fs;
use store::{Options, PutManifest, ReferrersPage, ReferrersQuery, Store};

/// A manifest about another, and its digest.
fn about(subject: &Digest, kind: &str, number: usize) -> PutManifest {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"{kind}",
        "config":{{"mediaType":"x/y","digest":"{subject}","size":1}},"layers":[],
        "subject":{{"mediaType":"x/y","digest":"{subject}","size":1}},"annotations":{{"number":"{number}"}}}}"#
    );
    manifest(text, &[])
}

fn query(subject: &Digest) -> ReferrersQuery {
    ReferrersQuery {
        subject: subject.clone(),
        artifact_type: None,
        after: None,
        limit: usize::MAX,
        room: usize::MAX,
    }
}

fn digests_in(page: &ReferrersPage) -> Vec<String> {
    assert!(page.descriptors.starts_with('[') && page.descriptors.ends_with(']'));
    let after = page.descriptors.split(r#""digest":""#).skip(1);
    after.map(|text| text.split('"').next().unwrap().to_owned()).collect()
}

/// The digests that are listed, in their order.
fn listed(store: &Store, name: &RepositoryName, query: &ReferrersQuery) -> Vec<String> {
    digests_in(&store.referrers(name, query).unwrap())
}

fn sorted(manifests: &[PutManifest]) -> Vec<String> {
    let mut digests: Vec<String> = manifests.iter().map(|one| one.digest.to_string()).collect();
    digests.sort();
    digests
}

/// Adds a manifest as distribution does, which knows of no index.
fn add_as_distribution(tree: &Tree, name: &str, manifest: &PutManifest) {
    let hex = manifest.digest.hex();
    let blob = format!("blobs/sha256/{}/{hex}/data", &hex[..2]);
    tree.write(blob, &manifest.bytes);
    tree.write(
        format!("repositories/{name}/_manifests/revisions/sha256/{hex}/link"),
        manifest.digest.as_str(),
    );
}

#[test]
fn what_is_about_a_manifest_is_listed_until_it_is_deleted() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let store = tree.open();
    assert!(listed(&store, &name, &query(&subject)).is_empty());
    let mut all: Vec<PutManifest> = (0..5).map(|number| about(&subject, "x/a", number)).collect();
    let other = about(&sha256("another"), "x/a", 0);
    for manifest in all.iter().chain([&other]) {
        store.put_manifest(&name, manifest.clone()).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all));
        assert!(listed(&store, &repository("b"), &query(&subject)).is_empty());
        settle();
    }
    let page = store.referrers_now(&name, &query(&subject)).unwrap().unwrap();
    assert_eq!(digests_in(&page).len(), 5, "what was asked for is remembered");
    for at in [4, 0] {
        let gone = all.remove(at);
        assert!(store.delete_manifest(&name, &gone.digest).unwrap());
        assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all));
        assert!(!tree.files("repositories/a").iter().any(|file| file.contains(gone.digest.hex())));
    }
    let back = about(&subject, "x/a", 0);
    store.put_manifest(&name, back.clone()).unwrap();
    all.push(back);
    assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all));
}

#[test]
fn pages_and_types_hold_what_they_are_asked_for() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let store = tree.open();
    let kind = |number| if number % 3 == 0 { "x/a" } else { "x/b" };
    let all: Vec<PutManifest> = (0..20).map(|number| about(&subject, kind(number), number)).collect();
    for manifest in &all {
        store.put_manifest(&name, manifest.clone()).unwrap();
    }
    let of_type = |wanted: Option<&str>| {
        let wanted = |number: &usize| wanted.is_none_or(|wanted| kind(*number) == wanted);
        let found: Vec<PutManifest> = (0..20).filter(wanted).map(|number| all[number].clone()).collect();
        sorted(&found)
    };
    for artifact_type in [None, Some("x/a"), Some("x/b"), Some("x/c")] {
        let expected = of_type(artifact_type);
        for (limit, room) in
            [(1, usize::MAX), (3, usize::MAX), (7, usize::MAX), (20, usize::MAX), (20, 700), (20, 1)]
        {
            let mut asked = query(&subject);
            asked.artifact_type = artifact_type.map(Into::into);
            (asked.limit, asked.room) = (limit, room);
            let mut found = Vec::new();
            loop {
                let page = store.referrers(&name, &asked).unwrap();
                let listed = digests_in(&page);
                assert!(listed.len() <= limit);
                assert!(listed.len() <= 1 || page.descriptors.len() <= room);
                found.extend(listed);
                assert_eq!(page.more.is_some(), found.len() < expected.len());
                match page.more {
                    Some(last) => asked.after = Some(last),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{artifact_type:?} {limit} {room}");
        }
    }
    let mut none = query(&subject);
    none.limit = 0;
    assert_eq!(store.referrers(&name, &none).unwrap().descriptors, "[]");
}

#[test]
fn a_tree_that_another_program_wrote_answers_right_the_first_time() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let all: Vec<PutManifest> = (0..4).map(|number| about(&subject, "x/a", number)).collect();
    for manifest in &all {
        add_as_distribution(&tree, "a", manifest);
    }
    assert_eq!(listed(&tree.open(), &name, &query(&subject)), sorted(&all));
}

#[test]
fn a_week_with_another_program_leads_to_a_complete_list() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let all: Vec<PutManifest> = (0..6).map(|number| about(&subject, "x/a", number)).collect();
    let here = |there: &[usize]| {
        let expected: Vec<PutManifest> = there.iter().map(|at| all[*at].clone()).collect();
        let store = tree.open();
        assert_eq!(listed(&store, &name, &query(&subject)), sorted(&expected));
        store
    };
    let removed = |at: usize| tree.repository("a/_manifests/revisions/sha256").join(all[at].digest.hex());
    // Here.
    let store = tree.open();
    for manifest in &all[..3] {
        store.put_manifest(&name, manifest.clone()).unwrap();
    }
    here(&[0, 1, 2]);
    // There: one is added, one is removed with its link alone, as distribution does it.
    add_as_distribution(&tree, "a", &all[3]);
    fs::remove_file(removed(0).join("link")).unwrap();
    here(&[1, 2, 3]);
    // Here one is deleted that was looked at; there it comes back.
    here(&[1, 2, 3]).delete_manifest(&name, &all[1].digest).unwrap();
    add_as_distribution(&tree, "a", &all[1]);
    here(&[1, 2, 3]);
    // There its directory goes, and comes back with what was removed before.
    fs::remove_dir_all(removed(2)).unwrap();
    here(&[1, 3]);
    add_as_distribution(&tree, "a", &all[2]);
    add_as_distribution(&tree, "a", &all[0]);
    here(&[0, 1, 2, 3]);
}

#[test]
fn a_running_store_sees_what_is_done_by_hand() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let store = tree.open();
    let all: Vec<PutManifest> = (0..4).map(|number| about(&subject, "x/a", number)).collect();
    for manifest in &all[..3] {
        store.put_manifest(&name, manifest.clone()).unwrap();
    }
    settle();
    assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all[..3]));
    add_as_distribution(&tree, "a", &all[3]);
    assert!(store.referrers_now(&name, &query(&subject)).is_none());
    assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all));
    fs::remove_dir_all(tree.repository("a/_manifests/revisions/sha256").join(all[3].digest.hex())).unwrap();
    assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all[..3]));
    // The index itself may go.
    fs::remove_dir_all(tree.repository("a/_referrers")).unwrap();
    drop(store);
    assert_eq!(listed(&tree.open(), &name, &query(&subject)), sorted(&all[..3]));
    fs::remove_dir_all(tree.repository("a")).unwrap();
    assert!(listed(&tree.open(), &name, &query(&subject)).is_empty());
}

#[test]
fn a_manifest_whose_bytes_are_damaged_is_left_out() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let all: Vec<PutManifest> = (0..2).map(|number| about(&subject, "x/a", number)).collect();
    for manifest in &all {
        add_as_distribution(&tree, "a", manifest);
    }
    fs::write(tree.data(&all[0].digest), "{}").unwrap();
    assert_eq!(listed(&tree.open(), &name, &query(&subject)), sorted(&all[1..]));
}

#[test]
fn a_tree_that_takes_no_writes_answers_all_the_same() {
    if rustix::process::geteuid().is_root() {
        // Nothing is read-only for root but a mount; a file in the way does as well.
        let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
        let all: Vec<PutManifest> = (0..3).map(|number| about(&subject, "x/a", number)).collect();
        for manifest in &all {
            add_as_distribution(&tree, "a", manifest);
        }
        tree.write("repositories/a/_referrers", "in the way");
        let store = Store::open(Options::new(&tree.0)).unwrap();
        for _ in 0..2 {
            assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all));
        }
        let mut asked = query(&subject);
        asked.limit = 2;
        let page = store.referrers(&name, &asked).unwrap();
        assert_eq!((digests_in(&page).len(), page.more), (2, Some(sorted(&all)[1].clone())));
    }
}

#[test]
fn a_sha512_manifest_is_listed_after_the_sha256_ones() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha512("subject"));
    let store = tree.open();
    let first = about(&subject, "x/a", 0);
    let mut second = about(&subject, "x/a", 1);
    second.digest = sha512(&second.bytes);
    for manifest in [&second, &first] {
        store.put_manifest(&name, manifest.clone()).unwrap();
    }
    let mut asked = query(&subject);
    assert_eq!(listed(&store, &name, &asked), [first.digest.as_str(), second.digest.as_str()]);
    asked.limit = 1;
    asked.after = store.referrers(&name, &asked).unwrap().more;
    assert_eq!(listed(&store, &name, &asked), [second.digest.as_str()]);
}

#[test]
fn what_was_not_there_when_someone_asked_is_listed_once_it_is() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let store = tree.open();
    let link = |manifest: &PutManifest| {
        tree.path(format!("repositories/a/_manifests/revisions/sha256/{}/link", manifest.digest.hex()))
    };
    // Removed as distribution does, which leaves the directory, and brought back by it.
    let back = about(&subject, "x/a", 1);
    add_as_distribution(&tree, "a", &back);
    fs::remove_file(link(&back)).unwrap();
    // Copied back from a backup, and the bytes come last.
    let copied = about(&subject, "x/a", 2);
    add_as_distribution(&tree, "a", &copied);
    fs::remove_file(tree.data(&copied.digest)).unwrap();
    settle();
    for _ in 0..2 {
        assert!(listed(&store, &name, &query(&subject)).is_empty());
    }
    let all = [back, copied];
    for manifest in &all {
        add_as_distribution(&tree, "a", manifest);
    }
    settle();
    for store in [store, tree.open()] {
        assert_eq!(listed(&store, &name, &query(&subject)), sorted(&all));
    }
}

#[test]
fn a_manifest_that_another_program_removed_and_that_is_put_again_is_listed() {
    let (tree, name, subject) = (Tree::new(), repository("a"), sha256("subject"));
    let store = tree.open();
    let manifest = about(&subject, "x/a", 1);
    store.put_manifest(&name, manifest.clone()).unwrap();
    let hex = manifest.digest.hex();
    fs::remove_file(tree.path(format!("repositories/a/_manifests/revisions/sha256/{hex}/link"))).unwrap();
    settle();
    assert!(listed(&store, &name, &query(&subject)).is_empty());
    store.put_manifest(&name, manifest.clone()).unwrap();
    assert_eq!(listed(&store, &name, &query(&subject)), [manifest.digest.as_str()]);
}

#[test]
fn a_manifest_that_is_put_again_as_another_media_type_is_listed_as_that() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let subject = sha256("subject");
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"x/y","digest":"{subject}","size":1}},"layers":[],
        "subject":{{"mediaType":"x/y","digest":"{subject}","size":1}}}}"#
    );
    for settled in [false, true] {
        for media_type in [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ] {
            let put = PutManifest { media_type: Some(media_type.into()), ..manifest(&text, &[]) };
            store.put_manifest(&name, put).unwrap();
            if settled {
                settle();
            }
            for _ in 0..2 {
                let page = store.referrers(&name, &query(&subject)).unwrap();
                assert!(page.descriptors.contains(media_type), "{settled}: {}", page.descriptors);
            }
        }
    }
}

#[test]
fn a_list_of_what_was_looked_at_that_is_no_list_is_made_anew() {
    let (tree, name) = (Tree::new(), repository("a"));
    let store = tree.open();
    let subject = sha256("subject");
    store.put_manifest(&name, about(&subject, "x/y", 1)).unwrap();
    let list = tree.repository("a").join("_referrers/revisions");
    assert_eq!(listed(&store, &name, &query(&subject)).len(), 1);
    // Larger than memory.
    fs::File::create(&list).unwrap().set_len(1 << 40).unwrap();
    store.put_manifest(&name, about(&subject, "x/y", 2)).unwrap();
    assert_eq!(listed(&store, &name, &query(&subject)).len(), 2);
    assert!(fs::metadata(&list).unwrap().len() < 1000);
}
