//! Evicting what nobody pulls, on a thread of its own, for as long as the process lives.

use crate::config::Proxy;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use store::{CacheOf, CollectError, Kept, Store};

/// How often is looked for what is old, in parts of how old that is, and at least and at most.
const PARTS: u32 = 24;
const LEAST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(3600);

/// The shortest time for which content stays that nobody pulls: when it was pulled is known to ten minutes.
const SHORTEST: Duration = Duration::from_secs(3600);

/// Of the most that is kept, the part after which it is looked whether there is more.
const PART: u64 = 20;

/// How much is free where room was made, at least: it is some time until there is none again.
const ROOM: u64 = 256 << 20;

/// How long others may want room before it is made, for all of them.
const PAUSE: Duration = Duration::from_secs(2);

/// What someone who fetches things tells.
pub enum Wish {
    /// So many bytes came.
    Fetched(u64),
    /// So many bytes should be free.
    Room(u64),
}

/// Tells the one who evicts.
pub struct Expiry(Sender<Wish>);

impl Expiry {
    /// Begins to look after a store, from which content goes if all of it was fetched.
    pub fn begin(settings: &Proxy, of: &CacheOf, store: Store) -> Expiry {
        let (sender, wishes) = channel();
        let kept = Kept {
            unused: Some(settings.ttl).filter(|ttl| !ttl.is_zero()).map(|ttl| ttl.max(SHORTEST)),
            bytes: Some(settings.maxsize as u64).filter(|size| *size > 0),
            room: 0,
        };
        if *of == CacheOf::None {
            tracing::warn!(
                "in storage.filesystem.rootdirectory lies content that no cache has fetched: nothing is evicted, whatever proxy.ttl \
                 and proxy.maxsize say; give the cache a directory of its own"
            );
        }
        let work = move || evict(&store, kept, &wishes);
        if let Err(error) = std::thread::Builder::new().name("expiry".into()).spawn(work) {
            tracing::error!(%error, "the cache evicts nothing, whatever proxy.ttl and proxy.maxsize say");
        }
        Expiry(sender)
    }

    /// Tells something. Nobody waits for what comes of it.
    pub fn wish(&self, wish: Wish) {
        let _ = self.0.send(wish);
    }
}

fn evict(store: &Store, kept: Kept, wishes: &Receiver<Wish>) {
    let interval = kept.unused.map_or(MOST, |unused| (unused / PARTS).clamp(LEAST, MOST));
    let mut room = 0;
    loop {
        // What was being fetched when a process was killed.
        if let Err(error) = store.purge_uploads(false) {
            tracing::warn!(%error, "what was fetched in part is not cleared away");
        }
        match store.expire(&Kept { room, ..kept }) {
            Ok(gone) if gone.blobs + gone.manifests > 0 => {
                let store::Expired { manifests, blobs, bytes, left } = gone;
                tracing::info!(
                    manifests,
                    blobs,
                    bytes,
                    left,
                    "the cache has evicted what was not pulled lately"
                );
            }
            Ok(_) => {}
            Err(CollectError::Busy) => tracing::info!("the cache evicts nothing while garbage is collected"),
            Err(error) => {
                tracing::warn!(%error, "the cache evicts nothing for now, and the disk may fill up")
            }
        }
        let Some(wanted) = wait(wishes, interval, kept.bytes) else { return };
        room = wanted;
    }
}

/// Waits until it is time again, and tells how much room there has to be; nothing when nobody fetches things any more.
fn wait(wishes: &Receiver<Wish>, interval: Duration, most: Option<u64>) -> Option<u64> {
    let (until, mut fetched) = (Instant::now() + interval, 0);
    loop {
        match wishes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Wish::Fetched(bytes)) => {
                fetched += bytes;
                if most.is_some_and(|most| fetched > most / PART) {
                    return Some(0);
                }
            }
            Ok(Wish::Room(bytes)) => {
                std::thread::sleep(PAUSE);
                let others =
                    wishes.try_iter().map(|wish| if let Wish::Room(bytes) = wish { bytes } else { 0 });
                return Some(others.fold(bytes, u64::max).saturating_add(ROOM));
            }
            Err(RecvTimeoutError::Timeout) => return Some(0),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}
