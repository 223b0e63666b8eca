//! Of WASI.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/platform", path: "../wit", generate_all });
}

use bindings::wasi::clocks::{monotonic_clock, system_clock};
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wit_bindgen::{StreamReader, StreamResult};

pub use guest_log::line as say;
pub use guest_task::spawn;

/// What time it is.
pub fn now() -> SystemTime {
    let now = system_clock::now();
    UNIX_EPOCH + Duration::new(u64::try_from(now.seconds).unwrap_or_default(), now.nanoseconds)
}

/// Nanoseconds since some moment.
pub fn elapsed() -> u64 {
    monotonic_clock::now()
}

/// Waits so many nanoseconds.
pub async fn wait(nanoseconds: u64) {
    monotonic_clock::wait_for(nanoseconds).await;
}

/// A number nobody can guess.
pub fn random() -> u64 {
    bindings::wasi::random::random::get_random_u64()
}

/// Bytes as they come.
pub struct Stream(StreamReader<u8>);

impl Stream {
    /// Adds to `chunk`, up to its capacity, what comes next; whether that was all.
    pub(crate) async fn fill(&mut self, chunk: &mut Vec<u8>) -> bool {
        let (result, read) = self.0.read(std::mem::take(chunk)).await;
        *chunk = read;
        result == StreamResult::Dropped
    }

    /// As the host knows it, to be handed on.
    pub fn into_reader(self) -> StreamReader<u8> {
        self.0
    }
}

impl From<StreamReader<u8>> for Stream {
    fn from(reader: StreamReader<u8>) -> Stream {
        Stream(reader)
    }
}

/// Bytes that a client sends.
pub struct Body {
    bytes: Stream,
    end: Pin<Box<dyn Future<Output = bool>>>,
}

impl Body {
    /// These, of which `end` says whether they are all.
    pub fn new(bytes: StreamReader<u8>, end: impl Future<Output = bool> + 'static) -> Body {
        Body { bytes: bytes.into(), end: Box::pin(end) }
    }

    /// The bytes, to be read to their end.
    pub fn bytes(&mut self) -> &mut Stream {
        &mut self.bytes
    }

    /// Whether what was read is all that was to come: not where the client went away.
    pub async fn is_whole(self) -> bool {
        drop(self.bytes);
        self.end.await
    }
}
