//! A container as Azure has them: Microsoft's Azurite.
use crate::program::program;
use crate::{Client, Request, Response, eventually, free_port};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// Where an Azurite listens that is there for many tests: `$PIERHEAD_AZURITE`.
pub const SHARED: &str = "PIERHEAD_AZURITE";

/// Azurite. It ends when this is dropped, and all that it had is gone.
#[derive(Debug)]
pub struct Azurite {
    port: u16,
    process: Child,
}

impl Azurite {
    /// Starts one with the container [`Container::NAME`].
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start() -> Azurite {
        Azurite::start_on(free_port())
    }

    /// The same on a port, of [`free_port`].
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_on(port: u16) -> Azurite {
        let mut command = Command::new(program("azurite-blob"));
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--inMemoryPersistence"]);
        command.args(["--silent", "--disableTelemetry", "--disableProductStyleUrl"]).stdin(Stdio::null());
        let log = File::create(std::env::temp_dir().join(format!("azurite-{port}.log"))).expect("a file");
        command.stdout(log.try_clone().expect("a file can be cloned")).stderr(log);
        // What node keeps of itself in the folder it is started in.
        command.current_dir(std::env::temp_dir());
        let azurite = Azurite { port, process: command.spawn().expect("azurite-blob can be executed") };
        let up = eventually(Duration::from_secs(30), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(up, "Azurite does not come up");
        let container = Container::of(&azurite);
        container.request("PUT", "?restype=container", &[], b"").expect(201);
        azurite
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A place of its own in a container of Azurite's: what is kept there is another's nowhere.
#[derive(Debug)]
pub struct Container {
    addr: SocketAddr,
    root: String,
    /// Where it is nobody else's.
    _azurite: Option<Azurite>,
}

impl Container {
    /// The account.
    pub const ACCOUNT: &str = "devstoreaccount1";
    /// What opens it: Azurite's own, which everyone knows.
    pub const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    /// Its name.
    pub const NAME: &str = "registry";

    /// A place in the Azurite that is there for many, or in one of its own.
    pub fn serve() -> Container {
        match std::env::var(SHARED) {
            Ok(addr) => Container::at(addr.parse().expect("PIERHEAD_AZURITE is an address"), None),
            Err(_) => {
                let azurite = Azurite::start();
                Container::at(azurite.addr(), Some(azurite))
            }
        }
    }

    /// A place in this Azurite.
    pub fn of(azurite: &Azurite) -> Container {
        Container::at(azurite.addr(), None)
    }

    fn at(addr: SocketAddr, azurite: Option<Azurite>) -> Container {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let root = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Container { addr, root, _azurite: azurite }
    }

    /// Where the service listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The URL of what lies at a key of the tree.
    pub fn url(&self, key: &str) -> String {
        format!("{}/{}/{}/{}/{key}", self.endpoint(), Container::ACCOUNT, Container::NAME, self.root)
    }

    /// What a server is told of it.
    pub fn settings(&self) -> Vec<(String, String)> {
        let service = format!("{}/{}", self.endpoint(), Container::ACCOUNT);
        let settings = [
            ("ACCOUNTNAME", Container::ACCOUNT),
            ("ACCOUNTKEY", Container::KEY),
            ("CONTAINER", Container::NAME),
            ("SERVICEURL", &service),
            ("ROOTDIRECTORY", &self.root),
        ];
        settings.map(|(name, value)| (format!("REGISTRY_STORAGE_AZURE_{name}"), value.to_owned())).into()
    }

    /// What lies at a key of the tree is asked for, or done with it, with a query that may follow on the key.
    pub fn object(&self, method: &str, key: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.request(method, &format!("/{}/{key}", self.root), headers, body)
    }

    /// The keys of all that lies there.
    pub fn keys(&self) -> Vec<String> {
        let prefix = format!("{}/", self.root);
        let list = self
            .request("GET", &format!("?restype=container&comp=list&prefix={prefix}"), &[], b"")
            .expect(200);
        let text = list.text();
        let names = text.split("<Name>").skip(1).filter_map(|rest| rest.split('<').next());
        names.filter_map(|name| Some(name.strip_prefix(&prefix)?.to_owned())).collect()
    }

    /// A request about what follows on the container's own path, signed with the account's key ("Authorize with Shared Key").
    fn request(&self, method: &str, rest: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let account = Container::ACCOUNT;
        let target = format!("/{account}/{}{rest}", Container::NAME);
        let date = httpdate::fmt_http_date(SystemTime::now());
        let mut own: Vec<(String, &str)> =
            headers.iter().map(|(name, value)| (name.to_lowercase(), *value)).collect();
        own.extend([("x-ms-date".to_owned(), &*date), ("x-ms-version".to_owned(), "2023-11-03")]);
        own.sort();
        let length = if body.is_empty() { String::new() } else { body.len().to_string() };
        let named: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut asked: Vec<String> = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| format!("\n{}", part.replacen('=', ":", 1)))
            .collect();
        asked.sort();
        let text =
            format!("{method}\n\n\n{length}\n\n\n\n\n\n\n\n\n{named}/{account}{path}{}", asked.concat());
        let key = BASE64_STANDARD.decode(Container::KEY).expect("a key in base64");
        let mut signed = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
        signed.update(text.as_bytes());
        let signature = BASE64_STANDARD.encode(signed.finalize().into_bytes());
        let request = Request::new(method, &target).body(body);
        let request = request.header("Authorization", format!("SharedKey {account}:{signature}"));
        let request = own.iter().fold(request, |request, (name, value)| request.header(name, value));
        Client::connect(self.addr).request(&request)
    }
}
