//! Registries with a certificate of their own authority, and clients that are told to trust it.
use crate::docker::Docker;
use crate::engine::Engine;
use crate::layout::{Layout, read_layout};
use crate::pebble::HOST;
use crate::support::{Folder, client, reference, run_with};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::{Certificates, Server, eventually};

/// A folder as docker, podman and skopeo have for each registry: the authority, and a client's certificate.
fn certs_d(folder: &Path, certificates: &Certificates, identity: Option<&str>) {
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

fn text(path: &Path) -> &str {
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

#[test]
fn crane_pushes_and_pulls_where_the_system_trusts_the_authority() {
    let folder = Folder::new();
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let image = Layout::image(&folder.join("image"), 1);
    let name = reference(&server, "app:1");
    let crane = || {
        let mut command = client("crane", folder.path());
        command.env("SSL_CERT_FILE", certificates.file("ca.crt"));
        command
    };
    run_with(crane(), ["push", text(&image.folder), &name]);
    assert_eq!(run_with(crane(), ["digest", &name]), image.digest.to_string());
    assert_fails(client("crane", folder.path()), &["digest", &name], "x509");
}

/// An address for documentation (RFC 5737), which this machine has in a network of the test's own. docker verifies
/// no certificate of a registry on the loopback.
pub const ADDRESS: &str = "192.0.2.1";
pub const INSIDE: &str = "PIERHEAD_TEST_INSIDE";

/// Runs a test of this program again, in a network with [`ADDRESS`], which [`HOST`] is the name of, and with an empty
/// /etc/docker/certs.d.
pub fn run_inside(test: &str) {
    let prepared = format!(
        "ip link set lo up && ip address add {ADDRESS}/32 dev lo && mkdir -p /etc/docker/certs.d && \
         mount -t tmpfs none /etc/docker/certs.d && echo {ADDRESS} {HOST} > /etc/docker/certs.d/hosts && \
         mount --bind /etc/docker/certs.d/hosts /etc/hosts && exec \"$0\" --exact {test} --nocapture"
    );
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--", "sh", "-c", &prepared]).arg(program).env(INSIDE, "1");
    let said = crate::support::run(&mut command);
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn docker_pushes_and_pulls_with_what_certs_d_holds() {
    if std::env::var_os(INSIDE).is_none() {
        return run_inside("tls::docker_pushes_and_pulls_with_what_certs_d_holds");
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
    docker.run(&["rmi", "--force", &id]);
    docker.run(&["pull", "--quiet", &name]);
    assert_eq!(docker.id(&name), id);
    let refused = || server.log().contains("a TLS handshake failed");
    assert!(eventually(std::time::Duration::from_secs(5), refused), "{}", server.log());
}
