//! What belongs to one instance of the component: its tables, and the request it is busy with.

/// What the protocol knows of a request and the log wants to.
pub use crate::imports::bindings::pierhead::host::http::Note;

use crate::body::{AnswerBody, RequestBody};
use crate::signing::Signer;
use crate::storage::{self, Storage, UploadError};
use bytes::Bytes;
use credentials::Credentials;
use http_body_util::combinators::UnsyncBoxBody;
use names::{Algorithm, RepositoryName, UploadId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use wasmtime::ResourceLimiter;
use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// What every instance shares.
pub struct Shared {
    /// Where blobs, manifests and uploads are.
    pub storage: Storage,
    /// What signs tokens of our own, where they are made.
    pub signer: Option<Signer>,
    /// The passwords, where there are some.
    pub credentials: Option<Credentials>,
    /// What components may ask of the configuration.
    pub settings: HashMap<&'static str, String>,
    /// The most memory that one instance may have, in bytes, all its linear memories together.
    pub memory: usize,
    /// How long a client has at least for a body that is read whole.
    pub patience: Duration,
}

/// The request that the instance is busy with.
pub struct Exchange {
    /// Its handle in the table.
    pub request: u32,
    /// Its number, for the log.
    pub id: u64,
    /// Where it comes from.
    pub from: IpAddr,
    /// Whether it is a HEAD, whose answer has no body.
    pub head_only: bool,
    /// Its body, unless it has none.
    pub body: Option<RequestBody>,
    /// The answer that the host made for the component: the handle that stands for it, and itself.
    pub answer: Option<(u32, http::Response<AnswerBody>)>,
    /// For the log.
    pub note: Option<Note>,
    /// An upload that it began.
    pub begun: Option<BegunUpload>,
}

/// An upload of which the client was not told yet. It ends when the client never is: nobody could go on with it, and until
/// it is old its repository would be one that is listed.
pub struct BegunUpload {
    storage: Storage,
    name: Option<(RepositoryName, UploadId)>,
}

impl BegunUpload {
    /// Begins one.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn new(
        storage: Storage,
        repository: RepositoryName,
        algorithm: Algorithm,
    ) -> Result<Self, storage::Error> {
        let id = storage.create_upload(repository.clone(), algorithm).await?;
        Ok(BegunUpload { storage, name: Some((repository, id)) })
    }

    /// Its name.
    pub fn id(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |(_, id)| id.to_string())
    }

    /// The client is told of it.
    pub fn told(mut self) {
        self.name = None;
    }
}

impl Drop for BegunUpload {
    fn drop(&mut self) {
        let (Some((repository, id)), Ok(_)) = (self.name.take(), Handle::try_current()) else { return };
        let storage = self.storage.clone();
        tokio::task::spawn_local(async move {
            match storage.cancel_upload(repository.clone(), id).await {
                Ok(()) | Err(UploadError::Unknown) => {}
                Err(error) => tracing::warn!(%error, %repository, "an upload that nobody knows of stays"),
            }
        });
    }
}

/// The state of one instance.
pub struct Data {
    /// The handles that the component has.
    pub table: ResourceTable,
    /// What all instances share.
    pub shared: Arc<Shared>,
    /// The request in hand.
    pub exchange: Option<Exchange>,
    memory: usize,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

/// How wasi:http asks this host for more than the request in hand: components send no requests of their
/// own, for they have no sockets.
pub struct Hooks;

impl Hooks {
    /// Hooks that anyone may borrow for ever. As they have no size, nothing is allocated and nothing leaks.
    pub fn forever() -> &'static mut Hooks {
        Box::leak(Box::new(Hooks))
    }
}

type Sent = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answered = Result<(http::Response<UnsyncBoxBody<Bytes, Error>>, Sent), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        _request: http::Request<UnsyncBoxBody<Bytes, Error>>,
        _options: Option<RequestOptions>,
        _sent: Sent,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl Data {
    /// The state of a new instance. Of the world it sees nothing: no arguments, no environment, no files,
    /// no sockets; what it prints goes to the log.
    pub fn new(shared: Arc<Shared>) -> Data {
        Data {
            table: ResourceTable::new(),
            shared,
            exchange: None,
            memory: 0,
            wasi: WasiCtx::builder().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks,
        }
    }

    /// The number of the request in hand, for the log.
    pub fn request_id(&self) -> u64 {
        self.exchange.as_ref().map_or(0, |exchange| exchange.id)
    }

    /// The request in hand.
    pub fn exchange(&mut self) -> wasmtime::Result<&mut Exchange> {
        self.exchange.as_mut().ok_or_else(|| wasmtime::format_err!("there is no request in hand"))
    }
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Data {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl ResourceLimiter for Data {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.memory + desired.saturating_sub(current);
        let fits = grown <= self.shared.memory;
        if fits {
            self.memory = grown;
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }
}

/// Stands for the host's side of every interface: each works on an instance's [`Data`].
pub struct Host;
impl HasData for Host {
    type Data<'a> = &'a mut Data;
}
