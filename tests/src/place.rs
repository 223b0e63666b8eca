use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

/// The folder of one server: its data, its log, its configuration.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("pierhead-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        Place { folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join(name)).unwrap_or_default()).into_owned()
    }

    /// Standard error.
    pub(crate) fn log(&self) -> String {
        self.read("log")
    }

    /// Standard output.
    pub(crate) fn output(&self) -> String {
        self.read("output")
    }

    /// A text with the place of this folder filled in.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        text.replace("{scratch}", self.folder.to_str().expect("a temporary folder is UTF-8"))
    }

    /// Errors go to the log, output to this file.
    pub(crate) fn catch_output(&self, command: &mut Command, output: &str) {
        let file = |name: &str| {
            let file = File::options().create(true).append(true).open(self.folder.join(name));
            file.expect("a file can be opened")
        };
        command.stdin(Stdio::null()).stdout(file(output)).stderr(file("log"));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match std::thread::panicking() {
            true => eprintln!("data and log of the server are kept in {}", self.folder.display()),
            false => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

/// Every file below a folder.
pub fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder { &mut folders } else { &mut found }.push(entry.path());
        }
    }
    found
}

/// A port nobody listens on, below the range from which the kernel takes the ports of clients: a server that
/// is down for a moment finds its port free again.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = (std::process::id().wrapping_mul(7919) % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (offset + number) % COUNT;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free between {FIRST} and {}", FIRST + COUNT);
}
