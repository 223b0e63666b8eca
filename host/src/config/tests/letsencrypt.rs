//! `http.tls.letsencrypt`: certificates from an authority.

use super::{assert_says, load, load_environment, refusal, warnings};
use std::path::PathBuf;

const BLOCK: &str = "http:\n  tls:\n    letsencrypt:\n      cachefile: /c\n";

#[test]
fn distributions_settings_are_taken_as_they_stand_in_its_documentation() {
    let more = "      email: operator@example.com\n      hosts: [registry.example.com, Other.example.com, \
                registry.example.com]\n      directoryurl: https://ca.example.com:14000/dir\n";
    let config = load(&format!("{BLOCK}{more}"), &[]).unwrap();
    let settings = &config.http.tls.letsencrypt;
    assert_eq!(settings.cachefile, Some(PathBuf::from("/c")));
    assert_eq!(settings.email, "operator@example.com");
    assert_eq!(settings.hosts, ["registry.example.com", "other.example.com"]);
    assert_eq!(settings.directoryurl, "https://ca.example.com:14000/dir");
    assert_eq!(settings.directoryca, None);
    assert!(config.http.tls.is_on() && config.http.tls.pair().is_none());
    assert!(warnings(&config).is_empty());

    let host = format!("{BLOCK}      hosts: [registry.example.com]\n      email: ''\n");
    let config = load(&format!("{host}    clientcas: [/a]\n"), &[]).unwrap();
    assert!(config.http.tls.verifies_clients());
    let settings = &config.http.tls.letsencrypt;
    assert_eq!(settings.directoryurl, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!(settings.email, "");
}

#[test]
fn variables_say_the_same_as_the_file() {
    let file = load(&format!("{BLOCK}      hosts: [a.example.com, b.example.com]\n"), &[]).unwrap();
    let cachefile = ("REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE", "/c");
    let list = [cachefile, ("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS", "[a.example.com, b.example.com]")];
    assert_eq!(load_environment(&list).unwrap().http.tls, file.http.tls);
    let entries = [
        cachefile,
        ("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_0", "a.example.com"),
        ("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_1", "b.example.com"),
    ];
    assert_eq!(load_environment(&entries).unwrap().http.tls, file.http.tls);
}

#[test]
fn what_would_get_no_certificate_is_refused() {
    let hosts = "      hosts: [registry.example.com]\n";
    for (settings, line, name, parts) in [
        (BLOCK.to_owned(), 5, "letsencrypt.cachefile", ["no name", "; give http.tls.letsencrypt.hosts"]),
        (
            format!("http:\n  tls:\n    letsencrypt:\n{hosts}"),
            5,
            "letsencrypt.hosts",
            ["no TLS", "; give http.tls.letsencrypt.cachefile"],
        ),
        (
            format!("{BLOCK}{hosts}    certificate: /c\n    key: /k\n"),
            7,
            "http.tls.certificate",
            ["not from both", "; remove it"],
        ),
        (format!("{BLOCK}{hosts}    key: /k\n"), 7, "http.tls.key", ["not from both", "; remove it"]),
    ] {
        let message = refusal(&settings, &[]);
        assert_says(&message, &[&format!("FILE, line {line}: "), name, parts[0], parts[1]]);
    }
    // Distribution does not use the block beside files.
    let unused = format!("http:\n  tls:\n    certificate: /c\n    key: /k\n    letsencrypt:\n{hosts}");
    assert!(load(&unused, &[]).unwrap().http.tls.pair().is_some());
}

#[test]
fn values_that_no_authority_can_take_are_refused_with_what_would_be_right() {
    for (setting, parts) in [
        ("hosts: ['*.example.com']", ["all names of a domain", "as in registry.example.com"]),
        ("hosts: [régistry.example.com]", ["xn--", "as in registry.example.com"]),
        ("hosts: ['https://registry.example.com']", ["not a name of DNS", "as in registry.example.com"]),
        ("hosts: ['registry.example.com:443']", ["not a name of DNS", "as in registry.example.com"]),
        ("hosts: [192.0.2.1]", ["not a name of DNS", "as in registry.example.com"]),
        ("hosts: [..]", ["not a name of DNS", "as in registry.example.com"]),
        ("email: operator", ["not an address of e-mail", "write an e-mail address"]),
        ("email: 'a@example.com,b@example.com'", ["not an address of e-mail", "write an e-mail address"]),
        ("directoryurl: http://ca.example.com/directory", ["https:// alone", "as in https://ca.example.com"]),
        ("directoryurl: https://", ["not a URL", "as in https://ca.example.com"]),
    ] {
        assert_says(
            &refusal(&format!("{BLOCK}      {setting}\n"), &[]),
            &["FILE, line 6: ", parts[0], parts[1]],
        );
    }
}
