//! Programs, folders, and what the clients have in common.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tests::{AccessLine, Request, Server, eventually};

/// Where a program is: in `$PIERHEAD_TOOLS`, where `make client-tools` leaves those that are built from source,
/// or on the PATH.
///
/// # Panics
/// When it is missing: a client that is not there is a failure, never a skipped test.
pub fn program(name: &str) -> PathBuf {
    let tools = std::env::var_os("PIERHEAD_TOOLS").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".cache/pierhead/bin")
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(tools)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: {}", how_to_install(name)))
}

fn how_to_install(name: &str) -> String {
    match name {
        "crane" | "helm" | "oras" | "pebble" | "pebble-challtestsrv" | "regctl" => {
            "run `make client-tools` (it needs Go)".into()
        }
        "cosign" | "wkg" => "run `make slow-client-tools` (it needs Go)".into(),
        "docker" | "dockerd" => "run `apt-get install docker.io`".into(),
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
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty one.
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

/// `127.0.0.1:port/name`, as clients write it.
pub fn reference(server: &Server, name: &str) -> String {
    format!("{}/{name}", server.addr())
}

/// Runs `action` and returns the access lines of what it asked the server.
pub fn requests_of(server: &Server, action: impl FnOnce()) -> Vec<AccessLine> {
    settle(server);
    let before = server.access().len();
    action();
    settle(server);
    server.access().split_off(before)
}

/// Waits until everything that was answered before is in the log.
fn settle(server: &Server) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let marker = format!("marker/{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.request(&Request::get(&format!("/v2/{marker}/tags/list")));
    let come =
        eventually(Duration::from_secs(5), || server.access().iter().any(|line| line.repository() == marker));
    assert!(come, "the access log does not tell of a request:\n{}", server.log());
    // Lines are counted per core: one of another core may come a little later.
    std::thread::sleep(Duration::from_millis(100));
}

/// Holds a second push to have asked for blobs and to have sent none.
#[track_caller]
pub fn assert_nothing_uploaded(lines: &[AccessLine]) {
    assert!(!lines.is_empty(), "the client asked for nothing");
    for line in lines {
        let uploads = matches!(line.method(), "PATCH" | "PUT" | "POST") && line.route() != "manifest";
        assert!(!uploads, "the second push uploads again: {} {}", line.value(), list(lines));
    }
}

/// Holds a push into a second repository to have mounted at least this many layers, and to have sent no more
/// than the configuration, which only some clients mount.
#[track_caller]
pub fn assert_mounted(lines: &[AccessLine], layers: usize) {
    let mounts = lines.iter().filter(|line| line.method() == "POST" && line.status() == 201).count();
    assert!(mounts >= layers, "{mounts} mounts instead of {layers}:{}", list(lines));
    let opened = lines.iter().filter(|line| line.method() == "POST" && line.status() == 202).count();
    assert!(opened <= 1, "bytes were sent that could be mounted:{}", list(lines));
}

fn list(lines: &[AccessLine]) -> String {
    lines
        .iter()
        .map(|l| format!("\n{} {} {} {}", l.method(), l.route(), l.repository(), l.status()))
        .collect()
}
