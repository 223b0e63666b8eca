//! `wasmtime serve`: settings by environment, files in a folder that it is given, or a bucket.
use super::{Beside, Host, artefact, artefacts};
use crate::Setup;
use crate::place::Place;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What a thousand requests at once may need (docs/hosts.md).
const POOL: &str =
    "pooling-total-core-instances=40000,pooling-total-memories=10000,pooling-total-tables=20000";

/// What `make host-tools` installs, and the only version that is asked for.
const VERSION: &str = "wasmtime 48.0.8";

pub(super) fn command(setup: &Setup, place: &Place, port: u16, beside: Option<&Beside>) -> Command {
    setup.assert_portable();
    let program = program();
    let artefact = match setup.host {
        Host::WasmtimeFs => "pierhead-fs.wasm",
        _ => "pierhead-s3.wasm",
    };
    let compiled = compiled(&program, setup.artefact.as_deref().unwrap_or(artefact));
    let mut command = Command::new(program);
    command
        .args(["serve", "-S", "cli", "-O", POOL, "--allow-precompiled", "--addr"])
        .arg(format!("127.0.0.1:{port}"));
    if setup.host == Host::WasmtimeFs {
        let root = setup.root.clone().unwrap_or_else(|| place.root());
        fs::create_dir_all(&root).expect("the folder for the data can be made");
        command.arg("--dir").arg(format!("{}::/data", root.display()));
    }
    for (name, value) in setup.settings(place, beside) {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    command.arg(compiled);
    place.catch_output(&mut command, "log");
    command
}

/// `$WASMTIME`, or the one that cargo has installed.
fn program() -> PathBuf {
    let path = std::env::var_os("WASMTIME").map(PathBuf::from).unwrap_or_else(|| {
        let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo");
        cargo.unwrap_or_else(home).join("bin/wasmtime")
    });
    let said = Command::new(&path).arg("--version").output().map(|done| done.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let right = said.split(" (").next().unwrap_or_default().trim() == VERSION;
    assert!(right, "{} is not {VERSION} but {said:?}: run `make host-tools`", path.display());
    path
}

/// An artefact as machine code, which is made once: compiling it takes longer than most tests.
fn compiled(program: &Path, name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock();
    let source = artefact(name);
    let folder = artefacts().join("wasmtime");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let target = folder.join(name).with_extension("cwasm");
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    if changed(&target) < changed(&source) {
        let new = folder.join(format!("{name}.{}", std::process::id()));
        crate::program::run(Command::new(program).arg("compile").arg("-o").arg(&new).arg(&source));
        fs::rename(&new, &target).expect("a file can be renamed");
    }
    target
}
