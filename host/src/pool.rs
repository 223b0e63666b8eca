//! The instances of one core, and a request's way through one of them.

use crate::body::{AnswerBody, RequestBody};
use crate::engine;
use crate::imports;
use crate::state::{BegunUpload, Data, Exchange, Hooks, Note, Shared};
use bytes::Bytes;
use http::header;
use http::uri::{Authority, Scheme};
use http_body_util::{BodyExt, Empty};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use wasmtime::component::{Accessor, Component, Linker};
use wasmtime::{AsContextMut, Engine, Result, Store};
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};

/// How much an instance does before a new one takes its place. To make one costs 300 µs; to keep one for
/// ever is to keep what it leaks: an asynchronous call between components leaves some 400 bytes behind in
/// wasmtime 48, so a request that may wait counts for several.
const REUSE: u32 = 10_000;
/// What a request with a body counts for.
const REUSE_WAITING: u32 = 10;
/// How many idle instances a core keeps.
pub const IDLE: usize = 8;

/// What a pool makes instances of: shared by all cores.
#[derive(Clone)]
pub struct Blueprint {
    service: ServicePre<Data>,
    shared: Arc<Shared>,
    computation: Duration,
}

impl Blueprint {
    /// Links the component to this host. Fails when it imports what the host does not have, or does not
    /// export wasi:http/handler.
    pub fn new(
        engine: &Engine,
        component: &Component,
        shared: Arc<Shared>,
        computation: Duration,
    ) -> Result<Blueprint> {
        let mut linker = Linker::new(engine);
        imports::add_to_linker(&mut linker)?;
        let service = ServicePre::new(linker.instantiate_pre(component)?)?;
        Ok(Blueprint { service, shared, computation })
    }
}

struct Instance {
    store: Store<Data>,
    service: Service,
    used: u32,
}

/// The instances of one core. Each serves one request at a time: a trap, or a client that goes away,
/// takes only its own request along.
pub struct Pool {
    blueprint: Blueprint,
    idle: RefCell<Vec<Instance>>,
}

/// An answer, and what the protocol had to say about it.
pub struct Answer {
    /// What goes to the client.
    pub response: http::Response<AnswerBody>,
    /// For the log.
    pub note: Option<Note>,
    /// The upload that it tells of for the first time.
    pub begun: Option<BegunUpload>,
}

impl Pool {
    /// An empty pool.
    pub fn new(blueprint: Blueprint) -> Pool {
        Pool { blueprint, idle: RefCell::default() }
    }

    /// Gives the request, which has come from there and by `tls` or not, to an instance and waits for its answer. An
    /// error is a trap: the instance is gone.
    pub async fn handle(
        self: &Rc<Self>,
        id: u64,
        from: IpAddr,
        tls: bool,
        head: http::Request<()>,
        body: Option<RequestBody>,
    ) -> Result<Answer> {
        let idle = self.idle.borrow_mut().pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.instantiate().await?,
        };
        instance.used += if body.is_some() { REUSE_WAITING } else { 1 };
        let Instance { store, service, .. } = &mut instance;
        let work = store.run_concurrent(async |accessor| {
            let answer = call(accessor, service, id, from, tls, head, body).await;
            let quiet = poll_fn(|cx| Poll::Ready(accessor.poll_no_interesting_tasks(cx).is_ready())).await;
            (answer, quiet)
        });
        let (answer, quiet) = engine::timed(work).await?;
        let answer = answer?;
        match quiet {
            true => self.put_back(instance),
            false => self.finish_later(instance),
        }
        Ok(answer)
    }

    /// The component is still at work, on a body that it writes itself, say: that body ends when the
    /// store is no longer driven, so it is, to the end.
    fn finish_later(self: &Rc<Self>, mut instance: Instance) {
        let pool = self.clone();
        tokio::task::spawn_local(async move {
            let work = instance
                .store
                .run_concurrent(async |accessor| poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await);
            match engine::timed(work).await {
                Ok(()) => pool.put_back(instance),
                Err(error) => tracing::error!(error = format!("{error:?}"), "a component trapped"),
            }
        });
    }

    fn put_back(&self, mut instance: Instance) {
        instance.store.data_mut().exchange = None;
        let mut idle = self.idle.borrow_mut();
        if instance.used < REUSE && idle.len() < IDLE {
            idle.push(instance);
        }
    }

    async fn instantiate(&self) -> Result<Instance> {
        let Blueprint { service, shared, computation } = &self.blueprint;
        let mut store = Store::new(service.engine(), Data::new(shared.clone()));
        store.limiter(|data| data);
        engine::bound_computation(&mut store, *computation);
        let service = engine::timed(service.instantiate_async(&mut store)).await?;
        Ok(Instance { store, service, used: 0 })
    }
}

/// The least path through wasi:http: the request becomes a resource, `handle` is called, and the
/// resource that comes back is the answer, or stands for the one that the host has made already.
async fn call(
    accessor: &Accessor<Data>,
    service: &Service,
    id: u64,
    from: IpAddr,
    tls: bool,
    head: http::Request<()>,
    body: Option<RequestBody>,
) -> Result<Answer> {
    let handle = service.wasi_http_handler().func_handle();
    let (call, sent) = accessor.with(|mut store| -> Result<_> {
        let head_only = head.method() == http::Method::HEAD;
        let contents = match &body {
            Some(body) => body.clone().map_err(wasmtime_wasi_http::Error::from).boxed_unsync(),
            None => Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let (head, ()) = head.into_parts();
        let uri = head.uri.into_parts();
        // wasi:http has no Host header, it has an authority: HTTP/1.1 says it in the one, HTTP/2 in the other.
        let authority = uri.authority.or_else(|| {
            let host = head.headers.get(header::HOST)?;
            Authority::from_maybe_shared(host.clone()).ok()
        });
        let scheme = if tls { Scheme::HTTPS } else { uri.scheme.unwrap_or(Scheme::HTTP) };
        let (request, sent) = Request::new(
            head.method,
            Some(scheme),
            authority,
            uri.path_and_query,
            FieldMap::new_immutable(Hooks::forever(), head.headers),
            None,
            contents,
        );
        let data = store.data_mut();
        let request = data.table.push(request)?;
        data.exchange = Some(Exchange {
            request: request.rep(),
            id,
            from,
            head_only,
            body,
            answer: None,
            note: None,
            begun: None,
        });
        Ok((handle.start_call_concurrent(store.as_context_mut(), (request,))?, sent))
    })?;
    let answer = handle.finish_call_concurrent(accessor, call).await?.0?;
    accessor.with(|mut store| {
        let data = store.data_mut();
        let rep = answer.rep();
        let response = data.table.delete(answer)?;
        let exchange = data.exchange()?;
        let note = exchange.note.take();
        let begun = exchange.begun.take();
        let response = match exchange.answer.take().filter(|(stand_in, _)| *stand_in == rep) {
            Some((_, made)) => made,
            None => response.into_http(store.as_context_mut(), sent)?.map(AnswerBody::Foreign),
        };
        let begun = begun.filter(|_| response.status().is_success());
        Ok(Answer { response, note, begun })
    })
}
