//! Blobs on their way here: each is fetched once, and whoever asks for it meanwhile reads what has come. A fetch goes on when
//! nobody waits for it any more: who left comes back, as a rule.

use super::PullThrough;
use super::coming::Coming;
use super::direct::Direct;
use super::expiry::Wish;
use crate::storage::{Content, Error, UploadError};
use names::{Digest, RepositoryName};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Growing, Growth};
use tokio::sync::{Notify, Semaphore, watch};
use upstream::Blob;

/// How often a blob is fetched anew that is evicted before it is read.
const EVICTIONS: usize = 5;

/// How much room there has to be beside a blob.
const RESERVE: u64 = 64 << 20;

/// A repository's blob.
pub type Key = (RepositoryName, Digest);

/// What is being fetched.
pub struct Fetches {
    under_way: Mutex<HashMap<Key, watch::Sender<State>>>,
    /// Each fetch has one.
    turns: Arc<Semaphore>,
    /// Tells those who wait for one that a fetch was begun, perhaps theirs.
    begun: Notify,
    /// The most that is kept of everything, if there is a bound.
    pub most: Option<u64>,
}

/// How far a fetch is.
#[derive(Clone)]
enum State {
    Begun,
    /// It can be read as it comes.
    Comes(Growing),
    /// It lies here.
    Here,
    /// The repository has no such blob.
    Absent,
    /// There is no room for it: everyone gets these many bytes from where they are.
    Stays(u64),
    Failed(Arc<Error>),
}

