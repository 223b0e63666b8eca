//! How those who store things and those who collect garbage keep out of each other's way in a bucket, which has no locks
//! (docs/decisions/0018).
//!
//! Who makes use of what is there already, and may be garbage, writes what he has to write, and looks afterwards whether a
//! collection is under way. If so he says what he needs, and looks whether that is being removed at this moment. Who collects
//! says first what will be removed, and looks afterwards who needs it. So one of the two always sees the other.

use crate::blobs::data;
use crate::{Error, Kind, Objects, Small};
use futures_util::future::join;
use garbage::{ABANDONED_AFTER, MAX_STATE, Needed, RENEWED_AFTER, State, lines};
use names::Digest;
use platform::{elapsed, log, random, wait};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tree::Unit;

/// How long it is waited for the end of a removal, and how often it is looked for it.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

thread_local! {
    /// The last collection that was over when it was looked for.
    static OVER: RefCell<Option<String>> = const { RefCell::new(None) };
    /// When a lease could not be renewed.
    static WITHOUT_LEASES: Cell<Option<u64>> = const { Cell::new(None) };
}

/// How a collection stands; of one that was killed, that nothing is being removed.
async fn look<O: Objects>(objects: &O) -> Result<State, Error> {
    let key = layout::in_directory(layout::COLLECTION, layout::STATE);
    let Some(found) = objects.read_small(&key, MAX_STATE).await? else { return Ok(State::default()) };
    let state = State::decode(&found.bytes).ok_or_else(|| {
        let why = "it is damaged, or of another version: remove it while nobody collects garbage";
        Error::new(Kind::Unavailable, "look at", &key, why)
    })?;
    let is_abandoned = found.age.is_some_and(|age| age > ABANDONED_AFTER);
    Ok(if is_abandoned { State { condemned: [].into(), ..state } } else { state })
}

fn remember(run: &str) -> String {
    OVER.set(Some(run.to_owned()));
    run.to_owned()
}

/// The collection that was the last one, at some time before this; none where one is under way. To be asked before it is looked
/// whether something is there that is needed.
pub async fn last<O: Objects>(objects: &O) -> Result<Option<String>, Error> {
    if !objects.is_collected() {
        return Ok(None);
    }
    if let Some(known) = OVER.with_borrow(Clone::clone) {
        return Ok(Some(known));
    }
    let state = look(objects).await?;
    Ok((!state.is_under_way).then(|| remember(&state.run)))
}

/// Says what is needed to the collection that is under way.
async fn tell<O: Objects>(objects: &O, run: &str, needed: &[Needed]) -> Result<(), Error> {
    let said = (format!("{:016x}", random()), lines(needed).into());
    objects.write(&Unit { directory: layout::said(run), files: vec![said] }).await
}

fn is_condemned(state: &State, needed: &[Needed]) -> bool {
    needed.iter().any(|needed| state.condemned.contains(&needed.digest))
}

/// What is needed is not removed any more.
pub struct Secured {
    /// By the collection that is under way, or was the last.
    run: String,
    /// Whether nothing was since the [`last`] collection was asked for.
    pub is_untouched: bool,
}

impl Secured {
    /// Whether no other collection has begun.
    pub async fn holds<O: Objects>(&self, objects: &O) -> Result<bool, Error> {
        Ok(!objects.is_collected() || look(objects).await?.run == self.run)
    }
}

/// To be called when that was written which makes something needed. Nothing of it is removed afterwards; but it may have been
/// before, unless no collection was under way since the `last` one.
pub async fn secure<O: Objects>(
    objects: &O,
    last: Option<&String>,
    needed: impl FnOnce() -> Vec<Needed>,
) -> Result<Secured, Error> {
    if !objects.is_collected() {
        return Ok(Secured { run: String::new(), is_untouched: true });
    }
    let mut state = look(objects).await?;
    if !state.is_under_way {
        let run = remember(&state.run);
        return Ok(Secured { is_untouched: last == Some(&run), run });
    }
    let (needed, began) = (needed(), elapsed());
    let mut told = String::new();
    loop {
        match state.is_under_way {
            // One that began meanwhile has heard nothing yet.
            true if state.run != told => {
                tell(objects, &state.run, &needed).await?;
                told.clone_from(&state.run);
            }
            true if is_condemned(&state, &needed) => {
                if elapsed() - began > PATIENCE.as_nanos() as u64 {
                    let why = "what it needs is being removed as garbage, and that does not end; where a collection was killed, \
                               it does in 20 minutes";
                    return Err(Error::new(Kind::Unavailable, "write to", "the bucket", why));
                }
                wait(POLL.as_nanos() as u64).await;
            }
            _ => return Ok(Secured { run: state.run, is_untouched: false }),
        }
        state = look(objects).await?;
    }
}

/// Makes a repository hold a blob, of which nothing is removed afterwards. Its bytes may have been.
pub async fn hold<O: Objects>(
    objects: &O,
    hold: &Unit,
    needed: impl FnOnce() -> Vec<Needed>,
) -> Result<(), Error> {
    let last = last(objects).await?;
    objects.write(hold).await?;
    match secure(objects, last.as_ref(), needed).await?.is_untouched {
        true => Ok(()),
        // One that was there before may have been removed.
        false => objects.write(hold).await,
    }
}

/// To be called when a client is about to be told that there is what `needed` names, whose link lies under a key and leads
/// to the bytes of `content`. `false` when it is going.
pub async fn lease<O: Objects>(
    objects: &O,
    (key, link): (&str, &Small),
    needed: Needed,
    content: &Digest,
) -> Result<bool, Error> {
    let is_young = link.age.is_none_or(|age| age < RENEWED_AFTER);
    if is_young || objects.options().read_only || does_without() {
        return Ok(true);
    }
    match objects.write_anew(key, link).await {
        Ok(true) => {}
        Ok(false) => return Ok(false),
        // Who cannot write here cannot push here either, and who only reads shall not be kept from that.
        Err(error) => {
            log!("for ten minutes, what clients are told is there may be collected as garbage: {error}");
            WITHOUT_LEASES.set(Some(elapsed()));
            return Ok(true);
        }
    }
    let State { run, is_under_way, .. } = look(objects).await?;
    if is_under_way {
        let content_too = Needed { digest: content.clone(), ..needed };
        let needed = [needed, content_too];
        tell(objects, &run, &needed).await?;
        if is_condemned(&look(objects).await?, &needed) {
            return Ok(false);
        }
    }
    let (link, bytes) = join(objects.size(key), objects.size(&data(content))).await;
    Ok(link?.is_some() && bytes?.is_some())
}

/// Whether no lease could be renewed lately: then it is not tried again for each.
fn does_without() -> bool {
    let long = RENEWED_AFTER.as_nanos() as u64;
    WITHOUT_LEASES.get().is_some_and(|since| elapsed() - since < long)
}
