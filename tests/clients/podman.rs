//! podman, from Debian.
use crate::engine::Engine;
use crate::support::{assert_mounted, assert_nothing_uploaded, reference, requests_of};
use tests::{DOCKER_INDEX, OCI_INDEX, Server, noise};

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
fn podman_pulls_of_an_image_only_the_files_it_lacks() {
    let (server, podman) = (Server::start(), Engine::partial());
    let [first, second] = ["app:1", "app:2"].map(|name| reference(&server, name));
    let mut files: Vec<_> = (0..200).map(|n| (n.to_string(), noise(n, 10_000))).collect();
    podman.build_layer(&first, &files);
    for n in [3, 77, 78, 150, 199] {
        files[n].1 = noise(1000 + n as u64, 10_000);
    }
    podman.build_layer(&second, &files);
    for name in [&first, &second] {
        podman.push(&["--compression-format", "zstd:chunked"], name, name);
    }
    let id = podman.id(&second);
    podman.pull_anew(&first);
    let lines = requests_of(&server, || {
        drop(podman.run(&["pull", "--quiet", "--tls-verify=false", &second]));
    });
    assert_eq!(podman.id(&second), id);
    let parts: Vec<_> = lines.iter().filter(|line| line.status() == 206).collect();
    assert!(!parts.is_empty(), "nothing was asked for in parts: {lines:?}");
    let sent: f64 = lines.iter().filter_map(|line| line.number("bytes")).sum();
    assert!(sent < 200_000.0, "of 2 MB, of which 50 kB had changed, {sent} came: {lines:?}");
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
