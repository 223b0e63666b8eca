//! What lies in deploy/, given to the programs that it is for.
use crate::container::of_the_repository;
use crate::layout::Layout;
use crate::support::{Folder, program, run, run_with};
use crate::tls::trusting_crane;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::{Certificates, Client, Server, eventually, free_port};

/// A file of deploy/, with other words in the place of some that must be in it.
fn with(path: &str, replacements: &[(&str, &str)]) -> String {
    let path = of_the_repository("deploy").join(path);
    let mut text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (old, new) in replacements {
        assert!(text.contains(old), "{} does not say {old}", path.display());
        text = text.replace(old, new);
    }
    text
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder is UTF-8")
}

/// nginx with a configuration, until it is dropped.
struct Nginx(Child);

impl Nginx {
    fn start(folder: &Folder, server: &str, port: u16) -> Nginx {
        fs::write(folder.join("registry.conf"), server).expect("a file can be written");
        let place = folder.path().display();
        let main = format!(
            "daemon off; pid {place}/pid; error_log {place}/error.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;\n\
             include {place}/registry.conf; }}\n"
        );
        fs::write(folder.join("nginx.conf"), main).expect("a file can be written");
        let mut command = Command::new(program("setpriv"));
        command.args(["--pdeathsig", "TERM"]).arg(program("nginx"));
        command.arg("-c").arg(folder.join("nginx.conf")).arg("-e").arg(folder.join("error.log"));
        let nginx = Nginx(command.stdin(Stdio::null()).spawn().expect("nginx can be executed"));
        let up = eventually(Duration::from_secs(10), || {
            Client::try_connect(([127, 0, 0, 1], port).into()).is_ok()
        });
        assert!(up, "{}", fs::read_to_string(folder.join("error.log")).unwrap_or_default());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = run(Command::new("kill").arg(self.0.id().to_string()));
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_pushes_and_pulls_through_the_nginx_of_deploy() {
    let (folder, server, certificates) = (Folder::new(), Server::start(), Certificates::new());
    let port = free_port();
    let configuration = with(
        "nginx.conf",
        &[
            ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
            ("listen [::]:443 ssl", &format!("listen [::1]:{port} ssl")),
            ("server 127.0.0.1:5000", &format!("server {}", server.addr())),
            ("/etc/nginx/certs/registry.example.com.crt", text(&certificates.file("server.crt"))),
            ("/etc/nginx/certs/registry.example.com.key", text(&certificates.file("server.key"))),
        ],
    );
    let _nginx = Nginx::start(&folder, &configuration, port);
    let image = Layout::image(&folder.join("image"), 1);
    let name = format!("localhost:{port}/app:1");
    let crane = || trusting_crane(&folder, &certificates);
    run_with(crane(), ["push", text(&image.folder), &name]);
    assert_eq!(run_with(crane(), ["digest", &name]), image.digest.to_string());
    run_with(crane(), ["validate", "--remote", &name]);

    let mut client = Client::try_tls(([127, 0, 0, 1], port).into(), &certificates.trust()).expect("TLS");
    let request = tests::Request::post("/v2/app/blobs/uploads/").header("Host", "registry.example.com");
    let response = client.request(&request).expect(202);
    let location = response.required("Location");
    assert!(location.starts_with("https://registry.example.com/v2/app/blobs/uploads/"), "{location}");
}

#[test]
fn systemd_takes_the_service_and_finds_little_to_object_to() {
    let folder = Folder::new();
    let unit = folder.join("pierhead.service");
    let started = "ExecStart=/usr/local/bin/pierhead serve /etc/pierhead/config.yml";
    fs::write(&unit, with("systemd/pierhead.service", &[(started, "ExecStart=/bin/true serve")]))
        .expect("a file can be written");
    let analyze = || Command::new(program("systemd-analyze"));
    let done = analyze().args(["verify", "--man=no"]).arg(&unit).output().expect("it can be executed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("pierhead"), "{said}");
    // What it is exposed to, of 100.
    run(analyze().args(["security", "--offline=true", "--no-pager", "--threshold=20"]).arg(&unit));
}

#[test]
fn the_configuration_beside_the_service_is_served() {
    let words = [("127.0.0.1:5000", "127.0.0.1:{port}"), ("/var/lib/pierhead", "{root}")];
    let configuration = with("systemd/config.yml", &words);
    let server = Server::with(|s| s.by_file_alone().config(&configuration));
    server.get("/v2/").expect(200);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[test]
fn kubernetes_knows_every_field_of_the_manifests() {
    let folder = of_the_repository("deploy/kubernetes");
    let files: Vec<_> = fs::read_dir(&folder)
        .expect("a folder can be read")
        .map(|entry| entry.expect("a folder can be read").path())
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    run(Command::new(program("kubernetes-schema")).args(&files));

    let scratch = Folder::new();
    let wrong = scratch.join("deployment.yaml");
    let words = [("runAsNonRoot", "runAsNobody")];
    fs::write(&wrong, with("kubernetes/deployment.yaml", &words)).expect("a file can be written");
    let done = Command::new(program("kubernetes-schema")).arg(&wrong).output().expect("it can be executed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("runAsNobody"), "{said}");
}
