//! Answers over HTTP/2 that the client does not take. Each of its streams has a window of its own, so that the socket
//! may be all alive while an answer stands still, with its place among the requests in flight.

use crate::timer::Timer;
use bytes::{Buf, Bytes};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The answers of one connection.
pub struct Connection {
    /// How long one may stand still (`limits.idletimeout`).
    idle: Duration,
    /// How many there are, or will be once their requests are dealt with.
    streams: Cell<usize>,
    over: Notify,
}

impl Connection {
    /// One without answers.
    pub fn new(idle: Duration) -> Rc<Connection> {
        Rc::new(Connection { idle, streams: Cell::new(0), over: Notify::new() })
    }

    /// Waits until the connection has to end, because its client takes no answer.
    pub async fn over(&self) {
        self.over.notified().await;
    }
}

tokio::task_local! {
    /// What is being taken of the answer to the request in hand, where that came over HTTP/2.
    static TAKING: Rc<Taking>;
}

/// What the client has yet to take of an answer.
pub struct Taking {
    idle: Duration,
    /// The bytes that HTTP/2 has and the client does not.
    left: Cell<usize>,
    /// When they last became fewer, or none became some.
    moved: Cell<Instant>,
    /// Who waits for them to be gone.
    waiting: RefCell<Option<Waker>>,
}

impl Taking {
    /// That of the answer to the request in hand.
    pub fn current() -> Option<Rc<Taking>> {
        TAKING.try_with(Rc::clone).ok()
    }

    fn give(&self, bytes: usize) {
        if self.left.get() == 0 {
            self.moved.set(Instant::now());
        }
        self.left.set(self.left.get() + bytes);
    }

    fn take(&self, bytes: usize) {
        self.moved.set(Instant::now());
        self.left.set(self.left.get() - bytes);
        if self.left.get() == 0
            && let Some(waiting) = self.waiting.take()
        {
            waiting.wake();
        }
    }

    /// Ready when the client has taken nothing for too long. While it has taken everything it is not waited for.
    fn poll_stalled(&self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<()> {
        if self.left.get() == 0 {
            return Poll::Pending;
        }
        timer.poll_until(self.moved.get() + self.idle, cx)
    }
}

/// Bytes of an answer on their way out.
pub struct Piece {
    bytes: Bytes,
    taking: Option<Rc<Taking>>,
}

impl Piece {
    /// Bytes, and whose they are where that counts.
    pub fn new(bytes: Bytes, taking: Option<&Rc<Taking>>) -> Piece {
        if let Some(taking) = taking {
            taking.give(bytes.len());
        }
        Piece { bytes, taking: taking.cloned() }
    }

    fn taken(&self, bytes: usize) {
        if let Some(taking) = &self.taking
            && bytes > 0
        {
            taking.take(bytes);
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.taken(count);
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        let bytes = self.bytes.copy_to_bytes(count);
        self.taken(count);
        bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.taken(self.bytes.len());
    }
}

/// hyper's way to start the streams of a connection: on its thread, and to their end or until they stall.
#[derive(Clone)]
pub struct Streams(pub Rc<Connection>);

impl<F: Future + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(watch(stream, self.0.clone()));
    }
}

async fn watch(stream: impl Future, connection: Rc<Connection>) {
    let taking = Rc::new(Taking {
        idle: connection.idle,
        left: Cell::new(0),
        moved: Cell::new(Instant::now()),
        waiting: RefCell::new(None),
    });
    let mut timer = Timer::default();
    connection.streams.update(|streams| streams + 1);
    let stalled = {
        let mut stream = pin!(TAKING.scope(taking.clone(), stream));
        poll_fn(|cx| match stream.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending => taking.poll_stalled(cx, &mut timer).map(|()| true),
        })
        .await
        // A stream that has not ended is reset when it is dropped, and HTTP/2 lets go of what it has of the answer.
    };
    connection.streams.update(|streams| streams - 1);
    if stalled {
        tracing::debug!("an answer was broken off: the client took nothing of it (limits.idletimeout)");
        if connection.streams.get() == 0 {
            connection.over.notify_one();
        }
        return;
    }
    // The end of an answer may still lie with HTTP/2, and then nothing but the connection's end frees it.
    tokio::task::yield_now().await;
    let gone = poll_fn(|cx| {
        if taking.left.get() == 0 {
            return Poll::Ready(true);
        }
        taking.waiting.replace(Some(cx.waker().clone()));
        taking.poll_stalled(cx, &mut timer).map(|()| false)
    });
    if !gone.await {
        connection.over.notify_one();
    }
}
