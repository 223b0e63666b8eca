//! buildah, from Debian.
use crate::engine::Engine;
use crate::support::{assert_mounted, assert_nothing_uploaded, reference, requests_of};
use tests::{DOCKER_INDEX, OCI_INDEX, Server};

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
fn buildah_pulls_each_platform_of_the_list_that_it_pushed() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    for (format, media_type) in [("oci", OCI_INDEX), ("v2s2", DOCKER_INDEX)] {
        let name = reference(&server, &format!("multi/{format}:1"));
        let digest = buildah.push_list(format, &["amd64", "arm64"], &name);
        let answer = server.get(&format!("/v2/multi/{format}/manifests/1")).expect(200);
        assert_eq!(answer.header("Docker-Content-Digest"), Some(&*digest));
        assert_eq!(answer.header("Content-Type"), Some(media_type));
        for architecture in ["amd64", "arm64"] {
            assert_eq!(buildah.pull_anew_for(architecture, &name), architecture);
        }
    }
}

#[test]
fn buildah_adds_a_platform_to_a_list_that_is_in_the_registry() {
    let (server, buildah) = (Server::start(), Engine::new("buildah"));
    let [first, second] = ["multi:1", "multi:2"].map(|name| reference(&server, name));
    buildah.push_list("oci", &["amd64", "arm64"], &first);
    buildah.build("localhost/more", 9);
    buildah.run(&["manifest", "create", "joined"]);
    buildah.run(&["manifest", "add", "--all", "--tls-verify=false", "joined", &format!("docker://{first}")]);
    buildah.run(&["manifest", "add", "--variant", "v9", "joined", "containers-storage:localhost/more"]);
    buildah.push_made_list(&[], "joined", &second);
    let lists = ["1", "2"].map(|tag| server.get(&format!("/v2/multi/manifests/{tag}")).expect(200).json());
    let [before, after] =
        lists.each_ref().map(|list| list["manifests"].as_array().expect("a list has images"));
    assert_eq!(after.len(), 3);
    assert_eq!(after[..2], before[..]);
}
