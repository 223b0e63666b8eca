//! A request's body as a component's `stream<u8>`, and back again without the component having touched it.

use crate::body::{BodyError, RequestBody};
use crate::state::{Data, Host};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use std::any::{Any, TypeId};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasmtime::component::{
    Access, Accessor, Destination, FutureReader, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::types::HostResponseWithStore;
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView};

/// The stream's end that the host keeps.
pub struct BodyStream {
    /// `None` for a request without a body.
    body: Option<RequestBody>,
}

impl BodyStream {
    /// A stream of the body's bytes.
    pub fn new(body: Option<RequestBody>) -> BodyStream {
        BodyStream { body }
    }
}

impl StreamProducer<Data> for BodyStream {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _store: StoreContextMut<'a, Data>,
        mut destination: Destination<'a, u8, Bytes>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let Some(body) = &mut self.body else { return Poll::Ready(Ok(StreamResult::Dropped)) };
        loop {
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                frame => ready!(frame),
            };
            // A stream cannot say that it broke off; whoever needs to know compares lengths or digests.
            let Some(Ok(frame)) = frame else { return Poll::Ready(Ok(StreamResult::Dropped)) };
            match frame.into_data() {
                Ok(data) if !data.is_empty() => {
                    destination.set_buffer(data);
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                _ => continue,
            }
        }
    }

    fn try_into(me: Pin<Box<Self>>, ty: TypeId) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
        match ty == TypeId::of::<BodyStream>() {
            true => Ok(Pin::<Box<BodyStream>>::into_inner(me)),
            false => Err(me),
        }
    }
}

/// A body handed to storage.
pub enum StoredBody {
    /// A request's, which the component has not looked at.
    Request(RequestBody),
    /// What a component made, or took from wasi:http itself.
    Foreign(UnsyncBoxBody<Bytes, wasmtime_wasi_http::Error>),
    /// Nothing.
    Empty,
}

/// Why a body handed to storage broke off.
#[derive(Debug, thiserror::Error)]
pub enum StoredBodyError {
    /// A request's body did.
    #[error(transparent)]
    Request(BodyError),
    /// A component's did.
    #[error("the component's body failed: {0:?}")]
    Foreign(wasmtime_wasi_http::Error),
}

impl Body for StoredBody {
    type Data = Bytes;
    type Error = StoredBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoredBodyError>>> {
        match &mut *self {
            StoredBody::Request(body) => Pin::new(body).poll_frame(cx).map_err(StoredBodyError::Request),
            StoredBody::Foreign(body) => Pin::new(body).poll_frame(cx).map_err(StoredBodyError::Foreign),
            StoredBody::Empty => Poll::Ready(None),
        }
    }
}

/// What is behind a stream that a component handed on: the request's body itself, where the component
/// has left it alone.
pub fn unwrap(accessor: &Accessor<Data, Host>, stream: StreamReader<u8>) -> Result<StoredBody> {
    let stream = match accessor.with(|mut access| stream.try_into::<BodyStream>(access.as_context_mut())) {
        Ok(BodyStream { body }) => return Ok(body.map_or(StoredBody::Empty, StoredBody::Request)),
        Err(stream) => stream,
    };
    // wasi:http knows how to make a body of any stream: let it believe that this is a response's.
    let http = accessor.with_getter::<WasiHttp>(Data::http);
    http.with(|mut access| {
        let no_trailers = FutureReader::new(&mut access, async { Ok::<_, wasmtime::Error>(Ok(None)) })?;
        let headers = access.get().table.push(FieldMap::default())?;
        let (response, _sent) = <WasiHttp as HostResponseWithStore<Data>>::new(
            Access::new(access.as_context_mut(), |data: &mut Data| data.http()),
            headers,
            Some(stream),
            no_trailers,
        )?;
        let response = access.get().table.delete(response)?;
        let response = response.into_http(access.as_context_mut(), async { Ok(()) })?;
        Ok(StoredBody::Foreign(response.into_body()))
    })
}
