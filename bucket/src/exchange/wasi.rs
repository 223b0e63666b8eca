//! Over wasi:http.

#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({ world: "pierhead:registry/store-s3-component", path: "../wit", generate_all });
}

use super::{CHUNK, CONNECT, Unread, Unsent};
use crate::service::Service;
use bindings::wasi::http::client;
use bindings::wasi::http::types::{
    ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme, Trailers,
};
use bindings::{wit_future, wit_stream};
use platform::Stream;
use s3::Signed;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

/// How long a body may say nothing. Some hosts count the time in which nobody wanted to hear it: a client may pause.
const BETWEEN_BYTES: Duration = Duration::from_secs(300);

/// An answer whose body was not read yet.
pub struct Answer {
    status: u16,
    headers: Fields,
    body: StreamReader<u8>,
    end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<String> {
        String::from_utf8(self.headers.get(name).into_iter().next()?).ok()
    }

    /// How many bytes the body has, or would have.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The whole body, `limit` bytes at most.
    pub async fn read(mut self, limit: usize) -> Result<Vec<u8>, Unread> {
        let wanted = self.length().map_or(CHUNK, |length| (length as usize).min(CHUNK)) + 1;
        let mut bytes = Vec::new();
        let mut buffer = Vec::with_capacity(wanted);
        loop {
            let (result, read) = self.body.read(buffer).await;
            if bytes.len() + read.len() > limit {
                return Err(Unread::TooLarge);
            }
            bytes.extend_from_slice(&read);
            if result == StreamResult::Dropped {
                break;
            }
            buffer = read;
            buffer.clear();
        }
        self.end.await.map_err(|code| Unread::Cut(format!("{code:?}")))?;
        Ok(bytes)
    }

    /// The body, to be handed on.
    pub fn into_stream(self) -> Stream {
        self.body.into()
    }
}

/// Sends a request with a body and waits for the head of the answer.
pub async fn exchange(
    service: &dyn Service,
    signed: Signed,
    body: &[u8],
    patience: Duration,
) -> Result<Answer, Unsent> {
    send(service, signed, body, patience).await.map_err(|code| {
        let why = format!("{code:?}");
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Unsent::Forbidden(why),
            ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
                Unsent::Tls(why)
            }
            ErrorCode::HttpRequestUriInvalid => Unsent::Unsendable(why),
            _ => Unsent::Failed(why),
        }
    })
}

async fn send(
    service: &dyn Service,
    signed: Signed,
    body: &[u8],
    patience: Duration,
) -> Result<Answer, ErrorCode> {
    let unsendable = || ErrorCode::HttpRequestUriInvalid;
    let mut headers = signed.headers;
    let with_body = matches!(signed.method, s3::Method::Put | s3::Method::Post);
    if with_body {
        headers.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|_| ErrorCode::HttpRequestHeaderSize(None))?;
    let (mut writer, reader) = match body.is_empty() {
        true => (None, None),
        false => {
            let (writer, reader) = wit_stream::new();
            (Some(writer), Some(reader))
        }
    };
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(headers, reader, trailers, Some(options(patience)));
    let scheme = if service.secure() { Scheme::Https } else { Scheme::Http };
    request.set_method(&method(signed.method)).map_err(|()| unsendable())?;
    request.set_scheme(Some(&scheme)).map_err(|()| unsendable())?;
    request.set_authority(Some(service.authority())).map_err(|()| unsendable())?;
    request.set_path_with_query(Some(&signed.target)).map_err(|()| unsendable())?;

    let mut sending = pin!(client::send(request));
    let mut writing = pin!(async {
        let Some(writer) = &mut writer else { return };
        let mut buffer = Vec::with_capacity(body.len().min(CHUNK));
        for chunk in body.chunks(CHUNK) {
            buffer.extend_from_slice(chunk);
            buffer = writer.write_all(buffer).await;
            if !buffer.is_empty() {
                // Nobody wants it any more: the answer says why.
                return;
            }
        }
    });
    let mut written = false;
    let response = poll_fn(|context| {
        written = written || writing.as_mut().poll(context).is_ready();
        sending.as_mut().poll(context)
    });
    received(response.await?)
}

fn received(response: Response) -> Result<Answer, ErrorCode> {
    let (status, headers) = (response.get_status_code(), response.get_headers());
    // That we have done with it is of no interest: its default says so.
    let (_, done) = wit_future::new(|| Ok(()));
    let (body, end) = Response::consume_body(response, done);
    Ok(Answer { status, headers, body, end })
}

fn options(patience: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = |time: Duration| Some(time.as_nanos() as u64);
    // A host that has no such limits has its own.
    let _ = options.set_connect_timeout(nanoseconds(CONNECT));
    let _ = options.set_first_byte_timeout(nanoseconds(patience));
    let _ = options.set_between_bytes_timeout(nanoseconds(BETWEEN_BYTES));
    options
}

fn method(method: s3::Method) -> Method {
    match method {
        s3::Method::Get => Method::Get,
        s3::Method::Head => Method::Head,
        s3::Method::Put => Method::Put,
        s3::Method::Post => Method::Post,
        s3::Method::Delete => Method::Delete,
    }
}
