//! Our own host: a binary, settings by environment or in a file; files, or a bucket.
use super::{Beside, Host};
use crate::Setup;
use crate::place::Place;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command that serves, its output going to `place/output`, its errors to `place/log`.
pub(super) fn command(setup: &Setup, place: &Place, port: u16, beside: Option<&Beside>) -> Command {
    let root = setup.root.clone().unwrap_or_else(|| place.root());
    setup.write_files(place);
    let mut command = bare_command(setup);
    command.arg("serve").args(&setup.arguments);
    if let Some(listen) = &setup.listen {
        let folder = place.folder.to_str().expect("a temporary folder is UTF-8");
        let listen = listen.replace("{port}", &port.to_string()).replace("{folder}", folder);
        command.env("REGISTRY_HTTP_ADDR", listen);
        match setup.host {
            Host::Native => command.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", &root),
            _ => command.envs(setup.kept_settings(beside)),
        };
    }
    if let Some(text) = &setup.config {
        let root = root.to_str().expect("a temporary folder is UTF-8");
        let text = text.replace("{port}", &port.to_string()).replace("{root}", root);
        let file = place.folder.join("config.yml");
        fs::write(&file, place.fill_in(&text)).expect("the configuration can be written");
        command.arg(file);
    }
    // What a test says of files, where there are any, would be a second place for content.
    let of_files = |name: &OsStr| name.to_string_lossy().starts_with("REGISTRY_STORAGE_FILESYSTEM_");
    let has_files = setup.host == Host::Native;
    for (name, value) in setup.environment.iter().filter(|(name, _)| has_files || !of_files(name)) {
        match value.to_str() {
            Some(text) => command.env(name, place.fill_in(text)),
            None => command.env(name, value),
        };
    }
    place.catch_output(&mut command, "output");
    command
}

/// The binary, without a setting from the environment of the test.
pub(crate) fn bare_command(setup: &Setup) -> Command {
    let binary = binary();
    let mut command = match setup.under.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
        None => Command::new(binary),
    };
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("REGISTRY_") || text.starts_with("RUST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn binary() -> PathBuf {
    let path = match std::env::var_os("PIERHEAD") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/pierhead"),
    };
    assert!(path.exists(), "{} does not exist: run `make build` first", path.display());
    path
}
