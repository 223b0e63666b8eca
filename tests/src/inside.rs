//! A test in a network, a tree and a set of processes of its own, so that it can have ports, names and places as
//! people have them. Needs to be root.
use crate::program::{Folder, run};
use std::fs;
use std::process::Command;

/// An address for documentation (RFC 5737), which this machine has in the test's own network. docker verifies no
/// certificate of a registry on the loopback.
pub const ADDRESS: &str = "192.0.2.1";

const INSIDE: &str = "PIERHEAD_TEST_INSIDE";

/// Whether the test already runs there. If it does not, the test of this name is run again, there, and has passed when
/// this returns. `folders` are empty there, whatever they are for others.
///
/// # Panics
/// When the test fails there, with what it said.
#[track_caller]
pub fn inside(test: &str, folders: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut prepared = format!("ip link set lo up && ip address add {ADDRESS}/32 dev lo");
    for folder in folders {
        prepared += &format!(" && mount -t tmpfs none {folder}");
    }
    prepared += &format!(" && exec \"$0\" --exact {test} --nocapture");
    let made: Vec<_> = folders.iter().filter(|folder| fs::create_dir(folder).is_ok()).collect();
    let program = std::env::current_exe().expect("this program has a path");
    // Processes have the same numbers in all of them, and what is named by a number would meet.
    let temporary = Folder::new();
    // Whatever the test leaves running ends with it, and it ends with the one that waits for it.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--", "sh", "-c", &prepared]).arg(program);
    let done = command.env(INSIDE, "1").env("TMPDIR", temporary.path()).output();
    let done = done.expect("the tests need setpriv");
    // Another test may be using docker's: to remove it would take it away there too.
    for folder in made.into_iter().filter(|folder| **folder != "/etc/docker") {
        let _ = fs::remove_dir(folder);
    }
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(said.contains("1 passed"), "{said}");
    false
}

/// Gives [`ADDRESS`] these names, beside those of the loopback, for as long as the folder is there. Only for a test that
/// already runs [`inside`].
///
/// # Panics
/// When it may not, as outside.
pub fn call_here(folder: &Folder, names: &str) {
    let file = folder.join("hosts");
    fs::write(&file, format!("127.0.0.1 localhost\n{ADDRESS} {names}\n")).expect("a file can be written");
    run(Command::new("mount").arg("--bind").arg(file).arg("/etc/hosts"));
}
