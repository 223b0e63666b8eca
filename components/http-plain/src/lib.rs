//! `pierhead:host/http` out of wasi:http alone, for hosts that know nothing of ours.
//!
//! An answer's body is written while the client takes it, by a task that goes on after the answer was handed out; so
//! whatever has a body takes the asynchronous road. A blob's bytes are the store's stream, handed on untouched.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/http-plain-component", path: "../../wit", generate_all });
}

use bindings::exports::pierhead::host::http::{
    Answer, Body, BodyError, Content, Error, Guest, Part, RequestHead,
};
use bindings::wasi::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme, Trailers};
use bindings::{wit_future, wit_stream};
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

struct Http;
bindings::export!(Http with_types_in bindings);

/// How many bytes of a body are read at a time.
const CHUNK: usize = 64 << 10;

/// A message's headers, brought over in one call.
struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    fn of(request: &Request) -> Headers {
        Headers(request.get_headers().copy_all())
    }

    /// A header's value; `, ` joins several. Its name is in lower case, as a host gives names.
    fn get(&self, name: &str) -> Option<String> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        let first = String::from_utf8_lossy(values.next()?).into_owned();
        Some(values.fold(first, |all, value| [&all, ", ", &String::from_utf8_lossy(value)].concat()))
    }
}

fn method(method: Method) -> String {
    match method {
        Method::Get => "GET".into(),
        Method::Head => "HEAD".into(),
        Method::Post => "POST".into(),
        Method::Put => "PUT".into(),
        Method::Delete => "DELETE".into(),
        Method::Connect => "CONNECT".into(),
        Method::Options => "OPTIONS".into(),
        Method::Trace => "TRACE".into(),
        Method::Patch => "PATCH".into(),
        Method::Other(name) => name,
    }
}

/// How many bytes the body has, where the head tells. A request that says nothing of a body has none (RFC 9112, 6.3);
/// where its framing is another one, its length is not known.
fn content_length(headers: &Headers, method: &str) -> Option<u64> {
    match headers.get("content-length") {
        Some(length) => length.parse().ok(),
        // A host may keep the framing to itself: then only the method tells.
        None if headers.get("transfer-encoding").is_some() || matches!(method, "POST" | "PUT" | "PATCH") => {
            None
        }
        None => Some(0),
    }
}

type Parts = (StreamReader<u8>, FutureReader<Result<Option<Trailers>, ErrorCode>>);

fn parts(request: Request) -> Parts {
    // That we have done with it is of no interest: its default says so.
    let (_, done) = wit_future::new(|| Ok(()));
    Request::consume_body(request, done)
}

/// The head of an answer, and its length where it says one.
fn head(answer: &Answer, length: u64) -> Fields {
    let said = answer.headers.iter().any(|(name, _)| name == "content-length");
    // Neither has a body, and to say that it has none would be wrong (RFC 9110, 8.6).
    let silent = matches!(answer.status, 204 | 304);
    let own = (!said && !silent).then(|| ("content-length".to_owned(), length.to_string()));
    let all = answer.headers.iter().cloned().chain(own);
    let entries: Vec<(String, Vec<u8>)> = all.map(|(name, value)| (name, value.into_bytes())).collect();
    Fields::from_list(&entries).unwrap_or_else(|error| panic!("an answer's headers: {error:?}"))
}

/// An answer whose body is a stream. A body that is shorter than its Content-Length is found out by the host, which
/// breaks the connection off.
fn response(answer: &Answer, length: u64, body: Option<StreamReader<u8>>) -> Response {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(head(answer, length), body, trailers);
    if response.set_status_code(answer.status).is_err() {
        panic!("an answer's status: {}", answer.status);
    }
    response
}

