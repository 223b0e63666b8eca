//! Referrers in a tree that goes back and forth: under Debian's docker-registry, which knows nothing of them,
//! oras keeps them in an index under the tag `sha256-<hex>`; here they are the registry's.
use crate::debian::Debian;
use crate::oras::{Oras, REPORT, SIGNATURE, sorted};
use crate::support::{Folder, client, reference, run_with};
use serde_json::Value;
use std::path::Path;
use tests::Server;

fn ours(root: &Path) -> Server {
    Server::with(|setup| setup.root(root).delete_enabled())
}

/// What the referrers API tells of `app@digest`: digest, type and the annotation `seed`, sorted.
#[track_caller]
fn referrers(server: &Server, digest: &str) -> Vec<[String; 3]> {
    let index = server.get(&format!("/v2/app/referrers/{digest}")).expect(200).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = index["manifests"].as_array().into_iter().flatten();
    let mut listed: Vec<_> = listed
        .map(|one| [text(&one["digest"]), text(&one["artifactType"]), text(&one["annotations"]["seed"])])
        .collect();
    listed.sort();
    listed
}

#[track_caller]
fn assert_referrers<const N: usize>(server: &Server, of: &str, expected: [(&String, &str, u64); N]) {
    let mut expected =
        expected.map(|(digest, kind, seed)| [digest.clone(), kind.to_owned(), seed.to_string()]).to_vec();
    expected.sort();
    assert_eq!(referrers(server, of), expected);
}

#[test]
fn what_was_attached_there_here_and_there_again_is_listed_here() {
    let (folder, oras) = (Folder::new(), Oras::new());
    let root = folder.join("data");
    let debian = Debian::start(&folder, &root);
    let there = format!("{}/app:1", debian.addr);
    let subject = oras.push(&there, 1);
    let first = oras.attach(&there, SIGNATURE, 2);
    let tags = oras.run(&["repo", "tags", "--plain-http", &format!("{}/app", debian.addr)]);
    assert!(tags.contains(&subject.replace(':', "-")), "oras did without the tag: {tags}");
    drop(debian);

    let server = ours(&root);
    assert_referrers(&server, &subject, [(&first, SIGNATURE, 2)]);
    let here = reference(&server, "app:1");
    let second = oras.attach(&here, REPORT, 3);
    assert_referrers(&server, &subject, [(&first, SIGNATURE, 2), (&second, REPORT, 3)]);
    drop(server);

    let debian = Debian::start(&folder, &root);
    let third = oras.attach(&format!("{}/app:1", debian.addr), REPORT, 4);
    drop(debian);

    let server = ours(&root);
    assert_referrers(&server, &subject, [(&first, SIGNATURE, 2), (&second, REPORT, 3), (&third, REPORT, 4)]);
    let here = reference(&server, "app:1");
    let all = sorted([(&first, SIGNATURE), (&second, REPORT), (&third, REPORT)]);
    assert_eq!(oras.discover(&["--plain-http"], &here), all);
}

#[test]
fn what_was_deleted_there_is_no_longer_listed_here() {
    let (folder, oras) = (Folder::new(), Oras::new());
    let root = folder.join("data");
    let server = ours(&root);
    let here = reference(&server, "app:1");
    let subject = oras.push(&here, 1);
    let [first, second] = [(SIGNATURE, 2), (REPORT, 3)].map(|(kind, seed)| oras.attach(&here, kind, seed));
    assert_referrers(&server, &subject, [(&first, SIGNATURE, 2), (&second, REPORT, 3)]);
    drop(server);

    let debian = Debian::start(&folder, &root);
    let gone = format!("{}/app@{first}", debian.addr);
    oras.run(&["manifest", "delete", "--plain-http", "--force", &gone]);
    drop(debian);

    assert_referrers(&ours(&root), &subject, [(&second, REPORT, 3)]);
}

#[test]
fn what_was_copied_there_by_a_client_that_knows_no_referrers_is_listed_here() {
    let (folder, oras) = (Folder::new(), Oras::new());
    let root = folder.join("data");
    let debian = Debian::start(&folder, &root);
    let subject = oras.push(&format!("{}/from:1", debian.addr), 1);
    let attached = oras.attach(&format!("{}/from:1", debian.addr), SIGNATURE, 2);
    let mut copy = client("skopeo", folder.path());
    copy.args(["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]);
    let [from, to] = [format!("from@{attached}"), "app:signature".into()];
    run_with(copy, [from, to].map(|name| format!("docker://{}/{name}", debian.addr)));
    drop(debian);

    let server = ours(&root);
    assert_referrers(&server, &subject, [(&attached, SIGNATURE, 2)]);
    server.get(&format!("/v2/app/manifests/{subject}")).expect(404);
}
