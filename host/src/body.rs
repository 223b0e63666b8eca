//! Bodies: the request's, which the component may take or leave, and the answer's.

use crate::storage::{self, Content, ContentBody};
use crate::timer::Timer;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{io, vec};
use tokio::time::Instant;

/// Why a request's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or its framing did.
    #[error("the request's body broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// Nothing came for longer than `limits.idletimeout`.
    #[error("the client sent nothing for {0:?} (limits.idletimeout)")]
    Idle(Duration),
    /// The request has been answered, and what was left of its body is no longer of interest.
    #[error("the request was answered before its body was read")]
    Taken,
}

impl From<BodyError> for wasmtime_wasi_http::Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Broken(error) => error.into(),
            BodyError::Idle(_) => wasmtime_wasi_http::Error::ConnectionReadTimeout,
            BodyError::Taken => wasmtime_wasi_http::Error::HttpProtocolError,
        }
    }
}

struct Inner {
    incoming: Option<Incoming>,
    idle: Duration,
    /// Since when nothing has come; `None` while it comes.
    waiting: Option<Instant>,
    timer: Timer,
    read: u64,
}

/// A request's body: shared between the component that may read it, and the connection, which has to
/// deal with what the component leaves (see [`RequestBody::take_rest`]).
#[derive(Clone)]
pub struct RequestBody(Arc<Mutex<Inner>>);

impl RequestBody {
    /// A body that fails when nothing comes for `idle`.
    pub fn new(incoming: Incoming, idle: Duration) -> RequestBody {
        RequestBody(Arc::new(Mutex::new(Inner {
            incoming: Some(incoming),
            idle,
            waiting: None,
            timer: Timer::default(),
            read: 0,
        })))
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no one panics while reading a body")
    }

    /// How many bytes have been read.
    pub fn bytes_read(&self) -> u64 {
        self.inner().read
    }

    /// Takes away what has not been read; from then on reading is an error. `None` when all was read.
    pub fn take_rest(&self) -> Option<Incoming> {
        self.inner().incoming.take().filter(|incoming| !incoming.is_end_stream())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut inner = self.inner();
        let inner = &mut *inner;
        let Some(incoming) = &mut inner.incoming else { return Poll::Ready(Some(Err(BodyError::Taken))) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                inner.waiting = None;
                if let Some(Ok(frame)) = &frame {
                    inner.read += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
            }
            Poll::Pending => {
                let end = *inner.waiting.get_or_insert_with(Instant::now) + inner.idle;
                inner.timer.poll_until(end, cx).map(|()| Some(Err(BodyError::Idle(inner.idle))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner().incoming.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner().incoming.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// What goes back to the client.
pub enum AnswerBody {
    /// Bytes in memory; empty once they are sent.
    Small(Bytes),
    /// Part of a blob, read by the host.
    Content(Box<ContentBody>),
    /// Several parts of a blob, with what is between them.
    Parts(Box<Parts>),
    /// What a component made through wasi:http alone.
    Foreign(UnsyncBoxBody<Bytes, wasmtime_wasi_http::Error>),
}

/// Bytes of the component's and parts of a blob in turn.
pub struct Parts {
    content: Content,
    rest: vec::IntoIter<Part>,
    now: Option<ContentBody>,
    /// The first part's bytes, where they were asked for already.
    first: Option<ContentBody>,
    end: Bytes,
    left: u64,
}

/// What comes before some bytes of a blob, and which those are.
pub struct Part {
    /// What comes before.
    pub head: Bytes,
    /// Where its bytes begin in the blob.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
}

impl Parts {
    /// A body of these parts, which lie within the blob, and of `end` after the last.
    pub fn new(content: Content, parts: Vec<Part>, end: Bytes) -> Parts {
        let each = parts.iter().map(|part| part.head.len() as u64 + part.length);
        let left = each.sum::<u64>() + end.len() as u64;
        Parts { content, rest: parts.into_iter(), now: None, first: None, end, left }
    }

    async fn asked(mut self) -> Result<Parts, storage::Error> {
        if let Some(first) = self.rest.as_slice().first() {
            self.first = Some(self.content.body(first.offset, first.length).asked().await?);
        }
        Ok(self)
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let me = &mut *self;
        let frame = loop {
            if let Some(body) = me.now.as_mut().filter(|body| !body.is_end_stream()) {
                break ready!(Pin::new(body).poll_frame(cx));
            }
            let bytes = match me.rest.next() {
                Some(Part { head, offset, length }) => {
                    me.now = Some(me.first.take().unwrap_or_else(|| me.content.body(offset, length)));
                    head
                }
                None if me.end.is_empty() => break None,
                None => std::mem::take(&mut me.end),
            };
            if !bytes.is_empty() {
                break Some(Ok(Frame::data(bytes)));
            }
        };
        if let Some(Ok(frame)) = &frame {
            me.left -= frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl AnswerBody {
    /// Asks for the first of its bytes, where that has to be done, so that who cannot have them is told why.
    ///
    /// # Errors
    /// The storage does not give them.
    pub async fn asked(self) -> Result<AnswerBody, storage::Error> {
        Ok(match self {
            AnswerBody::Content(body) => AnswerBody::Content(Box::new(body.asked().await?)),
            AnswerBody::Parts(parts) => AnswerBody::Parts(Box::new(parts.asked().await?)),
            other => other,
        })
    }
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// A blob could not be read to its end.
    #[error("reading a blob failed: {0}")]
    Content(#[from] io::Error),
    /// The component that made the body failed.
    #[error("the component's body failed: {0:?}")]
    Foreign(wasmtime_wasi_http::Error),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        match &mut *self {
            AnswerBody::Small(bytes) if bytes.is_empty() => Poll::Ready(None),
            AnswerBody::Small(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            AnswerBody::Content(body) => Pin::new(body).poll_frame(cx).map_err(AnswerError::Content),
            AnswerBody::Parts(body) => Pin::new(body).poll_frame(cx).map_err(AnswerError::Content),
            AnswerBody::Foreign(body) => Pin::new(body).poll_frame(cx).map_err(AnswerError::Foreign),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Small(bytes) => bytes.is_empty(),
            AnswerBody::Content(body) => body.is_end_stream(),
            AnswerBody::Parts(body) => body.is_end_stream(),
            AnswerBody::Foreign(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Small(bytes) => SizeHint::with_exact(bytes.len() as u64),
            AnswerBody::Content(body) => body.size_hint(),
            AnswerBody::Parts(body) => body.size_hint(),
            AnswerBody::Foreign(body) => body.size_hint(),
        }
    }
}
