//! A configuration as people write it, read from a real file and an environment.

use super::keys::{KEYS, Key, Standing};
use super::value::Kind;
use super::{Config, ConfigError, Level, Platforms};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

mod auth;
mod debug;
mod environment;
mod examined;
mod file;
mod http;
mod ldap;
mod letsencrypt;
mod log;
mod storage;
mod tls;
mod values;

/// A file that is removed with the test.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn file(bytes: &[u8]) -> File {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("configuration-{}-{}.yml", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).unwrap();
    File(path)
}

fn variables(env: &[(&str, &str)]) -> Vec<(String, String)> {
    env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Loads a file of version 0.1 whose settings begin on line 2.
fn load(settings: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let file = file(format!("version: 0.1\n{settings}").as_bytes());
    Config::load(Some(&file.0), variables(env).into_iter())
}

fn load_environment(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, variables(env).into_iter())
}

/// The message of an error, the file's directory and name replaced by `FILE`.
fn refusal(settings: &str, env: &[(&str, &str)]) -> String {
    shorten(&load(settings, env).expect_err("this must not load").to_string())
}

fn shorten(message: &str) -> String {
    match (message.find("/"), message.find(".yml")) {
        (Some(start), Some(end)) if message[start..end].contains("configuration-") => {
            format!("{}FILE{}", &message[..start], &message[end + 4..])
        }
        _ => message.to_owned(),
    }
}

/// Fails unless the message holds all of these.
#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

fn warnings(config: &Config) -> Vec<String> {
    config.warnings.iter().map(|warning| shorten(warning)).collect()
}

#[test]
fn nothing_given_is_a_server_on_the_loopback_with_the_documented_defaults() {
    let config = load_environment(&[]).unwrap();
    assert_eq!(config.http.addr, "127.0.0.1:5000");
    assert_eq!(config.http.host, None);
    assert!(!config.http.relativeurls);
    assert_eq!(config.http.draintimeout, Duration::from_secs(30));
    assert_eq!(config.log.level, Level::Info);
    assert_eq!(config.storage.filesystem.rootdirectory, PathBuf::from("./data"));
    assert!(config.storage.filesystem.fsync);
    assert!(!config.storage.delete);
    assert_eq!((config.catalog_maxentries, config.tags_maxtags), (1000, 1000));
    assert_eq!(config.referrers_maxentries, 1000);
    let purging = &config.storage.uploadpurging;
    assert_eq!((purging.enabled, purging.dryrun), (true, false));
    assert_eq!((purging.age.as_secs(), purging.interval.as_secs()), (168 * 3600, 24 * 3600));
    assert!(config.validation.blobs_required);
    assert_eq!(config.validation.platforms, Platforms::All);
    assert_eq!((config.limits.tags, config.limits.ranges, config.limits.chunkminlength), (100, 1024, 0));
    assert_eq!((config.limits.requests, config.limits.connections), (1024, 10000));
    assert_eq!(config.limits.headertimeout, Duration::from_secs(60));
    assert_eq!(config.limits.idletimeout, Duration::from_secs(75));
    assert_eq!((config.limits.lingertime, config.limits.readbuffer), (Duration::from_secs(30), 256 << 10));
    assert_eq!((config.limits.headers, config.limits.headercount), (65536, 100));
    assert_eq!((config.limits.cache, config.limits.memory), (20 << 20, 64 << 20));
    assert_eq!(config.limits.computation, Duration::from_secs(5));
    assert_eq!(config.limits.threads, 0);
    assert!(config.warnings.is_empty());
}

/// A value that is not the default.
fn another_value(kind: &Kind, default: &str) -> &'static str {
    match kind {
        Kind::Address(_) => ":6000",
        Kind::Url(_) => "https://registry.example.com",
        Kind::Directory(_) => "/srv/registry",
        Kind::Word { words: Level::WORDS, .. } => "debug",
        Kind::Switch(_) if default == "true" => "false",
        Kind::Switch(_) => "true",
        Kind::Page { .. } | Kind::Count { .. } => "77",
        Kind::Size { least, .. } if *least >= 1 << 20 => "32MiB",
        Kind::Size { .. } => "192KiB",
        Kind::Time { .. } => "7s",
        Kind::Word { words: Platforms::WORDS, .. } => "none",
        Kind::Text(_) => "some words",
        Kind::Secret(_) => "a password",
        Kind::Maybe(_) => "true",
        _ => unreachable!("they stand together with others"),
    }
}

