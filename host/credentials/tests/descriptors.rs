//! A process without descriptors. They are the whole process's, so that no other test is in this file.

use credentials::{Credentials, Identity, Options, SourceOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

fn write(path: &Path, password: &str) {
    let hash = bcrypt::hash(password, 4).expect("a hash");
    std::fs::write(path, format!("alice:{hash}\n")).expect("written");
}

#[test]
fn a_file_that_could_not_be_read_is_read_once_it_can_be_though_it_has_not_changed_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("htpasswd");
    write(&path, "secret");
    let options = Options {
        source: SourceOptions::File(path.clone()),
        remember: Duration::from_secs(60),
        failures: 1000,
        window: Duration::from_secs(60),
    };
    let credentials = Credentials::open(&options).expect("passwords");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let is_right = |password: &str| {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let verdict = runtime.block_on(credentials.verify("alice".into(), password.into(), here));
        verdict == Ok(Some(Identity { name: "alice".into(), groups: Vec::new() }))
    };
    assert!(is_right("secret"));

    write(&path, "changed");
    let Rlimit { maximum, current } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum }).expect("fewer may be allowed");
    assert!(std::fs::read(&path).is_err(), "there are descriptors");
    let begun = Instant::now();
    // Until it stands still, and a look more.
    while begun.elapsed() < Duration::from_secs(4) {
        assert!(is_right("secret"), "what was read last holds");
        std::thread::sleep(Duration::from_millis(100));
    }
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("as many may be allowed as before");
    std::thread::sleep(Duration::from_millis(1100));
    assert!(is_right("changed"), "the file was given up");
}
