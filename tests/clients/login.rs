//! Logins, as people and their programs do them.
use crate::docker::Docker;
use crate::engine::Engine;
use crate::layout::{Layout, read_layout};
use crate::support::{Folder, client, failing, reference, run, run_with, with_password};
use tests::guarded;

/// alice pushes to `team`, and bob pulls from there.
pub const RULES: &str = "access:
  - {who: alice, repositories: team/*, actions: [pull, push]}
  - {who: bob, repositories: team/*, actions: pull}
";

/// Everyone pulls, and whoever is logged in pushes. Clients are asked for tokens then, for they would not go on without
/// a password where one is asked for.
const PUBLIC: &str = "access:
  - {who: anonymous, repositories: \"**\", actions: pull}
  - {who: authenticated, repositories: \"**\", actions: [pull, push]}
";

/// Whether docker could log in, and what it said.
pub fn docker_login(docker: &Docker, registry: &str, user: &str, password: &str) -> (bool, String) {
    let mut command = docker.command();
    command.args(["login", "--username", user, "--password-stdin", registry]);
    with_password(&mut command, password)
}

/// Whoever has no login is refused, alice pushes and pulls, and bob pulls alone: an image that was just built, by the
/// name of a repository of `team`.
#[track_caller]
pub fn docker_may_what_the_rules_say(docker: &Docker, registry: &str, name: &str) {
    let said = failing(docker.command().args(["push", name]));
    assert!(said.contains("no basic auth credentials"), "{said}");
    let (done, said) = docker_login(docker, registry, "alice", "wrong");
    assert!(!done && said.contains("401 Unauthorized"), "{said}");
    let (done, said) = docker_login(docker, registry, "alice", "wonderland");
    assert!(done, "{said}");
    docker.run(&["push", name]);
    let id = docker.id(name);
    docker.pull_anew(name, &id);
    docker.run(&["logout", registry]);
    docker.run(&["rmi", "--force", &id]);
    failing(docker.command().args(["pull", "--quiet", name]));

    let (done, said) = docker_login(docker, registry, "bob", "builder");
    assert!(done, "{said}");
    docker.run(&["pull", "--quiet", name]);
    let said = failing(docker.command().args(["push", name]));
    assert!(said.contains("denied"), "{said}");
}

#[test]
fn docker_logs_in_pushes_pulls_and_logs_out() {
    let (server, docker) = (guarded(RULES), Docker::start());
    let registry = server.addr().to_string();
    let name = reference(&server, "team/app:1");
    docker.build(&name, 1);
    docker_may_what_the_rules_say(&docker, &registry, &name);
}

#[test]
fn skopeo_takes_credentials_for_each_command() {
    let (server, folder) = (guarded(RULES), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let copy = |credentials: &[&str], from: &str, to: &str| {
        let mut command = client("skopeo", folder.path());
        command.args(["--insecure-policy", "copy", "--quiet"]);
        command
            .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
            .args(credentials)
            .args([from, to]);
        command
    };
    let team = format!("docker://{}", reference(&server, "team/app:1"));
    run(&mut copy(&["--dest-creds", "alice:wonderland"], &image.oci(), &team));
    let target = folder.join("pulled");
    let pulled = format!("oci:{}:latest", target.display());
    run(&mut copy(&["--src-creds", "bob:builder"], &team, &pulled));
    assert_eq!(read_layout(&target), image.digest);
    let said = failing(&mut copy(&["--src-creds", "bob:wrong"], &team, &pulled));
    assert!(said.contains("unauthorized") || said.contains("authentication required"), "{said}");
    let said = failing(&mut copy(&["--dest-creds", "bob:builder"], &image.oci(), &team));
    assert!(said.contains("denied"), "{said}");
    failing(&mut copy(&[], &team, &pulled));
}

#[test]
fn podman_logs_in_pushes_and_pulls() {
    let (server, podman) = (guarded(RULES), Engine::new("podman"));
    let name = reference(&server, "team/app:1");
    podman.build(&name, 1);
    let addr = server.addr().to_string();
    let login = |user: &str, password: &str| {
        let mut command = podman.command();
        command.arg("login").arg("--tls-verify=false").args(["--username", user, "--password-stdin", &addr]);
        command.env("REGISTRY_AUTH_FILE", podman.folder.join("auth.json"));
        with_password(&mut command, password)
    };
    let with_login = |arguments: &[&str]| {
        let mut command = podman.command();
        command.env("REGISTRY_AUTH_FILE", podman.folder.join("auth.json")).args(arguments);
        command
    };
    let (done, said) = login("alice", "wrong");
    assert!(!done && said.contains("invalid username/password"), "{said}");
    let push = ["push", "--quiet", "--tls-verify=false", &name];
    failing(&mut with_login(&push));
    let (done, said) = login("alice", "wonderland");
    assert!(done, "{said}");
    run(&mut with_login(&push));
    podman.run(&["rmi", "--all", "--force"]);
    run(&mut with_login(&["pull", "--quiet", "--tls-verify=false", &name]));
    let (done, said) = login("bob", "builder");
    assert!(done, "{said}");
    let said = failing(&mut with_login(&push));
    assert!(said.contains("denied"), "{said}");
}

#[test]
fn crane_logs_in_and_pushes_and_pulls() {
    let (server, folder) = (guarded(RULES), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let crane = || {
        let mut command = client("crane", folder.path());
        command.arg("--insecure");
        command
    };
    let name = reference(&server, "team/app:1");
    let path = image.folder.to_str().expect("UTF-8");
    let said = failing(crane().args(["push", path, &name]));
    assert!(said.contains("401 Unauthorized"), "{said}");
    let addr = server.addr().to_string();
    run_with(crane(), ["auth", "login", "--username", "alice", "--password", "wonderland", &addr]);
    run_with(crane(), ["push", path, &name]);
    assert_eq!(run_with(crane(), ["digest", &name]), image.digest.as_str());
    let said = failing(crane().args(["push", path, &reference(&server, "other/app:1")]));
    assert!(said.contains("403 Forbidden"), "{said}");
}

#[test]
fn docker_pulls_without_a_login_and_pushes_with_one() {
    let (server, docker) = (guarded(PUBLIC), Docker::start());
    let registry = server.addr().to_string();
    let name = reference(&server, "app:1");
    docker.build(&name, 1);
    let id = docker.id(&name);
    let said = failing(docker.command().args(["push", &name]));
    assert!(said.contains("unauthorized") || said.contains("denied"), "{said}");
    let (done, said) = docker_login(&docker, &registry, "alice", "wrong");
    assert!(!done && said.contains("unauthorized"), "{said}");
    let (done, said) = docker_login(&docker, &registry, "alice", "wonderland");
    assert!(done, "{said}");
    docker.run(&["push", &name]);
    let other = reference(&server, "another/app:1");
    docker.run(&["tag", &name, &other]);
    assert!(docker.run(&["push", &other]).contains("Mounted from app"));
    docker.run(&["logout", &registry]);
    docker.pull_anew(&name, &id);
    failing(docker.command().args(["push", &name]));
}

#[test]
fn skopeo_pulls_without_a_login_and_pushes_with_one() {
    let (server, folder) = (guarded(PUBLIC), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let name = format!("docker://{}", reference(&server, "app:1"));
    let target = folder.join("pulled");
    let copy = |arguments: &[&str]| {
        let mut command = client("skopeo", folder.path());
        command.args(["--insecure-policy", "copy", "--quiet"]);
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]).args(arguments);
        command
    };
    failing(&mut copy(&[&image.oci(), &name]));
    failing(&mut copy(&["--dest-creds", "alice:wrong", &image.oci(), &name]));
    run(&mut copy(&["--dest-creds", "alice:wonderland", &image.oci(), &name]));
    run(&mut copy(&[&name, &format!("oci:{}:latest", target.display())]));
    assert_eq!(read_layout(&target), image.digest);
}

#[test]
fn crane_and_podman_pull_without_a_login_and_push_with_one() {
    let (server, podman) = (guarded(PUBLIC), Engine::new("podman"));
    let folder = &podman.folder;
    let image = Layout::image(&folder.join("image"), 1);
    let name = reference(&server, "app:1");
    let crane = || {
        let mut command = client("crane", folder.path());
        command.arg("--insecure");
        command
    };
    let path = image.folder.to_str().expect("UTF-8");
    failing(crane().args(["push", path, &name]));
    let addr = server.addr().to_string();
    run_with(crane(), ["auth", "login", "--username", "alice", "--password", "wonderland", &addr]);
    run_with(crane(), ["push", path, &name]);
    run_with(crane(), ["auth", "logout", &addr]);
    assert_eq!(run_with(crane(), ["digest", &name]), image.digest.as_str());
    failing(crane().args(["push", path, &reference(&server, "app:2")]));

    let other = reference(&server, "built:1");
    podman.build(&other, 1);
    let push = ["push", "--quiet", "--tls-verify=false", "--creds"];
    failing(podman.command().args(push).args(["alice:wrong", &other]));
    podman.run(&[&push[..], &["alice:wonderland", &other]].concat());
    podman.pull_anew(&other);
}
