//! Programs that the tests run, and folders for them.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where `make client-tools` leaves the clients that are built from source: `$PIERHEAD_TOOLS`.
pub fn tools() -> PathBuf {
    std::env::var_os("PIERHEAD_TOOLS").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".cache/pierhead/bin")
    })
}

/// Where a program is: among [`tools`], or on the PATH.
///
/// # Panics
/// When it is missing: a client that is not there is a failure, never a skipped test.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(tools())
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: {}", how_to_install(name)))
}

fn how_to_install(name: &str) -> String {
    match name {
        "crane"
        | "docker-buildx"
        | "docker-compose"
        | "helm"
        | "kubernetes-schema"
        | "oras"
        | "pebble"
        | "pebble-challtestsrv"
        | "regctl"
        | "versitygw" => "run `make client-tools` (it needs Go)".into(),
        "azurite-blob" => "run `make azure-tools` (it needs npm)".into(),
        "cosign" | "wkg" => "run `make slow-client-tools` (it needs Go)".into(),
        "docker" | "dockerd" => "run `apt-get install docker.io`".into(),
        "htpasswd" => "run `apt-get install apache2-utils`".into(),
        "nginx" => "run `apt-get install nginx-light`".into(),
        "systemd-analyze" => "run `apt-get install systemd`".into(),
        _ => format!("run `apt-get install {name}`"),
    }
}

/// A command that will run a client with nothing of the caller's own logins and settings.
pub fn client(name: &str, home: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("TMPDIR", home).stdin(Stdio::null());
    for name in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end and returns what it printed, without the white space round it.
///
/// # Panics
/// When it fails, with everything it said.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{command:?}: {}\n{out}\n{}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    out.trim().to_owned()
}

/// Adds the arguments and runs.
#[track_caller]
pub fn run_with<A: AsRef<OsStr>>(mut command: Command, arguments: impl IntoIterator<Item = A>) -> String {
    run(command.args(arguments))
}

/// A folder that goes when the test succeeds.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty one.
    #[expect(clippy::new_without_default, reason = "each is another folder")]
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pierhead-clients-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Folder(path)
    }

    /// A path in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        match std::thread::panicking() {
            true => eprintln!("the files of the client are kept in {}", self.0.display()),
            false => drop(std::fs::remove_dir_all(&self.0)),
        }
    }
}
