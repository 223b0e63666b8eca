//! The environment.

use super::*;

#[test]
fn a_variable_wins_over_the_file() {
    let config = load(
        "http:\n  addr: :5000\nstorage:\n  delete:\n    enabled: false\n",
        &[("REGISTRY_HTTP_ADDR", "[::1]:6000"), ("REGISTRY_STORAGE_DELETE_ENABLED", "true")],
    )
    .unwrap();
    assert_eq!(config.http.addr, "[::1]:6000");
    assert!(config.storage.delete);
}

#[test]
fn a_variable_may_hold_a_map() {
    let config = load_environment(&[("REGISTRY_STORAGE_DELETE", "{enabled: true}")]).unwrap();
    assert!(config.storage.delete);
    let config = load_environment(&[
        ("REGISTRY_LIMITS", "{requests: 5, connections: 6}"),
        ("REGISTRY_LIMITS_CONNECTIONS", "7"),
    ])
    .unwrap();
    assert_eq!((config.limits.requests, config.limits.connections), (5, 7), "the longer name comes later");
    // In distribution the first of these two stops the server with a panic.
    for (name, value) in [("READONLY_ENABLED", "true"), ("READONLY", "{\"enabled\": true}")] {
        let config = load_environment(&[(&format!("REGISTRY_STORAGE_MAINTENANCE_{name}"), value)]).unwrap();
        assert!(config.storage.readonly, "{name}");
    }
}

#[test]
fn an_empty_variable_takes_back_what_the_file_says() {
    let file = "http:\n  addr: :80\n  host: https://h\nauth: {htpasswd: {path: /p}}\n";
    let env = [("REGISTRY_HTTP_ADDR", ""), ("REGISTRY_HTTP_HOST", "~"), ("REGISTRY_AUTH", "")];
    let config = load(file, &env).unwrap();
    assert_eq!(config.http.addr, "127.0.0.1:5000");
    assert_eq!(config.http.host, None);
}

