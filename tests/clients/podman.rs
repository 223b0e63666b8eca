//! podman, from Debian.
use crate::engine::Engine;
use crate::support::{assert_mounted, assert_nothing_uploaded, reference, requests_of};
use tests::{DOCKER_INDEX, OCI_INDEX, Server};

#[test]
fn podman_pulls_the_image_that_it_built_and_pushed() {
    let (server, podman) = (Server::start(), Engine::new("podman"));
    for (seed, format) in [(1, "oci"), (2, "v2s2")] {
        let repository = reference(&server, &format!("nested/in/parts/{format}"));
        let name = format!("{repository}:1");
        podman.build(&name, seed);
        let digest = podman.push(&["--format", format], &name, &name);
        podman.pull_anew(&name);
        assert_eq!(podman.run(&["image", "inspect", "--format", "{{.Digest}}", &name]), digest);
        podman.pull_anew(&format!("{repository}@{digest}"));
    }
}

#[test]
fn podman_uploads_nothing_twice() {
    let (server, podman) = (Server::start(), Engine::new("podman"));
    let (first, second) = (reference(&server, "app:1"), reference(&server, "app:2"));
    podman.build(&first, 1);
    podman.push(&[], &first, &first);
    let again = requests_of(&server, || drop(podman.push(&[], &first, &second)));
    assert_nothing_uploaded(&again);
}

#[test]
fn podman_mounts_from_one_repository_into_another() {
    let (server, podman) = (Server::start(), Engine::new("podman"));
    let (from, into) = (reference(&server, "from:1"), reference(&server, "into/another:1"));
    podman.build(&from, 1);
    podman.push(&[], &from, &from);
    let lines = requests_of(&server, || drop(podman.push(&[], &from, &into)));
    assert_mounted(&lines, 2);
    podman.pull_anew(&into);
}

#[test]
fn podman_pulls_each_platform_of_the_list_that_it_pushed() {
    let (server, podman) = (Server::start(), Engine::new("podman"));
    for (format, media_type) in [("oci", OCI_INDEX), ("v2s2", DOCKER_INDEX)] {
        let name = reference(&server, &format!("multi/{format}:1"));
        let digest = podman.push_list(format, &["amd64", "arm64"], &name);
        let answer = server.get(&format!("/v2/multi/{format}/manifests/1")).expect(200);
        assert_eq!(answer.header("Docker-Content-Digest"), Some(&*digest));
        assert_eq!(answer.header("Content-Type"), Some(media_type));
        for architecture in ["amd64", "arm64"] {
            assert_eq!(podman.pull_anew_for(architecture, &name), architecture);
        }
    }
}

#[test]
fn podman_adds_a_platform_to_a_list_that_is_in_the_registry() {
    let (server, podman) = (Server::start(), Engine::new("podman"));
    let [first, second] = ["multi:1", "multi:2"].map(|name| reference(&server, name));
    podman.push_list("oci", &["amd64", "arm64"], &first);
    podman.build("localhost/more", 9);
    podman.run(&["manifest", "create", "joined"]);
    podman.run(&["manifest", "add", "--all", "--tls-verify=false", "joined", &format!("docker://{first}")]);
    podman.run(&["manifest", "add", "--variant", "v9", "joined", "containers-storage:localhost/more"]);
    podman.push_made_list(&[], "joined", &second);
    let lists = ["1", "2"].map(|tag| server.get(&format!("/v2/multi/manifests/{tag}")).expect(200).json());
    let [before, after] =
        lists.each_ref().map(|list| list["manifests"].as_array().expect("a list has images"));
    assert_eq!(after.len(), 3);
    assert_eq!(after[..2], before[..]);
}
