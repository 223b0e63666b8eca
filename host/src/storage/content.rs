//! An opened blob or manifest, and its bytes on their way to a client.

use super::Error;
use super::in_bucket::Asked;
use crate::pull_through::Direct;
use bucket::Found;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use objects::Object;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// An opened blob or manifest.
pub enum Content {
    /// A file, or bytes in memory.
    Files(store::Content),
    /// An object of a bucket, which was looked at.
    Bucket(Found),
    /// A blob of another registry, for which there is no room here.
    Upstream(Direct),
}

impl Content {
    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        match self {
            Content::Files(content) => content.size(),
            Content::Bucket(found) => found.size(),
            Content::Upstream(direct) => direct.size(),
        }
    }

    /// A URL at which clients get it without us, where there is one.
    pub fn elsewhere(&self) -> Option<String> {
        match self {
            Content::Files(_) | Content::Upstream(_) => None,
            Content::Bucket(found) => found.elsewhere(),
        }
    }

    /// Whether its bytes have to be asked for.
    pub fn is_remote(&self) -> bool {
        matches!(self, Content::Bucket(_) | Content::Upstream(_))
    }

    /// `length` of its bytes from `offset` on, both within its size. They are asked for when they are wanted.
    pub fn body(&self, offset: u64, length: u64) -> ContentBody {
        match self {
            Content::Files(content) => ContentBody::Files(content.body(offset, length)),
            Content::Bucket(found) => ContentBody::remote(Remote::Bucket(found.clone()), offset, length),
            Content::Upstream(direct) => {
                ContentBody::remote(Remote::Upstream(direct.clone()), offset, length)
            }
        }
    }
}

/// Part of an opened blob or manifest.
pub enum ContentBody {
    /// Of a file, or of bytes in memory.
    Files(store::ContentBody),
    /// Of what lies elsewhere.
    Remote(RemoteBody),
}

/// What has to be asked for.
#[derive(Clone)]
enum Remote {
    Bucket(Found),
    Upstream(Direct),
}

type Answer = UnsyncBoxBody<Bytes, String>;

/// Part of what lies elsewhere.
pub struct RemoteBody {
    state: State,
    /// How many bytes are to come.
    left: u64,
}

enum State {
    Unasked { remote: Remote, offset: u64 },
    Asked(Asked<Result<Answer, Error>>),
    Answered(Answer),
}

fn ask(remote: Remote, offset: u64, length: u64) -> Asked<Result<Answer, Error>> {
    Asked::spawn(async move {
        match remote {
            Remote::Bucket(found) => Ok(found.read(offset, length).await?.into_body()),
            Remote::Upstream(direct) => direct.read(offset, length).await,
        }
    })
}

impl ContentBody {
    fn remote(remote: Remote, offset: u64, length: u64) -> ContentBody {
        ContentBody::Remote(RemoteBody { state: State::Unasked { remote, offset }, left: length })
    }

    /// Asks for the bytes, where that has to be done, so that who cannot have them is told why.
    ///
    /// # Errors
    /// They are not given.
    pub async fn asked(self) -> Result<ContentBody, Error> {
        match self {
            ContentBody::Remote(RemoteBody {
                state: State::Unasked { remote, offset },
                left: left @ 1..,
            }) => {
                let answer = ask(remote, offset, left).await??;
                Ok(ContentBody::Remote(RemoteBody { state: State::Answered(answer), left }))
            }
            asked => Ok(asked),
        }
    }
}

impl RemoteBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        loop {
            match &mut self.state {
                State::Unasked { remote, offset } => {
                    self.state = State::Asked(ask(remote.clone(), *offset, self.left));
                }
                State::Asked(answer) => {
                    let answer = ready!(Pin::new(answer).poll(context)).map_err(io::Error::other)?;
                    self.state = State::Answered(answer.map_err(io::Error::other)?);
                }
                State::Answered(body) => {
                    let frame = match ready!(Pin::new(body).poll_frame(context)) {
                        Some(Ok(frame)) => frame,
                        Some(Err(why)) => return Poll::Ready(Some(Err(io::Error::other(why)))),
                        None => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                    };
                    if let Ok(mut data) = frame.into_data() {
                        // Who gives all that follows is asked for no more.
                        data.truncate(self.left.try_into().unwrap_or(usize::MAX));
                        self.left -= data.len() as u64;
                        return Poll::Ready(Some(Ok(Frame::data(data))));
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
            ContentBody::Remote(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ContentBody::Files(body) => body.is_end_stream(),
            ContentBody::Remote(body) => body.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ContentBody::Files(body) => body.size_hint(),
            ContentBody::Remote(body) => SizeHint::with_exact(body.left),
        }
    }
}