#[test]
fn a_variable_of_spaces_is_an_empty_one() {
    for value in ["", " ", "\t", "\n\t"] {
        let config = load("http: {prefix: /registry/}\n", &[("REGISTRY_HTTP_PREFIX", value)]).unwrap();
        assert_eq!(config.http.prefix, "", "{value:?}");
        let moved = refusal("", &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", value)]);
        assert_says(&moved, &["storage.filesystem.rootdirectory: empty"]);
    }
}

#[test]
fn an_empty_variable_never_moves_the_storage() {
    let file = "storage: {filesystem: {rootdirectory: /srv}}\n";
    for name in
        ["REGISTRY_STORAGE", "REGISTRY_STORAGE_FILESYSTEM", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"]
    {
        for value in ["", " ", "~", "{}"] {
            let message = refusal(file, &[(name, value)]);
            assert_says(&message, &[&format!("the variable {name}")]);
        }
    }
}

#[test]
fn naming_the_storage_in_use_keeps_its_directory() {
    let file = "storage: {filesystem: {rootdirectory: /srv}}\n";
    let config = load(file, &[("REGISTRY_STORAGE", "filesystem")]).unwrap();
    assert_eq!(config.storage.filesystem.rootdirectory, PathBuf::from("/srv"));
    assert!(warnings(&config).is_empty());
}

#[test]
fn a_variable_that_asks_for_what_is_not_built_refuses_to_start_and_names_itself() {
    for (name, value, setting) in [
        ("REGISTRY_STORAGE", "gcs", "storage"),
        ("REGISTRY_STORAGE_GCS_BUCKET", "b", "storage.gcs.bucket"),
        ("REGISTRY_STORAGE_INMEMORY", "", "storage.inmemory"),
        ("REGISTRY_AUTH", "silly", "auth"),
        ("REGISTRY_AUTH", "{silly: {realm: r}}", "auth.silly.realm"),
        ("REGISTRY_AUTH_SILLY_REALM", "r", "auth.silly.realm"),
        ("REGISTRY_PROXY_EXEC_COMMAND", "/usr/bin/helper", "proxy.exec.command"),
    ] {
        let message = refusal("", &[(name, value)]);
        let start = format!("the variable {name}: {setting}: this version does not support this");
        assert_says(&message, &[&start]);
    }
}

#[test]
fn a_variable_replaces_the_block_of_the_file_that_it_names() {
    let file = "auth: {htpasswd: {path: /p}}\nhttp: {tls: {certificate: /c}}\n";
    assert!(load(file, &[("REGISTRY_AUTH", "none"), ("REGISTRY_HTTP_TLS", "{certificate: }")]).is_ok());
    assert!(load(file, &[("REGISTRY_AUTH", "none"), ("REGISTRY_HTTP_TLS_CERTIFICATE", "")]).is_ok());
    assert!(load("auth: none\n", &[("REGISTRY_AUTH", "silly")]).is_err());
}

#[test]
fn variables_that_kubernetes_makes_for_services_are_ignored_without_a_word() {
    let config = load_environment(&[
        ("REGISTRY_PORT", "tcp://10.0.0.1:5000"),
        ("REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
        ("REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"),
        ("REGISTRY_PORT_5000_TCP_PORT", "5000"),
        ("REGISTRY_PORT_5000_TCP_PROTO", "tcp"),
        ("REGISTRY_SERVICE_HOST", "10.0.0.1"),
        ("REGISTRY_SERVICE_PORT", "5000"),
        ("REGISTRY_SERVICE_PORT_HTTP", "5000"),
        ("REGISTRY_AUTH_PORT", "tcp://10.0.0.2:5001"),
        ("REGISTRY_AUTH_PORT_5001_TCP_ADDR", "10.0.0.2"),
        ("REGISTRY_AUTH_SERVICE_HOST", "10.0.0.2"),
        ("REGISTRY_AUTH_SERVICE_PORT", "5001"),
        ("REGISTRY_HTTP_SERVICE_HOST", "10.0.0.3"),
        ("REGISTRY_HTTP_PORT_53_UDP", "udp://10.0.0.3:53"),
    ])
    .unwrap();
    assert_eq!(config, load_environment(&[]).unwrap());
}

#[test]
fn an_unknown_variable_warns_with_the_nearest_known_one_and_never_stops_the_start() {
    for (name, nearest) in [
        ("REGISTRY_HTTP_ADR", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_DELETE_ENABLED", "REGISTRY_STORAGE_DELETE_ENABLED"),
        ("REGISTRY_HTTP_ADDR_PORT", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_URL", "docs/configuration.md"),
        ("REGISTRY_", "docs/configuration.md"),
        ("REGISTRY_HTTP_", "docs/configuration.md"),
        ("REGISTRY__HTTP_ADDR", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_FQDN_AND_PORT", "docs/configuration.md"),
        ("REGISTRY_PORT", "docs/configuration.md"),
        ("REGISTRY_VERSION", "the file alone has a version"),
    ] {
        for value in ["5000", "", "a: [b", "\""] {
            let warnings = warnings(&load_environment(&[(name, value)]).unwrap());
            let warned = warnings.iter().any(|w| w.contains(name) && w.contains(nearest));
            assert!(warned, "{name}={value}: {warnings:?}");
        }
    }
}

#[test]
fn a_map_in_an_unknown_variable_is_as_unknown() {
    let config = load_environment(&[("REGISTRY_XYZZY", "{x: y, z: [1]}")]).unwrap();
    assert_eq!(config.warnings.len(), 2);
    assert_says(&config.warnings[0], &["REGISTRY_XYZZY is unknown"]);
}

#[test]
fn other_variables_and_the_one_that_names_the_file_are_not_looked_at() {
    let env = [("REGISTRY_CONFIGURATION_PATH", "/etc/x.yml"), ("PATH", "/bin"), ("REGISTRYX", "1")];
    assert!(load_environment(&env).unwrap().warnings.is_empty());
}

#[test]
fn a_wrong_value_names_the_variable_and_what_would_be_right() {
    for (name, value, parts) in [
        ("REGISTRY_STORAGE_DELETE_ENABLED", "maybe", &["storage.delete.enabled", "true or false"][..]),
        ("REGISTRY_LOG", "debug", &["a group of settings", "set one of REGISTRY_LOG_LEVEL"]),
        ("REGISTRY_LIMITS_MEMORY", "-1", &["limits.memory", "64MiB"]),
        ("REGISTRY_HTTP_ADDR", "[a, b]", &["http.addr", ":port"]),
        ("REGISTRY_HTTP_DRAINTIMEOUT", "30", &["http.draintimeout", "60s"]),
    ] {
        let message = load_environment(&[(name, value)]).unwrap_err().to_string();
        assert_says(&message, &[&format!("the variable {name}: ")]);
        assert_says(&message, parts);
    }
}

#[test]
fn what_yaml_takes_for_names_in_the_value_of_a_variable_is_not_shown() {
    for name in [
        "REGISTRY_HTTP_SECRET",
        "REGISTRY_REDIS_PASSWORD",
        "REGISTRY_PROXY_PASSWORD",
        "REGISTRY_STORAGE_S3_SECRETKEY",
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL",
        "REGISTRY_HTTP_HOST",
        "REGISTRY_TYPO_PASSWORD",
        "REGISTRY_AUTH_LDAP_BINDPASSWORT",
    ] {
        for value in ["hunter2: x", "{hunter2: x, hunter2: y}", "hunter2:", "- hunter2: x"] {
            let examined = Config::examine(None, variables(&[(name, value)]).into_iter());
            let told = format!(
                "{:?} {:?}",
                examined.config.warnings,
                crate::config::judge::warnings(&examined.findings)
            );
            let lines: Vec<String> = examined.findings.iter().map(ToString::to_string).collect();
            assert!(!told.contains("hunter2") && !lines.concat().contains("hunter2"), "{told} {lines:?}");
            assert!(lines.iter().all(|line| line.contains(name)), "{name}={value}: {lines:?}");
        }
    }
    let message = load_environment(&[("REGISTRY_HTTP_HOST", "https://h:")]).unwrap_err().to_string();
    assert_says(&message, &["the variable REGISTRY_HTTP_HOST: http.host: takes one value", "a URL"]);
}

#[test]
fn a_switch_by_variable_takes_every_spelling_of_yaml() {
    for (value, expected) in
        [("true", true), ("True", true), ("yes", true), ("on", true), ("false", false), ("No", false)]
    {
        let config = load_environment(&[("REGISTRY_STORAGE_DELETE_ENABLED", value)]).unwrap();
        assert_eq!(config.storage.delete, expected, "{value}");
    }
}
