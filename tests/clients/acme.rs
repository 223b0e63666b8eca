//! Certificates from an authority, as `http.tls.letsencrypt` asks for them, by pebble.
use crate::docker::Docker;
use crate::pebble::{BLOCKED, HOST, Pebble};
use crate::support::Folder;
use rustls::ProtocolVersion;
use rustls::version::TLS12;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tests::inside::{ADDRESS, call_here, inside};
use tests::{Certificates, Client, Image, Request, Server, Trust, eventually, run};

/// How long a certificate may take to come, on a machine that has other things to do.
const GOT: Duration = Duration::from_secs(60);

const HOSTS: &str = "REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS";
const CACHEFILE: &str = "REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// Why a client with this trust is not served.
#[track_caller]
fn refused(server: &Server, trust: &Trust) -> String {
    match Client::try_tls(server.addr(), trust) {
        Ok(mut client) => client.try_request(&Request::get("/v2/")).expect_err("it is served").to_string(),
        Err(error) => error.to_string(),
    }
}

fn certificate(client: &Client) -> Vec<u8> {
    client.session().expect("TLS").peer_certificates().expect("a certificate")[0].to_vec()
}

#[test]
fn a_first_certificate_is_got_and_a_restart_asks_for_nothing() {
    let mut pebble = Pebble::start(7_776_000);
    let mut server = Server::with(|s| pebble.serve(s));
    let digest = Image::oci(1).push(&server, "a", "latest");
    server.assert_says_within(GOT, "got a certificate");
    assert_eq!(pebble.issued(), 1);

    let folder = server.scratch().join("acme");
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");

    pebble.stop();
    let before = certificate(&server.client());
    server.restart();
    assert_eq!(certificate(&server.client()), before);
    assert_eq!(server.head("/v2/a/manifests/latest").required("Docker-Content-Digest"), digest.to_string());
    assert!(!server.log().contains("no certificate could be got"), "{}", server.log());
}

#[test]
fn who_wants_another_host_is_refused_and_who_names_none_gets_the_first() {
    let pebble = Pebble::start(7_776_000);
    let server = Server::with(|s| pebble.serve(s));
    let other = refused(&server, &pebble.trust().host("other.example.test"));
    assert!(other.contains("AccessDenied"), "{other}");
    server.assert_says_within(GOT, "not in http.tls.letsencrypt.hosts");
    // A client that knows an address alone: it is served, and does not like the name.
    let unnamed = refused(&server, &Trust::new(pebble.root()));
    assert!(unnamed.contains("not valid for name"), "{unnamed}");
    // Nobody is expected to look any more.
    let looking = refused(&server, &pebble.trust().offering(&["acme-tls/1"]));
    assert!(looking.contains("NoApplicationProtocol"), "{looking}");
}

#[test]
fn a_certificate_is_renewed_before_its_end_and_connections_go_on() {
    let pebble = Pebble::start(15);
    let server = Server::with(|s| pebble.serve(s));
    let mut before = server.client();
    before.request(&Request::get("/v2/")).expect(200);
    let first = certificate(&before);
    let renewed = || server.try_client().is_ok_and(|client| certificate(&client) != first);
    assert!(eventually(GOT, renewed), "{}", server.log());
    before.request(&Request::get("/v2/")).expect(200);
    server.get("/v2/").expect(200);
    // Two lifetimes on, there has been one order in each 10 s, and not more.
    assert!(pebble.issued() <= 4, "{}", pebble.log());
}

#[test]
fn a_server_starts_while_the_authority_is_away_and_asks_again() {
    let mut pebble = Pebble::prepare("127.0.0.1", 7_776_000);
    let certificates = Certificates::new();
    let server = Server::with(|s| pebble.serve(s).silent());
    server.assert_says_within(GOT, "no certificate could be got");
    server.assert_says_within(GOT, "Connection refused");
    let alert = refused(&server, &certificates.trust().host(HOST));
    assert!(alert.contains("AccessDenied"), "{alert}");
    server.assert_says_within(GOT, "no certificate has come yet");

    pebble.run();
    assert!(eventually(GOT, || server.try_client().is_ok()), "{}", server.log());
    server.get("/v2/").expect(200);
}

