use crate::backend::Wait;
use crate::error::{Error, UploadError};
use crate::session::{Lock, Unfinished, Writer, cancel, expect};
use crate::{Store, waited};
use bytes::Bytes;
use http_body::Body;
use names::{Algorithm, Digest, RepositoryName, UploadId};
use std::cell::Cell;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, Sleep};

/// How long to wait for another writer: a client that comes back is often faster than the news that its first
/// connection is dead.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// How often to look whether the other writer is done.
const BUSY_POLL: Duration = Duration::from_millis(20);

/// How many bytes are written at a time, while as many again are received. Each time another thread is woken.
const BATCH: usize = 1 << 20;

/// How many are enough while all uploads together are ahead by [`AHEAD`].
const SMALL_BATCH: usize = 256 << 10;

/// Of how many parts a batch may be made.
const BATCH_PARTS: usize = 256;

/// How many bytes all uploads together may have received and not written before each stops to receive while it writes:
/// with so many at work, receiving ahead gains nothing and costs memory.
const AHEAD: usize = 2 * BATCH;

/// By how much the threads that write uploads are nicer than the others.
const NICE: i32 = 5;

/// How long a batch may stay incomplete before it is written as it is: an upload that waits for its client holds no
/// bytes in memory.
const LINGER: Duration = Duration::from_millis(10);

impl Store {
    /// Begins an upload session at offset 0. It need not survive a crash of the machine. `algorithm` is that of the
    /// digest it will be finished with; with another one its bytes are read a second time.
    pub fn create_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
    ) -> Result<UploadId, Error> {
        let id = crate::files::random_id()
            .map_err(|error| Error::new("draw random bytes for", "an upload's name", error))?;
        // RFC 3339, as distribution writes it.
        let started_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let session = layout::upload(repository, &id);
        self.inner.backend.begin_draft(&session, &started_at)?;
        // What is not said is SHA-256.
        if algorithm != Algorithm::Sha256
            && let Some(lock) = Lock::take(&self.inner, &session)
            && let Err(error) = expect(&lock, algorithm)
        {
            tracing::warn!(%error, "an upload's bytes will be read a second time to be hashed");
        }
        Ok(id)
    }

    /// How many bytes the session has.
    pub fn upload_offset(&self, repository: &RepositoryName, id: &UploadId) -> Result<u64, UploadError> {
        let key = layout::in_directory(&layout::upload(repository, id), layout::DATA);
        match waited(self.inner.backend.stat(&key, None, Wait::May))? {
            Some(stamp) => Ok(stamp.size),
            None => Err(UploadError::Unknown),
        }
    }

    /// Ends the session and forgets its bytes. To be awaited like [`append`](Store::append).
    pub async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<(), UploadError> {
        self.with_session(repository, id, cancel).await
    }

    /// Writes the body at the end of the session and returns the new offset; `at`, where given, is where the caller
    /// believes that end to be. Whatever happens to the body or to this future, what came is kept. To be awaited in a
    /// tokio runtime with time enabled: hashing and writing are done on its blocking threads.
    pub async fn append<B>(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: B,
    ) -> Result<u64, UploadError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        let open = move |lock| Writer::open(lock, at, Unfinished::Keep, None).map(Box::new);
        let writer = self.with_session(repository, id, open).await?;
        let mut received = receive(writer, Batch::new(&self.inner.ahead), body).await?;
        let interrupted = received.interrupted.take();
        let offset = blocking(move || Ok(received.write()?.close())).await?;
        match interrupted {
            None => Ok(offset),
            Some(why) => Err(UploadError::Interrupted { offset, why }),
        }
    }

    /// Appends the body, where there is one, and publishes the session's bytes as a blob that the repository holds;
    /// returns its size. When it fails, and when this future is dropped before all of the body has come, the session
    /// is as it was before. To be awaited like [`append`](Store::append).
    pub async fn finish<B>(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: Option<B>,
        digest: &Digest,
    ) -> Result<u64, UploadError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        self.finish_and_tell(repository, id, at, body, digest, || {}).await
    }

    /// [`finish`](Store::finish), which says that the bytes have the digest as soon as it knows, before they survive a crash.
    pub async fn finish_and_tell<B>(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: Option<B>,
        digest: &Digest,
        verified: impl FnOnce() + Send + 'static,
    ) -> Result<u64, UploadError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        let algorithm = Some(digest.algorithm());
        let open = move |lock| Writer::open(lock, at, Unfinished::Undo, algorithm).map(Box::new);
        let writer = self.with_session(repository, id, open).await?;
        let offset = writer.start();
        let received = match body {
            Some(body) => receive(writer, Batch::new(&self.inner.ahead), body).await?,
            None => Received { writer, rest: Batch::new(&self.inner.ahead), interrupted: None },
        };
        let (repository, digest) = (repository.clone(), digest.clone());
        blocking(move || match received.interrupted {
            Some(why) => {
                received.writer.close();
                Err(UploadError::Interrupted { offset, why })
            }
            None => received.write()?.publish(&repository, &digest, verified),
        })
        .await
    }

    /// Does something with a session once nobody else is at work on it, which is waited for a while.
    async fn with_session<T: Send + 'static>(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        job: impl Fn(Lock) -> Result<T, UploadError> + Copy + Send + 'static,
    ) -> Result<T, UploadError> {
        let session: Arc<str> = layout::upload(repository, id).into();
        let deadline = Instant::now() + BUSY_FOR;
        loop {
            let (inner, session) = (self.inner.clone(), session.clone());
            let locked = move || Lock::take(&inner, &session).ok_or(UploadError::Busy).and_then(job);
            match blocking(locked).await {
                Err(UploadError::Busy) if Instant::now() < deadline => tokio::time::sleep(BUSY_POLL).await,
                result => return result,
            }
        }
    }
}

