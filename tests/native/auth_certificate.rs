//! Clients' certificates in rules.
use tests::{Certificates, Client, Request, Response, Server, Trust, assert_error, guard, with_login};

const RULES: &str = "access:
  - {who: \"certificate:edge.example.com\", repositories: \"**\", actions: [pull, catalog]}
  - {who: \"certificate:robot\", repositories: \"robots/**\", actions: [pull, push]}
  - {who: alice, repositories: \"**\", actions: \"*\"}
";

/// A certificate for `robot`, and one whose names are of all kinds.
fn clients(certificates: &Certificates) -> (Trust, Trust) {
    let names = "extendedKeyUsage=clientAuth\nsubjectAltName=email:e@example.com,URI:spiffe://x/y,DNS:edge.example.com\n";
    std::fs::write(certificates.file("names.ext"), names).expect("written");
    (certificates.client("robot", ""), certificates.client("edge", "-extfile names.ext"))
}

fn server(certificates: &Certificates, rules: &str) -> Server {
    Server::with(|setup| {
        guard(setup, rules)
            .tls(certificates)
            .env("REGISTRY_HTTP_TLS_CLIENTCAS_0", certificates.file("ca.crt").display())
            .env("REGISTRY_HTTP_TLS_CLIENTAUTH", "verify-client-cert-if-given")
            .trust(certificates.trust())
    })
}

fn ask(server: &Server, trust: &Trust, request: &Request) -> Response {
    let mut client = Client::try_tls(server.addr(), trust).expect("a handshake");
    client.try_request(request).expect("an answer")
}

#[test]
fn a_rule_may_name_the_certificate_by_its_first_name_or_else_its_subject() {
    let certificates = Certificates::new();
    let (robot, edge) = clients(&certificates);
    let server = server(&certificates, RULES);
    let push = Request::post("/v2/robots/a/blobs/uploads/");
    ask(&server, &robot, &push).expect(202);
    assert_error(&ask(&server, &robot, &Request::get("/v2/team/a/tags/list")), 403, "DENIED");
    assert_error(&ask(&server, &edge, &Request::get("/v2/team/a/tags/list")), 404, "NAME_UNKNOWN");
    assert_error(&ask(&server, &edge, &push), 403, "DENIED");
    ask(&server, &edge, &Request::get("/v2/_catalog")).expect(200);
    assert_eq!(server.access_line(|line| line.route() == "catalog").text("user"), "edge.example.com");
    // Without a certificate a password is asked for, and with both a rule for either counts.
    assert_error(&server.get("/v2/"), 401, "UNAUTHORIZED");
    let both = with_login(Request::post("/v2/team/a/blobs/uploads/"), tests::ALICE);
    ask(&server, &robot, &both).expect(202);
}

#[test]
fn without_rules_a_certificate_takes_nobodys_password_away() {
    let certificates = Certificates::new();
    let (robot, _) = clients(&certificates);
    let server = server(&certificates, "");
    assert_error(&ask(&server, &robot, &Request::get("/v2/")), 401, "UNAUTHORIZED");
    ask(&server, &robot, &with_login(Request::get("/v2/"), tests::ALICE)).expect(200);
}

#[test]
fn what_a_client_says_of_a_certificate_is_not_believed() {
    let certificates = Certificates::new();
    clients(&certificates);
    let base64 = std::fs::read_to_string(certificates.file("robot.crt")).expect("PEM");
    let base64: String = base64.lines().filter(|line| !line.starts_with('-')).collect();
    let forged = |request: Request| request.header("Client-Cert", format!(":{base64}:"));
    let secure = server(&certificates, RULES);
    assert_error(&secure.request(&forged(Request::get("/v2/"))), 401, "UNAUTHORIZED");
    let plain = Server::with(|setup| guard(setup, RULES));
    assert_error(&plain.request(&forged(Request::post("/v2/robots/a/blobs/uploads/"))), 401, "UNAUTHORIZED");
}
