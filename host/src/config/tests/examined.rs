//! `config check`: what a configuration comes to, to its end.

use super::*;
use crate::config::{Examined, Verdict};

fn examine(settings: &str, env: &[(&str, &str)]) -> Examined {
    let file = file(format!("version: 0.1\n{settings}").as_bytes());
    Config::examine(Some(&file.0), variables(env).into_iter())
}

/// The findings as people see them.
fn lines(examined: &Examined) -> Vec<String> {
    examined.findings.iter().map(|finding| shorten(&finding.to_string())).collect()
}

/// The files that distribution ships, and the examples in its documentation.
const SHIPPED: [(&str, &str); 8] = [
    ("example-3.1.1", include_str!("distribution/example-3.1.1.yml")),
    ("example-2.8.3", include_str!("distribution/example-2.8.3.yml")),
    ("dev-3.1.1", include_str!("distribution/dev-3.1.1.yml")),
    ("dev-2.8.3", include_str!("distribution/dev-2.8.3.yml")),
    ("cache-3.1.1", include_str!("distribution/cache-3.1.1.yml")),
    ("cache-2.8.3", include_str!("distribution/cache-2.8.3.yml")),
    ("documented-3.1.1", include_str!("distribution/documented-3.1.1.yml")),
    ("documented-2.8.3", include_str!("distribution/documented-2.8.3.yml")),
];

/// What its code knows besides.
const UNDOCUMENTED: &str = "\
version: 0.1
log: {reportcaller: true}
storage:
  filesystem: {rootdirectory: /r}
  cache: {layerinfo: inmemory}
http:
  net: tcp
  tls: {certificate: /c, key: /k, minimumtls: tls1.2, ciphersuites: [TLS_AES_128_GCM_SHA256]}
auth:
  token: {realm: r, service: s, issuer: i, jwks: /j, autoredirect: true, autoredirectpath: /auth/token}
catalog: {maxentries: 100}
validation: {enabled: true, disabled: false, manifests: {indexes: {platforms: none}}}
policy: {repository: {classes: [image]}}
proxy: {cachewritetimeout: 1m}
redis: {sentinelusername: u, mastername: m, connmaxlifetime: 1m}
health: {storagedriver: {enabled: true}}
notifications: {endpoints: [{name: n, url: 'https://n', ignoredmediatypes: [a]}]}
";