/// Does something on a blocking thread. It runs to its end even when nobody awaits it any more.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    ended(spawn_blocking(job).await)
}

fn ended<T>(result: Result<Result<T, UploadError>, tokio::task::JoinError>) -> Result<T, UploadError> {
    result.unwrap_or_else(|error| {
        let source = std::io::Error::other(error);
        Err(Error::new("write", "an upload, on a blocking thread", source).into())
    })
}

/// Lets whoever answers requests have the processor before this thread, which hashes and writes by the mebibyte. It stays so:
/// a thread may not take its niceness back.
fn make_way() {
    thread_local! {
        static IS_NICE: Cell<bool> = const { Cell::new(false) };
    }
    if !IS_NICE.replace(true) {
        // On Linux niceness is a thread's. Where it is forbidden, all are alike.
        let _ = rustix::process::nice(NICE);
    }
}

/// A body that has ended.
struct Received {
    writer: Box<Writer>,
    /// What is not written yet.
    rest: Batch,
    /// Why it ended before its end.
    interrupted: Option<String>,
}

impl Received {
    fn write(mut self) -> Result<Box<Writer>, UploadError> {
        if !self.rest.parts.is_empty() {
            self.writer.write(&self.rest.parts)?;
        }
        Ok(self.writer)
    }
}

/// Receives a body to its end; all but the last batch is written then.
async fn receive<B>(writer: Box<Writer>, batch: Batch, mut body: B) -> Result<Received, UploadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let mut pump = Pump { state: State::Idle(writer), batch, linger: None, ended: None };
    poll_fn(|context| pump.poll(&mut body, context)).await?;
    let interrupted = pump.ended.take().and_then(Result::err);
    let rest = pump.batch.take();
    match std::mem::replace(&mut pump.state, State::Gone) {
        State::Idle(writer) => Ok(Received { writer, rest, interrupted }),
        _ => unreachable!("the pump ends idle"),
    }
}

/// Bytes that were received and are not written yet; they count as ahead until they are dropped.
struct Batch {
    parts: Vec<Bytes>,
    length: usize,
    ahead: Arc<AtomicUsize>,
}

