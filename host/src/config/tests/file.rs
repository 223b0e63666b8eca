//! The file.

use super::*;

/// The configuration in distribution's image, 2.x and 3.x.
const STOCK: &str = "\
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
  tag:
    concurrencylimit: 8
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";

/// What the development image of 3.x has besides.
const DEVELOPMENT: &str = "\
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
    delete:
      enabled: true
    cache:
        blobdescriptor: inmemory
    filesystem:
        rootdirectory: /var/lib/registry
    maintenance:
        uploadpurging:
            enabled: false
    tag:
      concurrencylimit: 8
http:
    addr: :5000
    debug:
        addr: :5001
        prometheus:
            enabled: true
            path: /metrics
    headers:
        X-Content-Type-Options: [nosniff]
";

#[test]
fn the_stock_configuration_of_distributions_image_starts_with_one_warning_a_group() {
    let config = load(STOCK, &[]).unwrap();
    assert_eq!(config.http.addr, ":5000");
    assert_eq!(config.storage.filesystem.rootdirectory, PathBuf::from("/var/lib/registry"));
    let warnings = warnings(&config);
    let groups = ["storage.cache", "storage.tag"];
    assert_eq!(warnings.len(), groups.len(), "{warnings:#?}");
    for (warning, group) in warnings.iter().zip(groups) {
        assert_says(warning, &["FILE, line ", &format!("{group} has no effect in this version")]);
    }
}

#[test]
fn the_development_configuration_of_distribution_starts() {
    let config = load(DEVELOPMENT, &[]).unwrap();
    assert!(config.storage.delete);
    assert_eq!(config.log.level, Level::Debug);
    let warnings = warnings(&config).join("\n");
    assert!(!warnings.contains("http.debug"), "{warnings}");
    assert!(!warnings.contains("uploadpurging"), "what is so anyway is no warning: {warnings}");
}

