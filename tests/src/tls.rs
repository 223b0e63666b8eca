use crate::place::Place;
use crate::run;
use rustls::client::ClientConnection;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What carries a client's connection.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Local(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Local(_) => panic!("a socket in the file system has no address"),
            Wire::Tls(stream) => &stream.sock,
        }
    }

    pub(crate) fn session(&self) -> Option<&ClientConnection> {
        match self {
            Wire::Plain(_) | Wire::Local(_) => None,
            Wire::Tls(stream) => Some(&stream.conn),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(buffer),
            Wire::Local(socket) => socket.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write(bytes),
            Wire::Local(socket) => socket.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.flush(),
            Wire::Local(socket) => socket.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

/// What a client of TLS trusts and shows.
#[derive(Clone, Debug)]
pub struct Trust {
    authority: PathBuf,
    identity: Option<(PathBuf, PathBuf)>,
    versions: Vec<&'static SupportedProtocolVersion>,
    protocols: Vec<Vec<u8>>,
    host: Option<String>,
}

impl Trust {
    /// Trusts the authority in this file, and shows nothing.
    pub fn new(authority: impl Into<PathBuf>) -> Trust {
        let versions = rustls::ALL_VERSIONS.to_vec();
        Trust { authority: authority.into(), identity: None, versions, protocols: Vec::new(), host: None }
    }

    /// Shows this certificate when it is asked for one.
    pub fn showing(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Trust {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Speaks this version of TLS alone.
    pub fn version(mut self, version: &'static SupportedProtocolVersion) -> Trust {
        self.versions = vec![version];
        self
    }

    /// Offers these protocols (ALPN).
    pub fn offering(mut self, protocols: &[&str]) -> Trust {
        self.protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Wants this host, and not the address that it connects to.
    pub fn host(mut self, host: &str) -> Trust {
        self.host = Some(host.into());
        self
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.authority) {
            roots.add(certificate).expect("an authority");
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&self.versions)
            .expect("a version")
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_file(key).expect("a key");
                builder.with_client_auth_cert(certificates(certificate), key).expect("a pair")
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        config
    }

    pub(crate) fn shake_hands(&self, mut socket: TcpStream, addr: SocketAddr) -> io::Result<Wire> {
        let name = match &self.host {
            Some(host) => ServerName::try_from(host.clone()).expect("a name"),
            None => ServerName::IpAddress(addr.ip().into()),
        };
        let mut session = ClientConnection::new(Arc::new(self.config()), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(session, socket))))
    }
}

fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).expect("a file").collect();
    found.expect("certificates")
}

/// A folder with an authority and a certificate for 127.0.0.1 and localhost, as `pierhead cert self-signed` makes
/// them: `ca.crt`, `ca.key`, `server.crt`, `server.key`. It goes when the test succeeds.
#[derive(Debug)]
pub struct Certificates {
    place: Place,
}

impl Certificates {
    /// Makes them.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn new() -> Certificates {
        Certificates::with(&[])
    }

    /// Makes them, for these hosts too.
    #[track_caller]
    pub fn with(hosts: &[&str]) -> Certificates {
        let certificates = Certificates { place: Place::new() };
        let out = certificates.place.folder.to_str().expect("a temporary folder is UTF-8");
        let mut arguments = vec!["cert", "self-signed", "--out", out];
        for host in ["127.0.0.1", "localhost"].iter().chain(hosts) {
            arguments.extend(["--host", host]);
        }
        let finished = run(&arguments, |s| s);
        assert_eq!(finished.code, Some(0), "{}", finished.output);
        certificates
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.place.folder.join(name)
    }

    /// Trust in the authority.
    pub fn trust(&self) -> Trust {
        Trust::new(self.file("ca.crt"))
    }

    /// Runs `openssl` with these arguments in the folder.
    ///
    /// # Panics
    /// When it fails, with what it said.
    #[track_caller]
    pub fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split_whitespace()).current_dir(&self.place.folder).output();
        let output = output.expect("the tests need openssl");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A certificate for a client, `name.crt` and `name.key`, signed by the authority; `more` are arguments of
    /// `openssl x509`. Returns trust in the authority, and shows it.
    #[track_caller]
    pub fn client(&self, name: &str, more: &str) -> Trust {
        let request = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        self.openssl(&format!("req {request} -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        fs::write(self.file("client.ext"), "extendedKeyUsage=clientAuth\n").expect("a file can be written");
        let signed = "-CA ca.crt -CAkey ca.key -CAcreateserial -extfile client.ext";
        self.openssl(&format!("x509 -req -in {name}.csr {signed} {more} -out {name}.crt"));
        self.trust().showing(self.file(&format!("{name}.crt")), self.file(&format!("{name}.key")))
    }
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates::new()
    }
}