impl Batch {
    fn new(ahead: &Arc<AtomicUsize>) -> Batch {
        Batch { parts: Vec::new(), length: 0, ahead: ahead.clone() }
    }

    fn push(&mut self, part: Bytes) {
        self.ahead.fetch_add(part.len(), Ordering::Relaxed);
        self.length += part.len();
        self.parts.push(part);
    }

    fn take(&mut self) -> Batch {
        let empty = Batch::new(&self.ahead);
        std::mem::replace(self, empty)
    }

    fn is_full(&self) -> bool {
        self.length >= BATCH
            || self.length >= SMALL_BATCH && self.ahead.load(Ordering::Relaxed) >= AHEAD
            || self.parts.len() >= BATCH_PARTS
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.ahead.fetch_sub(self.length, Ordering::Relaxed);
    }
}

enum State {
    Idle(Box<Writer>),
    Writing(JoinHandle<Result<Box<Writer>, UploadError>>),
    Gone,
}

/// Gathers a body's frames into batches and has one batch written at a time while it gathers the next.
struct Pump {
    state: State,
    batch: Batch,
    linger: Option<Pin<Box<Sleep>>>,
    ended: Option<Result<(), String>>,
}

impl Pump {
    /// Ready when the body has ended and nothing is being written, or when writing failed.
    fn poll<B>(&mut self, body: &mut B, context: &mut Context<'_>) -> Poll<Result<(), UploadError>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        loop {
            if let State::Writing(job) = &mut self.state
                && let Poll::Ready(result) = Pin::new(job).poll(context)
            {
                self.state = State::Gone;
                self.state = State::Idle(ended(result)?);
            }
            let idle = matches!(self.state, State::Idle(_));
            if idle || self.batch.ahead.load(Ordering::Relaxed) < AHEAD {
                self.gather(body, context);
            }
            if self.ended.is_some() {
                return if idle { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            if !idle || self.batch.parts.is_empty() {
                return Poll::Pending;
            }
            if !self.batch.is_full() && !self.has_lingered(context) {
                return Poll::Pending;
            }
            self.write();
        }
    }

    /// Takes what is there of the body, up to a full batch.
    fn gather<B>(&mut self, body: &mut B, context: &mut Context<'_>)
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        while self.ended.is_none() && !self.batch.is_full() {
            match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing to us.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.batch.push(data);
                    }
                }
                Poll::Ready(Some(Err(error))) => self.ended = Some(Err(error.to_string())),
                Poll::Ready(None) => self.ended = Some(Ok(())),
                Poll::Pending => return,
            }
        }
    }

    fn has_lingered(&mut self, context: &mut Context<'_>) -> bool {
        let linger = self.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        linger.as_mut().poll(context).is_ready()
    }

    fn write(&mut self) {
        let State::Idle(mut writer) = std::mem::replace(&mut self.state, State::Gone) else { return };
        let batch = self.batch.take();
        self.linger = None;
        self.state = State::Writing(spawn_blocking(move || {
            make_way();
            writer.write(&batch.parts).map(|()| writer)
        }));
    }
}

impl Drop for Pump {
    /// The client has gone, or the server ends. What has come is written after what is being written; the writer leaves
    /// the session in order when it is dropped, on a blocking thread.
    fn drop(&mut self) {
        let batch = self.batch.take();
        let state = std::mem::replace(&mut self.state, State::Gone);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let last_words = move |mut writer: Box<Writer>| {
            if let Err(error) = writer.write(&batch.parts) {
                tracing::warn!(%error, "the last bytes of an abandoned upload were not kept");
            }
        };
        match state {
            State::Gone => {}
            State::Idle(writer) => drop(runtime.spawn_blocking(move || last_words(writer))),
            State::Writing(job) => drop(runtime.spawn(async move {
                if let Ok(Ok(writer)) = job.await {
                    drop(spawn_blocking(move || last_words(writer)));
                }
            })),
        }
    }
}
