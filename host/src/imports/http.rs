//! `pierhead:host/http`: wasi:http's resources in fewer calls.

use super::bindings::pierhead::host::http::{
    Answer, BodyError, Host as HttpHost, HostWithStore as HttpHostWithStore, Part, RequestHead,
};
use super::bindings::pierhead::storage::types;
use super::content::Content;
use super::failed;
use super::stream::BodyStream;
use crate::body::{AnswerBody, RequestBody};
use crate::connection::CLIENT_CERT;
use crate::state::{Data, Hooks, Host};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use std::time::Duration;
use tokio::time::timeout;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};
use wasmtime::error::Context;
use wasmtime::{Result, ensure};
use wasmtime_wasi_http::p3::{Request, Response};

/// The header's value; `, ` joins several.
fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = values.next()?.into_owned();
    Some(values.fold(first, |joined, value| joined + ", " + &value))
}

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How many bytes a second have to come of a body that is read whole, beyond what comes within `limits.headertimeout`: fewer
/// than over any line that images are pushed over. Its request is in flight for as long.
const LEAST_RATE: u64 = 8 << 10;

/// All of a body, which is no longer than this.
async fn whole(mut body: RequestBody, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(BodyError::Interrupted) };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// An answer of bytes that lie in storage. Who is to get them is told when they cannot be had; HEAD is not to.
async fn stored(
    accessor: &Accessor<Data, Host>,
    answer: Answer,
    content: Resource<Content>,
    body: impl FnOnce(Content) -> Result<AnswerBody>,
) -> Result<Result<Resource<Response>, types::Error>> {
    let (mut body, head_only, id) = accessor.with(|mut access| {
        let data = access.get();
        let body = body(data.table.delete(content)?)?;
        Ok::<_, wasmtime::Error>((body, data.exchange()?.head_only, data.request_id()))
    })?;
    if !head_only {
        body = match body.asked().await {
            Ok(body) => body,
            Err(error) => return Ok(Err(failed(&error, id))),
        };
    }
    accessor.with(|mut access| Data::answer(access.get(), answer, body).map(Ok))
}

impl Data {
    /// The body of the request, which the component gives up with it.
    fn take_body(&mut self, request: Resource<Request>) -> Result<Option<RequestBody>> {
        let rep = request.rep();
        self.table.delete(request)?;
        let exchange = self.exchange()?;
        ensure!(rep == exchange.request, "not the request in hand");
        Ok(exchange.body.clone())
    }

    /// Keeps the answer for the connection, and gives the component a handle that stands for it: nothing
    /// of it needs to pass through wasi:http.
    fn answer(&mut self, answer: Answer, body: AnswerBody) -> Result<Resource<Response>> {
        let mut headers = HeaderMap::with_capacity(answer.headers.len() + 2);
        for (name, value) in answer.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).context("an answer's header")?;
            let value = HeaderValue::from_maybe_shared(Bytes::from(value)).context("an answer's header")?;
            headers.append(name, value);
        }
        let head_only = self.exchange()?.head_only;
        let body = match head_only {
            true => {
                // An answer that is empty may be one that has no length, by its status (RFC 9110, 8.6).
                if matches!(body, AnswerBody::Content(_)) || !body.is_end_stream() {
                    let length = body.size_hint().exact().unwrap_or(0);
                    headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
                }
                AnswerBody::Small(Bytes::new())
            }
            false => body,
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = http::StatusCode::from_u16(answer.status).context("an answer's status")?;
        *response.headers_mut() = headers;

        let stand_in = http::Response::new(Empty::new());
        let (stand_in, _sent) = Response::from_http(Hooks::forever(), stand_in);
        let stand_in = self.table.push(stand_in)?;
        let exchange = self.exchange()?;
        exchange.answer = Some((stand_in.rep(), response));
        exchange.note = Some(answer.note);
        Ok(stand_in)
    }
}

