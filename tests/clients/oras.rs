//! oras: artifacts, and what is attached to them.
use crate::support::{Folder, assert_nothing_uploaded, client, reference, requests_of, run_with};
use serde_json::Value;
use std::fs;
use tests::{Server, noise, sha256};

const CHART: &str = "application/vnd.example.chart";
/// The type of an attached artifact.
pub const REPORT: &str = "application/vnd.example.report";
/// The type of another.
pub const SIGNATURE: &str = "application/vnd.example.signature";

/// oras, and a folder for its files.
pub struct Oras(Folder);

impl Oras {
    /// With an empty folder.
    pub fn new() -> Oras {
        Oras(Folder::new())
    }

    /// Runs it in the folder: oras names files as they are given to it.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = client("oras", self.0.path());
        command.current_dir(self.0.path());
        run_with(command, arguments)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments)).expect("oras prints JSON")
    }

    fn file(&self, name: &str, seed: u64) -> Vec<u8> {
        let content = noise(seed, 50_000);
        fs::write(self.0.join(name), &content).expect("a file can be written");
        content
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Pushes an artifact of one file, and returns its digest.
    #[track_caller]
    pub fn push(&self, to: &str, seed: u64) -> String {
        let file = format!("pushed-{seed}");
        self.file(&file, seed);
        let said = self.json(&["push", "--plain-http", "--format=json", "--artifact-type", CHART, to, &file]);
        text(&said["digest"])
    }

    /// Attaches a file, and returns the digest of the manifest that does it.
    #[track_caller]
    pub fn attach(&self, to: &str, artifact_type: &str, seed: u64) -> String {
        let file = format!("attached-{seed}");
        self.file(&file, seed);
        let about = format!("seed={seed}");
        let said = self.json(&[
            "attach",
            "--plain-http",
            "--format=json",
            "--artifact-type",
            artifact_type,
            "--annotation",
            &about,
            to,
            &file,
        ]);
        text(&said["digest"])
    }

    /// Digests and types of what is attached, sorted; `options` say how it is reached.
    #[track_caller]
    pub fn discover(&self, options: &[&str], of: &str) -> Vec<[String; 2]> {
        let found = self.json(&[&["discover", "--format=json"], options, &[of]].concat());
        let referrers = found["referrers"].as_array().into_iter().flatten();
        let mut found: Vec<_> = referrers.map(|r| [text(&r["digest"]), text(&r["artifactType"])]).collect();
        found.sort();
        found
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// What [`Oras::discover`] is to return.
pub fn sorted<const N: usize>(expected: [(&String, &str); N]) -> Vec<[String; 2]> {
    let mut expected = expected.map(|(digest, kind)| [digest.clone(), kind.to_owned()]).to_vec();
    expected.sort();
    expected
}

/// A server that lets clients delete, and oras.
fn start() -> (Server, Oras) {
    (Server::with(|setup| setup.delete_enabled()), Oras::new())
}

#[test]
fn oras_pulls_the_files_of_an_artifact_that_it_pushed() {
    let (server, oras) = start();
    let (one, two) = (oras.file("one.bin", 1), oras.file("two.bin", 2));
    let to = reference(&server, "nested/in/parts:1");
    let push = [
        "push",
        "--plain-http",
        "--artifact-type",
        CHART,
        "--annotation",
        "colour=blue",
        &to,
        "one.bin:application/vnd.example.one",
        "two.bin:application/vnd.example.two",
    ];
    oras.run(&push);
    let manifest = oras.json(&["manifest", "fetch", "--plain-http", &to]);
    assert_eq!(manifest["artifactType"], CHART);
    assert_eq!(manifest["annotations"]["colour"], "blue");
    assert_eq!(manifest["layers"][1]["mediaType"], "application/vnd.example.two");

    let again = requests_of(&server, || drop(oras.run(&push)));
    assert_nothing_uploaded(&again);
    oras.run(&["pull", "--plain-http", "--output", "pulled", &to]);
    assert_eq!(oras.read("pulled/one.bin"), one);
    assert_eq!(oras.read("pulled/two.bin"), two);
}

#[test]
fn oras_discovers_what_it_attached_as_a_tree_and_as_json() {
    let (server, oras) = start();
    let app = reference(&server, "app:1");
    oras.push(&app, 1);
    assert_eq!(oras.discover(&["--plain-http"], &app), sorted([]), "nothing is attached yet");
    let signature = oras.attach(&app, SIGNATURE, 2);
    let report = oras.attach(&app, REPORT, 3);
    let of_the_report = oras.attach(&reference(&server, &format!("app@{report}")), SIGNATURE, 4);

    let all = sorted([(&signature, SIGNATURE), (&report, REPORT)]);
    assert_eq!(oras.discover(&["--plain-http"], &app), all);
    for (artifact_type, expected) in [(REPORT, sorted([(&report, REPORT)])), (CHART, sorted([]))] {
        assert_eq!(oras.discover(&["--plain-http", "--artifact-type", artifact_type], &app), expected);
    }
    let tree = oras.run(&["discover", "--plain-http", "--format=tree", &app]);
    for expected in [&signature, &report, &of_the_report] {
        assert!(tree.contains(expected.as_str()), "{expected} is missing:\n{tree}");
    }
}

#[test]
fn oras_needs_no_tags_in_place_of_the_referrers_api() {
    let (server, oras) = start();
    let app = reference(&server, "app:1");
    oras.push(&app, 1);
    let attach = requests_of(&server, || drop(oras.attach(&app, REPORT, 2)));
    let puts: Vec<_> = attach.iter().filter(|l| l.method() == "PUT" && l.route() == "manifest").collect();
    assert_eq!(puts.len(), 1, "more than the manifest is written: {puts:?}");
    assert_eq!(oras.run(&["repo", "tags", "--plain-http", &reference(&server, "app")]), "1");
}

#[test]
fn oras_finds_the_annotations_of_what_is_attached_without_fetching_it() {
    let (server, oras) = start();
    let app = reference(&server, "app:1");
    oras.push(&app, 1);
    let report = oras.attach(&app, REPORT, 2);
    let mut found = Value::Null;
    let lines = requests_of(&server, || {
        found = oras.json(&["discover", "--plain-http", "--format=json", &app]);
    });
    assert_eq!(found["referrers"][0]["annotations"]["seed"], "2");
    let fetched = lines.iter().any(|line| line.route() == "manifest" && line.text("reference") == report);
    assert!(!fetched, "{lines:?}");
}

#[test]
fn oras_copies_an_artifact_with_everything_attached_to_it() {
    let (server, oras) = start();
    let [app, copy, back] = ["app:1", "into/another:1", "back:1"].map(|name| reference(&server, name));
    let digest = oras.push(&app, 1);
    let report = oras.attach(&app, REPORT, 2);
    let signature = oras.attach(&reference(&server, &format!("app@{report}")), SIGNATURE, 3);

    oras.run(&["cp", "--recursive", "--from-plain-http", "--to-plain-http", &app, &copy]);
    oras.run(&["cp", "--recursive", "--from-plain-http", "--to-oci-layout", &copy, "layout:1"]);
    oras.run(&["cp", "--recursive", "--from-oci-layout", "--to-plain-http", "layout:1", &back]);
    for (option, name) in [("--plain-http", &*copy), ("--oci-layout", "layout:1"), ("--plain-http", &*back)] {
        assert_eq!(oras.run(&["resolve", option, name]), digest, "{name}");
        assert_eq!(oras.discover(&[option], name), sorted([(&report, REPORT)]), "{name}");
        let (repository, _) = name.rsplit_once(':').expect("a name has a tag");
        let next = oras.discover(&[option], &format!("{repository}@{report}"));
        assert_eq!(next, sorted([(&signature, SIGNATURE)]), "{name}");
    }
}

#[test]
fn oras_restores_a_repository_from_its_backup_with_its_referrers() {
    let (server, oras) = start();
    let [first, second] =
        [(1, "app:1"), (2, "app:2")].map(|(seed, name)| oras.push(&reference(&server, name), seed));
    let report = oras.attach(&reference(&server, "app:1"), REPORT, 3);
    let backup = ["backup", "--plain-http", "--include-referrers", "--output=backup.tar"];
    oras.run(&[&backup[..], &[&reference(&server, "app")]].concat());
    oras.run(&["restore", "--plain-http", "--input=backup.tar", &reference(&server, "restored")]);
    for (tag, digest) in [("1", &first), ("2", &second)] {
        let name = reference(&server, &format!("restored:{tag}"));
        assert_eq!(&oras.run(&["resolve", "--plain-http", &name]), digest);
    }
    let found = oras.discover(&["--plain-http"], &reference(&server, "restored:1"));
    assert_eq!(found, sorted([(&report, REPORT)]));
}

#[test]
fn oras_lists_repositories_and_tags() {
    let (server, oras) = start();
    for name in ["b/c:1", "a:1", "b:1"] {
        oras.push(&reference(&server, name), 1);
    }
    oras.run(&["tag", "--plain-http", &reference(&server, "a:1"), "2", "latest"]);
    assert_eq!(oras.run(&["repo", "ls", "--plain-http", &server.addr().to_string()]), "a\nb\nb/c");
    assert_eq!(oras.run(&["repo", "tags", "--plain-http", &reference(&server, "a")]), "1\n2\nlatest");
}

#[test]
fn oras_makes_an_index_of_what_is_there_and_adds_to_it() {
    let (server, oras) = start();
    let [first, second] =
        [(1, "app:1"), (2, "app:2")].map(|(seed, name)| oras.push(&reference(&server, name), seed));
    let index = reference(&server, "app:both");
    oras.run(&["manifest", "index", "create", "--plain-http", &index, "1"]);
    oras.run(&["manifest", "index", "update", "--plain-http", "--add=2", &index]);
    let content = oras.json(&["manifest", "fetch", "--plain-http", &index]);
    let children = content["manifests"].as_array().into_iter().flatten();
    assert_eq!(children.map(|child| text(&child["digest"])).collect::<Vec<_>>(), [first, second]);
}

#[test]
fn oras_deletes_a_manifest_with_its_tags_and_its_place_among_the_referrers() {
    let (server, oras) = start();
    let app = reference(&server, "app:1");
    let digest = oras.push(&app, 1);
    oras.run(&["tag", "--plain-http", &app, "2"]);
    let report = oras.attach(&app, REPORT, 2);
    let signature = oras.attach(&app, SIGNATURE, 3);

    let by_digest = reference(&server, &format!("app@{report}"));
    oras.run(&["manifest", "delete", "--plain-http", "--force", &by_digest]);
    assert_eq!(oras.discover(&["--plain-http"], &app), sorted([(&signature, SIGNATURE)]));

    // Given a tag, oras deletes the manifest that it names.
    oras.run(&["manifest", "delete", "--plain-http", "--force", &app]);
    for gone in ["1", "2", &digest] {
        assert_eq!(server.get(&format!("/v2/app/manifests/{gone}")).status, 404, "{gone}");
    }
    server.get(&format!("/v2/app/manifests/{signature}")).expect(200);
}

#[test]
fn oras_pushes_fetches_and_deletes_a_blob() {
    let (server, oras) = start();
    let content = oras.file("content", 1);
    let digest = sha256(&content);
    let said =
        oras.json(&["blob", "push", "--plain-http", "--descriptor", &reference(&server, "app"), "content"]);
    assert_eq!(text(&said["digest"]), digest.as_str());
    let blob = reference(&server, &format!("app@{digest}"));
    oras.run(&["blob", "fetch", "--plain-http", "--output=fetched", &blob]);
    assert_eq!(oras.read("fetched"), content);
    oras.run(&["blob", "delete", "--plain-http", "--force", &blob]);
    assert_eq!(server.get(&format!("/v2/app/blobs/{digest}")).status, 404);
}
