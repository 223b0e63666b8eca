use crate::host::{Beside, Bucket, Container, Host, bare_command};
use crate::login::USERS;
use crate::place::{Place, free_port};
use crate::{Certificates, Trust};
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How a server is started. What is not said here is what the tests want of every server: a free port on
/// 127.0.0.1, an empty folder for the data, and no setting from the environment of the test.
#[derive(Debug)]
pub struct Setup {
    pub(crate) host: Host,
    pub(crate) artefact: Option<String>,
    pub(crate) kept: Option<Kept>,
    pub(crate) without_grant: Option<String>,
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

/// A bucket or container that outlives the server.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// What the server is told of it.
    settings: Vec<(String, String)>,
    /// The folder behind it, where there is one.
    pub(crate) folder: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            host: Host::chosen(),
            artefact: None,
            kept: None,
            without_grant: None,
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
    /// Runs it on this host, whichever the tests run on. To be said before anything else.
    pub fn on(&mut self, host: Host) -> &mut Setup {
        self.host = host;
        self
    }

    /// Runs this artefact in the place of the host's usual one.
    pub fn artefact(&mut self, name: &str) -> &mut Setup {
        self.artefact = Some(name.into());
        self
    }

    /// Keeps the data in this bucket, which outlives the server; otherwise it has one of its own.
    pub fn bucket(&mut self, bucket: &Bucket) -> &mut Setup {
        self.kept = Some(Kept { settings: bucket.settings(), folder: Some(bucket.folder()) });
        self
    }

    /// Keeps the data in this container, which outlives the server; otherwise it has one of its own.
    pub fn container(&mut self, container: &Container) -> &mut Setup {
        self.kept = Some(Kept { settings: container.settings(), folder: None });
        self
    }

    /// Runs it without this line of Spin's manifest.
    pub fn without_grant(&mut self, name: &str) -> &mut Setup {
        self.without_grant = Some(name.into());
        self
    }

    /// Asks for passwords: those of alice and bob.
    pub fn users(&mut self) -> &mut Setup {
        self.env("REGISTRY_AUTH", "htpasswd");
        match self.host {
            Host::Native | Host::NativeS3 | Host::NativeAzure => {
                self.file("htpasswd", USERS).env("REGISTRY_AUTH_HTPASSWD_PATH", "{scratch}/htpasswd")
            }
            _ => self.env("REGISTRY_AUTH_HTPASSWD_USERS", USERS),
        }
    }

    /// Adds a rule: who may do what in which repositories, several of each with commas between them.
    pub fn rule(&mut self, who: &str, repositories: &str, actions: &str) -> &mut Setup {
        let of_rules =
            |name: &&OsString| name.to_str().is_some_and(|name| name.starts_with("REGISTRY_ACCESS_"));
        let at = self.environment.iter().map(|(name, _)| name).filter(of_rules).count() / 3;
        for (column, words) in [("WHO", who), ("REPOSITORIES", repositories), ("ACTIONS", actions)] {
            let words: Vec<_> = words.split(',').collect();
            self.env(&format!("REGISTRY_ACCESS_{at}_{column}"), serde_json::json!(words));
        }
        self
    }

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

    /// Puts the files there, if they are not.
    pub(crate) fn write_files(&self, place: &Place) {
        for (name, text) in &self.files {
            let file = place.folder.join(name);
            if !file.exists() {
                fs::write(file, text).expect("a file can be written");
            }
        }
    }

    /// Holds the test to ask for nothing that only our own host has.
    ///
    /// # Panics
    /// When it does.
    pub(crate) fn assert_portable(&self) {
        let name = self.host.name();
        assert!(self.config.is_none() && self.files.is_empty(), "{name} reads no configuration file");
        assert!(self.arguments.is_empty() && self.under.is_empty(), "{name} has arguments of its own");
        assert!(self.trust.is_none(), "{name} is started without TLS");
        assert!(self.listen == Setup::default().listen, "{name} is started on a port of 127.0.0.1");
    }

    /// Where its bucket or container is, and what opens it.
    pub(crate) fn kept_settings(&self, beside: Option<&Beside>) -> Vec<(String, String)> {
        match (&self.kept, beside) {
            (Some(kept), _) => kept.settings.clone(),
            (None, Some(beside)) => beside.settings(),
            (None, None) => Vec::new(),
        }
    }

    /// What a host other than ours gives the components: the variables of distribution, later ones winning.
    pub(crate) fn settings(&self, place: &Place, beside: Option<&Beside>) -> Vec<(String, String)> {
        let mut settings = self.kept_settings(beside);
        for (name, value) in &self.environment {
            let text = |text: &OsString| text.to_str().expect("a setting is UTF-8").to_owned();
            settings.retain(|(other, _)| *other != text(name));
            settings.push((text(name), place.fill_in(&text(value))));
        }
        settings
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

/// Runs the binary of our own host with these arguments until it ends by itself; `configure` as in
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
        [] => Host::Native.command(&setup, &place, free_port(), None),
        _ => {
            let mut command = bare_command(&setup);
            command.args(arguments).envs(setup.environment.iter().cloned());
            place.catch_output(&mut command, "output");
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
