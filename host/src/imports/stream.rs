//! A request's body as a component's `stream<u8>`, and back again without the component having touched it.

use super::bindings::pierhead::storage::types;
use crate::body::{BodyError, RequestBody};
use crate::state::{Data, Host};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use std::any::{Any, TypeId};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, Destination, FutureConsumer, FutureReader, Source, StreamProducer, StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode, HostResponseWithStore};
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView};

/// The end of a stream that the host keeps.
pub struct BodyStream<B> {
    /// `None` where there are no bytes.
    body: Option<B>,
    /// For whoever waits for the stream's end.
    end: Option<oneshot::Sender<Result<(), ()>>>,
}

impl<B> BodyStream<B> {
    /// A stream of the body's bytes, about whose end nobody asks.
    pub fn of(body: B) -> BodyStream<B> {
        BodyStream { body: Some(body), end: None }
    }

    /// A stream of the body's bytes, and how it ended: an error when it broke off. One that is taken apart again, or
    /// dropped, has ended well.
    pub fn new(
        body: Option<B>,
    ) -> (BodyStream<B>, impl Future<Output = wasmtime::Result<Result<(), ()>>> + Send + 'static) {
        let (sender, receiver) = oneshot::channel();
        (BodyStream { body, end: Some(sender) }, async { Ok(receiver.await.unwrap_or(Ok(()))) })
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> StreamProducer<Data> for BodyStream<B> {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _store: StoreContextMut<'a, Data>,
        mut destination: Destination<'a, u8, Bytes>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let me = &mut *self;
        let Some(body) = &mut me.body else { return Poll::Ready(Ok(StreamResult::Dropped)) };
        loop {
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                frame => ready!(frame),
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                ended => {
                    if let Some(end) = me.end.take() {
                        let _ = end.send(ended.map_or(Ok(()), |_| Err(())));
                    }
                    return Poll::Ready(Ok(StreamResult::Dropped));
                }
            };
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
        match ty == TypeId::of::<BodyStream<B>>() {
            true => Ok(Pin::<Box<BodyStream<B>>>::into_inner(me)),
            false => Err(me),
        }
    }
}

/// Passes on how a component's body ended.
struct End(Option<oneshot::Sender<Result<(), ()>>>);

impl FutureConsumer<Data> for End {
    type Item = Result<(), ()>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<Data>,
        mut source: Source<'_, Result<(), ()>>,
        _: bool,
    ) -> Poll<Result<()>> {
        let mut end = None;
        source.read(store, &mut end)?;
        if let (Some(sender), Some(end)) = (self.0.take(), end) {
            let _ = sender.send(end);
        }
        Poll::Ready(Ok(()))
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

/// What is behind a body that a component handed on: the request's itself, where the component has left it alone.
pub fn unwrap(accessor: &Accessor<Data, Host>, body: types::Body) -> Result<StoredBody> {
    let types::Body { bytes, mut end } = body;
    let stream = match accessor
        .with(|mut access| bytes.try_into::<BodyStream<RequestBody>>(access.as_context_mut()))
    {
        Ok(BodyStream { body, .. }) => {
            end.close_with(accessor)?;
            return Ok(body.map_or(StoredBody::Empty, StoredBody::Request));
        }
        Err(stream) => stream,
    };
    let (sender, receiver) = oneshot::channel();
    accessor.with(|mut access| end.pipe(access.as_context_mut(), End(Some(sender))))?;
    // wasi:http knows how to make a body of any stream: let it believe that this is a response's.
    let http = accessor.with_getter::<WasiHttp>(Data::http);
    http.with(|mut access| {
        let trailers = FutureReader::new(&mut access, async {
            let whole = matches!(receiver.await, Ok(Ok(())));
            Ok::<_, wasmtime::Error>(if whole { Ok(None) } else { Err(ErrorCode::ConnectionTerminated) })
        })?;
        let headers = access.get().table.push(FieldMap::default())?;
        let (response, _sent) = <WasiHttp as HostResponseWithStore<Data>>::new(
            Access::new(access.as_context_mut(), |data: &mut Data| data.http()),
            headers,
            Some(stream),
            trailers,
        )?;
        let response = access.get().table.delete(response)?;
        let response = response.into_http(access.as_context_mut(), async { Ok(()) })?;
        Ok(StoredBody::Foreign(response.into_body()))
    })
}
