//! How those who store things and those who collect garbage keep out of each other's way in a bucket, which has no locks
//! (docs/decisions/0018).
//!
//! Who makes use of what is there already, and may be garbage, writes what he has to write, and looks afterwards whether a
//! collection is under way. If so he says what he needs, and looks whether that is being removed at this moment. Who collects
//! says first what will be removed, and looks afterwards who needs it. So one of the two always sees the other.

use crate::blobs::data;
use crate::{Error, Kind, Objects, Small};
use futures_util::future::join;
use garbage::{MAX_STATE, Needed, RENEWED_AFTER, State, lines};
use names::Digest;
use platform::{elapsed, log, random, wait};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;
use tree::{MAX_LINK, Unit};

/// How long it is waited for the end of a removal, by who stores something and by who only asks, and how often it is looked for it.
const PATIENCE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

thread_local! {
    /// The last collection that was over when it was looked for.
    static OVER: RefCell<Option<String>> = const { RefCell::new(None) };
    /// When a lease could not be renewed.
    static WITHOUT_LEASES: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Where a collection says how it stands.
pub fn state_key() -> String {
    layout::in_directory(layout::COLLECTION, layout::STATE)
}

/// What a collection said last, where one ever did, and the object in which it did.
///
/// # Errors
/// The place of the objects failed, or it is nothing that this version understands.
pub async fn state<O: Objects>(objects: &O) -> Result<Option<(State, Small)>, Error> {
    let key = state_key();
    let Some(found) = objects.read_small(&key, MAX_STATE).await? else { return Ok(None) };
    let state = State::decode(&found.bytes).ok_or_else(|| {
        let why = "it is damaged, or of another version: remove it while nobody collects garbage";
        Error::new(Kind::Unavailable, "look at", &key, why)
    })?;
    Ok(Some((state, found)))
}

/// How a collection stands.
async fn look<O: Objects>(objects: &O) -> Result<Look, Error> {
    let Some((state, found)) = state(objects).await? else { return Ok(Look::default()) };
    let stands = match state.is_under_way {
        false => Stands::Over,
        true if found.age.is_some_and(State::is_abandoned) => Stands::Abandoned,
        true => Stands::UnderWay(state.condemned),
    };
    Ok(Look { run: state.run, stands })
}

/// What was seen of a collection.
#[derive(Default)]
struct Look {
    run: String,
    stands: Stands,
}

#[derive(Default)]
enum Stands {
    /// There is none, or no longer.
    #[default]
    Over,
    /// It was killed: nothing is removed, and nobody listens.
    Abandoned,
    /// This is being removed.
    UnderWay(BTreeSet<Digest>),
}

fn remember(run: &str) -> String {
    OVER.set(Some(run.to_owned()));
    run.to_owned()
}

/// The collection that was the last one, at some time before this; none where one is under way. To be asked before it is looked
/// whether something is there that is needed.
pub(crate) async fn last<O: Objects>(objects: &O) -> Result<Option<String>, Error> {
    if !objects.is_collected() {
        return Ok(None);
    }
    if let Some(known) = OVER.with_borrow(Clone::clone) {
        return Ok(Some(known));
    }
    let Look { run, stands } = look(objects).await?;
    Ok(matches!(stands, Stands::Over).then(|| remember(&run)))
}

/// Says what is needed to the collection that is under way.
async fn tell<O: Objects>(objects: &O, run: &str, needed: &[Needed]) -> Result<(), Error> {
    let said = (format!("{:016x}", random()), lines(needed).into());
    objects.write(&Unit { directory: layout::said(run), files: vec![said] }).await
}

/// Says what is needed, and waits while any of it is being removed; by which collection nothing of it will be from then on. `None`
/// when that takes longer than `patience`.
async fn wait_for<O: Objects>(
    objects: &O,
    mut seen: Look,
    needed: &[Needed],
    patience: Duration,
) -> Result<Option<String>, Error> {
    let (began, mut told) = (elapsed(), String::new());
    loop {
        match seen.stands {
            // One that began meanwhile has heard nothing yet.
            Stands::UnderWay(_) if seen.run != told => {
                tell(objects, &seen.run, needed).await?;
                told = seen.run;
            }
            Stands::UnderWay(condemned) if needed.iter().any(|needed| condemned.contains(&needed.digest)) => {
                if elapsed() - began > patience.as_nanos() as u64 {
                    return Ok(None);
                }
                wait(POLL.as_nanos() as u64).await;
            }
            _ => return Ok(Some(seen.run)),
        }
        seen = look(objects).await?;
    }
}

/// What is needed is not removed any more.
pub(crate) struct Secured {
    /// By the collection that is under way, or was the last.
    run: String,
    /// Whether nothing was since the [`last`] collection was asked for.
    pub(crate) is_untouched: bool,
}

impl Secured {
    /// Whether no other collection has begun.
    pub(crate) async fn holds<O: Objects>(&self, objects: &O) -> Result<bool, Error> {
        Ok(!objects.is_collected() || look(objects).await?.run == self.run)
    }
}

/// To be called when that was written which makes something needed. Nothing of it is removed afterwards; but it may have been
/// before, unless no collection was under way since the `last` one.
pub(crate) async fn secure<O: Objects>(
    objects: &O,
    last: Option<&String>,
    needed: impl FnOnce() -> Vec<Needed>,
) -> Result<Secured, Error> {
    if !objects.is_collected() {
        return Ok(Secured { run: String::new(), is_untouched: true });
    }
    let seen = look(objects).await?;
    if let Stands::Over = seen.stands {
        let run = remember(&seen.run);
        return Ok(Secured { is_untouched: last == Some(&run), run });
    }
    let run = wait_for(objects, seen, &needed(), PATIENCE).await?.ok_or_else(|| {
        let why = "what it needs is being removed as garbage, and that does not end; where a collection was killed, it does in 20 \
                   minutes";
        Error::new(Kind::Unavailable, "write to", "the bucket", why)
    })?;
    Ok(Secured { run, is_untouched: false })
}

/// Makes a repository hold a blob, of which nothing is removed afterwards. Its bytes may have been.
pub(crate) async fn hold<O: Objects>(
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
pub(crate) async fn lease<O: Objects>(
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
        // Someone else has written it anew, perhaps.
        Ok(false) => match objects.read_small(key, MAX_LINK).await? {
            Some(now) if now.bytes == link.bytes => {}
            _ => return Ok(false),
        },
        // Who may not write here cannot push here either, and who only reads shall not be kept from that.
        Err(error) if matches!(error.kind, Kind::Refused | Kind::ReadOnly) => {
            log!("for ten minutes, what clients are told is there may be collected as garbage: {error}");
            WITHOUT_LEASES.set(Some(elapsed()));
            return Ok(true);
        }
        Err(error) => return Err(error),
    }
    let seen = look(objects).await?;
    if !matches!(seen.stands, Stands::Over) {
        let content_too = Needed { digest: content.clone(), ..needed };
        // Where it does not end, what is there is told, and may go.
        wait_for(objects, seen, &[needed, content_too], SOON).await?;
    }
    let (link, bytes) = join(objects.size(key), objects.size(&data(content))).await;
    Ok(link?.is_some() && bytes?.is_some())
}

/// Whether no lease could be renewed lately: then it is not tried again for each.
fn does_without() -> bool {
    let long = RENEWED_AFTER.as_nanos() as u64;
    WITHOUT_LEASES.get().is_some_and(|since| elapsed() - since < long)
}
