//! TLS with a directory.
use tests::{Certificates, Directory, Request, Server, assert_error, basic, run};

/// The configuration with another URL, and more lines of `auth.ldap`.
fn config(directory: &Directory, url: &str, more: &str) -> String {
    directory.config(more, "").replace(&directory.url(), url)
}

fn trusting(certificates: &Certificates) -> String {
    format!("    rootcertbundle: {}\n", certificates.file("ca.crt").display())
}

fn lets_in(server: &Server) {
    let ask = |password: &str| {
        server.request(&Request::get("/v2/").header("Authorization", basic("alice", password)))
    };
    ask("wonderland").expect(200);
    assert_error(&ask("wrong"), 401, "UNAUTHORIZED");
}

#[test]
fn passwords_are_checked_over_ldaps_and_after_starttls() {
    let directory = Directory::start();
    let trust = trusting(directory.certificates());
    for host in ["localhost", "127.0.0.1"] {
        let text = config(&directory, &directory.tls_url(host), &trust);
        lets_in(&Server::with(|setup| setup.config(&text)));
    }
    let text = config(&directory, &directory.url(), &format!("{trust}    starttls: true\n"));
    let server = Server::with(|setup| setup.config(&text));
    lets_in(&server);
    assert!(!server.log().contains("in the clear"), "{}", server.log());
    assert!(directory.count("STARTTLS") > 0, "{}", directory.log());
    let clear = directory.guard("", "");
    clear.assert_says("in the clear");
}

#[test]
fn a_certificate_that_does_not_hold_does_not_start_and_names_the_setting() {
    let directory = Directory::start();
    let others = Certificates::new();
    let (trust, other) = (trusting(directory.certificates()), trusting(&others));
    for (url, more, says) in [
        (
            directory.tls_url("localhost"),
            String::new(),
            "rootcertbundle: the certificate of ldaps://localhost",
        ),
        (directory.tls_url("localhost"), other, "name the file of the authority that signed it"),
        (directory.tls_url("127.0.0.2"), trust.clone(), "the host that it is for"),
        (
            directory.url(),
            "    starttls: true\n".into(),
            "rootcertbundle: the certificate of ldap://127.0.0.1",
        ),
        (directory.url(), trust, "there is no TLS to need certificates"),
        (directory.tls_url("localhost"), "    rootcertbundle: /nowhere\n".into(), "/nowhere: "),
        (directory.tls_url("localhost"), "    rootcertbundle: /dev/null\n".into(), "no certificate in it"),
    ] {
        let finished = run(&[], |setup| setup.config(&config(&directory, &url, &more)));
        assert_eq!(finished.code, Some(1), "{url} {more}: {}", finished.output);
        let output = finished.output;
        assert!(output.contains(says) && output.contains("auth.ldap.rootcertbundle"), "{says}: {output}");
    }
}
