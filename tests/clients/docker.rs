//! docker, with a daemon for each test.
use crate::layout::Layout;
use crate::support::{
    assert_mounted, assert_nothing_uploaded, client, failing, reference, requests_of, run_with,
};
use tests::Server;
pub use tests::docker::Docker;

#[test]
fn docker_pulls_the_image_that_it_built_and_pushed() {
    let (server, docker) = (Server::start(), Docker::start());
    for (seed, name) in (1..).zip(["app:1", "a/much/deeper/nested/repository:v1.0"]) {
        let name = reference(&server, name);
        docker.build(&name, seed);
        let id = docker.id(&name);
        let said = docker.run(&["push", &name]);
        docker.pull_anew(&name, &id);

        let (repository, _) = name.rsplit_once(':').expect("a name has a tag");
        let digest = docker.run(&["image", "inspect", "--format", "{{index .RepoDigests 0}}", &name]);
        let digest = digest.rsplit('@').next().expect("a digest follows the name");
        assert!(said.contains(digest), "push and pull tell different digests: {said}\n{digest}");
        docker.run(&["rmi", "--force", &id]);
        docker.run(&["pull", "--quiet", &format!("{repository}@{digest}")]);
        assert_eq!(docker.id(&id), id);
    }
}

#[test]
fn docker_uploads_nothing_twice() {
    let (server, docker) = (Server::start(), Docker::start());
    let (first, second) = (reference(&server, "app:1"), reference(&server, "app:2"));
    docker.build(&first, 1);
    docker.run(&["push", &first]);
    docker.run(&["tag", &first, &second]);
    let again = requests_of(&server, || drop(docker.run(&["push", &second])));
    assert_nothing_uploaded(&again);
}

#[test]
fn docker_mounts_from_one_repository_into_another() {
    let (server, docker) = (Server::start(), Docker::start());
    let (from, into) = (reference(&server, "from:1"), reference(&server, "into/another:1"));
    docker.build(&from, 1);
    docker.run(&["push", &from]);
    docker.run(&["tag", &from, &into]);
    let lines = requests_of(&server, || assert!(docker.run(&["push", &into]).contains("Mounted from from")));
    assert_mounted(&lines, 3);
    let id = docker.id(&into);
    docker.pull_anew(&into, &id);
}

#[test]
fn docker_pulls_its_platform_out_of_an_index() {
    let (server, docker) = (Server::start(), Docker::start());
    let index = Layout::index(&docker.folder.join("index"), 1);
    let name = reference(&server, "multi:1");
    let mut copy = client("skopeo", docker.folder.path());
    copy.args(["--insecure-policy", "copy", "--all", "--quiet", "--dest-tls-verify=false"]);
    run_with(copy, [index.oci(), format!("docker://{name}")]);
    for architecture in ["amd64", "arm64"] {
        let said = docker.run(&["pull", "--platform", &format!("linux/{architecture}"), &name]);
        assert!(said.contains(&format!("Digest: {}", index.digest)), "{said}");
        let got = docker.run(&["image", "inspect", "--format", "{{.Architecture}}", &name]);
        assert_eq!(got, architecture);
    }
}

#[test]
fn docker_names_the_image_that_is_not_there() {
    let (server, docker) = (Server::start(), Docker::start());
    let (there, absent) = (reference(&server, "app:1"), reference(&server, "app:nothere"));
    docker.build(&there, 1);
    docker.run(&["push", &there]);
    let said = failing(docker.command().args(["pull", &absent]));
    assert!(said.contains(&format!("manifest for {absent} not found")), "{said}");
    let said = failing(docker.command().args(["manifest", "inspect", "--insecure", &absent]));
    assert!(said.contains("no such manifest"), "{said}");
}
