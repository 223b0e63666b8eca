//! A socket that does not wait for ever, and does not hang up on a client that is still talking.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A socket. A write that makes no progress for `idle` is an error.
///
/// When it is dropped while the client may still be sending a body that nobody reads, the connection is
/// closed in halves: to close it whole would reset it, and the client would lose the answer that says why.
pub struct Io {
    stream: Option<TcpStream>,
    idle: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    unread: Rc<Cell<bool>>,
    linger: Duration,
}

impl Io {
    /// A socket that lingers for `linger` at most.
    pub fn new(stream: TcpStream, idle: Duration, linger: Duration) -> Io {
        Io { stream: Some(stream), idle, stalled: None, unread: Rc::default(), linger }
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
        let idle = self.idle;
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
        self.stream().poll_read(cx, buffer)
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
            let linger = self.linger;
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(linger, hang_up(stream)).await;
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
