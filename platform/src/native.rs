//! Of tokio, on a thread that has a `LocalSet`.

use bytes::{Buf, Bytes};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::fmt::{Arguments, Display};
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

/// What time it is.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Nanoseconds since some moment.
pub fn elapsed() -> u64 {
    thread_local! {
        static BEGAN: Instant = Instant::now();
    }
    BEGAN.with(|began| u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Waits so many nanoseconds.
pub async fn wait(nanoseconds: u64) {
    tokio::time::sleep(Duration::from_nanos(nanoseconds)).await;
}

/// A number nobody can guess.
///
/// # Panics
/// When the system gives none.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    let drawn = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(drawn, Ok(bytes.len()), "the system gives random numbers");
    u64::from_le_bytes(bytes)
}

/// Does the work beside what is done after the call, and goes on when that is done.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    tokio::task::spawn_local(work);
}

/// Writes a line, as `log!` does.
pub fn say(text: Arguments<'_>) {
    tracing::warn!("{text}");
}

/// Bytes as they come.
pub struct Stream {
    /// Why it ended too early is a text.
    body: UnsyncBoxBody<Bytes, String>,
    rest: Bytes,
    broken: bool,
}

impl Stream {
    /// A body's bytes.
    pub fn new<B>(body: B) -> Stream
    where
        B: HttpBody<Data = Bytes, Error: Display> + Send + 'static,
    {
        let body = body.map_err(|error| error.to_string()).boxed_unsync();
        Stream { body, rest: Bytes::new(), broken: false }
    }

    /// Adds to `chunk`, up to its capacity, what comes next; whether that was all.
    pub(crate) async fn fill(&mut self, chunk: &mut Vec<u8>) -> bool {
        while self.rest.is_empty() {
            match self.body.frame().await {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(_)) => {
                    self.broken = true;
                    return true;
                }
                None => return true,
            }
        }
        let part = self.rest.len().min(chunk.capacity() - chunk.len());
        chunk.extend_from_slice(&self.rest[..part]);
        self.rest.advance(part);
        false
    }

    /// As a body, to be handed on.
    pub fn into_body(self) -> UnsyncBoxBody<Bytes, String> {
        self.body
    }
}

/// Bytes that a client sends.
pub struct Body(Stream);

impl Body {
    /// A request's, whose error says that they are not all.
    pub fn new<B>(body: B) -> Body
    where
        B: HttpBody<Data = Bytes, Error: Display> + Send + 'static,
    {
        Body(Stream::new(body))
    }

    /// The bytes, to be read to their end.
    pub fn bytes(&mut self) -> &mut Stream {
        &mut self.0
    }

    /// Whether what was read is all that was to come: not where the client went away.
    #[expect(clippy::unused_async, reason = "a component has to wait for it")]
    pub async fn is_whole(self) -> bool {
        !self.0.broken
    }
}
