//! pebble: an authority that makes certificates as Let's Encrypt does, and a server of names for it.
use crate::support::{Folder, program};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::{Certificates, Client, Request, Setup, Trust, eventually, free_port};

/// The host that certificates are for.
pub const HOST: &str = "registry.example.test";
/// A host for which pebble makes none.
pub const BLOCKED: &str = "blocked.example.test";

/// An authority that looks for every host at one address, on the port of one server.
pub struct Pebble {
    folder: Folder,
    /// Of its own servers.
    certificates: Certificates,
    directory: u16,
    management: SocketAddr,
    names: u16,
    /// The server's.
    pub port: u16,
    address: &'static str,
    processes: Vec<Child>,
}

impl Pebble {
    /// One that makes certificates for `seconds`, and does not run yet.
    pub fn prepare(address: &'static str, seconds: u32) -> Pebble {
        let (directory, management, port) = (free_port(), free_port(), free_port());
        let pebble = Pebble {
            folder: Folder::new(),
            certificates: Certificates::new(),
            directory,
            management: SocketAddr::from(([127, 0, 0, 1], management)),
            names: free_port(),
            port,
            address,
            processes: Vec::new(),
        };
        let file = |name| pebble.certificates.file(name).display().to_string();
        let (certificate, key) = (file("server.crt"), file("server.key"));
        let config = format!(
            r#"{{"pebble": {{
                "listenAddress": "127.0.0.1:{directory}", "managementListenAddress": "127.0.0.1:{management}",
                "certificate": "{certificate}", "privateKey": "{key}", "tlsPort": {port}, "keyAlgorithm": "ecdsa",
                "domainBlocklist": ["{BLOCKED}"], "retryAfter": {{"authz": 1, "order": 1}},
                "profiles": {{"default": {{"description": "", "validityPeriod": {seconds}}}}}
            }}}}"#
        );
        fs::write(pebble.folder.join("config.json"), config).expect("a file can be written");
        pebble
    }

    /// One that runs, and makes certificates for `seconds` for servers at the loopback.
    pub fn start(seconds: u32) -> Pebble {
        let mut pebble = Pebble::prepare("127.0.0.1", seconds);
        pebble.run();
        pebble
    }

    /// Starts it, with nothing known and a new root.
    pub fn run(&mut self) {
        let (names, address) = (format!("127.0.0.1:{}", self.names), self.address);
        let management = format!("127.0.0.1:{}", free_port());
        let none = ["-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "", "-defaultIPv6", ""];
        let server = ["-dnsserver", &names, "-defaultIPv4", address, "-management", &management];
        self.spawn("pebble-challtestsrv", &[none.as_slice(), &server].concat());
        let config = self.folder.join("config.json");
        let config = config.to_str().expect("a temporary folder is UTF-8");
        self.spawn("pebble", &["-config", config, "-dnsserver", &names]);
        let up = eventually(Duration::from_secs(20), || self.fetch_root());
        assert!(up, "pebble does not come up:\n{}", self.log());
    }

    fn spawn(&mut self, name: &str, arguments: &[&str]) {
        let log = File::options().create(true).append(true).open(self.folder.join("log"));
        let log = log.expect("a file can be made");
        let twin = log.try_clone().expect("a file can be cloned");
        // setpriv: if this test is killed, it ends too.
        let mut command = Command::new(program("setpriv"));
        command.args(["--pdeathsig", "KILL"]).arg(program(name)).args(arguments);
        command.env("PEBBLE_VA_NOSLEEP", "1").stdin(Stdio::null()).stdout(log).stderr(twin);
        self.processes.push(command.spawn().expect("it can be executed"));
    }

    fn fetch_root(&self) -> bool {
        let Ok(mut client) = Client::try_tls(self.management, &self.certificates.trust()) else {
            return false;
        };
        let Ok(root) = client.try_request(&Request::get("/roots/0")) else { return false };
        fs::write(self.root(), root.expect(200).body).expect("a file can be written");
        true
    }

    /// Stops it: nobody listens any more.
    pub fn stop(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ = process.kill();
            process.wait().expect("a child can be waited for");
        }
    }

    /// The file of its root.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// Trust in its root, from a client that wants [`HOST`].
    pub fn trust(&self) -> Trust {
        Trust::new(self.root()).host(HOST)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// How many certificates it has made.
    pub fn issued(&self) -> usize {
        self.log().matches("Issued certificate serial").count()
    }

    /// Lets a server get certificates from it.
    pub fn serve<'a>(&self, setup: &'a mut Setup) -> &'a mut Setup {
        let setting = |name: &str| format!("REGISTRY_HTTP_TLS_LETSENCRYPT_{name}");
        setup
            .port(self.port)
            .trust(self.trust())
            .env(&setting("CACHEFILE"), "{scratch}/acme")
            .env(&setting("EMAIL"), "operator@example.test")
            .env(&setting("HOSTS"), format!("[{HOST}]"))
            .env(&setting("DIRECTORYURL"), format!("https://127.0.0.1:{}/dir", self.directory))
            .env(&setting("DIRECTORYCA"), self.certificates.file("ca.crt").display())
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
    }
}