#[test]
fn with_a_file_that_names_no_directory_content_lies_where_distribution_takes_it_to_be() {
    let lies = |config: Config| config.storage.filesystem.rootdirectory;
    for text in ["", "storage: {filesystem: }", "storage: {delete: {enabled: true}}"] {
        assert_eq!(lies(load(text, &[]).unwrap()), PathBuf::from("/var/lib/registry"));
    }
    let variable = [("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/srv")];
    assert_eq!(lies(load("", &variable).unwrap()), PathBuf::from("/srv"));
    assert_eq!(lies(Config::load(None, std::iter::empty()).unwrap()), PathBuf::from("./data"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Some("/nowhere/config.yml".as_ref()), std::iter::empty()).unwrap_err();
    assert_says(&error.to_string(), &["/nowhere/config.yml", "cannot be read", "name a configuration file"]);
}

#[test]
fn a_file_must_name_version_0_1() {
    for bytes in ["", "# nothing\n", "---\n", "{}", "http:\n  addr: :5000\n"] {
        let file = file(bytes.as_bytes());
        let error = Config::load(Some(&file.0), std::iter::empty()).unwrap_err().to_string();
        assert_says(&error, &["names no version", "`version: 0.1`"]);
    }
    for version in ["0.2", "1", "[0.1]", "", "zero"] {
        let file = file(format!("\nversion: {version}\n").as_bytes());
        let error = Config::load(Some(&file.0), std::iter::empty()).unwrap_err().to_string();
        assert_says(&error, &["line 2", "version", "write 0.1"]);
    }
    for version in ["\"0.1\"", "0.1", "'0.1' # a comment"] {
        let file = file(format!("\u{feff}version: {version}\r\nlog:\r\n  level: warn\r\n").as_bytes());
        let config = Config::load(Some(&file.0), std::iter::empty()).unwrap();
        assert_eq!(config.log.level, Level::Warn);
    }
}

#[test]
fn what_is_not_yaml_is_refused_with_its_line() {
    for (settings, line) in [
        ("http:\n\taddr: :5000\n", "line 3"),
        ("http:\n  addr: [\n", "line "),
        ("http: {addr: \":5000\"\n", "line "),
        ("http:\n  addr: \"unfinished\n", "line "),
        ("http:\n  addr: a: b\n", "line 3"),
        ("http:\n  addr: [::1]:5000\n", "line 3"),
        ("http: *nobody\n", "line 2"),
        ("http: &a\n  <<: *a\n", "line "),
    ] {
        let message = refusal(settings, &[]);
        assert_says(&message, &["FILE, line", line]);
    }
    assert_says(&refusal("http:\n\taddr: :5000\n", &[]), &["indent with spaces"]);
    assert_says(&refusal("http:\n  addr: [::1]:5000\n", &[]), &["stands in quotes"]);
}

#[test]
fn what_is_not_text_or_not_a_map_or_more_than_one_document_is_refused() {
    for bytes in [&b"version: 0.1\nlog: \xff\n"[..], b"\x00\x01"] {
        let file = file(bytes);
        assert!(Config::load(Some(&file.0), std::iter::empty()).is_err());
    }
    for bytes in ["just text", "- version: 0.1\n", "42"] {
        let file = file(bytes.as_bytes());
        let error = Config::load(Some(&file.0), std::iter::empty()).unwrap_err().to_string();
        assert_says(&error, &["not a configuration"]);
    }
    assert_says(&refusal("---\nhttp: {}\n", &[]), &["a second document"]);
}

#[test]
fn a_setting_given_twice_is_refused_however_its_case() {
    assert_says(&refusal("http: {}\nhttp: {}\n", &[]), &["FILE, line 3", "duplicate"]);
    assert_says(
        &refusal("log:\n  level: info\nLOG:\n  Level: debug\n", &[]),
        &["line 5", "log.level", "second"],
    );
    assert_says(&refusal("log:\n  level: info\n  \"level\": debug\n", &[]), &["line 4"]);
}

#[test]
fn merged_maps_are_refused_as_what_is_in_them_would_be_missed() {
    let message = refusal("x: &x\n  addr: :80\nhttp:\n  <<: *x\n", &[]);
    assert_says(&message, &["FILE, line 5", "<<", "write the settings out"]);
}

#[test]
fn an_anchor_and_its_alias_work() {
    let config = load("limits:\n  headertimeout: &t 7s\n  idletimeout: *t\n", &[]).unwrap();
    assert_eq!(config.limits.idletimeout, Duration::from_secs(7));
    assert_eq!(config.limits.headertimeout, Duration::from_secs(7));
    let anchored = load("limits:\n  requests: &n 7\n", &[]).unwrap();
    assert_eq!(anchored.limits.requests, 7);
    let message = refusal("limits:\n  requests: &n 7\n  connections: *n\n", &[]);
    assert_says(&message, &["line 4", "write it out"]);
}

#[test]
fn a_value_of_the_wrong_type_names_line_setting_and_remedy() {
    for (settings, parts) in [
        ("limits:\n  memory: much\n", &["line 3: limits.memory", "64MiB", "from 16MiB to 4GiB"][..]),
        ("limits:\n  requests: \"7\"\n", &["line 3: limits.requests", "without quotes"]),
        ("limits:\n  requests: [7]\n", &["line 3: limits.requests", "takes one value"]),
        ("limits:\n  requests:\n    most: 7\n", &["line 4: limits.requests", "no names beneath it"]),
        ("limits:\n  requests: {}\n", &["line 3: limits.requests", "takes one value"]),
        ("limits: 7\n", &["line 2: limits: a group of settings", "limits.requests"]),
        ("limits: [7]\n", &["line 2: limits: a group of settings"]),
        ("http: yes\n", &["line 2: http: a group of settings", "http.addr"]),
        ("storage:\n  delete: true\n", &["line 3: storage.delete", "set one of storage.delete.enabled"]),
        ("storage:\n  delete:\n    enabled: \"true\"\n", &["line 4", "true or false, without quotes"]),
        ("storage:\n  delete:\n    enabled: 1\n", &["line 4: storage.delete.enabled", "true or false"]),
        ("log:\n  level: loud\n", &["line 3: log.level", "error, warn, info or debug"]),
        ("http:\n  draintimeout: 60\n", &["line 3: http.draintimeout", "write 60s"]),
        ("http:\n  addr: 5000\n", &["line 3: http.addr", ":5000"]),
        ("http:\n  host: registry.example.com\n", &["line 3: http.host", "https://registry.example.com"]),
        ("storage:\n  filesystem:\n    rootdirectory:\n", &["line 4", "rootdirectory: empty"]),
        ("log:\n  level: !custom {}\n", &["line 3", "without a tag"]),
        ("limits:\n  requests: !!int seven\n", &["line 3", "without a tag"]),
    ] {
        let message = refusal(settings, &[]);
        assert_says(&message, parts);
        assert_says(&message, &["FILE, "]);
    }
}

#[test]
fn a_directory_that_looks_like_a_number_is_taken_as_it_is_written() {
    for name in ["007", "1.10", "0x10", "true", "~/r", "1e3"] {
        let config = load(&format!("storage: {{filesystem: {{rootdirectory: {name} }}}}\n"), &[]).unwrap();
        assert_eq!(config.storage.filesystem.rootdirectory, PathBuf::from(name));
    }
}

#[test]
fn an_empty_value_in_the_file_is_the_default() {
    let config = load("http:\n  addr:\n  host: \"\"\n  relativeurls: ~\nlog:\nstorage:\n", &[]).unwrap();
    assert_eq!(config, load("", &[]).unwrap());
    assert!(warnings(&config).is_empty());
}

#[test]
fn an_unknown_setting_warns_with_its_line_and_the_nearest_known_one() {
    for (settings, line, unknown, nearest) in [
        ("http:\n  adr: :5000\n", 3, "http.adr", "http.addr"),
        ("storage:\n  filesystem:\n    rootdir: /x\n", 4, "storage.filesystem.rootdir", "rootdirectory"),
        ("delete:\n  enabled: true\n", 3, "delete.enabled", "storage.delete.enabled"),
        ("htp:\n  tls:\n    certificate: /c\n", 4, "htp.tls.certificate", "http.tls"),
        ("limits:\n  request: 3\n", 3, "limits.request", "limits.requests"),
    ] {
        let warnings = warnings(&load(settings, &[]).unwrap());
        assert_eq!(warnings.len(), 1);
        let start = format!("FILE, line {line}: {unknown} is unknown");
        assert_says(&warnings[0], &[&start, "the nearest is ", nearest]);
    }
    let warnings = warnings(&load("xyzzy: 1\n", &[]).unwrap());
    assert_says(&warnings[0], &["xyzzy is unknown", "docs/configuration.md"]);
}

#[test]
fn a_setting_that_would_change_safety_or_meaning_refuses_to_start() {
    for (settings, line, name) in [
        ("auth:\n  silly:\n    realm: r\n", 4, "auth.silly.realm"),
        ("AUTH: [htpasswd]\n", 2, "auth"),
        ("auth:\n  none:\n  silly: {}\n", 4, "auth.silly"),
        ("proxy:\n  remoteurl: https://r\n  exec: {command: c}\n", 4, "proxy.exec.command"),
        ("storage:\n  inmemory:\n", 3, "storage.inmemory"),
        ("storage: swift\n", 2, "storage"),
        ("storage:\n  filesystem: {rootdirectory: /x}\n  gcs: {bucket: b}\n", 4, "storage.gcs.bucket"),
        ("middleware:\n  storage:\n    - name: redirect\n", 3, "middleware.storage"),
        ("policy:\n  repository:\n    classes: [image]\n", 4, "policy.repository.classes"),
    ] {
        let message = refusal(settings, &[]);
        let place = format!("FILE, line {line}: ");
        assert_says(&message, &[&place, name, "this version does not support this", "; "]);
    }
}

#[test]
fn what_asks_for_nothing_is_not_refused() {
    let config = load(
        "auth: none\nhttp:\n  net: tcp\n  prefix: /\n  secret: s\n  tls:\n    certificate: \"\"\n    clientcas: []\n\
         storage:\n  redirect: {disable: true}\n  maintenance: {readonly: {enabled: no}}\nproxy: {remoteurl: }\n\
         middleware: {}\nvalidation: {enabled: true, manifests: {urls: {allow: []}, indexes: {platforms: All}}}\n\
         notifications: {endpoints: []}\ncompatibility: {schema1: {}}\n",
        &[],
    );
    assert_eq!(warnings(&config.unwrap()), Vec::<String>::new());
    assert!(load("auth:\n  none: {}\n", &[]).is_ok());
    assert!(load("auth:\n  none:\n    realm: x\n", &[]).is_ok());
    assert!(load("storage: filesystem\n", &[]).is_ok());
}

#[test]
fn a_typing_error_in_a_storages_name_is_refused_with_the_nearest_setting() {
    let message = refusal("storage:\n  delte:\n    enabled: true\n", &[]);
    assert_says(&message, &["storage.delte.enabled", "if storage.delete.enabled was meant"]);
    let message = refusal("storage:\n  rootdirectory: /x\n", &[]);
    assert_says(&message, &["if storage.filesystem.rootdirectory was meant"]);
    for driver in ["gcs", "azure", "swift", "oss", "inmemory"] {
        let message = refusal(&format!("storage:\n  {driver}:\n    container: b\n"), &[]);
        assert!(!message.contains("was meant"), "{message}");
    }
}

#[test]
fn no_message_carries_a_value() {
    const SECRET: &str = "hunter2secret";
    for template in [
        "http:\n  secret: @\nhttp2: @\n",
        "auth:\n  htpasswd: @\n",
        "access: @\n",
        "access: [{who: 'x,@', repositories: a, actions: pull}]\n",
        "access: [{who: @, repositories: a, actions: '@'}]\n",
        "access: [{who: @, repositories: 'A@', actions: pull}]\n",
        "auth: @\n",
        "storage: @\n",
        "storage: {s3: {secretkey: @}}\n",
        "proxy: {remoteurl: 'https://u:@@r', password: @}\n",
        "redis: {password: @}\nnotifications: {endpoints: [{headers: {Authorization: [@]}}]}\n",
        "unknown: @\n",
        "http: {headers: {Authorization: [@]}}\n",
        "http: {host: 'u:@'}\n",
        "http: {host: 'https://u:@@h'}\n",
        "http: {addr: @}\n",
        "http: @\n",
        "limits: {memory: @, requests: @}\n",
        "http:\n  secret: \"@\n",
        "http:\n  secret: *@\n",
        "http:\n  secret: %@\n",
        "http:\n  secret: @ @: @\n",
        "http:\n  secret: !@ x\n",
        "http:\n  secret: !@!@ x\n",
        "http:\n  secret: [@\n",
        "http:\n  tls: {certificate: @}\n",
        "log: {level: @}\n",
        "version: @\n",
    ] {
        let text = template.replace('@', SECRET);
        let messages = match load(&text, &[]) {
            Ok(config) => config.warnings.join("\n"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!messages.contains(SECRET), "{template:?} gives {messages:?}");
    }
}

#[test]
fn platforms_are_a_list_by_file_and_by_variables() {
    let by_file = load(
        "validation:\n  manifests:\n    indexes:\n      platforms: List\n      platformlist:\n      \
         - architecture: amd64\n        os: linux\n      - {architecture: arm64, os: linux}\n",
        &[],
    )
    .unwrap();
    let settings = by_file.settings();
    assert_eq!(settings["validation.manifests.indexes.platforms"], "list");
    assert_eq!(settings["validation.manifests.indexes.platformlist"], "linux/amd64 linux/arm64");
    let variables = |list: &[(&str, &str)]| {
        let name = |part: &str| format!("REGISTRY_VALIDATION_MANIFESTS_INDEXES_{part}");
        let list: Vec<(String, &str)> = list.iter().map(|(part, value)| (name(part), *value)).collect();
        let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        load_environment(&list)
    };
    let by_variables = variables(&[
        ("PLATFORMS", "list"),
        ("PLATFORMLIST_0_ARCHITECTURE", "amd64"),
        ("PLATFORMLIST_0_OS", "linux"),
        ("PLATFORMLIST_1_ARCHITECTURE", "arm64"),
        ("PLATFORMLIST_1_OS", "linux"),
    ]);
    assert_eq!(by_variables.unwrap().validation, by_file.validation);
    for (list, parts) in [
        (&[("PLATFORMLIST_0_OS", "linux")][..], &["platformlist.0", "architecture and its os"][..]),
        (&[("PLATFORMLIST_4000_OS", "linux")], &["too many"]),
        (&[("PLATFORMLIST_0_OS", "linux/amd64")], &["a word"]),
        (&[("PLATFORMS", "some")], &["all, none or list"]),
    ] {
        assert_says(&variables(list).unwrap_err().to_string(), parts);
    }
}

#[test]
fn what_is_in_a_known_group_is_compared_with_what_is_in_that_group() {
    let config = load("auth: {htpasswd: {path: x, foo: y}}\n", &[]).unwrap();
    assert!(config.warnings.iter().all(|warning| !warning.contains("health")), "{:?}", config.warnings);
    let error = load("auth: {silly: {realm: x}}\n", &[]).unwrap_err().to_string();
    assert!(!error.contains("health"), "{error}");
}
