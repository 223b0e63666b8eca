//! An opened blob or manifest, and its bytes on their way to a client.

use super::Error;
use super::in_bucket::Asked;
use bucket::Found;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use objects::Object;
use platform::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// An opened blob or manifest.
pub enum Content {
    /// A file, or bytes in memory.
    Files(store::Content),
    /// An object of a bucket, which was looked at.
    Bucket(Found),
}

impl Content {
    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        match self {
            Content::Files(content) => content.size(),
            Content::Bucket(found) => found.size(),
        }
    }

    /// A URL at which clients get it without us, where there is one.
    pub fn elsewhere(&self) -> Option<String> {
        match self {
            Content::Files(_) => None,
            Content::Bucket(found) => found.elsewhere(),
        }
    }

    /// Whether its bytes have to be asked for.
    pub fn is_remote(&self) -> bool {
        matches!(self, Content::Bucket(_))
    }

    /// `length` of its bytes from `offset` on, both within its size. They are asked for when they are wanted.
    pub fn body(&self, offset: u64, length: u64) -> ContentBody {
        match self {
            Content::Files(content) => ContentBody::Files(content.body(offset, length)),
            Content::Bucket(found) => {
                let state = State::Unasked { found: found.clone(), offset };
                ContentBody::Bucket(BucketBody { state, left: length })
            }
        }
    }
}

/// Part of an opened blob or manifest.
pub enum ContentBody {
    /// Of a file, or of bytes in memory.
    Files(store::ContentBody),
    /// Of an object of a bucket.
    Bucket(BucketBody),
}

/// Part of an object of a bucket.
pub struct BucketBody {
    state: State,
    /// How many bytes are to come.
    left: u64,
}

enum State {
    Unasked { found: Found, offset: u64 },
    Asked(Asked<Result<Stream, objects::Error>>),
    Answered(UnsyncBoxBody<Bytes, String>),
}

fn ask(found: Found, offset: u64, length: u64) -> Asked<Result<Stream, objects::Error>> {
    Asked::spawn(async move { found.read(offset, length).await })
}

impl ContentBody {
    /// Asks for the bytes, where that has to be done, so that who cannot have them is told why.
    ///
    /// # Errors
    /// The bucket does not give them.
    pub async fn asked(self) -> Result<ContentBody, Error> {
        match self {
            ContentBody::Bucket(BucketBody { state: State::Unasked { found, offset }, left: left @ 1.. }) => {
                let answer = ask(found, offset, left).await??;
                Ok(ContentBody::Bucket(BucketBody { state: State::Answered(answer.into_body()), left }))
            }
            asked => Ok(asked),
        }
    }
}

impl BucketBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        loop {
            match &mut self.state {
                State::Unasked { found, offset } => {
                    self.state = State::Asked(ask(found.clone(), *offset, self.left));
                }
                State::Asked(answer) => {
                    let answer = ready!(Pin::new(answer).poll(context)).map_err(io::Error::other)?;
                    self.state = State::Answered(answer.map_err(io::Error::other)?.into_body());
                }
                State::Answered(body) => {
                    let frame = match ready!(Pin::new(body).poll_frame(context)) {
                        Some(Ok(frame)) => frame,
                        Some(Err(why)) => return Poll::Ready(Some(Err(io::Error::other(why)))),
                        None => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                    };
                    if let Some(data) = frame.data_ref() {
                        self.left = self.left.saturating_sub(data.len() as u64);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }
}

impl Body for ContentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            ContentBody::Files(body) => Pin::new(body).poll_frame(context),
            ContentBody::Bucket(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ContentBody::Files(body) => body.is_end_stream(),
            ContentBody::Bucket(body) => body.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ContentBody::Files(body) => body.size_hint(),
            ContentBody::Bucket(body) => SizeHint::with_exact(body.left),
        }
    }
}