#[test]
fn every_setting_of_the_table_reaches_the_configuration_by_file_and_by_variable() {
    let before = load("", &[]).unwrap();
    for key in KEYS {
        let Standing::Honoured(kind) = &key.standing else { continue };
        // What is nothing without another setting has tests of its own.
        if matches!(
            kind,
            Kind::Own { .. }
                | Kind::Field(_)
                | Kind::File(_)
                | Kind::Files(_)
                | Kind::Header { .. }
                | Kind::Hidden { .. }
                | Kind::Words { .. }
        ) || matches!(kind, Kind::Word { words, .. } if ![Level::WORDS, Platforms::WORDS].contains(words))
            || [
                "auth.htpasswd.",
                "auth.ldap.",
                "auth.token.",
                "auth.issuer.",
                "storage.s3.",
                "storage.azure.",
            ]
            .iter()
            .any(|kind| key.name.starts_with(kind))
        {
            continue;
        }
        let value = another_value(kind, key.default);
        let variable = format!("REGISTRY_{}", key.name.to_uppercase().replace('.', "_"));
        let mut by_variable = load("", &[(&variable, value)]).unwrap();
        by_variable.warnings.clear();
        assert_ne!(before, by_variable, "{variable} changes nothing");

        let mut yaml = String::new();
        for (depth, level) in key.name.split('.').enumerate() {
            yaml += &format!("\n{}{level}:", "  ".repeat(depth));
        }
        let mut by_file = load(&format!("{yaml} {value}\n"), &[]).unwrap();
        by_file.warnings.clear();
        assert_eq!(by_file, by_variable, "{} by file and {variable} differ", key.name);
    }
}

#[test]
fn no_name_stands_in_the_table_twice_and_none_that_works_has_an_underscore() {
    for (at, key) in KEYS.iter().enumerate() {
        let again = KEYS[..at].iter().any(|earlier| earlier.name == key.name);
        assert!(!again, "{} is there twice", key.name);
        // No variable could give it.
        let may = if let Standing::Honoured(_) = key.standing { ".*" } else { ".*_" };
        assert!(key.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || may.contains(c)));
    }
}

#[test]
fn components_may_ask_for_settings_and_what_is_not_set_is_not_there() {
    let settings = load_environment(&[]).unwrap().settings();
    assert_eq!(settings.len(), 12);
    assert_eq!(settings["storage.delete.enabled"], "false");
    assert_eq!(settings["catalog.maxentries"], "1000");
    assert_eq!(settings["tags.maxtags"], "1000");
    assert_eq!(settings["http.relativeurls"], "false");
    let host = load_environment(&[("REGISTRY_HTTP_HOST", "https://r.example/")]).unwrap();
    assert_eq!(host.settings()["http.host"], "https://r.example");
}

/// A setting as docs/configuration.md shows it.
fn row(key: &Key) -> String {
    let Key { name, default, meaning, .. } = key;
    match &key.standing {
        Standing::Honoured(kind) => {
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            format!("| `{name}` | {} | {default} | {meaning} |", kind.unit())
        }
        Standing::Refused { unless, .. } if !unless.is_empty() => {
            format!("| `{name}` | {meaning} (harmless: `{}`) |", unless.join("`, `"))
        }
        _ => format!("| `{name}` | {meaning} |"),
    }
}

#[test]
fn the_documentation_shows_every_setting_of_the_table_and_no_other() {
    let docs = include_str!("../../../docs/configuration.md");
    let shown: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `")).collect();
    for key in KEYS {
        let row = row(key);
        assert!(shown.contains(&row.as_str()), "docs/configuration.md lacks:\n{row}");
    }
    let rows: Vec<String> = KEYS.iter().map(row).collect();
    for line in shown {
        assert!(rows.iter().any(|row| row == line), "docs/configuration.md shows what is not so:\n{line}");
    }
}
