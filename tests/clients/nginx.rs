//! nginx in front of the registry, configured as people do it.
use crate::docker::Docker;
use crate::layout::{Layout, read_layout};
use crate::login::docker_login;
use crate::support::{Folder, client, program, run, run_with};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::{
    Certificates, Client, Request, Server, Setup, basic, eventually, free_port, guard, noise, sha256,
};

/// A running nginx with a folder of its own.
struct Nginx {
    child: Child,
    folder: Folder,
    addr: SocketAddr,
}

/// Where nginx will listen.
fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

impl Nginx {
    /// Starts it with what stands in `http { }`; `{port}`, `{upstream}` (host:port, or unix:path) and `{folder}` are
    /// replaced.
    #[track_caller]
    fn start(addr: SocketAddr, server: &Server, http: &str, files: &[(&str, &[u8])]) -> Nginx {
        let folder = Folder::new();
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).expect("a file can be written");
        }
        let upstream = match server.socket() {
            Some(socket) => format!("unix:{}", socket.display()),
            None => server.addr().to_string(),
        };
        let here = folder.path().to_str().expect("a temporary folder is UTF-8");
        let config = format!(
            "user root; worker_processes 1; daemon off; pid {here}/pid; error_log {here}/errors;
             events {{ worker_connections 256; }}
             http {{ access_log off; client_body_temp_path {here}/bodies; proxy_temp_path {here}/proxied; {http} }}"
        );
        let config = config.replace("{upstream}", &upstream).replace("{folder}", here);
        fs::write(folder.join("nginx.conf"), config.replace("{port}", &addr.port().to_string()))
            .expect("a file can be written");
        // setpriv: if this test is killed, nginx ends too.
        let mut command = Command::new(program("setpriv"));
        command.args(["--pdeathsig", "TERM"]).arg(program("nginx")).arg("-c").arg(folder.join("nginx.conf"));
        let said = fs::File::create(folder.join("said")).expect("a file can be made");
        let child = command.stdin(Stdio::null()).stderr(said).spawn().expect("nginx can be executed");
        let mut nginx = Nginx { child, folder, addr };
        let up = eventually(Duration::from_secs(20), || TcpStream::connect(addr).is_ok());
        let said = |name: &str| fs::read_to_string(nginx.folder.join(name)).unwrap_or_default();
        let words = said("said") + &said("errors");
        assert!(up && nginx.child.try_wait().expect("a child").is_none(), "nginx does not come up: {words}");
        nginx
    }

    /// `127.0.0.1:port/name`, as clients write it.
    fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.addr)
    }

    /// The Location of a new upload that is asked for at this path.
    #[track_caller]
    fn location(&self, path: &str) -> String {
        let begun = Client::connect(self.addr).request(&Request::post(path)).expect(202);
        begun.required("Location").to_owned()
    }

    /// An image goes in and comes out again through it.
    #[track_caller]
    fn passes(&self) {
        let image = Layout::image(&self.folder.join("image"), 1);
        let name = self.reference("nested/app:1");
        let crane = || {
            let mut command = client("crane", self.folder.path());
            command.arg("--insecure");
            command
        };
        run_with(crane(), ["push", image.folder.to_str().expect("UTF-8"), &name]);
        run_with(crane(), ["validate", "--remote", &name]);
        assert_eq!(run_with(crane(), ["digest", &name]), image.digest.as_str());
        let (target, copy) = (self.folder.join("pulled"), self.reference("copied:1"));
        let mut skopeo = client("skopeo", self.folder.path());
        skopeo.args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
        ]);
        run_with(skopeo, [format!("docker://{name}"), format!("docker://{copy}")]);
        let mut skopeo = client("skopeo", self.folder.path());
        skopeo.args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]);
        run_with(skopeo, [format!("docker://{copy}"), format!("oci:{}:latest", target.display())]);
        assert_eq!(read_layout(&target), image.digest);
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// A registry, and nginx in front of it whose server has these locations.
#[track_caller]
fn proxied(
    locations: &str,
    configure: impl for<'a> FnOnce(&'a mut Setup, SocketAddr) -> &'a mut Setup,
) -> (Server, Nginx) {
    let addr = address();
    let server = Server::with(|setup| configure(setup, addr));
    let http = format!("server {{ listen 127.0.0.1:{{port}}; client_max_body_size 0; {locations} }}");
    let nginx = Nginx::start(addr, &server, &http, &[]);
    (server, nginx)
}

