//! Where clients connect: a port, or a socket in the file system.

use crate::config::{Config, ConfigError, Net};
use crate::socket::{Detached, Peer};
use rustix::io::Errno;
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};

/// The setting that says where clients connect.
const ADDR: &str = "http.addr";

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address means nothing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system refuses.
    #[error("cannot listen on {address} ({setting}): {source}")]
    Refused {
        /// The setting that asks for it.
        setting: &'static str,
        /// The address or file.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// A socket that accepts connections.
pub enum Listener {
    /// On a port.
    Tcp(TcpListener),
    /// In the file system.
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens as `http.net` and `http.addr` say.
    pub fn new(config: &Config) -> Result<Listener, ListenError> {
        if config.http.net == Net::Unix {
            let path = Path::new(&config.http.addr);
            return bind_file(path).map_err(|source| ListenError::Refused {
                setting: ADDR,
                address: path.display().to_string(),
                source,
            });
        }
        tcp(&config.listen_addresses()?, ADDR).map(Listener::Tcp)
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<(Detached, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                // Nagle's algorithm would hold small answers back; without it they are only slower.
                let _ = stream.set_nodelay(true);
                Ok((Detached::Tcp(stream.into_std()?), Peer::Internet(remote)))
            }
            Listener::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Detached::Unix(stream.into_std()?), Peer::Local))
            }
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("an unknown address"),
            },
            Listener::Unix(_, file) => file.path.display().fmt(f),
        }
    }
}

/// The file of a socket. It goes when the socket does, unless another has taken its place.
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A socket in the file system; the file of one that nobody listens on any more gives way.
fn bind_file(path: &Path) -> io::Result<Listener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        let in_the_way = |what| io::Error::new(io::ErrorKind::AlreadyExists, what);
        if !found.file_type().is_socket() {
            return Err(in_the_way("the file is there and is not a socket"));
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
            Ok(_) => return Err(in_the_way("another process listens on it")),
        }
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
    Ok(Listener::Unix(socket.listen(BACKLOG)?, file))
}

/// Listens on the first of these addresses whose family the machine has. `setting` asks for them.
pub fn tcp(addresses: &[SocketAddr], setting: &'static str) -> Result<TcpListener, ListenError> {
    let mut absent = None;
    for address in addresses {
        match bind(*address) {
            Ok(listener) => return Ok(listener),
            Err(source) => {
                let family = matches!(
                    source.raw_os_error().map(Errno::from_raw_os_error),
                    Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
                );
                let error = ListenError::Refused { setting, address: address.to_string(), source };
                if !family {
                    return Err(error);
                }
                absent = absent.or(Some(error));
            }
        }
    }
    Err(absent.expect("a configured address is at least one"))
}

/// A socket for IPv6 takes IPv4 too, whatever the system's default.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if address.ip().is_unspecified() && address.is_ipv6() {
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