impl HttpHost for &mut Data {
    fn head(&mut self, request: Resource<Request>) -> Result<RequestHead> {
        let rep = request.rep();
        let exchange = self.exchange.as_ref().filter(|exchange| exchange.request == rep);
        let content_length = match exchange.context("not the request in hand")?.body.as_ref() {
            Some(body) => body.size_hint().exact(),
            None => Some(0),
        };
        let request = self.table.get(&request)?;
        let headers: &HeaderMap = &request.headers;
        Ok(RequestHead {
            method: request.method.as_str().to_owned(),
            target: request.path_with_query.as_ref().map_or("/", |target| target.as_str()).to_owned(),
            scheme: request.scheme.as_ref().map_or("http", |scheme| scheme.as_str()).to_owned(),
            host: request.authority.as_ref().map(|authority| authority.as_str().to_owned()),
            forwarded: header(headers, header::FORWARDED),
            x_forwarded_proto: header(headers, FORWARDED_PROTO),
            x_forwarded_host: header(headers, FORWARDED_HOST),
            authorization: header(headers, header::AUTHORIZATION),
            client_cert: header(headers, CLIENT_CERT),
            content_type: header(headers, header::CONTENT_TYPE),
            content_range: header(headers, header::CONTENT_RANGE),
            content_length,
            range: header(headers, header::RANGE),
            if_range: header(headers, header::IF_RANGE),
            if_none_match: header(headers, header::IF_NONE_MATCH),
        })
    }

    fn respond_now(&mut self, answer: Answer, body: Vec<u8>) -> Result<Option<Resource<Response>>> {
        Data::answer(self, answer, AnswerBody::Small(body.into())).map(Some)
    }

    fn respond_with_content_now(
        &mut self,
        answer: Answer,
        content: Resource<Content>,
        offset: u64,
        length: u64,
    ) -> Result<Option<Resource<Response>>> {
        let content = self.table.get(&content)?;
        // Who may have to be told that there are no bytes has to wait for them.
        if content.0.is_remote() {
            return Ok(None);
        }
        let part = content.part(offset, length)?;
        Data::answer(self, answer, AnswerBody::Content(Box::new(part))).map(Some)
    }
}

impl HttpHostWithStore<Data> for Host {
    async fn take_body(accessor: &Accessor<Data, Host>, request: Resource<Request>) -> Result<types::Body> {
        accessor.with(|mut access| {
            let body = access.get().take_body(request)?;
            let (bytes, end) = BodyStream::new(body);
            Ok(types::Body {
                bytes: StreamReader::new(&mut access, bytes)?,
                end: FutureReader::new(&mut access, end)?,
            })
        })
    }

    async fn respond(
        accessor: &Accessor<Data, Host>,
        answer: Answer,
        body: Vec<u8>,
    ) -> Result<Resource<Response>> {
        accessor.with(|mut access| Data::answer(access.get(), answer, AnswerBody::Small(body.into())))
    }

    async fn respond_with_content(
        accessor: &Accessor<Data, Host>,
        answer: Answer,
        content: Resource<Content>,
        offset: u64,
        length: u64,
    ) -> Result<Result<Resource<Response>, types::Error>> {
        let body = |content: Content| Ok(AnswerBody::Content(Box::new(content.part(offset, length)?)));
        stored(accessor, answer, content, body).await
    }

    async fn respond_with_parts(
        accessor: &Accessor<Data, Host>,
        answer: Answer,
        content: Resource<Content>,
        parts: Vec<Part>,
        end: Vec<u8>,
    ) -> Result<Result<Resource<Response>, types::Error>> {
        let body = |content: Content| Ok(AnswerBody::Parts(Box::new(content.parts(parts, end)?)));
        stored(accessor, answer, content, body).await
    }

    async fn read_body(
        accessor: &Accessor<Data, Host>,
        request: Resource<Request>,
        limit: u32,
    ) -> Result<Result<Vec<u8>, BodyError>> {
        let Some(body) = accessor.with(|mut access| access.get().take_body(request))? else {
            return Ok(Ok(Vec::new()));
        };
        let announced = body.size_hint();
        if announced.lower() > u64::from(limit) {
            return Ok(Err(BodyError::TooLarge));
        }
        let longest = announced.exact().unwrap_or(limit.into());
        let patience = accessor.with(|mut access| access.get().shared.patience);
        let patience = patience + Duration::from_secs(longest / LEAST_RATE);
        let read = timeout(patience, whole(body, limit as usize)).await;
        Ok(read.unwrap_or(Err(BodyError::Interrupted)))
    }
}
