//! skopeo, from Debian.
use crate::layout::{Layout, read_layout};
use crate::support::{
    Folder, assert_mounted, assert_nothing_uploaded, client, reference, requests_of, run_with,
};
use names::Digest;
use std::process::Command;
use tests::Server;

fn skopeo(folder: &Folder) -> Command {
    let mut command = client("skopeo", folder.path());
    command.arg("--insecure-policy");
    command
}

fn copy(folder: &Folder, options: &[&str], from: &str, to: &str) {
    let mut command = skopeo(folder);
    command.args(["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"]).args(options);
    run_with(command, [from, to]);
}

fn docker(server: &Server, name: &str) -> String {
    format!("docker://{}", reference(server, name))
}

/// Copies out of the registry into a new layout, and returns what arrived.
fn pull(folder: &Folder, options: &[&str], from: &str) -> Digest {
    let target = folder.join("pulled");
    let _ = std::fs::remove_dir_all(&target);
    copy(folder, options, from, &format!("oci:{}:latest", target.display()));
    read_layout(&target)
}

#[test]
fn skopeo_copies_in_and_out_without_changing_a_byte() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    for name in ["plain:latest", "a/much/deeper/nested/repository:v1.0"] {
        copy(&folder, &[], &image.oci(), &docker(&server, name));
        assert_eq!(pull(&folder, &[], &docker(&server, name)), image.digest);
    }
    let by_digest = docker(&server, &format!("plain@{}", image.digest));
    assert_eq!(pull(&folder, &[], &by_digest), image.digest);
}

#[test]
fn skopeo_uploads_nothing_twice() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    copy(&folder, &[], &image.oci(), &docker(&server, "app:1"));
    let again = requests_of(&server, || copy(&folder, &[], &image.oci(), &docker(&server, "app:2")));
    assert_nothing_uploaded(&again);
}

#[test]
fn skopeo_mounts_from_one_repository_into_another() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    copy(&folder, &[], &image.oci(), &docker(&server, "from:1"));
    let lines = requests_of(&server, || {
        copy(&folder, &[], &docker(&server, "from:1"), &docker(&server, "into/another:1"));
    });
    assert_mounted(&lines, 2);
    assert_eq!(pull(&folder, &[], &docker(&server, "into/another:1")), image.digest);
}

#[test]
fn skopeo_copies_all_platforms_in_and_out() {
    let (server, folder) = (Server::start(), Folder::new());
    let index = Layout::index(&folder.join("index"), 1);
    copy(&folder, &["--all"], &index.oci(), &docker(&server, "multi:1"));
    assert_eq!(pull(&folder, &["--all"], &docker(&server, "multi:1")), index.digest);
    copy(&folder, &["--all"], &docker(&server, "multi:1"), &docker(&server, "other/multi:1"));
    assert_eq!(pull(&folder, &["--all"], &docker(&server, "other/multi:1")), index.digest);
}

#[test]
fn skopeo_converts_to_a_docker_manifest_and_back() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let target = docker(&server, "app:docker");
    copy(&folder, &["--format", "v2s2"], &image.oci(), &target);
    let mut command = skopeo(&folder);
    command.args(["inspect", "--raw", "--tls-verify=false"]);
    assert!(run_with(command, [&target]).contains("docker.distribution.manifest.v2+json"));
    pull(&folder, &[], &target);
}

#[test]
fn skopeo_lists_inspects_and_deletes() {
    let server = Server::with(|setup| setup.delete_enabled());
    let folder = Folder::new();
    let image = Layout::image(&folder.join("image"), 1);
    for tag in ["b", "a"] {
        copy(&folder, &[], &image.oci(), &docker(&server, &format!("app:{tag}")));
    }
    let ask = |arguments: &[&str], target: &str| {
        let mut command = skopeo(&folder);
        command.args(arguments).arg("--tls-verify=false");
        run_with(command, [target])
    };
    let tags: serde_json::Value =
        serde_json::from_str(&ask(&["list-tags"], &docker(&server, "app"))).expect("skopeo prints JSON");
    assert_eq!(tags["Tags"], serde_json::json!(["a", "b"]));
    let digest = ask(&["inspect", "--format", "{{.Digest}}"], &docker(&server, "app:a"));
    assert_eq!(digest, image.digest.as_str());
    ask(&["delete"], &docker(&server, "app:a"));
    assert_eq!(server.get("/v2/app/manifests/b").status, 404, "deleting the digest takes all its tags along");
}
