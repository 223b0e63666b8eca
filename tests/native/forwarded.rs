//! For whom a proxy says it asks, and who is believed.
use std::time::Duration;
use tests::{Certificates, Request, Response, Server, Setup, assert_error, basic, guard, run, with_login};

/// Asks for something of its own, so that its access line can be found.
fn ask(server: &Server, mark: &str, headers: &[(&str, &str)]) -> Response {
    let request = Request::get(&format!("/v2/{mark}/tags/list"));
    server.request(&headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
}

/// The fields `remote` and `proxy` of its access line, the port of an address left out.
fn logged(server: &Server, mark: &str, headers: &[(&str, &str)]) -> (String, String) {
    ask(server, mark, headers);
    let line = server.access_line(|line| line.repository() == mark);
    let without_port = |text: &str| text.rsplit_once(':').map_or(text, |(address, _)| address).to_owned();
    let (remote, proxy) = (line.text("remote"), line.text("proxy"));
    match proxy {
        "" => (without_port(remote), String::new()),
        _ => (remote.to_owned(), without_port(proxy)),
    }
}

fn behind(proxies: &str) -> Server {
    Server::with(|s| s.env("REGISTRY_HTTP_TRUSTEDPROXIES", proxies))
}

#[test]
fn the_log_has_the_address_that_a_trusted_proxy_tells_and_the_proxys() {
    let server = behind("[127.0.0.1, 10.0.0.0/8]");
    for (mark, header, value, client) in [
        ("a", "X-Forwarded-For", "203.0.113.9", "203.0.113.9"),
        ("b", "X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("c", "X-Forwarded-For", "2001:db8::1", "2001:db8::1"),
        ("d", "Forwarded", "for=198.51.100.1, for=\"[2001:db8::1]:80\";proto=https", "2001:db8::1"),
    ] {
        let expected = (client.to_owned(), "127.0.0.1".to_owned());
        assert_eq!(logged(&server, mark, &[(header, value)]), expected, "{value}");
    }
}

#[test]
fn what_a_trusted_proxy_says_that_cannot_be_is_as_if_it_said_nothing() {
    let server = behind("127.0.0.0/8");
    let long = "127.0.0.1,".repeat(5000);
    for (mark, headers) in [
        ("a", &[][..]),
        ("b", &[("X-Forwarded-For", "unknown")]),
        ("c", &[("X-Forwarded-For", "203.0.113.9, nonsense")]),
        ("d", &[("Forwarded", "for=_hidden;proto=https")]),
        ("e", &[("X-Forwarded-For", &*long)]),
        ("f", &[("Forwarded", "for=203.0.113.9"), ("X-Forwarded-For", "203.0.113.8")]),
        ("g", &[("X-Real-IP", "203.0.113.9")]),
    ] {
        assert_eq!(logged(&server, mark, headers), ("127.0.0.1".into(), String::new()), "{mark}");
    }
}

#[test]
fn over_a_socket_in_the_file_system_it_is_believed_where_that_is_configured() {
    let forwarded = [("X-Forwarded-For", "203.0.113.9")];
    let server = Server::with(|s| s.on_a_socket().env("REGISTRY_HTTP_TRUSTEDPROXIES", "unix"));
    assert_eq!(logged(&server, "a", &forwarded), ("203.0.113.9".into(), "unix".into()));
    let server = Server::with(|s| s.on_a_socket().env("REGISTRY_HTTP_TRUSTEDPROXIES", "127.0.0.1"));
    assert_eq!(logged(&server, "a", &forwarded), ("unix".into(), String::new()));
}

/// Every way to claim another address or identity.
const FORGED: [(&str, &str); 9] = [
    ("Forwarded", "for=203.0.113.9"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Real-IP", "203.0.113.9"),
    ("X-Client-IP", "203.0.113.9"),
    ("Client-Cert", ":Zm9yZ2Vk:"),
    ("X-Forwarded-User", "alice"),
    ("Remote-User", "alice"),
    ("Pierhead-User", "alice"),
];

#[test]
fn from_anyone_else_these_headers_change_no_log_line() {
    for server in [Server::start(), behind("[10.0.0.0/8, 127.0.0.2, unix]")] {
        for (number, forged) in FORGED.into_iter().enumerate() {
            let mark = format!("mark-{number}");
            assert_eq!(logged(&server, &mark, &[forged]), ("127.0.0.1".into(), String::new()), "{forged:?}");
        }
    }
}

#[test]
fn from_anyone_they_shape_the_urls_of_the_answer_and_no_more() {
    let server = Server::start();
    let request = Request::post("/v2/a/blobs/uploads/").header("X-Forwarded-Proto", "https");
    let begun = server.request(&request.header("X-Forwarded-Host", "r.example")).expect(202);
    assert!(begun.required("Location").starts_with("https://r.example/v2/"), "{begun}");
}

fn login(server: &Server, password: &str, forwarded: &str) -> u16 {
    let request = Request::get("/v2/").header("Authorization", basic("alice", password));
    server.request(&request.header("X-Forwarded-For", forwarded)).status
}

fn strict(setup: &mut Setup) -> &mut Setup {
    guard(setup, "").env("REGISTRY_AUTH_FAILURES_LIMIT", "2").env("REGISTRY_AUTH_FAILURES_WINDOW", "10m")
}

#[test]
fn wrong_passwords_count_for_the_client_behind_a_trusted_proxy_and_lock_nobody_else_out() {
    let server = Server::with(|s| strict(s).env("REGISTRY_HTTP_TRUSTEDPROXIES", "127.0.0.1"));
    let wrong: Vec<u16> = (0..3).map(|_| login(&server, "wrong", "203.0.113.9")).collect();
    assert_eq!(wrong, [401, 401, 429]);
    assert_eq!(login(&server, "wonderland", "203.0.113.9"), 429);
    assert_eq!(login(&server, "wonderland", "203.0.113.10"), 200);
    // Whatever the client claims stands in front of what the proxy adds.
    assert_eq!(login(&server, "wrong", "203.0.113.10, 203.0.113.9"), 429);
}

#[test]
fn wrong_passwords_from_elsewhere_count_for_the_peer_whatever_it_claims() {
    let server = Server::with(|s| strict(s).env("REGISTRY_HTTP_TRUSTEDPROXIES", "[10.0.0.0/8, unix]"));
    let wrong: Vec<u16> = (1..4).map(|n| login(&server, "wrong", &format!("203.0.113.{n}"))).collect();
    assert_eq!(wrong, [401, 401, 429]);
    assert_eq!(login(&server, "wonderland", "203.0.113.99"), 429);
}

#[test]
fn a_header_is_no_identity_whoever_sends_it() {
    let rules = "access:
  - {who: [alice, \"certificate:alice\"], repositories: \"**\", actions: \"*\"}
";
    let certificates = Certificates::new();
    certificates.client("alice", "");
    let pem = std::fs::read_to_string(certificates.file("alice.crt")).expect("a certificate");
    let encoded: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let (certificate, line) = (format!(":{encoded}:"), pem.trim().replace('\n', " "));
    for proxies in ["10.0.0.1", "127.0.0.1"] {
        let server = Server::with(|s| {
            guard(s, rules)
                .tls(&certificates)
                .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", certificates.file("ca.crt").display())
                .env("REGISTRY_HTTP_TLS_CLIENTAUTH", "verify-client-cert-if-given")
                .env("REGISTRY_HTTP_TRUSTEDPROXIES", proxies)
        });
        let forged =
            FORGED.into_iter().chain([("Client-Cert", &*certificate), ("X-SSL-Client-Cert", &*line)]);
        for forged in forged {
            assert_error(&ask(&server, "a", &[forged]), 401, "UNAUTHORIZED");
        }
        server.request(&with_login(Request::get("/v2/"), tests::ALICE)).expect(200);
    }
}

#[test]
fn a_proxy_that_is_no_address_is_refused_at_the_start() {
    let finished = run(&[], |s| s.env("REGISTRY_HTTP_TRUSTEDPROXIES", "[10.0.0.0/8, proxy.example]"));
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    for part in ["REGISTRY_HTTP_TRUSTEDPROXIES", "http.trustedproxies", "write an address, a network"] {
        assert!(finished.output.contains(part), "{part:?} is not in {}", finished.output);
    }
}

#[test]
fn a_long_chain_is_read_to_its_bound_and_no_further() {
    let server = behind("127.0.0.0/8");
    let started = std::time::Instant::now();
    let chain = "127.0.0.1,".repeat(6000);
    for _ in 0..50 {
        ask(&server, "a", &[("X-Forwarded-For", &chain)]);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