const HEADERS: &str = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;";

/// As people write it who have a htpasswd file at the registry: the tutorial's, with its own names.
const TUTORIAL: &str = "server {
    listen 127.0.0.1:{port};

    server_name docker-registry.home www.docker-registry.home;

    location / {
      proxy_pass http://{upstream};
      proxy_set_header  Host              $http_host;   # required for docker client's sake
      proxy_set_header  X-Real-IP         $remote_addr; # pass on real client's IP
      proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
      proxy_set_header  X-Forwarded-Proto $scheme;
    }
  }";

#[test]
fn docker_logs_in_pushes_and_pulls_through_the_proxy_of_a_tutorial() {
    let (server, addr) = (Server::with(|s| guard(s, "")), address());
    let nginx = Nginx::start(addr, &server, TUTORIAL, &[]);
    let docker = Docker::start();
    let (done, said) = docker_login(&docker, &addr.to_string(), "alice", "wonderland");
    assert!(done, "{said}");
    let name = nginx.reference("app:1");
    docker.build(&name, 1);
    let id = docker.id(&name);
    docker.run(&["push", &name]);
    docker.pull_anew(&name, &id);
    // The proxy is not trusted here: what it says of the client is no more than words.
    let line = server.access_line(|line| line.route() == "upload" && line.method() == "PATCH");
    assert!(line.text("remote").starts_with("127.0.0.1:") && line.text("proxy").is_empty(), "{line:?}");
}

/// distribution's docs/content/recipes/nginx.md, with other paths and ports.
const RECIPE: &str = r#"
     upstream docker-registry {
       server {upstream};
     }

     map $upstream_http_docker_distribution_api_version $docker_distribution_api_version {
       '' 'registry/2.0';
     }

     server {
       listen 127.0.0.1:{port} ssl;
       server_name myregistrydomain.com;

       ssl_certificate {folder}/domain.crt;
       ssl_certificate_key {folder}/domain.key;

       ssl_protocols TLSv1.1 TLSv1.2;
       ssl_ciphers 'EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH';
       ssl_prefer_server_ciphers on;
       ssl_session_cache shared:SSL:10m;

       client_max_body_size 0;

       chunked_transfer_encoding on;

       location /v2/ {
         if ($http_user_agent ~ "^(docker\/1\.(3|4|5(?!\.[0-9]-dev))|Go ).*$" ) {
           return 404;
         }

         auth_basic "Registry realm";
         auth_basic_user_file {folder}/nginx.htpasswd;

         add_header 'Docker-Distribution-Api-Version' $docker_distribution_api_version always;

         proxy_pass                          http://docker-registry;
         proxy_set_header  Host              $http_host;   # required for docker client's sake
         proxy_set_header  X-Real-IP         $remote_addr; # pass on real client's IP
         proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
         proxy_set_header  X-Forwarded-Proto $scheme;
         proxy_read_timeout                  900;
       }
     }
"#;

#[test]
fn the_recipe_of_distribution_has_tls_and_passwords_at_the_proxy() {
    let (certificates, addr) = (Certificates::new(), address());
    let server = Server::start();
    let htpasswd = Command::new(program("htpasswd"));
    let users = run_with(htpasswd, ["-B", "-b", "-n", "testuser", "testpassword"]);
    let read = |name: &str| fs::read(certificates.file(name)).expect("a file");
    let (certificate, key) = (read("server.crt"), read("server.key"));
    let files = [("domain.crt", &*certificate), ("domain.key", &*key), ("nginx.htpasswd", users.as_bytes())];
    let nginx = Nginx::start(addr, &server, RECIPE, &files);

    let ask = |request: Request| {
        let mut wire = Client::try_tls(addr, &certificates.trust()).expect("a handshake");
        wire.try_request(&request).expect("an answer")
    };
    let refused = ask(Request::get("/v2/")).expect(401);
    assert_eq!(refused.required("Docker-Distribution-Api-Version"), "registry/2.0");
    let known = |request: Request| request.header("Authorization", basic("testuser", "testpassword"));
    let version = ask(known(Request::get("/v2/"))).expect(200);
    let versions = version.headers.iter().filter(|(name, _)| name == "Docker-Distribution-Api-Version");
    assert_eq!(versions.count(), 1, "{version}");
    let begun = ask(known(Request::post("/v2/a/blobs/uploads/"))).expect(202);
    let expected = format!("https://{addr}/v2/a/blobs/uploads/");
    assert!(begun.required("Location").starts_with(&expected), "{begun}");

    let image = Layout::image(&nginx.folder.join("image"), 1);
    let (name, target) = (nginx.reference("test:1"), nginx.folder.join("pulled"));
    let crane = || {
        let mut command = client("crane", nginx.folder.path());
        command.env("SSL_CERT_FILE", certificates.file("ca.crt"));
        command
    };
    let host = addr.to_string();
    run_with(crane(), ["auth", "login", "--username", "testuser", "--password", "testpassword", &host]);
    run_with(crane(), ["push", image.folder.to_str().expect("UTF-8"), &name]);
    run_with(crane(), ["validate", "--remote", &name]);
    let mut skopeo = client("skopeo", nginx.folder.path());
    skopeo.args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]);
    skopeo.args(["--src-creds", "testuser:testpassword"]);
    run_with(skopeo, [format!("docker://{name}"), format!("oci:{}:latest", target.display())]);
    assert_eq!(read_layout(&target), image.digest);
}

