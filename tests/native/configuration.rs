//! The command line, the configuration file and the environment.
use std::path::Path;
use tests::{Image, Server, run};

/// Expects a server with this configuration file to refuse to start and to name the key.
#[track_caller]
fn assert_refused(config: &str, key: &str) {
    let finished = run(&[], |s| s.config(config));
    assert_eq!(finished.code, Some(1), "{config}: {}", finished.output);
    assert!(finished.output.contains(key), "{key} is not named: {}", finished.output);
}

const FILE: &str =
    "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\nhttp:\n  addr: 127.0.0.1:{port}\n";

#[test]
fn the_version_and_the_help_are_told() {
    let version = run(&["--version"], |s| s);
    assert_eq!(version.code, Some(0));
    assert!(
        version.output.starts_with(concat!("pierhead ", env!("CARGO_PKG_VERSION"))),
        "{}",
        version.output
    );
    for arguments in [&["--help"][..], &["serve", "--help"]] {
        let help = run(arguments, |s| s);
        assert_eq!(help.code, Some(0));
        assert!(help.output.contains("serve"), "{}", help.output);
        assert!(help.output.contains("Usage:"), "{}", help.output);
    }
    let serve = run(&["serve", "--help"], |s| s).output;
    assert!(serve.contains("CONFIG") && serve.contains("--component"), "{serve}");
}

#[test]
fn a_dry_run_of_purging_says_what_would_be_removed() {
    let server = Server::with(|s| {
        s.env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING", "{age: 1ms, interval: 100ms, dryrun: true}")
    });
    let upload = tests::start_upload(&server, "a");
    server.assert_says("uploads that nobody finished would be removed");
    assert!(!server.log().contains("removed uploads"), "{}", server.log());
    server.get(&upload).expect(204);
}

#[test]
fn a_command_that_is_none_is_refused_with_the_usage() {
    for arguments in [&["sevre"][..], &["serve", "--nothing"], &["serve", "a", "b"]] {
        let finished = run(arguments, |s| s);
        assert_eq!(finished.code, Some(2), "{}", finished.output);
        assert!(finished.output.contains("--help"), "{}", finished.output);
    }
}

#[test]
fn a_file_alone_configures_the_server() {
    let server = Server::with(|s| s.by_file_alone().config(&format!("{FILE}log:\n  level: info\n")));
    Image::oci(1).push(&server, "a", "latest");
    assert!(server.tree().join("repositories/a").is_dir(), "the data lie elsewhere");
    assert_eq!(server.delete("/v2/a/manifests/latest").status, 405);
}

#[test]
fn the_environment_can_name_the_file() {
    let file = std::env::temp_dir().join(format!("pierhead-named-{}.yml", std::process::id()));
    std::fs::write(&file, "version: 0.1\nstorage:\n  filesystem: {}\n  delete:\n    enabled: true\n")
        .expect("a file");
    let server = Server::with(|s| s.env("REGISTRY_CONFIGURATION_PATH", file.display()));
    std::fs::remove_file(&file).expect("the file");
    Image::oci(1).push(&server, "a", "latest");
    server.delete("/v2/a/manifests/latest").expect(202);
}

#[test]
fn the_file_can_allow_deletion() {
    let config = FILE.replace("storage:\n", "storage:\n  delete:\n    enabled: true\n");
    let server = Server::with(|s| s.by_file_alone().config(&config));
    Image::oci(1).push(&server, "a", "latest");
    server.delete("/v2/a/manifests/latest").expect(202);
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = "version: 0.1\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: /nonexistent\nhttp:\n  addr: 127.0.0.1:1\n";
    let server = Server::with(|s| s.config(config).env("REGISTRY_STORAGE_DELETE_ENABLED", "false"));
    Image::oci(1).push(&server, "a", "latest");
    assert_eq!(server.delete("/v2/a/manifests/latest").status, 405);
    assert!(!Path::new("/nonexistent").exists(), "the folder of the file was made");
}

#[test]
fn an_address_may_be_a_port_alone_or_ipv6() {
    for listen in [":{port}", "0.0.0.0:{port}", "localhost:{port}", "[::1]:{port}"] {
        let server = Server::with(|s| s.listen(listen));
        server.get("/v2/").expect(200);
    }
}

#[test]
fn an_address_that_is_none_or_is_taken_is_refused_and_named() {
    for addr in ["nowhere", "127.0.0.1", "127.0.0.1:99999", ":port", "[::1"] {
        let finished = run(&[], |s| s.env("REGISTRY_HTTP_ADDR", addr));
        assert_eq!(finished.code, Some(1), "{addr}: {}", finished.output);
        assert!(finished.output.contains("http.addr"), "{addr}: {}", finished.output);
    }
    let server = Server::start();
    let taken = server.addr();
    let finished = run(&[], |s| s.env("REGISTRY_HTTP_ADDR", taken));
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains(&taken.to_string()), "{}", finished.output);
    server.get("/v2/").expect(200);
}

#[test]
fn what_this_version_cannot_do_safely_is_refused_at_once_and_named() {
    for (block, key) in [
        ("auth:\n  silly:\n    realm: a\n", "auth"),
        ("auth:\n  token:\n    realm: a\n", "auth"),
        ("proxy:\n  remoteurl: https://registry.example\n  exec: {command: c}\n", "proxy.exec"),
    ] {
        assert_refused(&format!("{FILE}{block}"), key);
    }
    let letsencrypt = format!("{FILE}  tls:\n    letsencrypt:\n      email: a@example.com\n");
    assert_refused(&letsencrypt, "http.tls.letsencrypt");
    for storage in ["s3:\n    bucket: a\n    region: b", "inmemory: {}", "azure:\n    accountname: a"] {
        let name = storage.split(':').next().expect("a name");
        assert_refused(&format!("version: 0.1\nstorage:\n  {storage}\n"), name);
    }
}

