//! The files of `http.tls`: what is wrong with them at the start, and how they are replaced while it runs.
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use tests::{Certificates, Client, Request, Server, Setup, Trust, eventually, run};

/// How long a change may take to be noticed, on a machine that has other things to do.
const NOTICED: Duration = Duration::from_secs(15);

fn accepts(server: &Server, trust: &Trust) -> bool {
    let client = Client::try_tls(server.addr(), trust);
    client.is_ok_and(|mut client| client.try_request(&Request::get("/v2/")).is_ok())
}

fn copy(from: &Certificates, name: &str, to: &Path) {
    fs::copy(from.file(name), to).expect("a file can be copied");
}

fn complaints(server: &Server) -> usize {
    server.log().lines().filter(|line| line.contains("stays in use")).count()
}

#[track_caller]
fn assert_refused(parts: &[&str], configure: impl for<'a> FnOnce(&'a mut Setup) -> &'a mut Setup) {
    let finished = run(&[], configure);
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    for part in parts {
        assert!(finished.output.contains(part), "{part:?} is not in {}", finished.output);
    }
}

#[test]
fn a_file_that_cannot_serve_is_named_with_its_setting_and_the_remedy() {
    let ours = Certificates::new();
    let other = Certificates::new();
    fs::write(ours.file("empty.pem"), "").expect("a file can be written");
    ours.openssl("ec -aes128 -passout pass:secret -in server.key -out legacy.key");
    ours.openssl("pkcs8 -topk8 -passout pass:secret -in server.key -out encrypted.key");
    ours.openssl("x509 -in server.crt -outform der -out server.der");
    ours.openssl("req -x509 -newkey rsa:1024 -nodes -subj /CN=a -keyout short.key -out short.crt");
    let half = fs::read_to_string(ours.file("server.key")).expect("a key");
    fs::write(ours.file("half.key"), &half[..half.len() / 2]).expect("a file can be written");

    let (certificate, key) = (ours.file("server.crt"), ours.file("server.key"));
    let theirs = other.file("server.key");
    for (certificate, key, parts) in [
        (
            ours.file("none.crt"),
            key.clone(),
            ["none.crt", "http.tls.certificate", "cannot be read", "name a file"],
        ),
        (
            certificate.clone(),
            ours.file("none.key"),
            ["none.key", "http.tls.key", "cannot be read", "name a file"],
        ),
        (ours.file("empty.pem"), key.clone(), ["empty.pem", "http.tls.certificate", "no certificate", "PEM"]),
        (certificate.clone(), ours.file("empty.pem"), ["empty.pem", "http.tls.key", "no private key", "PEM"]),
        (key.clone(), certificate.clone(), ["server.key", "http.tls.certificate", "no certificate", "PEM"]),
        (ours.file("server.der"), key, ["server.der", "http.tls.certificate", "DER", "openssl x509"]),
        (certificate.clone(), theirs, ["server.key", "http.tls.key", "not the key", "made together"]),
        (certificate.clone(), ours.file("half.key"), ["half.key", "http.tls.key", "not whole", "anew"]),
        (
            certificate.clone(),
            ours.file("encrypted.key"),
            ["encrypted.key", "http.tls.key", "encrypted", "openssl pkey"],
        ),
        (certificate, ours.file("legacy.key"), ["legacy.key", "http.tls.key", "encrypted", "openssl pkey"]),
        (ours.file("short.crt"), ours.file("short.key"), ["short.key", "http.tls.key", "not a key", "2048"]),
    ] {
        assert_refused(&parts, |s| {
            s.env("REGISTRY_HTTP_TLS_CERTIFICATE", certificate.display())
                .env("REGISTRY_HTTP_TLS_KEY", key.display())
        });
    }
    let empty = ours.file("empty.pem");
    assert_refused(&["empty.pem", "http.tls.clientcas", "no certificate"], |s| {
        s.tls(&ours).env("REGISTRY_HTTP_TLS_CLIENTCAS_0", empty.display())
    });
}

#[test]
fn a_renewed_certificate_serves_new_connections_and_old_ones_go_on() {
    let (ours, renewed) = (Certificates::new(), Certificates::new());
    let server = Server::with(|s| s.tls(&ours));
    let mut before = server.client();
    before.request(&Request::get("/v2/")).expect(200);
    copy(&renewed, "server.crt", &ours.file("server.crt"));
    copy(&renewed, "server.key", &ours.file("server.key"));
    assert!(eventually(NOTICED, || accepts(&server, &renewed.trust())), "{}", server.log());
    assert!(!accepts(&server, &ours.trust()));
    before.request(&Request::get("/v2/")).expect(200);
    server.assert_says("the certificate was read again");
}

