//! podman, from Debian.
use crate::engine::Engine;
use crate::support::{assert_mounted, assert_nothing_uploaded, reference, requests_of};
use tests::Server;

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
fn podman_pushes_a_manifest_list_with_its_images() {
    let (server, podman) = (Server::start(), Engine::new("podman"));
    let name = reference(&server, "multi:1");
    podman.run(&["manifest", "create", "list"]);
    for (seed, architecture) in [(1, "amd64"), (2, "arm64")] {
        let image = format!("localhost/{architecture}");
        podman.build(&image, seed);
        podman.run(&[
            "manifest",
            "add",
            "--arch",
            architecture,
            "list",
            &format!("containers-storage:{image}"),
        ]);
    }
    podman.run(&["manifest", "push", "--all", "--tls-verify=false", "list", &format!("docker://{name}")]);
    podman.pull_anew(&name);
}
