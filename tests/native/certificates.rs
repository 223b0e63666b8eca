//! `pierhead cert self-signed`: what docker and everybody else accepts, made by one command.
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tests::{Certificates, Server, run};

#[test]
fn an_authority_and_a_certificate_are_written_and_only_their_owner_reads_the_keys() {
    let certificates = Certificates::new();
    for (name, mode) in [("ca.crt", 0o644), ("ca.key", 0o600), ("server.crt", 0o644), ("server.key", 0o600)] {
        let file = certificates.file(name);
        let found = fs::metadata(&file).expect(name).permissions().mode() & 0o777;
        assert_eq!(found & 0o077, mode & 0o077 & found, "{name} has the mode {found:o}");
        assert_eq!(found & 0o700, 0o600, "{name} has the mode {found:o}");
    }
    let chain = CertificateDer::pem_file_iter(certificates.file("server.crt")).expect("a file");
    assert_eq!(chain.count(), 2, "the certificate and its authority");
    certificates.openssl("verify -x509_strict -purpose sslserver -CAfile ca.crt server.crt");
    certificates.openssl("x509 -in server.crt -noout -checkend 71000000");
}

#[test]
fn curl_and_openssl_accept_the_certificate_for_each_of_its_hosts_and_no_other() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let port = server.addr().port();
    let asks = |host: &str| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--fail", "--max-time", "10", "--output", "/dev/null", "--cacert"]);
        command.arg(certificates.file("ca.crt")).args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
        let status = command.arg(format!("https://{host}:{port}/v2/")).status();
        status.expect("the tests need curl").success()
    };
    assert!(asks("localhost") && asks("127.0.0.1"));
    assert!(!asks("registry.example.com"));
    let connect = format!("127.0.0.1:{port}");
    let verified = "-verify_return_error -verify_hostname localhost -brief";
    certificates.openssl(&format!("s_client -connect {connect} -CAfile ca.crt {verified}"));
}

#[test]
fn it_says_what_comes_next() {
    let certificates = Certificates::new();
    let out = certificates.file("new folder");
    let out = out.to_str().expect("a temporary folder is UTF-8");
    let hosts = ["--host", "Registry.example.com", "--host", "*.example.com", "--host", "::1"];
    let made = run(&[&["cert", "self-signed", "--out", out], &hosts[..]].concat(), |s| s);
    assert_eq!(made.code, Some(0), "{}", made.output);
    let lines: Vec<&str> = made.output.lines().collect();
    assert_eq!(lines.len(), 5, "{}", made.output);
    assert!(lines[0].contains(&format!("REGISTRY_HTTP_TLS_CERTIFICATE='{out}/server.crt'")), "{}", lines[0]);
    assert!(lines[0].contains(&format!("REGISTRY_HTTP_TLS_KEY='{out}/server.key'")), "{}", lines[0]);
    assert!(lines[1].ends_with("/etc/docker/certs.d/registry.example.com:5000/ca.crt"), "{}", lines[1]);
    assert!(lines[2].starts_with(&format!("curl --cacert '{out}/ca.crt' https://registry.")), "{}", lines[2]);
    assert!(lines[4].ends_with(" https://[::1]:5000/v2/"), "{}", lines[4]);
}

#[test]
fn what_is_there_is_never_written_over() {
    let help = run(&["cert", "self-signed", "--help"], |s| s).output;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("Where one of them is there already, nothing is written."), "{help}");
    let certificates = Certificates::new();
    let files = ["ca.crt", "ca.key", "server.crt", "server.key"];
    for present in files {
        let out = certificates.file(&format!("with-{present}"));
        fs::create_dir(&out).expect("a folder can be made");
        fs::write(out.join(present), "mine").expect("a file can be written");
        let out_text = out.to_str().expect("a temporary folder is UTF-8");
        let finished = run(&["cert", "self-signed", "--host", "a", "--out", out_text], |s| s);
        assert_eq!(finished.code, Some(1), "{}", finished.output);
        assert!(finished.output.contains(&format!("{present} is there already")), "{}", finished.output);
        assert!(finished.output.contains("--out"), "{}", finished.output);
        assert_eq!(fs::read_to_string(out.join(present)).expect("it is there"), "mine");
        assert_eq!(fs::read_dir(&out).expect("a folder").count(), 1, "nothing else is written");
    }
}

#[test]
fn hosts_that_are_none_are_refused() {
    for host in ["https://registry.example.com", "registry:5000", "[::1]", "a b", "", ".", "a..b", "*", "a*"]
    {
        let finished = run(&["cert", "self-signed", "--host", host, "--out", "/nonexistent/folder"], |s| s);
        assert_eq!(finished.code, Some(1), "{host:?}: {}", finished.output);
        assert!(finished.output.contains("not a host; write"), "{host:?}: {}", finished.output);
    }
    let finished = run(&["cert", "self-signed", "--host", "a", "--out", "/proc/nothing"], |s| s);
    assert_eq!(finished.code, Some(1));
    assert!(finished.output.contains("/proc/nothing cannot be written"), "{}", finished.output);
    assert_eq!(run(&["cert", "self-signed"], |s| s).code, Some(2));
}
