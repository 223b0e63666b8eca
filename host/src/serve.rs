//! The server: one thread for each core with its own connections and instances, and one that accepts.

use crate::artefact;
use crate::config::{Config, ConfigError, UploadPurging};
use crate::connection::{self, Admission, Core};
use crate::engine::{self, Bounds};
use crate::pool::{Blueprint, IDLE, Pool};
use crate::state::Shared;
use rustix::io::Errno;
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use wasmtime::component::Component;
use wasmtime::ensure;
use wasmtime::error::Context;

/// Threads of each core for what waits for the disk.
const BLOCKING_THREADS: usize = 16;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

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
    Store(#[from] store::OpenError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (http.addr): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The component cannot be run here.
    #[error("cannot run {name} as the registry: {}", reason(.why))]
    Component {
        /// The file, or that it is the built-in one.
        name: String,
        /// Why not.
        why: wasmtime::Error,
    },
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
type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

/// Serves until it is told to stop by SIGTERM or SIGINT, and then what is in flight.
pub fn run(config: Config, registry: Registry) -> Result<(), ServeError> {
    let store = Store::open(store::Options {
        fsync: config.storage.filesystem.fsync,
        cache: config.limits.cache,
        upload_age: config.storage.uploadpurging.age,
        ..store::Options::new(&config.storage.filesystem.rootdirectory)
    })?;
    purge_uploads(&store, &config.storage.uploadpurging)?;
    let threads = match config.limits.threads {
        0 => std::thread::available_parallelism()?.get(),
        threads => threads,
    };
    let blueprint = blueprint(&config, &registry, threads, store).map_err(|why| {
        let name = match &registry {
            Registry::Own { .. } => "the built-in component".to_owned(),
            Registry::File(path) => path.display().to_string(),
        };
        ServeError::Component { name, why }
    })?;
    let (stop, stopped) = watch::channel(false);
    let admission = Arc::new(Admission::new(config.limits.requests));
    let mut cores = Vec::new();
    for number in 0..threads {
        let (sender, accepted) = mpsc::unbounded_channel();
        let (blueprint, admission) = (blueprint.clone(), admission.clone());
        let (limits, stopped) = (config.limits.clone(), stopped.clone());
        std::thread::Builder::new().name(format!("core-{number}")).spawn(move || {
            let core = Core {
                pool: Rc::new(Pool::new(blueprint)),
                limits,
                admission,
                next_request: Cell::new(first_request(number)),
            };
            run_core(core, accepted, stopped);
        })?;
        cores.push(sender);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(&config, cores, stop))
}

/// Removes abandoned uploads now and then, on a thread of its own, for as long as the process lives.
fn purge_uploads(store: &Store, purging: &UploadPurging) -> io::Result<()> {
    if !purging.enabled {
        return Ok(());
    }
    let (store, purging) = (store.clone(), purging.clone());
    let work = move || {
        std::thread::sleep(purging.interval / 24);
        loop {
            match store.purge_uploads(purging.dryrun) {
                Ok(0) => {}
                Ok(uploads) => {
                    tracing::info!(uploads, dryrun = purging.dryrun, "removed uploads that nobody finished")
                }
                Err(error) => tracing::warn!(%error, "abandoned uploads could not be removed"),
            }
            std::thread::sleep(purging.interval);
        }
    };
    std::thread::Builder::new().name("purge".into()).spawn(work).map(drop)
}

fn blueprint(
    config: &Config,
    registry: &Registry,
    threads: usize,
    store: Store,
) -> wasmtime::Result<Blueprint> {
    let limits = &config.limits;
    let engine = engine::engine(&Bounds {
        instances: u32::try_from(limits.requests + threads * IDLE)?,
        memory: limits.memory,
    })?;
    engine::start_clock(&engine)?;
    let component = match registry {
        Registry::Own { aot, wasm } => artefact::load(&engine, aot, wasm)?,
        Registry::File(path) => {
            let bytes = std::fs::read(path).context("the file cannot be read")?;
            ensure!(bytes.starts_with(COMPONENT), "the file is not a WebAssembly component");
            Component::from_binary(&engine, &bytes)?
        }
    };
    let shared = Shared { store, settings: config.settings(), memory: limits.memory };
    Blueprint::new(&engine, &component, Arc::new(shared), limits.computation)
}

/// Where a core's request numbers begin: at the time, so that they differ from those before a restart,
/// with the core in the highest bits.
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
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let core = Rc::new(core);
        while let Some((stream, remote, share)) = accepted.recv().await {
            let (core, stopped) = (core.clone(), stopped.clone());
            tokio::task::spawn_local(async move {
                match tokio::net::TcpStream::from_std(stream) {
                    Ok(stream) => connection::serve(core, stream, remote, share, stopped).await,
                    Err(error) => tracing::warn!(%remote, %error, "a connection cannot be served"),
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
    stop: watch::Sender<bool>,
) -> Result<(), ServeError> {
    let limit = config.limits.connections;
    let connections = Arc::new(Semaphore::new(limit));
    let listener = listen(config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "listening");
    let accepting = async {
        let mut next = (0..cores.len()).cycle();
        loop {
            let permit = connections.clone().acquire_owned().await.expect("it is never closed");
            match listener.accept().await {
                Ok((stream, remote)) => {
                    let core = &cores[next.next().expect("there is a core")];
                    // Nagle's algorithm would hold small answers back; without it they are only slower.
                    let _ = stream.set_nodelay(true);
                    if let Ok(stream) = stream.into_std() {
                        let _ = core.send((stream, remote, permit));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted for the moment");
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
    let open = limit - connections.available_permits();
    let patience = config.http.draintimeout;
    tracing::info!(
        connections = open,
        ?patience,
        "stopping: finishing what is in flight (http.draintimeout)"
    );
    let all = u32::try_from(limit).unwrap_or(u32::MAX);
    tokio::select! {
        _ = connections.acquire_many(all) => tracing::info!("stopped"),
        () = tokio::time::sleep(patience) => {
            tracing::warn!("stopped with requests in flight: their uploads can be resumed");
        }
        _ = terminate.recv() => tracing::warn!("stopped at once"),
        _ = interrupt.recv() => tracing::warn!("stopped at once"),
    }
    Ok(())
}

/// Binds the first address whose family the machine has.
fn listen(config: &Config) -> Result<TcpListener, ServeError> {
    let mut absent = None;
    for address in config.listen_addresses()? {
        match bind(address) {
            Ok(listener) => return Ok(listener),
            Err(source) => {
                let family = matches!(
                    source.raw_os_error().map(Errno::from_raw_os_error),
                    Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
                );
                let error = ServeError::Listen { address, source };
                if !family {
                    return Err(error);
                }
                absent = absent.or(Some(error));
            }
        }
    }
    Err(absent.expect("a configured address is at least one"))
}

/// A socket for IPv6 takes IPv4 too, whatever the system's default.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if address.ip().is_unspecified() && address.is_ipv6() {
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
