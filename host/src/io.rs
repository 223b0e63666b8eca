//! A socket that does not wait for ever, and does not hang up on a client that is still talking.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
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

/// How long a socket waits, and for what.
pub struct Patience {
    /// For the first words of a connection (`limits.headertimeout`); hyper looks after all later ones.
    pub opening: Duration,
    /// For a client to take some of what is sent (`limits.idletimeout`).
    pub idle: Duration,
    /// For a client that was refused to hang up (`limits.lingertime`).
    pub linger: Duration,
}

/// A socket that fails when it has to wait for longer than it may.
///
/// When it is dropped while the client may still be sending a body that nobody reads, the connection is
/// closed in halves: to close it whole would reset it, and the client would lose the answer that says why.
pub struct Io {
    stream: Option<TcpStream>,
    /// The connection's share of `limits.connections`; it is given back when the socket is closed.
    share: Option<OwnedSemaphorePermit>,
    patience: Patience,
    opening: Option<Opening>,
    stalled: Option<Pin<Box<Sleep>>>,
    unread: Rc<Cell<bool>>,
}

impl Io {
    /// A socket of a connection that has just been accepted.
    pub fn new(stream: TcpStream, share: OwnedSemaphorePermit, patience: Patience) -> Io {
        let opening = Opening { patience: Box::pin(tokio::time::sleep(patience.opening)), matched: 0 };
        let (stream, share) = (Some(stream), Some(share));
        Io { stream, share, patience, opening: Some(opening), stalled: None, unread: Rc::default() }
    }

    /// To be set when a request was answered without its body having been read.
    pub fn unread_flag(&self) -> Rc<Cell<bool>> {
        self.unread.clone()
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("the socket is there until it is dropped"))
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
        let idle = self.patience.idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(stalled.as_mut().poll(cx));
        let message = format!("the client took nothing for {idle:?} (limits.idletimeout)");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.stream().poll_read(cx, buffer);
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
        let written = self.stream().poll_write(cx, bytes);
        self.progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(cx, slices);
        self.progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take().filter(|_| self.unread.get()) {
            let (share, linger) = (self.share.take(), self.patience.linger);
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(linger, hang_up(stream)).await;
                drop(share);
            });
        }
    }
}

/// Says that no more will be sent, and listens until the client hangs up too.
async fn hang_up(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut ignored = [0; 16 << 10];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
