//! A connection that does not wait for ever, and does not hang up on a client that is still talking.

use crate::socket::Socket;
use crate::tls::TlsStream;
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

/// With which HTTP/2 begins where both sides know (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long the client may still take to show which HTTP it speaks.
struct Opening {
    patience: Pin<Box<Sleep>>,
    /// How much of the preface of HTTP/2 has come.
    matched: usize,
}

impl Opening {
    /// Whether it is still open, after these bytes, which HTTP it is.
    fn goes_on(&mut self, bytes: &[u8]) -> bool {
        let rest = &PREFACE[self.matched..];
        self.matched += bytes.len();
        bytes.len() < rest.len() && rest.starts_with(bytes)
    }
}

/// How long a connection waits, and for what.
pub struct Patience {
    /// For the first words of a connection (`limits.headertimeout`); hyper looks after all later ones.
    pub opening: Duration,
    /// For a client that was refused to hang up (`limits.lingertime`).
    pub linger: Duration,
}

/// What carries a connection.
pub enum Transport {
    /// The socket itself.
    Plain(Socket),
    /// TLS over it.
    Tls(Box<TlsStream>),
}

/// How many of a connection's requests have a body that nobody reads and that may still be coming.
#[derive(Clone, Default)]
pub struct Unread(Rc<Cell<usize>>);

impl Unread {
    /// One more.
    pub fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    /// All of one has come after all, or is of no interest any more.
    pub fn remove(&self) {
        self.0.set(self.0.get() - 1);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.get()
    }
}

/// A connection that fails when it has to wait for longer than it may.
///
/// When it is dropped while the client may still be sending a body that nobody reads, the connection is
/// closed in halves: to close it whole would reset it, and the client would lose the answer that says why.
pub struct Io {
    transport: Option<Transport>,
    /// The connection's share of `limits.connections`; it is given back when the socket is closed.
    share: Option<OwnedSemaphorePermit>,
    patience: Patience,
    opening: Option<Opening>,
    unread: Unread,
}

impl Io {
    /// A connection on which nothing has been said yet.
    pub fn new(transport: Transport, share: OwnedSemaphorePermit, patience: Patience) -> Io {
        let opening = Opening { patience: Box::pin(tokio::time::sleep(patience.opening)), matched: 0 };
        let (transport, share) = (Some(transport), Some(share));
        Io { transport, share, patience, opening: Some(opening), unread: Unread::default() }
    }

    /// To be told of requests that are answered without their bodies having been read.
    pub fn unread(&self) -> Unread {
        self.unread.clone()
    }

    fn transport(&mut self) -> Pin<&mut Transport> {
        Pin::new(self.transport.as_mut().expect("it is there until it is dropped"))
    }
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($transport:expr, $method:ident($($argument:expr),*)) => {
        match $transport.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = match self.get_mut() {
            Transport::Plain(socket) => return Pin::new(socket).poll_read(cx, buffer),
            Transport::Tls(stream) => stream,
        };
        // TLS gives one record at a time, at most 16 KiB: an upload is cheaper in larger pieces.
        let start = buffer.filled().len();
        loop {
            let before = buffer.filled().len();
            let read = Pin::new(&mut *stream).poll_read(cx, buffer);
            match read {
                Poll::Ready(Ok(())) if buffer.filled().len() > before && buffer.remaining() > 0 => {}
                // What is wrong with the connection now, is wrong at the next read too.
                Poll::Pending | Poll::Ready(Err(_)) if before > start => return Poll::Ready(Ok(())),
                read => return read,
            }
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(cx))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.transport().poll_read(cx, buffer);
        let Some(opening) = &mut self.opening else { return read };
        match read {
            Poll::Ready(_) => {
                if !opening.goes_on(&buffer.filled()[before..]) {
                    self.opening = None;
                }
                read
            }
            Poll::Pending => {
                ready!(opening.patience.as_mut().poll(cx));
                let message = "the client did not say what it wants (limits.headertimeout)";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.transport().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shutdown(cx)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(transport) = self.transport.take().filter(|_| self.unread.0.get() > 0) {
            let (share, linger) = (self.share.take(), self.patience.linger);
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(linger, hang_up(transport)).await;
                drop(share);
            });
        }
    }
}

async fn hang_up(transport: Transport) -> io::Result<()> {
    match transport {
        Transport::Plain(socket) => listen_out(socket).await,
        Transport::Tls(mut stream) => {
            stream.shutdown().await?;
            // What it says now need not be decrypted.
            listen_out(stream.into_inner().0).await
        }
    }
}

/// Says that no more will be sent, and listens until the client hangs up too.
pub async fn listen_out(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    let mut ignored = [0; 16 << 10];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
