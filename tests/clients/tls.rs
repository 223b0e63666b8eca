//! Registries with a certificate of their own authority, and clients that are told to trust it.
use crate::docker::Docker;
use crate::engine::Engine;
use crate::layout::{Layout, read_layout};
use crate::support::{Folder, client, reference, run_with};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::inside::{ADDRESS, inside};
use tests::{Certificates, Server, guard};

/// A folder as docker, podman and skopeo have for each registry: the authority, and a client's certificate.
pub fn certs_d(folder: &Path, certificates: &Certificates, identity: Option<&str>) {
    fs::create_dir_all(folder).expect("a folder can be made");
    let put = |from: &str, to: &str| {
        fs::copy(certificates.file(from), folder.join(to)).expect("a file can be copied");
    };
    put("ca.crt", "ca.crt");
    if let Some(name) = identity {
        put(&format!("{name}.crt"), "client.cert");
        put(&format!("{name}.key"), "client.key");
    }
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder is UTF-8")
}

#[track_caller]
fn assert_fails(mut command: Command, arguments: &[&str], reason: &str) {
    let done = command.args(arguments).output().expect("it can be executed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success(), "{arguments:?} works");
    assert!(said.contains(reason), "{said}");
}

/// A registry that asks clients for certificates, its certificates, and folders with and without one.
fn registry(folder: &Folder) -> (Certificates, Server, PathBuf, PathBuf) {
    let certificates = Certificates::new();
    let trust = certificates.client("alice", "");
    let server = Server::with(|s| {
        let authority = certificates.file("ca.crt");
        s.tls(&certificates).env("REGISTRY_HTTP_TLS_CLIENTCAS_0", authority.display()).trust(trust)
    });
    let (known, unknown) = (folder.join("known"), folder.join("unknown"));
    certs_d(&known, &certificates, Some("alice"));
    certs_d(&unknown, &certificates, None);
    (certificates, server, known, unknown)
}

#[test]
fn skopeo_pushes_and_pulls_with_its_certificate() {
    let folder = Folder::new();
    let (_certificates, server, known, unknown) = registry(&folder);
    let image = Layout::image(&folder.join("image"), 1);
    let there = format!("docker://{}", reference(&server, "app:1"));
    let skopeo = || {
        let mut command = client("skopeo", folder.path());
        command.args(["--insecure-policy", "copy", "--quiet"]);
        command
    };
    run_with(skopeo(), ["--dest-cert-dir", text(&known), &image.oci(), &there]);
    let pulled = folder.join("pulled");
    let here = format!("oci:{}:latest", pulled.display());
    run_with(skopeo(), ["--src-cert-dir", text(&known), &there, &here]);
    assert_eq!(read_layout(&pulled), image.digest);

    assert_fails(skopeo(), &["--src-cert-dir", text(&unknown), &there, &here], "certificate required");
    assert_fails(skopeo(), &[&there, &here], "x509");
}

#[test]
fn podman_pushes_and_pulls_with_its_certificate() {
    let podman = Engine::new("podman");
    let (_certificates, server, known, unknown) = registry(&podman.folder);
    let name = reference(&server, "app:1");
    podman.build(&name, 1);
    let id = podman.id(&name);
    podman.run(&["push", "--quiet", "--cert-dir", text(&known), &name]);
    podman.run(&["rmi", "--all", "--force"]);
    podman.run(&["pull", "--quiet", "--cert-dir", text(&known), &name]);
    assert_eq!(podman.id(&name), id);
    let without = ["pull", "--quiet", "--cert-dir", text(&unknown), &name];
    assert_fails(podman.command(), &without, "certificate required");
    assert_fails(podman.command(), &["pull", "--quiet", &name], "x509");
}

/// crane, where the system trusts the authority.
pub fn trusting_crane(folder: &Folder, certificates: &Certificates) -> Command {
    let mut command = client("crane", folder.path());
    command.env("SSL_CERT_FILE", certificates.file("ca.crt"));
    command
}

#[test]
fn crane_pushes_and_pulls_where_the_system_trusts_the_authority() {
    let folder = Folder::new();
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let image = Layout::image(&folder.join("image"), 1);
    let name = reference(&server, "app:1");
    let crane = || trusting_crane(&folder, &certificates);
    run_with(crane(), ["push", text(&image.folder), &name]);
    assert_eq!(run_with(crane(), ["digest", &name]), image.digest.to_string());
    assert_fails(client("crane", folder.path()), &["digest", &name], "x509");
}

#[test]
fn docker_pushes_and_pulls_with_what_certs_d_holds() {
    if !inside("tls::docker_pushes_and_pulls_with_what_certs_d_holds", &["/etc/docker"]) {
        return;
    }
    let certificates = Certificates::with(&[ADDRESS]);
    let trust = certificates.client("alice", "");
    let server = Server::with(|s| {
        let authority = certificates.file("ca.crt");
        s.tls(&certificates)
            .listen("0.0.0.0:{port}")
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", authority.display())
            .trust(trust)
    });
    let docker = Docker::start();
    let registry = format!("{ADDRESS}:{}", server.addr().port());
    let name = format!("{registry}/app:1");
    docker.build(&name, 1);
    let id = docker.id(&name);
    let folder = Path::new("/etc/docker/certs.d").join(&registry);

    assert_fails(docker.command(), &["push", &name], "x509");
    certs_d(&folder, &certificates, None);
    assert_fails(docker.command(), &["push", &name], "certificate required");
    certs_d(&folder, &certificates, Some("alice"));
    docker.run(&["push", &name]);
    docker.pull_anew(&name, &id);
    server.assert_says("a TLS handshake failed");
}

#[test]
fn docker_is_known_by_its_certificate_and_needs_no_login() {
    if !inside("tls::docker_is_known_by_its_certificate_and_needs_no_login", &["/etc/docker"]) {
        return;
    }
    let certificates = Certificates::with(&[ADDRESS]);
    let trust = certificates.client("alice", "");
    let rules = "access: [{who: \"certificate:alice\", repositories: team/*, actions: [pull, push]}]\n";
    let server = Server::with(|s| {
        let authority = certificates.file("ca.crt");
        guard(s, rules)
            .tls(&certificates)
            .listen("0.0.0.0:{port}")
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", authority.display())
            .trust(trust)
    });
    let docker = Docker::start();
    let registry = format!("{ADDRESS}:{}", server.addr().port());
    certs_d(&Path::new("/etc/docker/certs.d").join(&registry), &certificates, Some("alice"));
    let (name, other) = (format!("{registry}/team/app:1"), format!("{registry}/other/app:1"));
    docker.build(&name, 1);
    let id = docker.id(&name);
    docker.run(&["push", &name]);
    docker.run(&["tag", &name, &other]);
    assert_fails(docker.command(), &["push", &other], "denied");
    docker.pull_anew(&name, &id);
}