#[test]
fn every_setting_that_distribution_ships_or_documents_is_known() {
    for (name, text) in SHIPPED.into_iter().chain([("undocumented", UNDOCUMENTED)]) {
        let file = file(text.as_bytes());
        let examined = Config::examine(Some(&file.0), std::iter::empty());
        assert!(examined.findings.len() > 5, "{name}: {:#?}", lines(&examined));
        for finding in &examined.findings {
            match &finding.verdict {
                Verdict::Unknown(_) => panic!("{name}: {finding}"),
                // What is refused is what this version says it does not support, and no typing error of its table.
                Verdict::Fault(fault) => {
                    let expected = matches!(fault, ConfigError::Unsupported { .. })
                        || fault.to_string().contains("signingalgorithms")
                        // Placeholders in brackets, for which people write their own.
                        || fault.to_string().contains(" proxy.")
                        || fault.to_string().contains(".headers: a group of settings")
                        || fault.to_string().contains("choose one")
                        || fault.to_string().contains("a second place for content")
                        || fault.to_string().contains("not from both");
                    assert!(expected, "{name}: {fault}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn the_files_of_the_image_of_the_development_image_and_of_a_cache_start() {
    let starts = |name: &str| name.starts_with("dev") || name.starts_with("cache") || name == "example-2.8.3";
    for (name, text) in SHIPPED.iter().filter(|(name, _)| starts(name)) {
        let file = file(text.as_bytes());
        assert!(Config::load(Some(&file.0), std::iter::empty()).is_ok(), "{name}");
    }
}

#[test]
fn all_faults_are_told_and_not_the_first_alone() {
    let examined = examine(
        "http:\n  addr: nowhere\n  draintimeout: 60\n  host: !x y\nlog:\n  level: loud\nauth:\n  silly: {}\n\
         storage:\n  gcs: {bucket: b}\nlimits: 7\naccess:\n- {who: a, how: b}\nproxy: {remoteurl: r}\n",
        &[("REGISTRY_LIMITS_MEMORY", "much"), ("REGISTRY_HTTP", "")],
    );
    let faults = lines(&examined).join("\n");
    for part in [
        "line 3: http.addr",
        "line 4: http.draintimeout",
        "line 5: not a plain value",
        "line 7: log.level",
        "line 9: auth.silly",
        "line 11: storage.gcs.bucket",
        "line 12: limits",
        "line 14: access.0.how",
        "line 15: proxy.remoteurl",
        "REGISTRY_LIMITS_MEMORY",
        "REGISTRY_HTTP: ",
    ] {
        assert!(faults.contains(part), "{part} is not told:\n{faults}");
    }
    assert_eq!(faults.lines().filter(|line| line.starts_with("wrong: ")).count(), 12, "{faults}");
}

#[test]
fn what_becomes_of_each_setting_is_said() {
    let examined = examine(
        "http:\n  addr: :5000\n  secret: s\n  adr: :1\nredis:\n  db: 0\nhealth:\nstorage:\n  maintenance: {}\n",
        &[("REGISTRY_LOG_LEVEL", "debug"), ("REGISTRY_LOG_LEVL", "debug"), ("REGISTRY_PORT", "tcp://h:1")],
    );
    let expected = [
        "honoured: FILE, line 3: http.addr",
        "needed for nothing: FILE, line 4: http.secret: uploads carry nothing that would have to be signed",
        "unknown: FILE, line 5: http.adr: the nearest is http.addr",
        "without effect: FILE, line 7: redis.db: a server for the cache: none is used",
        "honoured: the variable REGISTRY_LOG_LEVEL: log.level",
        "unknown: the variable REGISTRY_LOG_LEVL: log.levl: the nearest is REGISTRY_LOG_LEVEL",
    ];
    assert_eq!(lines(&examined), expected);
}

#[test]
fn the_effective_configuration_says_the_same_as_the_one_that_was_given() {
    let rules = "access:\n- {who: [a, 'group:x y'], repositories: '**', actions: [pull, push]}\n- who: authenticated\n  \
                 repositories: [\"a/*\", b-c]\n  actions: '*'\nauth: {htpasswd: {path: '/p q', realm: \"R: \\\"x\\\"\"}}\n";
    for (settings, env) in [
        ("", &[][..]),
        ("loglevel: debug\n", &[]),
        (rules, &[("REGISTRY_AUTH_HTPASSWD_REMEMBER", "0"), ("REGISTRY_ACCESS_1_WHO", "[x, y]")]),
        (
            "log: {fields: {service: registry, a.b: '1'}}\nstorage: {filesystem: {rootdirectory: 007}}\n",
            &[("REGISTRY_STORAGE_DELETE", "{enabled: yes}"), ("REGISTRY_LOG_FIELDS_ENVIRONMENT", "\"true\"")],
        ),
        (
            "http: {addr: '[::1]:5000', tls: {certificate: /c, key: /k, clientcas: [/a, '/b c'], ciphersuites: \
             [TLS_AES_128_GCM_SHA256]}}\n",
            &[],
        ),
        (
            "auth: {token: {realm: 'https://r', service: s, issuer: i, jwks: /j, signingalgorithms: [ES256]}}\n",
            &[],
        ),
        (
            "validation: {manifests: {urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: x}, indexes: \
             {platforms: List, platformlist: [{architecture: amd64, os: linux}]}}}\n",
            &[("REGISTRY_VALIDATION_DISABLED", "true")],
        ),
    ] {
        let examined = examine(settings, env);
        let faults = lines(&examined).join("\n");
        assert!(!faults.contains("wrong: "), "{faults}");
        let text = examined.effective();
        let file = file(text.as_bytes());
        let mut again =
            Config::load(Some(&file.0), std::iter::empty()).unwrap_or_else(|e| panic!("{e}:\n{text}"));
        again.warnings.clone_from(&examined.config.warnings);
        assert_eq!(again, examined.config, "{text}");
    }
}

#[test]
fn the_effective_configuration_tells_where_each_value_comes_from() {
    let examined = examine("http:\n  addr: :5000\n", &[("REGISTRY_STORAGE_DELETE_ENABLED", "true")]);
    let text = examined.effective();
    for line in [
        "version: 0.1\n",
        "\n    enabled: true  # the variable REGISTRY_STORAGE_DELETE_ENABLED\n",
        "\n  draintimeout: 30s  # default\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains("\n  addr: :5000  # ") && text.contains(".yml, line 3\n"), "{text}");
}

#[test]
fn no_value_that_is_not_honoured_and_no_secret_is_shown() {
    const SECRET: &str = "hunter2secret";
    let text = "http: {secret: @}\nredis: {password: @}\nnotifications: {endpoints: [{headers: {Authorization: [@]}}]}\n\
                unknown: @\nproxy: {remoteurl: https://r, username: u, password: @}\nlog: {hooks: [{options: {smtp: {password: @}}}]}\n";
    let examined = examine(&text.replace('@', SECRET), &[("REGISTRY_HTTP_SECRET", SECRET)]);
    let shown = [lines(&examined).join("\n"), examined.effective()].concat();
    assert!(!shown.contains(SECRET), "{shown}");

    let ldap = |more: &str| {
        examine(&format!("auth: {{ldap: {{url: ldaps://a, basedn: dc=a, binddn: cn=b, {more}}}}}\n"), &[])
            .effective()
    };
    let (password, file) =
        (ldap(&format!("bindpassword: {SECRET}")), ldap("bindpasswordfile: /run/password"));
    assert!(!password.contains(SECRET) && password.contains("bindpassword: \"(hidden)\""), "{password}");
    assert!(file.contains("bindpasswordfile: /run/password"), "{file}");
}

#[test]
fn a_file_that_is_too_deep_or_too_large_or_no_file_is_refused_at_once() {
    for text in [
        "version: 0.1\nhttp: ".to_owned() + &"[".repeat(200_000),
        "version: 0.1\nhttp: ".to_owned() + &"{a: ".repeat(5_000),
        format!("version: 0.1\nhttp: {}{}\n", "[".repeat(5_000), "]".repeat(5_000)),
        "version: 0.1\nhttp: ".to_owned() + &"- ".repeat(5_000),
        (0..5_000)
            .fold("version: 0.1\n".to_owned(), |text, depth| text + &" ".repeat(depth.min(70)) + "a:\n"),
    ] {
        let file = file(text.as_bytes());
        let message =
            Config::load(Some(&file.0), std::iter::empty()).expect_err("it is nonsense").to_string();
        assert_says(&message, &[".yml, line "]);
    }
    let message = refusal(&format!("http: {}{}\n", "[".repeat(100), "]".repeat(100)), &[]);
    assert_says(&message, &["FILE, line 2", "more than 64 deep"]);
    let deep = format!("http: {}{}\n", "[".repeat(60), "]".repeat(60));
    assert_says(&refusal(&deep, &[]), &["FILE, line 2: http: a group of settings"]);

    let large = file(&vec![b'#'; (1 << 20) + 1]);
    let message = Config::load(Some(&large.0), std::iter::empty()).unwrap_err().to_string();
    assert_says(&message, &[".yml: cannot be read (more than 1MiB)"]);
    let folder = std::env::temp_dir();
    let message = Config::load(Some(&folder), std::iter::empty()).unwrap_err().to_string();
    assert_says(&message, &["cannot be read", "directory", "name a configuration file"]);
    let message = Config::load(Some("/dev/zero".as_ref()), std::iter::empty()).unwrap_err().to_string();
    assert_says(&message, &["more than 1MiB"]);
    let latin = file(b"version: 0.1\nlog:\n  fields: {a: \xe4}\n");
    let message = Config::load(Some(&latin.0), std::iter::empty()).unwrap_err().to_string();
    assert_says(&message, &["line 3: not text in UTF-8"]);
}

#[test]
fn a_variable_that_is_nested_too_deep_is_taken_as_the_text_it_is() {
    let value = "[".repeat(100_000);
    let message = load_environment(&[("REGISTRY_HTTP_DRAINTIMEOUT", &value)]).unwrap_err().to_string();
    assert_says(&message, &["http.draintimeout", "not a duration"]);
}

#[test]
fn a_large_file_is_read_in_seconds() {
    let names = (0..10_000).fold(String::new(), |text, at| text + &format!("x{at}: \"{at}\"\n"));
    let begun = std::time::Instant::now();
    assert!(load(&names, &[]).is_ok());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
