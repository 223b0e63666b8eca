//! `http.tls` and `http.net`: settings that are nothing without each other.

use super::{assert_says, load, load_environment, refusal, warnings};
use crate::config::{ClientAuth, Net, TlsVersion};
use rustls::CipherSuite;
use std::path::{Path, PathBuf};

const PAIR: &str = "http:\n  tls:\n    certificate: /c\n    key: /k\n";

#[test]
fn a_certificate_and_its_key_are_files() {
    let config = load(PAIR, &[]).unwrap();
    assert_eq!(config.http.tls.pair(), Some((Path::new("/c"), Path::new("/k"))));
    assert_eq!(config.http.tls.minimum, TlsVersion::Tls12);
    assert!(!config.http.tls.verifies_clients());
    assert!(warnings(&config).is_empty());
    assert_eq!(load_environment(&[]).unwrap().http.tls.pair(), None);
}

#[test]
fn one_without_the_other_is_refused() {
    for (settings, line, name, missing) in [
        ("http:\n  tls:\n    certificate: /c\n", 4, "http.tls.certificate", "its key"),
        ("http:\n  tls:\n    key: /k\n", 4, "http.tls.key", "no certificate"),
        ("http:\n  tls:\n    clientcas: [/c]\n", 4, "http.tls.clientcas", "no certificate"),
        ("http:\n  tls:\n    clientauth: request-client-cert\n", 4, "http.tls.clientauth", "clientcas"),
        ("http:\n  net: unix\n", 3, "http.net", "http.addr"),
    ] {
        assert_says(&refusal(settings, &[]), &[&format!("FILE, line {line}: "), name, missing, "; give"]);
    }
    let message = refusal("", &[("REGISTRY_HTTP_TLS_CERTIFICATE", "/c")]);
    assert_says(&message, &["the variable REGISTRY_HTTP_TLS_CERTIFICATE: http.tls.certificate: "]);
}

#[test]
fn old_versions_of_tls_are_refused_with_the_reason() {
    let minimum = |version| load(&format!("{PAIR}    minimumtls: {version}\n"), &[]);
    assert_eq!(minimum("tls1.2").unwrap().http.tls.minimum, TlsVersion::Tls12);
    assert_eq!(minimum("TLS1.3").unwrap().http.tls.minimum, TlsVersion::Tls13);
    for old in ["tls1.0", "tls1.1"] {
        let message = minimum(old).unwrap_err().to_string();
        assert_says(&message, &["line 6: http.tls.minimumtls", "RFC 8996", "write tls1.2 or tls1.3"]);
    }
    assert_says(&minimum("1.2").unwrap_err().to_string(), &["not a version of TLS; write tls1.2"]);
}

#[test]
fn cipher_suites_have_the_names_that_distribution_has_for_them() {
    let suites =
        "    ciphersuites:\n    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n    - TLS_AES_256_GCM_SHA384\n";
    let config = load(&format!("{PAIR}{suites}"), &[]).unwrap();
    let expected =
        [CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, CipherSuite::TLS13_AES_256_GCM_SHA384];
    assert_eq!(config.http.tls.ciphersuites, expected);

    let message = refusal(&format!("{PAIR}    ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n"), &[]);
    let there = ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"];
    assert_says(&message, &["http.tls.ciphersuites", "not one of the cipher suites", there[0], there[1]]);
    assert!(!message.contains("TLS13_"), "{message}");
}

#[test]
fn clients_certificates_are_required_and_verified_unless_something_else_is_said() {
    let with = |more: &str| load(&format!("{PAIR}    clientcas: [/a, /b]\n{more}"), &[]).unwrap();
    let config = with("");
    assert_eq!(config.http.tls.clientcas, [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(config.http.tls.clientauth, ClientAuth::RequireAndVerify);
    assert_eq!(config.settings()["http.tls.clientcas"], "true");
    for (word, meaning, verified) in [
        ("request-client-cert", ClientAuth::Request, false),
        ("require-any-client-cert", ClientAuth::RequireAny, false),
        ("verify-client-cert-if-given", ClientAuth::VerifyIfGiven, true),
        ("require-and-verify-client-cert", ClientAuth::RequireAndVerify, true),
    ] {
        let config = with(&format!("    clientauth: {word}\n"));
        assert_eq!(config.http.tls.clientauth, meaning);
        assert_eq!(config.settings().contains_key("http.tls.clientcas"), verified, "{word}");
    }
    let message = refusal(&format!("{PAIR}    clientcas: [/a]\n    clientauth: maybe\n"), &[]);
    assert_says(&message, &["line 7: http.tls.clientauth: not one of these; write request-client-cert"]);
    assert!(!message.contains("maybe"), "{message}");
}

#[test]
fn variables_say_the_same_as_the_file() {
    let file = load(&format!("{PAIR}    clientcas: [/a, /b]\n"), &[]).unwrap();
    let pair = [("REGISTRY_HTTP_TLS_CERTIFICATE", "/c"), ("REGISTRY_HTTP_TLS_KEY", "/k")];
    let one = [("REGISTRY_HTTP_TLS_CLIENTCAS", "[/a, /b]")];
    let two = [("REGISTRY_HTTP_TLS_CLIENTCAS_0", "/a"), ("REGISTRY_HTTP_TLS_CLIENTCAS_1", "/b")];
    for list in [one.as_slice(), two.as_slice()] {
        let variables: Vec<_> = pair.iter().chain(list).copied().collect();
        assert_eq!(load_environment(&variables).unwrap().http.tls, file.http.tls);
    }
}

#[test]
fn a_socket_in_the_file_system_has_a_path_for_an_address() {
    let config = load("http:\n  addr: /run/registry.sock\n  net: unix\n", &[]).unwrap();
    assert_eq!((config.http.net, config.http.addr.as_str()), (Net::Unix, "/run/registry.sock"));
    let by_variable = [("REGISTRY_HTTP_NET", "unix"), ("REGISTRY_HTTP_ADDR", "/run/registry.sock")];
    assert_eq!(load_environment(&by_variable).unwrap().http.net, Net::Unix);
    assert_says(&refusal("http:\n  addr: /run/registry.sock\n", &[]), &["http.addr", "host:port"]);
    assert_says(&refusal("http:\n  net: udp\n", &[]), &["http.net", "write tcp or unix"]);
    assert!(warnings(&config).is_empty());
}
