//! A socket that is read in larger pieces than rustls asks for, which is 4 KiB and a system call for each.

use crate::socket::Socket;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once: four records.
const SIZE: usize = 64 << 10;

thread_local! {
    /// The buffer of whichever connection of this thread reads next. Only one in which bytes were left keeps it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A socket, and what has been read of it and not been asked for.
pub struct ReadAhead {
    socket: Socket,
    /// Of [`SIZE`], or of nothing when nothing is left.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadAhead {
    pub(super) fn new(socket: Socket) -> ReadAhead {
        ReadAhead { socket, buffer: Vec::new(), start: 0, end: 0 }
    }

    /// The first byte that has not been asked for; `None` at the end.
    pub(super) async fn peek(&mut self) -> io::Result<Option<u8>> {
        poll_fn(|cx| self.poll_fill(cx)).await?;
        Ok(self.buffer.get(self.start).copied())
    }

    /// Reads when nothing is left. At the end nothing is left after it either.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.buffer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut buffer = SPARE.take();
        buffer.resize(SIZE, 0);
        let mut into = ReadBuf::new(&mut buffer);
        let read = Pin::new(&mut self.socket).poll_read(cx, &mut into);
        match into.filled().len() {
            0 => SPARE.set(buffer),
            end => (self.buffer, self.start, self.end) = (buffer, 0, end),
        }
        read
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_fill(cx))?;
        if !self.buffer.is_empty() {
            let count = into.remaining().min(self.end - self.start);
            into.put_slice(&self.buffer[self.start..self.start + count]);
            self.start += count;
            if self.start == self.end {
                SPARE.set(std::mem::take(&mut self.buffer));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