#[test]
fn a_renewal_by_renaming_is_noticed() {
    let (ours, renewed) = (Certificates::new(), Certificates::new());
    let server = Server::with(|s| s.tls(&ours));
    for name in ["server.key", "server.crt"] {
        copy(&renewed, name, &ours.file("new"));
        fs::rename(ours.file("new"), ours.file(name)).expect("a file can be renamed");
    }
    assert!(eventually(NOTICED, || accepts(&server, &renewed.trust())), "{}", server.log());
}

#[test]
fn a_kubernetes_secret_that_changes_is_noticed() {
    let (ours, renewed) = (Certificates::new(), Certificates::new());
    let mount = ours.file("mount");
    let turn = |to: &Certificates, folder: &str| {
        fs::create_dir_all(mount.join(folder)).expect("a folder can be made");
        for name in ["server.crt", "server.key"] {
            copy(to, name, &mount.join(folder).join(name));
        }
        symlink(folder, mount.join("..data_tmp")).expect("a link can be made");
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).expect("a link can be renamed");
    };
    turn(&ours, "..first");
    for name in ["server.crt", "server.key"] {
        symlink(Path::new("..data").join(name), mount.join(name)).expect("a link can be made");
    }
    let server = Server::with(|s| {
        s.env("REGISTRY_HTTP_TLS_CERTIFICATE", mount.join("server.crt").display())
            .env("REGISTRY_HTTP_TLS_KEY", mount.join("server.key").display())
            .trust(ours.trust())
    });
    turn(&renewed, "..second");
    fs::remove_dir_all(mount.join("..first")).expect("a folder can be removed");
    assert!(eventually(NOTICED, || accepts(&server, &renewed.trust())), "{}", server.log());
}

#[test]
fn what_cannot_serve_keeps_the_old_certificate_and_is_logged_once() {
    let (ours, renewed) = (Certificates::new(), Certificates::new());
    let (certificate, key) = (ours.file("server.crt"), ours.file("server.key"));
    let server = Server::with(|s| s.tls(&ours));
    let whole = fs::read_to_string(renewed.file("server.crt")).expect("a certificate");

    let complains = |count| {
        assert!(eventually(NOTICED, || complaints(&server) == count), "{count}: {}", server.log());
        std::thread::sleep(Duration::from_millis(2500));
        assert_eq!(complaints(&server), count, "{}", server.log());
        assert!(accepts(&server, &ours.trust()), "{}", server.log());
    };
    fs::write(&certificate, &whole[..whole.len() / 3]).expect("a file can be written");
    complains(1);
    fs::write(&certificate, &whole).expect("a file can be written");
    complains(2);
    server.assert_says("not the key of the certificate");
    fs::remove_file(&key).expect("a file can be removed");
    complains(3);
    copy(&renewed, "server.key", &key);
    assert!(eventually(NOTICED, || accepts(&server, &renewed.trust())), "{}", server.log());
    assert_eq!(complaints(&server), 3);
}

#[test]
fn what_could_not_be_read_for_want_of_descriptors_is_read_once_there_are_some() {
    let (ours, renewed) = (Certificates::new(), Certificates::new());
    let server = Server::with(|s| s.tls(&ours));
    server.allow_files(Some(0));
    for name in ["server.crt", "server.key"] {
        copy(&renewed, name, &ours.file(name));
    }
    assert!(eventually(NOTICED, || complaints(&server) > 0), "{}", server.log());
    std::thread::sleep(Duration::from_millis(2500));
    server.allow_files(None);
    assert!(eventually(NOTICED, || accepts(&server, &renewed.trust())), "{}", server.log());
    assert_eq!(complaints(&server), 1, "{}", server.log());
}

#[test]
fn a_certificate_that_has_expired_is_served_with_a_warning() {
    let ours = Certificates::new();
    let server = Server::with(|s| s.tls(&ours));
    ours.client("expired", "-days 0");
    std::thread::sleep(Duration::from_millis(1100));
    copy(&ours, "expired.key", &ours.file("server.key"));
    copy(&ours, "expired.crt", &ours.file("server.crt"));
    let warned =
        || server.log().lines().any(|line| line.contains("warning") && line.contains("expired on 20"));
    assert!(eventually(NOTICED, warned), "{}", server.log());
    assert!(eventually(NOTICED, || !accepts(&server, &ours.trust())), "{}", server.log());
}

#[test]
fn an_authority_of_clients_that_is_taken_away_is_forgotten() {
    let (ours, other) = (Certificates::new(), Certificates::new());
    let good = ours.client("good", "");
    fs::copy(ours.file("ca.crt"), ours.file("clients.crt")).expect("a file can be copied");
    let server = Server::with(|s| {
        let authority = ours.file("clients.crt");
        s.tls(&ours).env("REGISTRY_HTTP_TLS_CLIENTCAS_0", authority.display()).trust(good.clone())
    });
    assert!(accepts(&server, &good));
    copy(&other, "ca.crt", &ours.file("clients.crt"));
    assert!(eventually(NOTICED, || !accepts(&server, &good)), "{}", server.log());
}
