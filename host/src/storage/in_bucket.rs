//! Work in a bucket. It is done on the thread of whoever asks, which it may not leave, by a task of its own.

use super::OpenError;
use super::role::Given;
use crate::config::Config;
use bucket::Bucket;
use objects::{Error, Kind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle, LocalSet, spawn_local};

/// The bucket that a configuration names, for as long as the process lives.
///
/// # Errors
/// There is no key to it. Nothing else is asked yet.
pub fn bucket(config: &Config) -> Result<&'static Bucket, OpenError> {
    let mut settings = config.storage.bucket(config.limits.uploadmemory)?;
    let mut given = None;
    if !settings.has_keys() {
        let (first, role) = Given::first(&settings)?;
        (settings, given) = (settings.with(first), Some(role));
    }
    let purging = &config.storage.uploadpurging;
    let purges = purging.enabled && !purging.dryrun && !config.storage.readonly;
    let options = objects::Options {
        read_only: config.storage.readonly,
        upload_age: purging.age,
        purging: purges.then_some(purging.interval),
    };
    let bucket: &'static Bucket = Box::leak(Box::new(Bucket::new(settings, options)));
    given.map_or(Ok(()), |given| given.renew(bucket))?;
    Ok(bucket)
}

/// A bucket, and how much is written there at once.
#[derive(Clone)]
pub struct InBucket {
    bucket: &'static Bucket,
    /// As many as there are requests in flight: clients may leave, and what is written goes on.
    writers: Arc<Semaphore>,
}

impl InBucket {
    /// For so many requests at once.
    pub fn new(bucket: &'static Bucket, requests: usize) -> InBucket {
        InBucket { bucket, writers: Arc::new(Semaphore::new(requests)) }
    }

    /// The bucket.
    pub fn at(&self) -> &'static Bucket {
        self.bucket
    }

    /// Whether it can be read. Waits on the calling thread, which has no runtime.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::new(Kind::Unavailable, "look at", "the bucket", error))?;
        LocalSet::new().block_on(&runtime, self.bucket.check())
    }

    /// Reads. It ends when nobody waits for it any more.
    pub fn reading<W, T, E, F>(
        &self,
        work: impl FnOnce(&'static Bucket) -> W,
    ) -> impl Future<Output = Result<T, F>> + Send
    where
        W: Future<Output = Result<T, E>> + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: From<E> + From<JoinError>,
    {
        let asked = Asked::spawn(work(self.bucket));
        async move { Ok(asked.await??) }
    }

    /// Writes, to the end, whoever waits: what is half written would be of use to nobody.
    pub fn writing<W, T, E, F>(
        &self,
        work: impl FnOnce(&'static Bucket) -> W,
    ) -> impl Future<Output = Result<T, F>> + Send
    where
        W: Future<Output = Result<T, E>> + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: From<E> + From<JoinError> + From<Error>,
    {
        let task = self.writers.clone().try_acquire_owned().ok().map(|writer| {
            let work = work(self.bucket);
            spawn_local(async move {
                let done = work.await;
                drop(writer);
                done
            })
        });
        async move {
            let busy = || {
                let why = "as many others write, or have left before it ended, as limits.requests allows";
                Error::new(Kind::Unavailable, "write to", "the bucket", why)
            };
            Ok(task.ok_or_else(busy)?.await??)
        }
    }
}

/// What a task finds, which ends with this.
pub struct Asked<T>(JoinHandle<T>);

impl<T: 'static> Asked<T> {
    /// Begins it.
    pub fn spawn(work: impl Future<Output = T> + 'static) -> Asked<T> {
        Asked(spawn_local(work))
    }
}

impl<T> Future for Asked<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
