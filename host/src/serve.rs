//! The server: one thread for each core with its own connections and instances, and one that accepts.

use crate::FileError;
use crate::artefact;
use crate::config::{self, AuthKind, Config, ConfigError, Driver, MAX_THREADS, UploadPurging};
use crate::connection::{self, Admission, Core};
use crate::debug::Debug;
use crate::draining::{self, InFlight};
use crate::engine::{self, Bounds};
use crate::health::Health;
use crate::listener::{ListenError, Listener};
use crate::metrics::Metrics;
use crate::notifications::{self, Deliveries};
use crate::pool::{Blueprint, IDLE, Pool};
use crate::signing::Signer;
use crate::socket::{Detached, Peer, Socket};
use crate::state::Shared;
use crate::storage::{self, Storage};
use crate::{tls, trust};
use credentials::{Credentials, SourceOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::LocalSet;
use wasmtime::component::Component;
use wasmtime::ensure;
use wasmtime::error::Context;

/// Threads of each core for what waits for the disk.
const BLOCKING_THREADS: usize = 16;

/// How many files may be open beside connections: those of the storage, above all. Where the system allows few, they
/// have half of them.
const OTHER_FILES: usize = 1024;

/// How a component begins, as the binary format has it.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Which registry is run.
pub enum Registry {
    /// The one that was built with this server: compiled, and as it was before.
    Own {
        /// Compiled code.
        aot: &'static [u8],
        /// The component.
        wasm: &'static [u8],
    },
    /// Another one, a component in a file.
    File(PathBuf),
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be honoured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The storage cannot be opened.
    #[error(transparent)]
    Storage(#[from] storage::OpenError),
    /// There cannot be TLS.
    #[error(transparent)]
    Tls(#[from] tls::StartError),
    /// Nothing can be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The component cannot be run here.
    #[error("cannot run {name} as the registry: {}", reason(.why))]
    Component {
        /// The file, or that it is the built-in one.
        name: String,
        /// Why not.
        why: wasmtime::Error,
    },
    /// There can be no passwords.
    #[error(transparent)]
    Credentials(#[from] credentials::OpenError),
    /// There can be no tokens: a file of keys is wrong.
    #[error(transparent)]
    Keys(#[from] FileError),
    /// The system refuses what every server needs: threads, signals.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// The causes in a line: where wasmtime shows bytes and positions over several, the first says it.
fn reason(why: &wasmtime::Error) -> String {
    let causes = why.chain().map(|cause| cause.to_string());
    let lines: Vec<String> = causes.filter_map(|cause| cause.lines().next().map(str::to_owned)).collect();
    lines.join(": ")
}

/// A connection on its way to its core, and its share of how many there may be.
type Accepted = (Detached, Peer, OwnedSemaphorePermit);

/// Serves until it is told to stop by SIGTERM or SIGINT, and then what is in flight.
pub fn run(mut config: Config, registry: Registry) -> Result<(), ServeError> {
    let others = OTHER_FILES
        + match config.storage.driver {
            // Connections to the upstream registry of a cache.
            Driver::Filesystem if config.proxy.remoteurl.is_some() => {
                config.limits.requests + 2 * config.proxy.fetches
            }
            Driver::Filesystem => 0,
            // Connections to the bucket: requests that look something up have two at once.
            Driver::S3 | Driver::Azure => 2 * config.limits.requests,
        };
    config.limits.connections = connections(config.limits.connections, others);
    let (tls, authority) = tls::start(&config.http)?.unzip();
    let storage = Storage::open(&config)?;
    storage.tell();
    // A bucket is looked through by whoever begins an upload there.
    if let Storage::Files(store) = &storage
        && !config.storage.readonly
    {
        if let Err(error) = store.end_cache() {
            tracing::warn!(%error, "this directory is taken for that of a cache if one is started in it again (proxy.remoteurl)");
        }
        if config.storage.uploadpurging.enabled {
            purge_uploads(store, &config.storage.uploadpurging)?;
        }
    }
    let shared = shared(&config, storage.clone())?;
    let threads = match config.limits.threads {
        0 => std::thread::available_parallelism()?.get().min(MAX_THREADS),
        threads => threads,
    };
    let blueprint = blueprint(&config, &registry, threads, shared).map_err(|why| {
        let name = match &registry {
            Registry::Own { .. } => "the built-in component".to_owned(),
            Registry::File(path) => path.display().to_string(),
        };
        ServeError::Component { name, why }
    })?;
    let (stop, stopped) = watch::channel(false);
    let admission = Arc::new(Admission::new(config.limits.requests));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let context = runtime.enter();
    let health = Health::begin(&config, &storage);
    let metrics = config.http.debug.prometheus.enabled.then(|| Metrics::new(admission.clone()));
    let requests = metrics.as_ref().map(Metrics::requests);
    if let (Some(metrics), Storage::Cache(cache)) = (&metrics, &storage) {
        metrics.show(cache.counters().all());
    }
    let tasks = LocalSet::new();
    let (notifications, deliveries) = notifications::begin(&config, &storage, &tasks)?.unzip();
    if let (Some(metrics), Some(notifications)) = (&metrics, &notifications) {
        metrics.show(notifications.counters());
    }
    Debug { health: health.clone(), metrics, patience: config.limits.headertimeout }
        .start(&config.http.debug)?;
    drop(context);
    let mut cores = Vec::new();
    for number in 0..threads {
        let (sender, accepted) = mpsc::unbounded_channel();
        let (blueprint, admission) = (blueprint.clone(), admission.clone());
        let (health, requests, told) = (health.clone(), requests.clone(), notifications.clone());
        let (limits, stopped) = (config.limits.clone(), stopped.clone());
        let tls = tls.clone().map(|serving| tls::Acceptor {
            serving,
            verifies: config.http.tls.verifies_clients(),
            patience: limits.headertimeout,
            linger: limits.lingertime,
        });
        let http = &config.http;
        let h2c = http.h2c && !http.http2_disabled;
        let (proxies, headers) = (http.trustedproxies.clone(), http.headers.clone());
        std::thread::Builder::new().name(format!("core-{number}")).spawn(move || {
            let core = Core {
                pool: Rc::new(Pool::new(blueprint)),
                limits,
                admission,
                health,
                requests: requests.map(Rc::new),
                notifications: told,
                tls,
                h2c,
                proxies,
                headers,
                next_request: Cell::new(first_request(number)),
            };
            run_core(core, accepted, stopped);
        })?;
        cores.push(sender);
    }
    let accepted = accept(&config, cores, authority.flatten(), stop, admission, deliveries);
    let served = tasks.block_on(&runtime, accepted);
    // What still waits for a disk or for a name does not keep the process from its end.
    runtime.shutdown_background();
    served
}

/// How many connections there may be where the configuration allows this many: each is an open file, of which the system
/// allows a process so many and no more. What it allows at first is little, for the sake of programs that use select(2),
/// and everyone may raise it to a bound that only root may move.
fn connections(wanted: usize, others: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    let fit = (files - others.min(files / 2)).max(1);
    if fit < wanted {
        tracing::warn!(
            files,
            connections = fit,
            "the system allows too few open files for limits.connections, and fewer connections are accepted: \
             allow {} (LimitNOFILE= of systemd, ulimit -n, --ulimit nofile= of docker), or lower limits.connections",
            wanted + others
        );
    }
    wanted.min(fit)
}

/// Removes abandoned uploads now and then, on a thread of its own, for as long as the process lives.
fn purge_uploads(store: &Store, purging: &UploadPurging) -> io::Result<()> {
    let (store, purging) = (store.clone(), purging.clone());
    let work = move || {
        std::thread::sleep(purging.interval / 24);
        loop {
            match store.purge_uploads(purging.dryrun) {
                Ok(0) => {}
                Ok(uploads) if purging.dryrun => {
                    tracing::info!(
                        uploads,
                        "uploads that nobody finished would be removed (uploadpurging.dryrun)"
                    )
                }
                Ok(uploads) => tracing::info!(uploads, "removed uploads that nobody finished"),
                Err(error) => tracing::warn!(%error, "abandoned uploads could not be removed"),
            }
            std::thread::sleep(purging.interval);
        }
    };
    std::thread::Builder::new().name("purge".into()).spawn(work).map(drop)
}

/// What every instance shares.
fn shared(config: &Config, storage: Storage) -> Result<Shared, ServeError> {
    let mut settings = config.settings();
    let issuer = &config.auth.issuer;
    let signer = match issuer.enabled {
        Some(true) => Some(Signer::open(issuer.key.as_deref())?),
        _ => None,
    };
    if let Some(signer) = &signer {
        settings.insert("auth.token.keys", signer.public().to_string());
    }
    if config.auth.kind == AuthKind::Token {
        settings.insert("auth.token.keys", trust::keys(&config.auth)?);
    }
    let credentials = credentials(config)?;
    let config::Limits { memory, headertimeout: patience, .. } = config.limits;
    Ok(Shared { storage, signer, credentials, settings, memory, patience })
}

/// The passwords, where some are asked for.
fn credentials(config: &Config) -> Result<Option<Credentials>, credentials::OpenError> {
    let auth = &config.auth;
    let (source, remember) = match (auth.kind, &auth.htpasswd.path) {
        (AuthKind::Htpasswd, Some(path)) => (SourceOptions::File(path.clone()), auth.htpasswd.remember),
        (AuthKind::Ldap, _) => {
            (SourceOptions::Directory(Box::new(auth.ldap.directory.clone())), auth.ldap.remember)
        }
        _ => return Ok(None),
    };
    let (failures, window) = (auth.failures.limit, auth.failures.window);
    Credentials::open(&credentials::Options { source, remember, failures, window }).map(Some)
}

const NO_ADDRESSES: &str = "its instances cannot be given the addresses that they reserve and hardly use, 32 GiB for each: \
    lift the limit of the address space (ulimit -v unlimited, LimitAS=infinity), or lower limits.requests and limits.threads";

fn blueprint(
    config: &Config,
    registry: &Registry,
    threads: usize,
    shared: Shared,
) -> wasmtime::Result<Blueprint> {
    let limits = &config.limits;
    let engine = engine::engine(&Bounds {
        instances: u32::try_from(limits.requests + threads * IDLE)?,
        memory: limits.memory,
    })
    .context(NO_ADDRESSES)?;
    engine::start_clock(&engine)?;
    let component = match registry {
        Registry::Own { aot, wasm } => artefact::load(&engine, aot, wasm)?,
        Registry::File(path) => {
            let bytes = std::fs::read(path).context("the file cannot be read")?;
            ensure!(bytes.starts_with(COMPONENT), "the file is not a WebAssembly component");
            Component::from_binary(&engine, &bytes)?
        }
    };
    Blueprint::new(&engine, &component, Arc::new(shared), limits.computation)
}

/// Where a core's request numbers begin: at the time, so that they differ from those before a restart,
/// with the core in the highest bits, which have room for [`MAX_THREADS`].
fn first_request(core: usize) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (core as u64) << 56 | (now.as_micros() as u64) << 4 & ((1 << 56) - 1)
}

/// A core: its connections never leave it.
fn run_core(core: Core, mut accepted: mpsc::UnboundedReceiver<Accepted>, stopped: watch::Receiver<bool>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .expect("the system has given the main thread the same");
    LocalSet::new().block_on(&runtime, async move {
        let core = Rc::new(core);
        while let Some((socket, peer, share)) = accepted.recv().await {
            let (core, stopped) = (core.clone(), stopped.clone());
            tokio::task::spawn_local(async move {
                match Socket::attach(socket, core.limits.idletimeout) {
                    Ok(socket) => connection::serve(core, socket, peer, share, stopped).await,
                    Err(error) => tracing::warn!(%peer, %error, "a connection cannot be served"),
                }
            });
        }
        // What is in flight goes on until the process ends.
        std::future::pending::<()>().await;
    });
}

async fn accept(
    config: &Config,
    cores: Vec<mpsc::UnboundedSender<Accepted>>,
    authority: Option<tls::Authority>,
    stop: watch::Sender<bool>,
    admission: Arc<Admission>,
    deliveries: Option<Deliveries>,
) -> Result<(), ServeError> {
    let limit = config.limits.connections;
    let connections = Arc::new(Semaphore::new(limit));
    let listener = Listener::new(config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tls = config.http.tls.is_on();
    tracing::info!(address = %listener, tls, version = env!("CARGO_PKG_VERSION"), "listening");
    if let Some(authority) = authority {
        authority.start()?;
    }
    let accepting = async {
        let mut next = (0..cores.len()).cycle();
        let mut told = false;
        loop {
            let permit = connections.clone().acquire_owned().await.expect("it is never closed");
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let core = &cores[next.next().expect("there is a core")];
                    let _ = core.send((socket, peer, permit));
                    told = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "no connection can be accepted for the moment");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(listener);
    let _ = stop.send(true);
    let signals = [&mut terminate, &mut interrupt];
    let in_flight = InFlight { connections: &connections, limit, admission: &admission };
    draining::finish(in_flight, deliveries, config.http.draintimeout, signals).await;
    Ok(())
}
