use crate::{Certificates, Trust};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How a server is started. What is not said here is what the tests want of every server: a free port on
/// 127.0.0.1, an empty folder for the data, and no setting from the environment of the test.
#[derive(Debug)]
pub struct Setup {
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) config: Option<String>,
    pub(crate) files: Vec<(String, String)>,
    pub(crate) listen: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) under: Vec<OsString>,
    pub(crate) trust: Option<Trust>,
    pub(crate) silent: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            environment: Vec::new(),
            arguments: Vec::new(),
            config: None,
            files: Vec::new(),
            listen: Some("127.0.0.1:{port}".into()),
            port: None,
            root: None,
            under: Vec::new(),
            trust: None,
            silent: false,
        }
    }
}

impl Setup {
    /// Sets an environment variable; `{scratch}` is replaced.
    pub fn env(&mut self, name: &str, value: impl ToString) -> &mut Setup {
        self.environment.push((name.into(), value.to_string().into()));
        self
    }

    /// Adds an argument of `pierhead serve`, before the configuration file.
    pub fn arg(&mut self, argument: impl Into<OsString>) -> &mut Setup {
        self.arguments.push(argument.into());
        self
    }

    /// Puts a file where [`Server::scratch`](crate::Server::scratch) is, before the first start.
    pub fn file(&mut self, name: &str, text: &str) -> &mut Setup {
        self.files.push((name.into(), text.into()));
        self
    }

    /// The text of the configuration file; without one there is none. `{port}`, `{root}` and `{scratch}` are
    /// replaced.
    pub fn config(&mut self, text: &str) -> &mut Setup {
        self.config = Some(text.into());
        self
    }

    /// The value of `REGISTRY_HTTP_ADDR`, with `{port}` in it. Without this, `127.0.0.1:{port}`.
    pub fn listen(&mut self, addr: &str) -> &mut Setup {
        self.listen = Some(addr.into());
        self
    }

    /// Listens on this port, of [`free_port`], which others have been told of.
    pub fn port(&mut self, port: u16) -> &mut Setup {
        self.port = Some(port);
        self
    }

    /// Is up when it takes connections: it cannot answer yet.
    pub fn silent(&mut self) -> &mut Setup {
        self.silent = true;
        self
    }

    /// Listens on a socket in the file system, in the server's own folder.
    pub fn on_a_socket(&mut self) -> &mut Setup {
        self.env("REGISTRY_HTTP_NET", "unix").listen("{folder}/socket")
    }

    /// The socket in the file system, where the server is to listen on one.
    pub(crate) fn socket(&self, place: &Place) -> Option<PathBuf> {
        let rest = self.listen.as_deref()?.strip_prefix("{folder}/")?;
        Some(place.folder.join(rest))
    }

    /// Sets neither the address nor the folder by environment: the configuration file says both.
    pub fn by_file_alone(&mut self) -> &mut Setup {
        self.listen = None;
        self
    }

    /// Keeps the data in this folder, which stays when the server is dropped.
    pub fn root(&mut self, folder: impl Into<PathBuf>) -> &mut Setup {
        self.root = Some(folder.into());
        self
    }

    /// Runs the server under another program, as `["unshare", "--pid", …]`.
    pub fn under(&mut self, program: &[&str]) -> &mut Setup {
        self.under = program.iter().map(OsString::from).collect();
        self
    }

    /// Serves with these certificates, to clients that trust them.
    pub fn tls(&mut self, certificates: &Certificates) -> &mut Setup {
        self.trust = Some(certificates.trust());
        self.env("REGISTRY_HTTP_TLS_CERTIFICATE", certificates.file("server.crt").display())
            .env("REGISTRY_HTTP_TLS_KEY", certificates.file("server.key").display())
    }

    /// What the clients of the server trust and show, where that is not just its authority.
    pub fn trust(&mut self, trust: Trust) -> &mut Setup {
        self.trust = Some(trust);
        self
    }

    /// Allows the deletion of blobs and manifests.
    pub fn delete_enabled(&mut self) -> &mut Setup {
        self.env("REGISTRY_STORAGE_DELETE_ENABLED", "true")
    }

    pub(crate) fn addr(&self, port: u16) -> SocketAddr {
        let six = |text: &Option<String>| text.as_deref().is_some_and(|t| t.contains("[::1]:{port}"));
        let ip = match six(&self.listen) || six(&self.config) {
            true => IpAddr::V6(Ipv6Addr::LOCALHOST),
            false => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        SocketAddr::new(ip, port)
    }

    /// The command that serves, its output going to `place/output`, its errors to `place/log`.
    pub(crate) fn command(&self, place: &Place, port: u16) -> Command {
        let root = self.root.clone().unwrap_or_else(|| place.root());
        for (name, text) in &self.files {
            let file = place.folder.join(name);
            if !file.exists() {
                fs::write(file, text).expect("a file can be written");
            }
        }
        let scratch = place.folder.to_str().expect("a temporary folder is UTF-8");
        let mut command = self.bare_command();
        command.arg("serve").args(&self.arguments);
        if let Some(listen) = &self.listen {
            let folder = place.folder.to_str().expect("a temporary folder is UTF-8");
            let listen = listen.replace("{port}", &port.to_string()).replace("{folder}", folder);
            command.env("REGISTRY_HTTP_ADDR", listen);
            command.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", &root);
        }
        if let Some(text) = &self.config {
            let root = root.to_str().expect("a temporary folder is UTF-8");
            let text = text
                .replace("{port}", &port.to_string())
                .replace("{root}", root)
                .replace("{scratch}", scratch);
            let file = place.folder.join("config.yml");
            fs::write(&file, text).expect("the configuration can be written");
            command.arg(file);
        }
        for (name, value) in &self.environment {
            match value.to_str() {
                Some(text) => command.env(name, text.replace("{scratch}", scratch)),
                None => command.env(name, value),
            };
        }
        place.catch_output(&mut command);
        command
    }

    fn bare_command(&self) -> Command {
        let binary = binary();
        let mut command = match self.under.split_first() {
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
}

/// What a run that came to its end left.
#[derive(Debug)]
pub struct Finished {
    /// The exit status; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output and after it standard error.
    pub output: String,
    /// Standard output alone.
    pub stdout: String,
}

/// Runs the binary with these arguments until it ends by itself; `configure` as in
/// [`Server::with`](crate::Server::with). With no argument at all it is started as a server would be, for
/// tests that expect it to refuse.
///
/// # Panics
/// When it still runs after 20 s.
pub fn run(arguments: &[&str], configure: impl for<'a> FnOnce(&'a mut Setup) -> &'a mut Setup) -> Finished {
    let mut setup = Setup::default();
    configure(&mut setup);
    let place = Place::new();
    let mut command = match arguments {
        [] => setup.command(&place, free_port()),
        _ => {
            let mut command = setup.bare_command();
            command.args(arguments).envs(setup.environment.iter().cloned());
            place.catch_output(&mut command);
            command
        }
    };
    let mut child = command.spawn().expect("the server can be executed");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            let stdout = place.output();
            return Finished { code: status.code(), output: stdout.clone() + &place.log(), stdout };
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it was to end by itself, and still runs:\n{}", place.log());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

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

    fn catch_output(&self, command: &mut Command) {
        let file = |name: &str| {
            let file = File::options().create(true).append(true).open(self.folder.join(name));
            file.expect("a file can be opened")
        };
        command.stdin(Stdio::null()).stdout(file("output")).stderr(file("log"));
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

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    let path = match std::env::var_os("PIERHEAD") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/pierhead"),
    };
    assert!(path.exists(), "{} does not exist: run `make build` first", path.display());
    path
}
