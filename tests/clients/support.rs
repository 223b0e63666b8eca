//! What the clients have in common.
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
pub use tests::program::{Folder, client, program, run, run_with};
use tests::{AccessLine, Request, Server, eventually};

/// Runs a command that has to fail, and returns what it said.
#[track_caller]
pub fn failing(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!done.status.success(), "{command:?} was to fail:\n{said}");
    said
}

/// Runs a command that reads a password. Returns whether it succeeded, and what it said.
#[track_caller]
pub fn with_password(command: &mut Command, password: &str) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("a pipe").write_all(password.as_bytes()).expect("a password is read");
    let done = child.wait_with_output().expect("it ends");
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
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
