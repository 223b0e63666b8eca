//! An answer on its way to the client.

use crate::bindings::pierhead::host::http::{self, Event, Note};
use crate::bindings::pierhead::storage::types::Content;
use crate::bindings::wasi::http::types::Response;
use crate::events;
use crate::failure::Refused;
use protocol::multipart::Multipart;
use protocol::route::Route;

enum Body {
    Bytes(Vec<u8>),
    Content { content: Content, offset: u64, length: u64 },
    Parts { content: Content, parts: Multipart },
}

/// Status, headers and body.
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    user: Option<String>,
    event: Option<Box<Event>>,
}

impl Answer {
    /// An answer without a body, as every answer of the registry begins.
    pub fn new(status: u16) -> Answer {
        Answer::bare().status(status).header("docker-distribution-api-version", "registry/2.0")
    }

    /// 200 and nothing else: what a probe of `/` gets.
    pub fn bare() -> Answer {
        let (headers, body) = (Vec::with_capacity(8), Body::Bytes(Vec::new()));
        Answer { status: 200, headers, body, user: None, event: None }
    }

    fn status(mut self, status: u16) -> Answer {
        self.status = status;
        self
    }

    /// Adds a header; its name in lower case.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a warning for people, of our own words and canonical names alone (specification, "Warnings").
    pub fn warning(self, text: &str) -> Answer {
        self.header("warning", ["299 - \"", text, "\""].concat())
    }

    /// A JSON body.
    pub fn json(self, bytes: impl Into<Vec<u8>>) -> Answer {
        self.header("content-type", "application/json").bytes(bytes)
    }

    /// A small body.
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Answer {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// Part of a blob as the body.
    pub fn content(mut self, content: Content, offset: u64, length: u64) -> Answer {
        self.body = Body::Content { content, offset, length };
        self
    }

    /// Several parts of a blob as the body.
    pub fn parts(mut self, content: Content, parts: Multipart) -> Answer {
        self.body = Body::Parts { content, parts };
        self
    }

    /// Says who asked, for the log.
    pub fn asked_by(mut self, user: Option<String>) -> Answer {
        self.user = user;
        self
    }

    /// Says what became of content, where someone is told.
    pub fn telling(mut self, event: impl FnOnce() -> Event) -> Answer {
        self.event = events::wanted().then(|| Box::new(event()));
        self
    }

    /// Hands the answer to the host, with what that wants to know of the request.
    pub async fn send(mut self, route: Option<&Route>) -> Response {
        loop {
            let (answer, body) = self.split(route);
            let (user, made) = match body {
                Body::Bytes(bytes) => {
                    return match http::respond_now(&answer, &bytes) {
                        Some(response) => response,
                        None => http::respond(answer, bytes).await,
                    };
                }
                Body::Content { content, offset, length } => {
                    match http::respond_with_content_now(&answer, &content, offset, length) {
                        Some(response) => return response,
                        None => (
                            answer.note.user.clone(),
                            http::respond_with_content(answer, content, offset, length).await,
                        ),
                    }
                }
                Body::Parts { content, parts } => {
                    let end = parts.end.into_bytes();
                    let parts = parts.parts.into_iter().map(|(head, part)| http::Part {
                        head: head.into_bytes(),
                        offset: part.first,
                        length: part.length(),
                    });
                    let user = answer.note.user.clone();
                    (user, http::respond_with_parts(answer, content, parts.collect(), end).await)
                }
            };
            match made {
                Ok(response) => return response,
                Err(error) => self = Refused::from(error).asked_by(user).answer(),
            }
        }
    }

    /// The head as the host takes it, and the body.
    fn split(self, route: Option<&Route>) -> (http::Answer, Body) {
        let note = Note {
            route: route.map_or("unknown", Route::name).into(),
            repository: route.and_then(Route::repository).map(|name| name.as_str().into()),
            reference: route.and_then(Route::reference_text).map(Into::into),
            user: self.user,
            event: self.event.map(|event| *event),
        };
        (http::Answer { status: self.status, headers: self.headers, note }, self.body)
    }
}
