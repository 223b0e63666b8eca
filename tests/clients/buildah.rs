//! buildah, from Debian.
use crate::engine::Engine;
use crate::support::{assert_mounted, assert_nothing_uploaded, reference, requests_of};
use tests::Server;

#[test]
fn buildah_pulls_the_image_that_it_built_and_pushed() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    for (seed, format) in [(1, "oci"), (2, "v2s2")] {
        let repository = reference(&server, &format!("nested/in/parts/{format}"));
        let name = format!("{repository}:1");
        buildah.build(&name, seed);
        let digest = buildah.push(&["--format", format], &name, &name);
        buildah.pull_anew(&name);
        assert_eq!(buildah.run(&["images", "--format", "{{.Digest}}", &name]), digest);
        buildah.pull_anew(&format!("{repository}@{digest}"));
    }
}

#[test]
fn buildah_commits_a_container_and_pushes_it() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    let name = reference(&server, "committed:1");
    let file = buildah.folder.join("file");
    std::fs::write(&file, tests::noise(1, 50_000)).expect("a file can be written");
    let container = buildah.run(&["from", "scratch"]);
    buildah.run(&[
        "copy",
        "--quiet",
        &container,
        file.to_str().expect("a temporary folder is UTF-8"),
        "/file",
    ]);
    buildah.run(&["commit", "--quiet", &container, &name]);
    buildah.run(&["rm", &container]);
    buildah.push(&[], &name, &name);
    buildah.pull_anew(&name);
}

#[test]
fn buildah_uploads_nothing_twice() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    let (first, second) = (reference(&server, "app:1"), reference(&server, "app:2"));
    buildah.build(&first, 1);
    buildah.push(&[], &first, &first);
    let again = requests_of(&server, || drop(buildah.push(&[], &first, &second)));
    assert_nothing_uploaded(&again);
}

#[test]
fn buildah_mounts_from_one_repository_into_another() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    let (from, into) = (reference(&server, "from:1"), reference(&server, "into/another:1"));
    buildah.build(&from, 1);
    buildah.push(&[], &from, &from);
    let lines = requests_of(&server, || drop(buildah.push(&[], &from, &into)));
    assert_mounted(&lines, 2);
    buildah.pull_anew(&into);
}

#[test]
fn buildah_pushes_a_manifest_list_with_its_images() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    let name = reference(&server, "multi:1");
    buildah.run(&["manifest", "create", "list"]);
    for (seed, architecture) in [(1, "amd64"), (2, "arm64")] {
        let image = format!("localhost/{architecture}");
        buildah.build(&image, seed);
        buildah.run(&["manifest", "add", "--arch", architecture, "list", &image]);
    }
    buildah.run(&["manifest", "push", "--all", "--tls-verify=false", "list", &format!("docker://{name}")]);
    buildah.pull_anew(&name);
}
