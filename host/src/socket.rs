//! A client's socket, of the Internet or of this machine, which does not wait for ever for the client to take
//! what is sent.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A client with an address.
    Internet(SocketAddr),
    /// A process of this machine, over a socket in the file system.
    Local,
}

impl Peer {
    /// The address, for what counts by addresses; all of this machine are one.
    pub fn ip(&self) -> IpAddr {
        match self {
            Peer::Internet(address) => address.ip().to_canonical(),
            Peer::Local => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // IPv4 comes as IPv6 where one socket takes both.
            Peer::Internet(address) => SocketAddr::new(address.ip().to_canonical(), address.port()).fmt(f),
            Peer::Local => f.write_str("unix"),
        }
    }
}

/// A socket that no thread waits for yet.
pub enum Detached {
    /// Of the Internet.
    Tcp(std::net::TcpStream),
    /// Of this machine.
    Unix(std::os::unix::net::UnixStream),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match $stream {
            Stream::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Unix(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

/// A socket that fails when the client takes nothing for longer than it may.
pub struct Socket {
    stream: Stream,
    idle: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// The socket, from now on on this thread. `idle` is how long the client may take nothing
    /// (`limits.idletimeout`).
    pub fn attach(socket: Detached, idle: Duration) -> io::Result<Socket> {
        let stream = match socket {
            Detached::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream)?),
            Detached::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)?),
        };
        Ok(Socket { stream, idle, stalled: None })
    }

    /// What became of a write, or that it has stalled for too long.
    fn progress(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let idle = self.idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(stalled.as_mut().poll(cx));
        let message = format!("the client took nothing for {idle:?} (limits.idletimeout)");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(&mut self.stream, poll_read(cx, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = either!(&mut self.stream, poll_write(cx, bytes));
        self.progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = either!(&mut self.stream, poll_write_vectored(cx, slices));
        self.progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.stream, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.stream, poll_shutdown(cx))
    }
}