impl Fetches {
    /// So many at once, of what is kept in so many bytes; zero is no bound.
    pub fn new(at_once: usize, most: u64) -> Fetches {
        Fetches {
            under_way: Mutex::default(),
            turns: Arc::new(Semaphore::new(at_once)),
            begun: Notify::new(),
            most: Some(most).filter(|most| *most > 0),
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Key, watch::Sender<State>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That something is under way, until it is dropped.
struct UnderWay {
    cache: PullThrough,
    key: Key,
    /// Whether others find it.
    is_listed: AtomicBool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if *self.is_listed.get_mut() {
            self.cache.shared.fetches.all().remove(&self.key);
        }
    }
}

impl PullThrough {
    /// A blob that is not here, as it comes.
    pub(super) async fn fetched(
        &self,
        name: &RepositoryName,
        blob: &Digest,
    ) -> Result<Option<Content>, Error> {
        for _ in 0..EVICTIONS {
            let mut state = self.fetch(name, blob).await;
            let state = state.wait_for(|state| !matches!(state, State::Begun)).await;
            let state = state.map_err(|_| Error::Lost)?.clone();
            match state {
                State::Begun => break,
                State::Comes(growing) => return Ok(Some(Content::Files(growing.into()))),
                State::Here => {
                    let at = (name.clone(), blob.clone());
                    let found = self.here(move |store| store.open_blob(&at.0, &at.1)).await?;
                    if let Some(found) = found {
                        return Ok(Some(Content::Files(found)));
                    }
                    // Evicted since then.
                }
                State::Absent => return Ok(None),
                State::Stays(size) => {
                    let (cache, name, blob) = (self.clone(), name.clone(), blob.clone());
                    return Ok(Some(Content::Upstream(Direct { cache, name, blob, size })));
                }
                State::Failed(error) => return Err(Error::Fetch(error)),
            }
        }
        Err(Error::Lost)
    }

    /// Joins the fetch of a blob, or begins one when it is its turn.
    async fn fetch(&self, name: &RepositoryName, blob: &Digest) -> watch::Receiver<State> {
        let (fetches, key) = (&self.shared.fetches, (name.clone(), blob.clone()));
        let mut turn = pin!(fetches.turns.clone().acquire_owned());
        let (turn, mut all) = loop {
            // Before it is looked: one that begins after that is heard of.
            let mut begun = pin!(fetches.begun.notified());
            begun.as_mut().enable();
            if let Some(state) = fetches.all().get(&key) {
                return state.subscribe();
            }
            let turn = tokio::select! {
                turn = &mut turn => turn.expect("it is never closed"),
                () = begun => continue,
            };
            let all = fetches.all();
            match all.get(&key) {
                Some(state) => return state.subscribe(),
                None => break (turn, all),
            }
        };
        let (sender, state) = watch::channel(State::Begun);
        all.insert(key.clone(), sender.clone());
        drop(all);
        fetches.begun.notify_waiters();
        let under_way = UnderWay { cache: self.clone(), key, is_listed: AtomicBool::new(true) };
        tokio::spawn(async move {
            under_way.run(sender).await;
            drop(turn);
        });
        state
    }
}

impl UnderWay {
    async fn run(self, state: watch::Sender<State>) {
        let mut growth = None;
        let fetched = self.fetch(&state, &mut growth).await;
        let (name, digest) = self.key.clone();
        // Whoever comes from here on begins anew.
        drop(self);
        let last = fetched.unwrap_or_else(|error| {
            if let Some(growth) = growth {
                tracing::warn!(repository = %name, %digest, %error, "a blob was not fetched to its end");
                // Bytes that were what they should be stay so, though they could not be kept.
                if *growth.borrow() != Growth::Whole {
                    growth.send_replace(Growth::Failed);
                }
            }
            State::Failed(Arc::new(error))
        });
        state.send_replace(last);
    }

    async fn fetch(
        &self,
        state: &watch::Sender<State>,
        growth: &mut Option<watch::Sender<Growth>>,
    ) -> Result<State, Error> {
        let (cache, (name, blob)) = (&self.cache, self.key.clone());
        let upstream = &cache.shared.upstream;
        // Perhaps it came between the look of whoever asks and this.
        let at = self.key.clone();
        if cache.here(move |store| store.stat_blob(&at.0, &at.1)).await?.is_some() {
            return Ok(State::Here);
        }
        // Perhaps it lies here for another repository: then it is enough that this one has it there.
        let digest = blob.clone();
        if cache.here(move |store| store.size_of(&digest)).await?.is_some()
            && let Ok(Some(_)) = upstream.stat(&name, &blob).await
        {
            let at = self.key.clone();
            if let Ok(true) = cache.here(move |store| store.adopt(&at.0, &at.1)).await {
                return Ok(State::Here);
            }
        }
        let found = tokio::select! {
            found = upstream.blob(&name, &blob, 0) => super::unless_denied(&name, found)?,
            // Of which nothing has come: others have more use for the turn.
            () = self.left(state) => return Err(Error::Lost),
        };
        let Some(Blob { size, body }) = found else { return Ok(State::Absent) };
        // Of one without bytes there is none that could wait until it is known that it should have none.
        let size = size.filter(|size| *size > 0);
        if let Some(size) = size
            && let Some(why) = self.stays(size).await?
        {
            tracing::warn!(repository = %name, digest = %blob, size, "a blob is not kept: {why}");
            return Ok(State::Stays(size));
        }
        let (at, algorithm) = (name.clone(), blob.algorithm());
        let (sender, receiver) = watch::channel(Growth::Receiving);
        let begun = cache.here(move |store| {
            let id = store.create_upload(&at, algorithm)?;
            let growing = match size {
                Some(size) => store.growing(&at, &id, size, receiver)?,
                None => None,
            };
            Ok((id, growing))
        });
        let (id, growing) = match (begun.await, size) {
            (Ok(begun), _) => begun,
            (Err(error), Some(size)) => {
                tracing::warn!(repository = %name, digest = %blob, %error, "a blob is not kept");
                self.make_room(&error, size);
                return Ok(State::Stays(size));
            }
            (Err(error), None) => return Err(error),
        };
        if let Some(growing) = growing {
            *growth = Some(sender.clone());
            state.send_replace(State::Comes(growing));
        }
        let coming = Coming::new(cache.clone(), self.key.clone(), size, body, sender);
        let whole = growth.clone();
        let verified = move || {
            whole.map(|growth| growth.send_replace(Growth::Whole));
        };
        let finished = cache.store.finish_and_tell(&name, &id, None, Some(coming), &blob, verified).await;
        match finished.map_err(UploadError::from) {
            Ok(size) => {
                cache.shared.expiry.wish(Wish::Fetched(size));
                Ok(State::Here)
            }
            Err(why) => {
                if let Err(error) = cache.store.cancel_upload(&name, &id).await {
                    tracing::warn!(%error, repository = %name, "what was fetched of a blob stays for a day");
                }
                let error = Error::from(why);
                self.make_room(&error, size.unwrap_or_default());
                Err(error)
            }
        }
    }

    /// Comes when nobody waits any more, and from then on nobody can.
    async fn left(&self, state: &watch::Sender<State>) {
        loop {
            state.closed().await;
            let mut all = self.cache.shared.fetches.all();
            if state.receiver_count() == 0 {
                all.remove(&self.key);
                self.is_listed.store(false, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Why a blob of so many bytes is not to be kept.
    async fn stays(&self, size: u64) -> Result<Option<String>, Error> {
        if let Some(most) = self.cache.shared.fetches.most.filter(|most| size > most / 2) {
            return Ok(Some(format!("it is more than half of proxy.maxsize, {most} bytes")));
        }
        let room = self.cache.here(|store| Ok(store.room())).await?;
        Ok(room.filter(|room| *room < size.saturating_add(RESERVE)).map(|room| {
            self.cache.shared.expiry.wish(Wish::Room(size.saturating_add(RESERVE)));
            format!("{room} bytes are free in storage.filesystem.rootdirectory, and {RESERVE} are left free")
        }))
    }

    /// Has room made for so many bytes, where there was none.
    fn make_room(&self, error: &Error, size: u64) {
        if error.kind() == objects::Kind::Full {
            self.cache.shared.expiry.wish(Wish::Room(size.saturating_add(RESERVE)));
        }
    }
}
