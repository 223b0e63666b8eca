//! `spin up`: settings by variables, a database of its own, or a bucket.
use super::{Bucket, Host};
use crate::Setup;
use crate::place::Place;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn command(setup: &Setup, place: &Place, port: u16, bucket: Option<&Bucket>) -> Command {
    setup.assert_portable();
    let manifest = match setup.host {
        Host::SpinSqlite => "spin.toml",
        _ => "deploy/spin/s3.toml",
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(manifest);
    assert!(manifest.exists(), "{} does not exist", manifest.display());
    let mut command = Command::new(program());
    command.arg("up").arg("--from").arg(manifest).args(["--listen", &format!("127.0.0.1:{port}")]);
    command.arg("--state-dir").arg(place.folder.join("state")).args(["--log-dir", ""]);
    for (name, value) in setup.settings(place, bucket) {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    place.catch_output(&mut command, "log");
    command
}

/// `$SPIN`.
fn program() -> PathBuf {
    let path = std::env::var_os("SPIN").map(PathBuf::from);
    path.expect("SPIN does not say where the program of Spin is: SPIN=/path/to/spin make test-spin")
}
