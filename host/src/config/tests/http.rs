//! `http.prefix`, `http.headers` and `http.trustedproxies`.

use super::{assert_says, load, load_environment, refusal, warnings};
use crate::config::Config;
use http::HeaderMap;
use std::net::IpAddr;

#[test]
fn a_prefix_is_a_path_with_or_without_the_slash_at_its_end() {
    for (given, prefix) in [("/", ""), ("/a", "/a"), ("/a/", "/a"), ("/a/b-._~9/", "/a/b-._~9"), ("''", "")] {
        let config = load(&format!("http:\n  prefix: {given}\n"), &[]).unwrap();
        assert_eq!(config.http.prefix, prefix, "{given}");
        let told = config.settings().get("http.prefix").cloned();
        assert_eq!(told.as_deref(), Some(prefix).filter(|prefix| !prefix.is_empty()));
    }
}

#[test]
fn what_is_no_path_is_no_prefix() {
    for given in ["a", "a/", "//", "/a//b", "/a b", "/a/../b", "/./a", "/a?b", "/%61", "/ä", "https://r/a"] {
        let message = refusal(&format!("http:\n  prefix: '{given}'\n"), &[]);
        assert_says(&message, &["FILE, line 3: http.prefix: ", "write a path, as in /registry/"]);
    }
}

#[test]
fn a_host_without_the_prefix_is_worth_a_warning() {
    let with = |host| warnings(&load(&format!("http: {{prefix: /a/, host: '{host}'}}\n"), &[]).unwrap());
    assert_says(&with("https://r.example").concat(), &["http.host names no path"]);
    assert!(with("https://r.example/a").is_empty());
    assert!(warnings(&load("http: {host: 'https://r.example'}\n", &[]).unwrap()).is_empty());
}

