//! Logins at a registry with a certificate of its own authority, as `pierhead cert self-signed` makes both.
use crate::docker::Docker;
use crate::engine::Engine;
use crate::layout::{Layout, read_layout};
use crate::login::{RULES, docker_login, docker_may_what_the_rules_say};
use crate::support::{Folder, client, failing, reference, run, run_with, with_password};
use crate::tls::{certs_d, text, trusting_crane};
use std::path::{Path, PathBuf};
use tests::inside::{ADDRESS, inside};
use tests::{Certificates, Server, guard};

/// alice pushes to `team`, and bob pulls from there.
fn registry(certificates: &Certificates) -> Server {
    Server::with(|s| guard(s, RULES).tls(certificates).listen("0.0.0.0:{port}"))
}

/// A registry, and a folder with its authority.
fn known(folder: &Folder) -> (Certificates, Server, PathBuf) {
    let certificates = Certificates::new();
    let server = registry(&certificates);
    let known = folder.join("known");
    certs_d(&known, &certificates, None);
    (certificates, server, known)
}

#[test]
fn docker_logs_in_pushes_pulls_and_logs_out_with_the_authority_in_certs_d() {
    if !inside(
        "login_tls::docker_logs_in_pushes_pulls_and_logs_out_with_the_authority_in_certs_d",
        &["/etc/docker"],
    ) {
        return;
    }
    let certificates = Certificates::with(&[ADDRESS]);
    let (server, docker) = (registry(&certificates), Docker::start());
    let registry = format!("{ADDRESS}:{}", server.addr().port());
    let name = format!("{registry}/team/app:1");
    docker.build(&name, 1);
    let (done, said) = docker_login(&docker, &registry, "alice", "wonderland");
    assert!(!done && said.contains("x509"), "{said}");

    certs_d(&Path::new("/etc/docker/certs.d").join(&registry), &certificates, None);
    docker_may_what_the_rules_say(&docker, &registry, &name);
}

#[test]
fn skopeo_logs_in_copies_and_logs_out_over_tls() {
    let folder = Folder::new();
    let (_certificates, server, known) = known(&folder);
    let skopeo = |arguments: &[&str]| {
        let mut command = client("skopeo", folder.path());
        command.env("REGISTRY_AUTH_FILE", folder.join("auth.json")).arg("--insecure-policy").args(arguments);
        command
    };
    let (addr, known) = (server.addr().to_string(), text(&known));
    let login = |password: &str, options: &[&str]| {
        let login = ["login", "--username", "alice", "--password-stdin"];
        with_password(skopeo(&login).args(options).arg(&addr), password)
    };
    let image = Layout::image(&folder.join("image"), 1);
    let target = folder.join("pulled");
    let (there, here) = (
        format!("docker://{}", reference(&server, "team/app:1")),
        format!("oci:{}:latest", target.display()),
    );
    let (done, said) = login("wonderland", &[]);
    assert!(!done && said.contains("x509"), "{said}");
    let (done, said) = login("wrong", &["--cert-dir", known]);
    assert!(!done && said.contains("invalid username/password"), "{said}");
    let push = ["copy", "--quiet", "--dest-cert-dir", known, &image.oci(), &there];
    failing(&mut skopeo(&push));

    let (done, said) = login("wonderland", &["--cert-dir", known]);
    assert!(done, "{said}");
    run(&mut skopeo(&push));
    let pull = ["copy", "--quiet", "--src-cert-dir", known, &there, &here];
    run(&mut skopeo(&pull));
    assert_eq!(read_layout(&target), image.digest);
    run(&mut skopeo(&["logout", &addr]));
    failing(&mut skopeo(&pull));
}

#[test]
fn podman_logs_in_pushes_pulls_and_logs_out_over_tls() {
    let podman = Engine::new("podman");
    let (_certificates, server, known) = known(&podman.folder);
    let command = |arguments: &[&str]| {
        let mut command = podman.command();
        command.env("REGISTRY_AUTH_FILE", podman.folder.join("auth.json")).args(arguments);
        command
    };
    let (addr, known) = (server.addr().to_string(), text(&known));
    let login = |password: &str, options: &[&str]| {
        let login = ["login", "--username", "alice", "--password-stdin"];
        with_password(command(&login).args(options).arg(&addr), password)
    };
    let name = reference(&server, "team/app:1");
    podman.build(&name, 1);
    let id = podman.id(&name);
    let (done, said) = login("wonderland", &[]);
    assert!(!done && said.contains("x509"), "{said}");
    let (done, said) = login("wrong", &["--cert-dir", known]);
    assert!(!done && said.contains("invalid username/password"), "{said}");
    let push = ["push", "--quiet", "--cert-dir", known, &name];
    failing(&mut command(&push));

    let (done, said) = login("wonderland", &["--cert-dir", known]);
    assert!(done, "{said}");
    run(&mut command(&push));
    podman.run(&["rmi", "--all", "--force"]);
    let pull = ["pull", "--quiet", "--cert-dir", known, &name];
    run(&mut command(&pull));
    assert_eq!(podman.id(&name), id);
    run(&mut command(&["logout", &addr]));
    podman.run(&["rmi", "--all", "--force"]);
    failing(&mut command(&pull));
}

#[test]
fn crane_logs_in_pushes_and_logs_out_over_tls() {
    let folder = Folder::new();
    let (certificates, server, _) = known(&folder);
    let image = Layout::image(&folder.join("image"), 1);
    let crane = |arguments: &[&str]| {
        let mut command = trusting_crane(&folder, &certificates);
        command.args(arguments);
        command
    };
    let (addr, name) = (server.addr().to_string(), reference(&server, "team/app:1"));
    let push = ["push", text(&image.folder), &name];
    let said = failing(&mut crane(&push));
    assert!(said.contains("401 Unauthorized"), "{said}");
    let login = ["auth", "login", "--username", "alice", "--password-stdin", &addr];
    with_password(&mut crane(&login), "wrong");
    let said = failing(&mut crane(&push));
    assert!(said.contains("401 Unauthorized"), "{said}");
    let (done, said) = with_password(&mut crane(&login), "wonderland");
    assert!(done, "{said}");
    run(&mut crane(&push));
    assert_eq!(run_with(crane(&[]), ["digest", &name]), image.digest.as_str());
    run(&mut crane(&["auth", "logout", &addr]));
    failing(&mut crane(&["digest", &name]));
}
