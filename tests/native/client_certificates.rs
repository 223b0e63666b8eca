//! `http.tls.clientcas` and `http.tls.clientauth`: who may shake hands.
use rustls::version::{TLS12, TLS13};
use tests::{Certificates, Client, Request, Server, Trust, eventually};

const MODES: [&str; 4] = [
    "request-client-cert",
    "require-any-client-cert",
    "verify-client-cert-if-given",
    "require-and-verify-client-cert",
];

fn server(certificates: &Certificates, mode: Option<&str>, trust: &Trust) -> Server {
    Server::with(|s| {
        s.tls(certificates)
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", certificates.file("ca.crt").display())
            .trust(trust.clone());
        match mode {
            Some(mode) => s.env("REGISTRY_HTTP_TLS_CLIENTAUTH", mode),
            None => s,
        }
    })
}

/// Whether such a client gets an answer. With TLS 1.3 it learns of a refusal after its handshake.
fn answered(server: &Server, trust: &Trust) -> bool {
    [&TLS12, &TLS13].into_iter().all(|version| {
        let client = Client::try_tls(server.addr(), &trust.clone().version(version));
        client.and_then(|mut client| client.try_request(&Request::get("/v2/"))).is_ok()
    })
}

#[test]
fn each_mode_asks_of_clients_what_it_says() {
    let certificates = Certificates::new();
    let stranger = Certificates::new();
    let good = certificates.client("good", "");
    let none = certificates.trust();
    stranger.client("other", "");
    let other = certificates.trust().showing(stranger.file("other.crt"), stranger.file("other.key"));
    for (mode, without, unknown) in [
        (Some(MODES[0]), true, true),
        (Some(MODES[1]), false, true),
        (Some(MODES[2]), true, false),
        (Some(MODES[3]), false, false),
        (None, false, false),
    ] {
        let server = server(&certificates, mode, &good);
        assert_eq!(answered(&server, &none), without, "{mode:?} without a certificate");
        assert_eq!(answered(&server, &other), unknown, "{mode:?} with one of another authority");
        assert!(answered(&server, &good), "{mode:?} with a good one");
    }
}

#[test]
fn a_certificate_that_signed_itself_is_taken_where_it_is_listed_and_while_it_is_valid() {
    let certificates = Certificates::new();
    std::fs::write(certificates.file("own.ext"), "basicConstraints=CA:TRUE\n")
        .expect("a file can be written");
    let own = |name: &str, more: &str| {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        certificates.openssl(&format!("req {key} -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        let signed = format!("-signkey {name}.key -extfile own.ext");
        certificates.openssl(&format!("x509 -req -in {name}.csr {signed} {more} -out {name}.crt"));
        certificates
            .trust()
            .showing(certificates.file(&format!("{name}.crt")), certificates.file(&format!("{name}.key")))
    };
    let (listed, expired, other) = (own("listed", ""), own("expired", "-days 0"), own("other", ""));
    let server = Server::with(|s| {
        s.tls(&certificates)
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", certificates.file("listed.crt").display())
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_1", certificates.file("expired.crt").display())
            .trust(listed.clone())
    });
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let taken = [&listed, &expired, &other].map(|trust| answered(&server, trust));
    assert_eq!(taken, [true, false, false], "{}", server.log());
}

#[test]
fn a_certificate_that_has_expired_is_none() {
    let certificates = Certificates::new();
    let good = certificates.client("good", "");
    let expired = certificates.client("expired", "-days 0");
    let server = server(&certificates, None, &good);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(!answered(&server, &expired));
    let said = || server.log().contains("a TLS handshake failed") && server.log().contains("xpired");
    assert!(eventually(std::time::Duration::from_secs(5), said), "{}", server.log());
    assert!(answered(&server, &good));
}

#[test]
fn a_servers_certificate_is_no_clients() {
    let certificates = Certificates::new();
    let good = certificates.client("good", "");
    let server = server(&certificates, None, &good);
    let wrong =
        certificates.trust().showing(certificates.file("server.crt"), certificates.file("server.key"));
    assert!(!answered(&server, &wrong));
}
