//! An answer's body on its way to the client.

use super::Admitted;
use super::stalls::{Piece, Taking};
use crate::body::{AnswerBody, AnswerError};
use crate::log::{AccessLine, CLIENT_CLOSED};
use crate::state::BegunUpload;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// An answer's body, which counts as in flight and has the access line, until it ends.
pub struct Reply {
    pub body: AnswerBody,
    pub line: Box<AccessLine>,
    /// What the client has yet to take of it, over HTTP/2.
    pub taking: Option<Rc<Taking>>,
    /// The upload that the head tells of for the first time.
    pub begun: Option<BegunUpload>,
    pub _admitted: Option<Admitted>,
}

impl Reply {
    /// Says that nobody takes it.
    pub fn give_up(&mut self) {
        self.line.status = CLIENT_CLOSED;
        self.begun = None;
    }

    /// Says that it is on its way.
    pub fn told(&mut self) {
        if let Some(begun) = self.begun.take() {
            begun.told();
        }
    }
}

impl Body for Reply {
    type Data = Piece;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, AnswerError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::error!(request = %self.line.id, %error, "an answer broke off");
            }
            Poll::Ready(None) | Poll::Pending => {}
        }
        frame.map_ok(|frame| frame.map_data(|bytes| Piece::new(bytes, self.taking.as_ref())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.line.complete = self.line.status != CLIENT_CLOSED && self.body.is_end_stream();
    }
}