#[test]
fn the_environment_cannot_ask_for_it_either() {
    for (name, value, key) in [
        ("REGISTRY_AUTH", "silly", "auth"),
        ("REGISTRY_AUTH_SILLY_PATH", "/b", "auth"),
        ("REGISTRY_PROXY_EXEC_COMMAND", "/usr/bin/helper", "proxy.exec"),
        ("REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL", "a@example.com", "letsencrypt"),
        ("REGISTRY_STORAGE", "s3", "storage"),
        ("REGISTRY_STORAGE_S3_BUCKET", "a", "s3"),
    ] {
        let finished = run(&[], |s| s.env(name, value));
        assert_eq!(finished.code, Some(1), "{name}: {}", finished.output);
        assert!(finished.output.to_lowercase().contains(key), "{name}: {}", finished.output);
    }
}

#[test]
fn an_unknown_setting_is_a_warning_that_names_it() {
    let config = format!("{FILE}surprise:\n  inside: 1\n");
    let server = Server::with(|s| {
        s.config(&config).env("REGISTRY_STORAGE_DELETE_ENABELD", "true").env("REGISTRY_UNKNOWN", 1)
    });
    server.get("/v2/").expect(200);
    for name in ["REGISTRY_STORAGE_DELETE_ENABELD", "REGISTRY_UNKNOWN", "surprise"] {
        server.assert_says(name);
    }
}

#[test]
fn what_kubernetes_injects_does_not_stop_it() {
    let server = Server::with(|s| {
        for (service, port) in [("REGISTRY", "5000"), ("REGISTRY_AUTH", "5001"), ("REGISTRY_PROXY", "3128")] {
            s.env(&format!("{service}_SERVICE_HOST"), "10.0.0.11")
                .env(&format!("{service}_SERVICE_PORT"), port)
                .env(&format!("{service}_PORT"), format!("tcp://10.0.0.11:{port}"))
                .env(&format!("{service}_PORT_{port}_TCP"), format!("tcp://10.0.0.11:{port}"))
                .env(&format!("{service}_PORT_{port}_TCP_PROTO"), "tcp")
                .env(&format!("{service}_PORT_{port}_TCP_PORT"), port)
                .env(&format!("{service}_PORT_{port}_TCP_ADDR"), "10.0.0.11");
        }
        s
    });
    server.get("/v2/").expect(200);
}

#[test]
fn the_configuration_of_the_distribution_image_starts() {
    let config = "version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";
    let server = Server::with(|s| s.by_file_alone().config(config));
    Image::oci(1).push(&server, "a", "latest");
}

#[test]
fn a_file_that_cannot_be_read_is_refused_and_named() {
    let finished = run(&["serve", "/nonexistent/config.yml"], |s| s);
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains("/nonexistent/config.yml"), "{}", finished.output);
    for text in ["storage: [", "a: b: c", "\t- x", "just text", "- a\n- list\n"] {
        assert_refused(text, "config.yml");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_and_its_key_named() {
    for (name, value, key) in [
        ("REGISTRY_STORAGE_DELETE_ENABLED", "perhaps", "storage.delete.enabled"),
        ("REGISTRY_LOG_LEVEL", "loud", "log.level"),
        ("REGISTRY_HTTP_DRAINTIMEOUT", "soon", "http.draintimeout"),
        ("REGISTRY_LIMITS_REQUESTS", "many", "limits.requests"),
        ("REGISTRY_LIMITS_REQUESTS", "-1", "limits.requests"),
        ("REGISTRY_LIMITS_IDLETIMEOUT", "5", "limits.idletimeout"),
    ] {
        let finished = run(&[], |s| s.env(name, value));
        assert_eq!(finished.code, Some(1), "{name}={value}: {}", finished.output);
        let output = finished.output.to_lowercase();
        assert!(output.contains(key) || output.contains(&name.to_lowercase()), "{name}={value}: {output}");
    }
}

#[test]
fn a_folder_that_cannot_be_one_is_refused_and_named() {
    let file = std::env::temp_dir().join(format!("pierhead-no-folder-{}", std::process::id()));
    std::fs::write(&file, "a file").expect("a file");
    let finished = run(&[], |s| s.root(&file));
    std::fs::remove_file(&file).expect("the file");
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains(file.to_str().expect("a path")), "{}", finished.output);
}

#[test]
fn a_component_that_is_none_is_refused_and_named() {
    for (path, text) in [("/nonexistent/registry.wasm", ""), ("", "no component")] {
        let file = std::env::temp_dir().join(format!("pierhead-no-component-{}", std::process::id()));
        std::fs::write(&file, text).expect("a file");
        let path = if path.is_empty() { file.to_str().expect("a path") } else { path };
        let finished = run(&[], |s| s.arg("--component").arg(path));
        std::fs::remove_file(&file).expect("the file");
        assert_eq!(finished.code, Some(1), "{}", finished.output);
        assert!(finished.output.contains(path), "{}", finished.output);
    }
}

#[test]
fn a_component_in_a_file_runs_instead_of_the_own_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts/registry.wasm");
    assert!(file.exists(), "{} does not exist: run `make build` first", file.display());
    let server = Server::with(|s| s.arg("--component").arg(&file));
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
}
