//! Collecting garbage in a bucket, while others go on storing things there (docs/decisions/0018).
//!
//! First all repositories are listed for what their manifests name. Then what nobody named is removed, some hundred pieces at a
//! time: what will go is said, what others said meanwhile that they need is heard, and the rest goes.

mod needed;
mod repositories;
mod sweep;
mod turn;
mod untagged;

use crate::bucket::{Bucket, Listed};
use futures_util::{StreamExt, stream};
use garbage::{ABANDONED_AFTER, Collected, Collection, Garbage, Marks, unknown};
use names::{Digest, RepositoryName};
use objects::{Error, Small};
use s3::Begin;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tree::{MAX_LINK, digest_in_link, may_stand_for};
use turn::Turn;

/// How many objects are asked for, or removed, at once.
const AT_ONCE: usize = 16;

/// How many are asked for, or removed, until it is looked whether it is to be said that the collection goes on.
const PER_BEAT: usize = 16 * AT_ONCE;

/// About how many objects are removed at a time. Who needs one of them waits meanwhile.
const PIECES: usize = 256;

/// Why garbage was not collected, or not all of it.
#[derive(Debug)]
pub enum CollectError {
    /// Someone else does, of whom was last heard so long ago.
    Busy(Duration),
    /// Someone else began, because nothing was heard of this one.
    Late,
    /// Whoever began it wants no more.
    Stopped,
    /// Nothing was ever pushed here.
    Nothing,
    /// It cannot be told what something needs.
    Unknown {
        /// Its key.
        key: String,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// Nobody knows what will become of a removal.
    Unanswered(Error),
    /// What was removed before stays removed.
    Storage(Error),
}

impl std::fmt::Display for CollectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = ABANDONED_AFTER.as_secs() / 60;
        match self {
            CollectError::Busy(heard) => write!(
                f,
                "garbage is being collected in this bucket already, or whoever did was killed: it was last heard of {} s ago, and \
                 counts as killed after {minutes} minutes",
                heard.as_secs()
            ),
            CollectError::Late => write!(
                f,
                "the bucket could not be written to for many minutes, or another collection has begun since: run it again when {minutes} \
                 minutes have passed"
            ),
            CollectError::Stopped => write!(f, "stopped before its end: what was removed stays removed"),
            CollectError::Nothing => write!(
                f,
                "there is no {} in this bucket: nothing was pushed to it yet, or it is not the one that is served \
                 (its name and rootdirectory, in the settings of storage)",
                layout::REPOSITORIES
            ),
            CollectError::Unknown { key, what } => {
                write!(f, "{key} {what}. What it needs is not known, so that nothing more was removed")
            }
            CollectError::Unanswered(error) => write!(
                f,
                "{error}. The bucket may still do it, so that nothing is removed for {minutes} minutes: run it again then"
            ),
            CollectError::Storage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CollectError {}

impl From<Error> for CollectError {
    fn from(error: Error) -> CollectError {
        CollectError::Storage(error)
    }
}

impl CollectError {
    fn unknown(key: &str, what: impl Into<String>) -> CollectError {
        CollectError::Unknown { key: key.to_owned(), what: what.into() }
    }
}

impl Bucket {
    /// Removes garbage, and tells `each` piece once it is gone. Others may store and delete things meanwhile: all that are
    /// servers of this kind. It ends early when it is to `stop`.
    ///
    /// # Errors
    /// Where it cannot be told what something needs, no blob is removed.
    pub async fn collect(
        &'static self,
        how: &Collection,
        stop: &AtomicBool,
        each: &mut dyn FnMut(&Garbage),
    ) -> Result<Collected, CollectError> {
        repositories::are_there(self).await?;
        let turn = match how.dry_run {
            true => Turn::watching(self, stop),
            false => Turn::begin(self, stop).await?,
        };
        let mut run = Run {
            bucket: self,
            how,
            each,
            turn,
            needed: Marks::default(),
            expanded: Marks::default(),
            leased: Marks::default(),
            said: BTreeSet::new(),
            found: Collected::default(),
        };
        let done = run.all().await;
        let Run { turn, found, .. } = run;
        match done {
            // What is being removed may still go: nobody is told that it is over.
            Err(error @ (CollectError::Unanswered(_) | CollectError::Late)) => Err(error),
            Err(error) => {
                if let Err(why) = turn.end().await {
                    platform::log!("that garbage is no longer collected could not be said: {why}");
                }
                Err(error)
            }
            Ok(()) => {
                turn.end().await?;
                Ok(found)
            }
        }
    }
}

struct Run<'a> {
    bucket: &'static Bucket,
    how: &'a Collection,
    each: &'a mut dyn FnMut(&Garbage),
    turn: Turn<'a>,
    needed: Marks,
    /// Manifests whose references are needed already.
    expanded: Marks,
    /// What clients were told lately that it is there.
    leased: Marks,
    /// What others said that they need, since the collection began.
    said: BTreeSet<Digest>,
    found: Collected,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), CollectError> {
        self.repositories().await?;
        self.sweep().await?;
        self.found.needed = self.needed.count();
        Ok(())
    }

    fn report(&mut self, pieces: &[Garbage]) {
        for piece in pieces {
            self.found.add(piece);
            (self.each)(piece);
        }
    }

    /// Whose bytes the link under a key leads to, as which `digest` is held; `None` where there is no link, and where it is one
    /// in which there is no digest, or a wrong one, an inner `None`. Of one that is as long as this very digest, nothing else
    /// could be said that counts.
    async fn content(
        &self,
        key: &str,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Option<Digest>>, CollectError> {
        if size == digest.as_str().len() as u64 {
            return Ok(Some(Some(digest.clone())));
        }
        let Some(Small { bytes, .. }) = self.bucket.read_small(key, MAX_LINK as usize).await? else {
            return Ok(None);
        };
        Ok(Some(digest_in_link(&bytes).filter(|content| may_stand_for(content, digest))))
    }
}

/// The objects whose keys begin so, in order, some at a time.
struct Pages {
    bucket: &'static Bucket,
    prefix: String,
    from: Option<Begin>,
}

impl Pages {
    fn new(bucket: &'static Bucket, directory: &str) -> Pages {
        Pages { bucket, prefix: [directory, "/"].concat(), from: Some(Begin::Start) }
    }

    /// The next ones; none when all have come.
    async fn next(&mut self) -> Result<Option<Vec<Listed>>, Error> {
        let Some(from) = self.from.take() else { return Ok(None) };
        let (found, next) = self.bucket.objects(&self.prefix, &from).await?;
        self.from = next;
        Ok(Some(found))
    }
}

/// All of some work, several at once, to the end of each: none is left half done.
async fn all<T>(work: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(work).buffered(AT_ONCE).collect().await
}

/// A repository's name, as a key spells it. Of one that is none, whether it has to be understood all the same.
fn repository_name(name: &str, rest: &str) -> Result<Option<RepositoryName>, CollectError> {
    match name.parse() {
        Ok(repository) => Ok(Some(repository)),
        Err(_) if !rest.starts_with(layout::MANIFESTS) || name.split('/').any(garbage::is_nobodys) => {
            Ok(None)
        }
        Err(_) => {
            Err(CollectError::unknown(&layout::in_directory(layout::REPOSITORIES, name), unknown::NO_NAME))
        }
    }
}
