use crate::backend::{Object, Wait};
use crate::growing::{Growing, GrowingBody};
use crate::waited;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// How many bytes of a large blob are handed on at a time.
const CHUNK: usize = 128 << 10;

/// How many chunks a thread keeps for the next bodies.
const KEPT_CHUNKS: usize = 16;

/// The bytes of one blob, open for reading. They stay readable when the blob is deleted meanwhile.
#[derive(Clone)]
pub struct Content(Source);

#[derive(Clone)]
enum Source {
    Memory(Bytes),
    Object(Arc<dyn Object>),
    Growing(Growing),
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Content {
        Content(Source::Memory(bytes))
    }
}

impl From<Arc<dyn Object>> for Content {
    fn from(object: Arc<dyn Object>) -> Content {
        Content(Source::Object(object))
    }
}

impl From<Growing> for Content {
    fn from(growing: Growing) -> Content {
        Content(Source::Growing(growing))
    }
}

impl Content {
    /// How many bytes the blob has.
    pub fn size(&self) -> u64 {
        match &self.0 {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::Object(object) => object.stamp().size,
            Source::Growing(growing) => growing.size(),
        }
    }

    /// `length` bytes from `offset` on; what lies beyond the blob's end is left away. To be polled within a tokio
    /// runtime: what is not in the page cache is read on its blocking threads.
    pub fn body(&self, offset: u64, length: u64) -> ContentBody {
        let end = offset.saturating_add(length).min(self.size());
        let (source, growing) = match &self.0 {
            Source::Growing(growing) => (Source::Object(growing.object().clone()), Some(growing.body())),
            source => (source.clone(), None),
        };
        let is_whole = growing.is_none();
        ContentBody { source, growing, is_whole, at: offset.min(end), end, read_to: end, waiting: None }
    }
}

/// A part of a blob as the body of an answer. It never ends early: a blob that turns out shorter is an error.
pub struct ContentBody {
    source: Source,
    growing: Option<GrowingBody>,
    is_whole: bool,
    at: u64,
    end: u64,
    /// Up to where bytes may be there: less than the end while the blob grows.
    read_to: u64,
    waiting: Option<JoinHandle<io::Result<Chunk>>>,
}

impl Body for ContentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let me = &mut *self;
        if me.at >= me.end {
            return Poll::Ready(None);
        }
        // What is missing stays missing: an error is no end.
        let bytes = match &me.source {
            Source::Memory(bytes) => Ok(bytes.slice(me.at as usize..me.end as usize)),
            _ => ready!(me.poll_chunk(context)).map(Bytes::from_owner),
        };
        me.at += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Poll::Ready(Some(bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

impl ContentBody {
    /// The next bytes, of which there are some.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Chunk>> {
        loop {
            // Before each reading, so that whatever comes meanwhile is waited for no more.
            if let Some(growing) = &mut self.growing
                && self.waiting.is_none()
            {
                let grown;
                (grown, self.is_whole) = ready!(growing.poll_grown(context))?;
                // Of a part of it, too, the last byte waits until all of it is what it should be.
                self.read_to = if self.is_whole { self.end } else { grown.min(self.end - 1) };
            }
            if self.at < self.read_to {
                let chunk = ready!(self.poll_read(context))?;
                if chunk.filled > 0 {
                    return Poll::Ready(Ok(chunk));
                }
            }
            match &mut self.growing {
                Some(growing) if !self.is_whole => growing.wait(),
                _ => return Poll::Ready(Err(ended(self.at))),
            }
        }
    }

    /// What is there of them: from the page cache here and now, otherwise from a blocking thread.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Chunk>> {
        let Source::Object(object) = &self.source else { unreachable!("what is in memory is not read") };
        if self.waiting.is_none() {
            let at = self.at;
            let mut chunk = Chunk::take(self.read_to - at);
            match object.read_at(chunk.room(), at, Wait::Never) {
                Ok(read) => {
                    chunk.filled = read;
                    return Poll::Ready(Ok(chunk));
                }
                // What is wrong will show again there.
                Err(_) => {
                    let object = object.clone();
                    self.waiting = Some(tokio::task::spawn_blocking(move || fill(&*object, chunk, at)));
                }
            }
        }
        let Some(job) = &mut self.waiting else { unreachable!("it was set above") };
        let result = ready!(Pin::new(job).poll(context));
        self.waiting = None;
        Poll::Ready(result.unwrap_or_else(|error| Err(io::Error::other(error))))
    }
}

fn fill(object: &dyn Object, mut chunk: Chunk, at: u64) -> io::Result<Chunk> {
    while chunk.filled < chunk.wanted {
        let filled = chunk.filled;
        let read = object.read_at(&mut chunk.room()[filled..], at + filled as u64, Wait::May);
        match waited(read).map_err(io::Error::other)? {
            0 => break,
            read => chunk.filled += read,
        }
    }
    Ok(chunk)
}

fn ended(at: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the blob was cut off at {at} bytes while it was read"),
    )
}

thread_local! {
    static KEPT: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer, never more than twice as large as what it is for: a connection may hold thousands that its client does not
/// read. A large one goes back to the thread that drops it: a fresh one costs a page fault for every 4 KiB.
struct Chunk {
    buffer: Box<[u8]>,
    wanted: usize,
    filled: usize,
}

impl Chunk {
    fn take(wanted: u64) -> Chunk {
        let wanted = usize::try_from(wanted).unwrap_or(CHUNK).min(CHUNK);
        let kept = (wanted > CHUNK / 2).then(|| KEPT.with(|kept| kept.borrow_mut().pop()));
        let buffer = match kept {
            Some(kept) => kept.unwrap_or_else(|| vec![0; CHUNK].into()),
            None => vec![0; wanted].into(),
        };
        Chunk { buffer, wanted, filled: 0 }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.wanted]
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // Fails while the thread ends, and then the buffer just goes.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if buffer.len() == CHUNK && kept.len() < KEPT_CHUNKS {
                kept.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_never_more_than_twice_as_large_as_what_it_is_for() {
        for _ in 0..2 {
            for wanted in [1, 1000, CHUNK / 2, CHUNK / 2 + 1, CHUNK, CHUNK + 1] {
                let size = Chunk::take(wanted as u64).buffer.len();
                assert!(size >= wanted.min(CHUNK) && size <= 2 * wanted, "{size} bytes for {wanted}");
            }
        }
    }
}