#[test]
fn what_else_tls_asks_of_clients_is_not_asked_of_the_authority() {
    let pebble = Pebble::start(7_776_000);
    let clients = Certificates::new();
    let show = |trust: Trust| trust.showing(clients.file("alice.crt"), clients.file("alice.key"));
    clients.client("alice", "");
    let server = Server::with(|s| {
        pebble
            .serve(s)
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", clients.file("ca.crt").display())
            .env("REGISTRY_HTTP_TLS_MINIMUMTLS", "tls1.3")
            .trust(show(pebble.trust()))
    });
    let client = server.client();
    assert_eq!(client.session().expect("TLS").protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let without = refused(&server, &pebble.trust());
    assert!(without.contains("CertificateRequired"), "{without}");
    assert!(Client::try_tls(server.addr(), &show(pebble.trust()).version(&TLS12)).is_err());
}

#[test]
fn a_host_that_the_authority_refuses_takes_nothing_from_the_others() {
    let pebble = Pebble::start(7_776_000);
    let server = Server::with(|s| pebble.serve(s).env(HOSTS, format!("[{BLOCKED}, {HOST}]")));
    server.get("/v2/").expect(200);
    server.assert_says_within(GOT, "no certificate could be got");
    let log = server.log();
    let complaint = log.lines().find(|line| line.contains("no certificate could be got")).unwrap_or_default();
    assert!(complaint.contains(BLOCKED) && complaint.contains("rejectedIdentifier"), "{log}");
    // It is asked again after a minute, and not before.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(server.log().matches("no certificate could be got").count(), 1, "{}", server.log());
}

#[test]
fn what_is_damaged_in_the_folder_is_asked_for_again() {
    let pebble = Pebble::start(7_776_000);
    let mut server = Server::with(|s| pebble.serve(s));
    let folder = server.scratch().join("acme");
    server.terminate(Duration::from_secs(20));
    for file in fs::read_dir(&folder).expect("a folder") {
        let file = file.expect("a file").path();
        let whole = fs::read(&file).expect("a file");
        fs::write(&file, &whole[..whole.len() / 2]).expect("a file can be written");
    }
    server.launch();
    assert_eq!(pebble.issued(), 2);
    for name in [HOST, "acme_account+pierhead.json"] {
        let warned = |line: &&str| {
            line.contains(r#""level":"warning""#) && line.contains(name) && line.contains("damaged")
        };
        assert!(server.log().lines().any(|line| warned(&line)), "{name}: {}", server.log());
    }
}

#[test]
fn an_authority_that_has_forgotten_the_account_gets_another() {
    let mut pebble = Pebble::start(7_776_000);
    let mut server = Server::with(|s| pebble.serve(s));
    server.terminate(Duration::from_secs(20));
    pebble.stop();
    pebble.run();
    fs::remove_file(server.scratch().join("acme").join(HOST)).expect("a file can be removed");
    server.launch();
    assert_eq!(pebble.issued(), 2);
}

#[test]
fn what_distribution_keeps_in_its_folder_serves_on() {
    let folder = Folder::new();
    let certificates = Certificates::with(&[HOST]);
    certificates.openssl("ec -in server.key -out old.key");
    let read = |name| fs::read_to_string(certificates.file(name)).expect("a file");
    let key = read("old.key");
    assert!(key.starts_with("-----BEGIN EC PRIVATE KEY-----"), "another form");
    fs::write(folder.join(HOST), key + &read("server.crt")).expect("a file can be written");
    let pebble = Pebble::prepare("127.0.0.1", 7_776_000);
    let server = Server::with(|s| {
        pebble.serve(s).env(CACHEFILE, folder.path().display()).trust(certificates.trust().host(HOST))
    });
    server.get("/v2/").expect(200);
    assert!(!server.log().contains("no certificate could be got"), "{}", server.log());
}

#[test]
fn a_folder_that_cannot_keep_anything_is_refused_at_once() {
    let pebble = Pebble::prepare("127.0.0.1", 7_776_000);
    let folder = Folder::new();
    let file = folder.join("file");
    fs::write(&file, "").expect("a file can be written");
    let beneath = file.join("acme");
    for (cachefile, problem) in [(&file, "name a folder"), (&beneath, "cannot be written to")] {
        let finished = run(&[], |s| pebble.serve(s).env(CACHEFILE, cachefile.display()));
        assert_eq!(finished.code, Some(1), "{}", finished.output);
        for part in [cachefile.to_str().expect("UTF-8"), "http.tls.letsencrypt.cachefile", problem] {
            assert!(finished.output.contains(part), "{part:?} is not in {}", finished.output);
        }
    }
}

#[test]
fn docker_pushes_and_pulls_with_a_certificate_of_the_authority() {
    if !inside("acme::docker_pushes_and_pulls_with_a_certificate_of_the_authority", &["/etc/docker"]) {
        return;
    }
    let names = Folder::new();
    call_here(&names, HOST);
    let mut pebble = Pebble::prepare(ADDRESS, 7_776_000);
    pebble.run();
    let server = Server::with(|s| pebble.serve(s).listen("0.0.0.0:{port}"));
    let registry = format!("{HOST}:{}", server.addr().port());
    let folder = Path::new("/etc/docker/certs.d").join(&registry);
    fs::create_dir_all(&folder).expect("a folder can be made");
    fs::copy(pebble.root(), folder.join("ca.crt")).expect("a file can be copied");

    let docker = Docker::start();
    let name = format!("{registry}/app:1");
    docker.build(&name, 1);
    let id = docker.id(&name);
    docker.run(&["push", &name]);
    docker.pull_anew(&name, &id);
}