/// The headers of an answer that has some of its own.
fn headers(config: &Config, own: &[(&'static str, &str)]) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for (name, value) in own {
        headers.append(*name, value.parse().unwrap());
    }
    config.http.headers.add_to(&mut headers);
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

#[test]
fn headers_are_lists_of_values_under_any_name() {
    let file = "http:
  headers:
    X-Content-Type-Options: [nosniff]
    Access-Control-Allow-Methods: [HEAD, GET]
    Access-Control-Max-Age: [1728000]
    X-Single: value
    X-None: []
    X-Null:
";
    let expected = [
        "x-content-type-options: nosniff",
        "access-control-allow-methods: HEAD",
        "access-control-allow-methods: GET",
        "access-control-max-age: 1728000",
        "x-single: value",
    ];
    let config = load(file, &[]).unwrap();
    assert_eq!(headers(&config, &[]), expected);
    assert!(warnings(&config).is_empty());
    for nothing in ["http:\n  headers:\n", "http:\n  headers: {}\n"] {
        assert!(headers(&load(nothing, &[]).unwrap(), &[]).is_empty());
    }
}

#[test]
fn headers_are_set_by_variables_as_the_guides_of_user_interfaces_write_them() {
    let config = load_environment(&[
        ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "[\"*\"]"),
        ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Methods", "[HEAD,GET,OPTIONS,DELETE]"),
        ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Credentials", "[true]"),
        ("REGISTRY_HTTP_HEADERS_Access-Control-Expose-Headers", "['Docker-Content-Digest']"),
        ("REGISTRY_HTTP_HEADERS_X-From", "[http://ui.example:8080]"),
        ("REGISTRY_HTTP_HEADERS_X-Numbered_1", "second"),
        ("REGISTRY_HTTP_HEADERS_X-Numbered_0", "first"),
    ]);
    let config = config.unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let headers = headers(&config, &[]);
    for expected in [
        "access-control-allow-origin: *",
        "access-control-allow-methods: DELETE",
        "access-control-allow-credentials: true",
        "access-control-expose-headers: Docker-Content-Digest",
        "x-from: http://ui.example:8080",
    ] {
        assert!(headers.iter().any(|header| header == expected), "{expected} is not in {headers:?}");
    }
    assert_eq!(headers[headers.len() - 2..], ["x-numbered: first", "x-numbered: second"]);
}

#[test]
fn a_variable_replaces_one_header_of_the_file_or_all() {
    let file = "http: {headers: {X-A: [one, two], X-B: [three]}}\n";
    let one = load(file, &[("REGISTRY_HTTP_HEADERS_X-a", "[four]")]).unwrap();
    assert_eq!(headers(&one, &[]), ["x-b: three", "x-a: four"]);
    let added = load(file, &[("REGISTRY_HTTP_HEADERS_X-A_2", "four")]).unwrap();
    assert_eq!(headers(&added, &[]), ["x-a: one", "x-a: two", "x-a: four", "x-b: three"]);
    let all = load(file, &[("REGISTRY_HTTP_HEADERS", "{X-C: [five]}")]).unwrap();
    assert_eq!(headers(&all, &[]), ["x-c: five"]);
}

#[test]
fn what_an_answer_says_itself_stays() {
    let file =
        "http: {headers: {Docker-Distribution-Api-Version: [registry/2.0], Cache-Control: [no-store]}}\n";
    let config = load(file, &[]).unwrap();
    let own = [("docker-distribution-api-version", "registry/2.0"), ("cache-control", "max-age=1")];
    assert_eq!(headers(&config, &own).len(), 2);
    assert!(headers(&config, &own).contains(&"cache-control: max-age=1".to_owned()));
}

#[test]
fn a_header_that_cannot_be_or_must_not_be_set_is_refused_and_named() {
    for (given, reason) in [
        ("Content-Length: [1]", "content-length is not the same in every answer; remove it"),
        ("transfer-encoding: [chunked]", "transfer-encoding is not the same in every answer; remove it"),
        ("Connection: [close]", "connection is not the same"),
        ("Www-Authenticate: [Basic]", "www-authenticate is not the same"),
        ("'X Y': [a]", "x y is not the name of a header; write letters, digits and -"),
        ("'X:': [a]", "is not the name of a header"),
        ("X-A: [\"a\\r\\nX-B: b\"]", "a value of x-a has characters that no header may have; write one line"),
        ("X-A: [ä]", "a value of x-a has characters"),
        ("X-A: {b: c}", "takes one value and no names beneath it; write a list of texts"),
        ("X-A: [[b]]", "takes one value; write a list of texts"),
    ] {
        let message = refusal(&format!("http:\n  headers:\n    {given}\n"), &[]);
        assert_says(&message, &["FILE, line 4: http.headers", reason]);
    }
    for scalar in ["a", "[a, b]"] {
        assert_says(&refusal(&format!("http:\n  headers: {scalar}\n"), &[]), &["FILE, line 3: http.headers"]);
    }
    let message = refusal("", &[("REGISTRY_HTTP_HEADERS_X-A", "[*]")]);
    assert_says(
        &message,
        &["the variable REGISTRY_HTTP_HEADERS_X-A: ", "x-a has no list of values", "in quotes"],
    );
    let many: String = (0..101).map(|n| format!("    X-{n}: [a]\n")).collect();
    assert_says(&refusal(&format!("http:\n  headers:\n{many}"), &[]), &["there are more than 100 values"]);
}

#[test]
fn trusted_proxies_are_addresses_networks_and_sockets() {
    let file = "http:\n  trustedproxies: [192.0.2.7, 10.1.2.3/8, 'fd00::/8', '::1', unix]\n";
    let proxies = load(file, &[]).unwrap().http.trustedproxies;
    for (address, trusted) in [
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("10.255.0.1", true),
        ("::ffff:10.255.0.1", true),
        ("11.0.0.1", false),
        ("fd12::1", true),
        ("::1", true),
        ("::2", false),
    ] {
        assert_eq!(proxies.contain(address.parse::<IpAddr>().unwrap()), trusted, "{address}");
    }
    assert!(proxies.local);
    assert!(!load_environment(&[]).unwrap().http.trustedproxies.local);
    for value in ["10.0.0.0/8", "[10.0.0.0/8]", "fd00::/8", "['::1']", "UNIX"] {
        let proxies =
            load_environment(&[("REGISTRY_HTTP_TRUSTEDPROXIES", value)]).unwrap().http.trustedproxies;
        assert_ne!(proxies, Default::default(), "{value}");
    }
    let one = load_environment(&[("REGISTRY_HTTP_TRUSTEDPROXIES_0", "::1")]).unwrap();
    assert!(one.http.trustedproxies.contain("::1".parse().unwrap()));
}

#[test]
fn what_is_no_address_or_network_is_no_trusted_proxy() {
    for given in ["proxy.example", "10.0.0.0/33", "10.0.0", "*", "10.0.0.1:80", "[::1]"] {
        let message = refusal(&format!("http:\n  trustedproxies: ['{given}', unix]\n"), &[]);
        assert_says(
            &message,
            &["FILE, line 3: http.trustedproxies: not one of these; write an address, a network"],
        );
    }
    let message = refusal("http:\n  trustedproxies: {unix: true}\n", &[]);
    assert_says(&message, &["FILE, line 3: http.trustedproxies: takes one value"]);
}
