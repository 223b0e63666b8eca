//! `spin up`: with a database of its own, and settings by variables; or with a bucket, and settings in the environment.
use super::{Beside, Host, artefacts};
use crate::Setup;
use crate::place::Place;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many instances of the largest kind it knows there may be: one of ours counts as about ten.
const INSTANCES: &str = "10000";

pub(super) fn command(setup: &Setup, place: &Place, port: u16, beside: Option<&Beside>) -> Command {
    setup.assert_portable();
    let state = setup.root.clone().unwrap_or_else(|| place.folder.join("state"));
    let mut command = Command::new(program());
    command.env("SPIN_MAX_INSTANCE_COUNT", INSTANCES);
    command.arg("up").arg("--from").arg(manifest(setup, place));
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--state-dir"]).arg(state);
    command.arg("--log-dir").arg(place.folder.join("logs"));
    for (name, value) in setup.settings(place, beside) {
        match setup.host {
            // No word of a variable's name begins with a digit there.
            Host::SpinSqlite => {
                let name = name.replace("REGISTRY_ACCESS_", "REGISTRY_ACCESS_N");
                command.env(format!("SPIN_VARIABLE_{name}"), value);
            }
            _ => {
                if name == "REGISTRY_STORAGE_S3_REGIONENDPOINT" {
                    command.env("SPIN_VARIABLE_ENDPOINT", &value);
                }
                command.arg("--env").arg(format!("{name}={value}"));
            }
        }
    }
    place.catch_output(&mut command, "log");
    command
}

/// The manifest that the repository has for this host, with the artefact where it is.
fn manifest(setup: &Setup, place: &Place) -> PathBuf {
    let name = match setup.host {
        Host::SpinSqlite => "spin.toml",
        _ => "spin-s3.toml",
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let granted = |line: &&str| {
        let withheld = setup.without_grant.as_deref();
        !withheld.is_some_and(|grant| line.starts_with(grant))
    };
    let lines: Vec<_> = text.lines().filter(granted).collect();
    let artefacts = artefacts().canonicalize().expect("`make artefacts` has made them");
    let text = lines.join("\n").replace("target/artefacts", artefacts.to_str().expect("the path is UTF-8"));
    let file = place.folder.join("spin.toml");
    fs::write(&file, text).expect("a file can be written");
    file
}

/// `$SPIN`.
fn program() -> PathBuf {
    let path = std::env::var_os("SPIN").map(PathBuf::from);
    path.expect("SPIN does not say where the program of Spin is: SPIN=/path/to/spin make test-spin")
}