#[test]
fn in_every_way_of_handing_on_a_location_leads_through_the_proxy() {
    for options in [
        // nginx's own defaults: HTTP/1.0, and a request is read whole before it goes on.
        "",
        "proxy_request_buffering off;",
        "proxy_http_version 1.1; proxy_set_header Connection \"\";",
        "proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;",
    ] {
        let locations = format!("location / {{ proxy_pass http://{{upstream}}; {HEADERS} {options} }}");
        let (_server, nginx) = proxied(&locations, |setup, _| setup);
        let location = nginx.location("/v2/a/blobs/uploads/");
        assert!(location.starts_with(&format!("http://{}/v2/a/blobs/uploads/", nginx.addr)), "{location}");
        nginx.passes();
    }
}

#[test]
fn a_proxy_that_says_nothing_is_made_up_for_by_the_configured_host_or_by_relative_urls() {
    // Otherwise nginx puts its own address in the place of the one it asks.
    let locations = "location / { proxy_pass http://{upstream}; proxy_redirect off; }";
    let (server, nginx) = proxied(locations, |setup, _| setup);
    let location = nginx.location("/v2/a/blobs/uploads/");
    assert!(location.starts_with(&server.url()), "as with distribution, it leads past the proxy: {location}");

    let host = |addr: SocketAddr| format!("http://{addr}");
    let (_server, nginx) = proxied(locations, |setup, addr| setup.env("REGISTRY_HTTP_HOST", host(addr)));
    let location = nginx.location("/v2/a/blobs/uploads/");
    assert!(location.starts_with(&format!("http://{}/v2/a/blobs/uploads/", nginx.addr)), "{location}");
    nginx.passes();

    let (_server, nginx) = proxied(locations, |setup, _| setup.env("REGISTRY_HTTP_RELATIVEURLS", "true"));
    let location = nginx.location("/v2/a/blobs/uploads/");
    assert!(location.starts_with("/v2/a/blobs/uploads/"), "{location}");
    nginx.passes();
}

#[test]
fn the_registry_may_listen_on_a_socket_in_the_file_system() {
    let locations = format!(
        "location / {{ proxy_pass http://{{upstream}}; {HEADERS}
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }}"
    );
    let (server, nginx) =
        proxied(&locations, |setup, _| setup.on_a_socket().env("REGISTRY_HTTP_TRUSTEDPROXIES", "unix"));
    let location = nginx.location("/v2/a/blobs/uploads/");
    assert!(location.starts_with(&format!("http://{}/v2/a/blobs/uploads/", nginx.addr)), "{location}");
    nginx.passes();
    let line = server.access_line(|line| line.route() == "manifest" && line.method() == "PUT");
    assert_eq!((line.text("remote"), line.text("proxy")), ("127.0.0.1", "unix"));
}

