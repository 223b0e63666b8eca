//! Debian's docker-registry is stopped, and this one started in its place: with the same file, the same variables and the
//! same data, at the same address. And back.
use crate::debian::Debian;
use crate::docker::Docker;
use crate::layout::{Layout, read_layout};
use crate::login::docker_login;
use crate::support::{Folder, client, failing, program, run, with_password};
use crate::tls::{certs_d, text};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::inside::{ADDRESS, inside};
use tests::{Certificates, Server};

/// What Debian 12 installs as /etc/docker/registry/config.yml, with TLS added, and with the file of passwords, in the
/// place of which it names a folder.
const CONFIG: &str = "version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/docker-registry
  delete:
    enabled: true
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
  tls:
    certificate: {folder}/server.crt
    key: {folder}/server.key
auth:
  htpasswd:
    realm: basic-realm
    path: {folder}/htpasswd
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";
const PORT: u16 = 5000;

/// What is the same for both.
struct Place {
    folder: Folder,
    certificates: Certificates,
    config: PathBuf,
}

impl Place {
    fn new() -> Place {
        let (folder, certificates) = (Folder::new(), Certificates::with(&[ADDRESS]));
        for name in ["server.crt", "server.key"] {
            fs::copy(certificates.file(name), folder.join(name)).expect("a file can be copied");
        }
        let mut htpasswd = Command::new(program("htpasswd"));
        htpasswd.args(["-B", "-i", "-c"]).arg(folder.join("htpasswd")).arg("alice");
        let (done, said) = with_password(&mut htpasswd, "wonderland");
        assert!(done, "{said}");
        let config = folder.join("config.yml");
        fs::write(&config, CONFIG.replace("{folder}", text(folder.path()))).expect("a file can be written");
        Place { folder, certificates, config }
    }

    fn root(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn debian(&self) -> Debian {
        let addr = SocketAddr::new(ADDRESS.parse().expect("an address"), PORT);
        let root = self.root();
        let variables =
            [("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", text(&root)), ("REGISTRY_HTTP_SECRET", "secret")];
        Debian::serve(&self.folder, &self.config, &variables, addr)
    }

    fn ours(&self) -> Server {
        Server::with(|setup| {
            // The file says where to listen. The variable with the folder is the other's too.
            setup.by_file_alone().port(PORT).arg(&self.config).trust(self.certificates.trust());
            setup
                .env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", self.root().display())
                .env("REGISTRY_HTTP_SECRET", "secret")
        })
    }
}

#[test]
fn docker_and_skopeo_go_on_when_debians_registry_gives_way_and_when_it_comes_back() {
    if !inside(
        "drop_in::docker_and_skopeo_go_on_when_debians_registry_gives_way_and_when_it_comes_back",
        &["/etc/docker"],
    ) {
        return;
    }
    let (place, docker) = (Place::new(), Docker::start());
    let registry = format!("{ADDRESS}:{PORT}");
    let folder = Path::new("/etc/docker/certs.d").join(&registry);
    certs_d(&folder, &place.certificates, None);
    let names = ["first:1", "a/deeper/second:1", "third:1"].map(|name| format!("{registry}/{name}"));
    for (name, seed) in names.iter().zip(1..) {
        docker.build(name, seed);
    }
    let ids = names.each_ref().map(|name| docker.id(name));
    let [first, second, third] = names.each_ref();
    let image = Layout::image(&place.folder.join("image"), 1);
    let skopeo = |options: &[&str], from: &str, to: &str| {
        let mut command = client("skopeo", place.folder.path());
        command.args(["--insecure-policy", "copy", "--quiet"]).args(options).args([from, to]);
        command
    };
    let there = format!("docker://{registry}/oci:1");
    let push = ["--dest-cert-dir", text(&folder), "--dest-creds", "alice:wonderland"];
    let pull = ["--src-cert-dir", text(&folder), "--src-creds", "alice:wonderland"];
    let read = |target: &str| {
        let target = place.folder.join(target);
        run(&mut skopeo(&pull, &there, &format!("oci:{}:latest", target.display())));
        assert_eq!(read_layout(&target), image.digest);
    };

    let debian = place.debian();
    let (done, said) = docker_login(&docker, &registry, "alice", "wonderland");
    assert!(done, "{said}");
    docker.run(&["push", first]);
    run(&mut skopeo(&push, &image.oci(), &there));
    drop(debian);

    // Nobody logs in anew: what docker keeps is good here too.
    let ours = place.ours();
    docker.pull_anew(first, &ids[0]);
    read("pulled-here");
    assert!(docker.run(&["push", first]).contains("Layer already exists"));
    docker.run(&["push", second]);
    let (done, said) = docker_login(&docker, &registry, "alice", "wrong");
    assert!(!done && said.contains("401 Unauthorized"), "{said}");
    let nowhere = format!("oci:{}:latest", place.folder.join("nowhere").display());
    failing(&mut skopeo(&["--src-cert-dir", text(&folder)], &there, &nowhere));
    drop(ours);

    let debian = place.debian();
    docker.pull_anew(first, &ids[0]);
    docker.pull_anew(second, &ids[1]);
    read("pulled-there");
    docker.run(&["push", third]);
    drop(debian);

    let _ours = place.ours();
    for (name, id) in names.iter().zip(&ids) {
        docker.pull_anew(name, id);
    }
}