impl Guest for Http {
    fn head(request: &Request) -> RequestHead {
        let headers = Headers::of(request);
        let method = method(request.get_method());
        RequestHead {
            target: request.get_path_with_query().unwrap_or_else(|| "/".into()),
            scheme: match request.get_scheme() {
                Some(Scheme::Https) => "https".into(),
                Some(Scheme::Other(name)) => name,
                Some(Scheme::Http) | None => "http".into(),
            },
            host: request.get_authority().or_else(|| headers.get("host")),
            forwarded: headers.get("forwarded"),
            x_forwarded_proto: headers.get("x-forwarded-proto"),
            x_forwarded_host: headers.get("x-forwarded-host"),
            authorization: headers.get("authorization"),
            // No host but ours vouches for it.
            client_cert: None,
            content_type: headers.get("content-type"),
            content_range: headers.get("content-range"),
            content_length: content_length(&headers, &method),
            range: headers.get("range"),
            if_range: headers.get("if-range"),
            if_none_match: headers.get("if-none-match"),
            method,
        }
    }

    async fn take_body(request: Request) -> Body {
        let (bytes, trailers) = parts(request);
        let (end, ended) = wit_future::new(|| Err(()));
        guest_task::spawn(async move {
            let whole = trailers.await.map(drop).map_err(drop);
            // Whoever has no interest in the end has dropped it.
            let _ = end.write(whole).await;
        });
        Body { bytes, end: ended }
    }

    async fn read_body(request: Request, limit: u32) -> Result<Vec<u8>, BodyError> {
        let announced = Headers::of(&request).get("content-length");
        if announced
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: u64| length > u64::from(limit))
        {
            // Before it is asked for: a client that waits to be asked need not send it.
            return Err(BodyError::TooLarge);
        }
        let (mut stream, trailers) = parts(request);
        let mut bytes = Vec::new();
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            let (result, read) = stream.read(buffer).await;
            if bytes.len() + read.len() > limit as usize {
                return Err(BodyError::TooLarge);
            }
            bytes.extend_from_slice(&read);
            if result == StreamResult::Dropped {
                break;
            }
            buffer = read;
            buffer.clear();
        }
        match trailers.await {
            Ok(_) => Ok(bytes),
            Err(_) => Err(BodyError::Interrupted),
        }
    }

    async fn respond(answer: Answer, body: Vec<u8>) -> Response {
        let length = body.len() as u64;
        if body.is_empty() {
            return response(&answer, length, None);
        }
        let (writer, reader) = wit_stream::new();
        guest_task::write(writer, body);
        response(&answer, length, Some(reader))
    }

    fn respond_now(_: Answer, _: Vec<u8>) -> Option<Response> {
        None
    }

    async fn respond_with_content(
        answer: Answer,
        content: Content,
        offset: u64,
        length: u64,
    ) -> Result<Response, Error> {
        if let Some(mut bytes) = content.bytes() {
            bytes.truncate((offset + length) as usize);
            bytes.drain(..offset as usize);
            return Ok(Http::respond(answer, bytes).await);
        }
        let bytes = content.read(offset, length).await?;
        Ok(response(&answer, length, Some(bytes)))
    }

    async fn respond_with_parts(
        answer: Answer,
        content: Content,
        parts: Vec<Part>,
        end: Vec<u8>,
    ) -> Result<Response, Error> {
        let length = parts.iter().map(|part| part.head.len() as u64 + part.length).sum::<u64>();
        let length = length + end.len() as u64;
        let (mut writer, reader) = wit_stream::new();
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return Ok(response(&answer, length, None)) };
        // As long as nothing was sent, what goes wrong can be said.
        let bytes = content.read(first.offset, first.length).await?;
        guest_task::spawn(async move {
            let mut next = Some((first, bytes));
            while let Some((part, mut bytes)) = next {
                let sent = writer.write_all(part.head).await.is_empty();
                // A body that stays short is one that the host breaks off.
                if !sent || !guest_task::pump(&mut bytes, part.length, &mut writer, CHUNK).await {
                    return;
                }
                next = match parts.next() {
                    Some(part) => match content.read(part.offset, part.length).await {
                        Ok(bytes) => Some((part, bytes)),
                        Err(_) => return,
                    },
                    None => None,
                };
            }
            let _ = writer.write_all(end).await;
        });
        Ok(response(&answer, length, Some(reader)))
    }

    fn respond_with_content_now(_: Answer, _: &Content, _: u64, _: u64) -> Option<Response> {
        None
    }
}