/// No client can be told to look anywhere but at the root of a host. So where there is a prefix, the proxy has both.
#[test]
fn a_prefix_may_be_kept_taken_away_or_added_by_the_proxy() {
    let kept = format!(
        "location /reg/ {{ proxy_pass http://{{upstream}}; {HEADERS} }}
         location /v2/ {{ proxy_pass http://{{upstream}}/reg/v2/; {HEADERS} }}"
    );
    let (_server, nginx) = proxied(&kept, |setup, _| setup.env("REGISTRY_HTTP_PREFIX", "/reg/"));
    let location = nginx.location("/reg/v2/a/blobs/uploads/");
    assert!(location.starts_with(&format!("http://{}/reg/v2/a/blobs/uploads/", nginx.addr)), "{location}");
    nginx.passes();

    let taken = format!(
        "location /reg/ {{ proxy_pass http://{{upstream}}/; {HEADERS} }}
         location /v2/ {{ proxy_pass http://{{upstream}}; {HEADERS} }}"
    );
    let outside = |addr: SocketAddr| format!("http://{addr}/reg/");
    let (_server, nginx) = proxied(&taken, |setup, addr| setup.env("REGISTRY_HTTP_HOST", outside(addr)));
    let location = nginx.location("/reg/v2/a/blobs/uploads/");
    assert!(location.starts_with(&format!("http://{}/reg/v2/a/blobs/uploads/", nginx.addr)), "{location}");
    nginx.passes();

    let added = format!("location /v2/ {{ proxy_pass http://{{upstream}}/reg/v2/; {HEADERS} }}");
    let (_server, nginx) = proxied(&added, |setup, addr| {
        setup.env("REGISTRY_HTTP_PREFIX", "/reg/").env("REGISTRY_HTTP_HOST", format!("http://{addr}"))
    });
    let location = nginx.location("/v2/a/blobs/uploads/");
    assert!(location.starts_with(&format!("http://{}/v2/a/blobs/uploads/", nginx.addr)), "{location}");
    nginx.passes();
}

#[test]
fn a_large_blob_goes_in_and_out() {
    const SIZE: usize = 200 << 20;
    for options in ["", "proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;"] {
        let locations = format!("location / {{ proxy_pass http://{{upstream}}; {HEADERS} {options} }}");
        let (_server, nginx) = proxied(&locations, |setup, _| setup);
        let bytes = noise(1, SIZE);
        fs::write(nginx.folder.join("large"), &bytes).expect("a file can be written");
        let name = nginx.reference("large:1");
        let oras = |arguments: &[&str], folder: &str| {
            let mut command = client("oras", nginx.folder.path());
            command.current_dir(nginx.folder.join(folder)).args(arguments).arg("--plain-http");
            run(&mut command)
        };
        oras(&["push", &name, "large:application/octet-stream"], ".");
        fs::create_dir(nginx.folder.join("pulled")).expect("a folder can be made");
        oras(&["pull", &name], "pulled");
        let pulled = fs::read(nginx.folder.join("pulled/large")).expect("a file");
        assert!(sha256(&pulled) == sha256(&bytes), "{} bytes of {SIZE}, or others", pulled.len());
    }
}

/// The example in docs/configuration.md.
fn documented() -> String {
    let docs = include_str!("../../docs/configuration.md");
    let example = docs.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    example.expect("docs/configuration.md has an example").to_owned()
}

#[test]
fn the_documented_configuration_works_and_tells_who_asks() {
    let (certificates, addr) = (Certificates::new(), address());
    let server = Server::with(|s| s.env("REGISTRY_HTTP_TRUSTEDPROXIES", "127.0.0.1"));
    let http = documented()
        .replace("listen 443 ssl", "listen 127.0.0.1:{port} ssl")
        .replace("/etc/registry/", "{folder}/")
        .replace("127.0.0.1:5000", "{upstream}");
    let read = |name: &str| fs::read(certificates.file(name)).expect("a file");
    let files = [("server.crt", read("server.crt")), ("server.key", read("server.key"))];
    let files = files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
    let nginx = Nginx::start(addr, &server, &http, &files);
    nginx.passes();

    let forged = Request::get("/v2/marked/tags/list").header("Forwarded", "for=203.0.113.9");
    let forged = forged.header("X-Forwarded-For", "203.0.113.9").header("X-Forwarded-Host", "evil.example");
    let mut wire = Client::try_tls(addr, &certificates.trust()).expect("a handshake");
    wire.try_request(&forged).expect("an answer");
    let line = server.access_line(|line| line.repository() == "marked");
    assert_eq!(line.text("remote"), "127.0.0.1");
    assert!(line.text("proxy").starts_with("127.0.0.1:"), "{line:?}");
    let begun = Request::post("/v2/a/blobs/uploads/").header("X-Forwarded-Host", "evil.example");
    let begun = wire.try_request(&begun.header("Forwarded", "host=evil.example")).expect("an answer");
    assert!(begun.required("Location").starts_with(&format!("https://{addr}/v2/")), "{begun}");
}
