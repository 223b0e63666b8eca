//! The model: a registry is a set of cells, of which each holds nothing or one digest. Every request writes to some
//! of them at one moment between its start and its end, and its answer claims something about others.
use names::Digest;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// One thing that there is or is not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Holds the blob's digest while the repository holds the blob.
    Blob(&'static str, Digest),
    /// Holds the manifest's digest while the repository has the manifest.
    Manifest(&'static str, Digest),
    /// Holds the digest that the tag names.
    Tag(&'static str, &'static str),
}

/// What the cells hold; those that are not here hold nothing.
pub type State = BTreeMap<Cell, Digest>;

/// A change of a cell.
#[derive(Clone, Debug)]
pub struct Write {
    pub cell: Cell,
    pub value: Option<Digest>,
    /// It happens only if this is what the cell holds: a manifest's deletion takes the tags along that name it.
    pub only_if: Option<Digest>,
}

/// What an answer says of a moment between the start and the end of its operation.
#[derive(Clone, Debug)]
pub enum Claim {
    /// The cell held this.
    Held(Cell, Option<Digest>),
    /// The cell held something.
    HeldSome(Cell),
    /// Some repository held the blob.
    HeldSomewhere(Digest),
    /// The tag named nothing, or a manifest that was then gone.
    NamedNothing(&'static str, &'static str),
    /// The repository had a manifest, a tag, or an upload under way.
    Listed(&'static str),
    /// The repository had no manifest and no tag.
    Unlisted(&'static str),
    /// Whatever the cells held, the answer is wrong.
    Wrong(String),
}

/// An operation that came to its end.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it began, in ticks of the history's clock.
    pub start: u64,
    /// When its answer was there.
    pub end: u64,
    pub client: usize,
    /// The operation, and what was answered.
    pub what: String,
    pub outcome: Outcome,
}

/// What came of an operation.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub answer: String,
    pub writes: Vec<Write>,
    pub claims: Vec<Claim>,
    /// Where an upload was under way meanwhile.
    pub upload: Option<&'static str>,
}

impl Outcome {
    pub fn new(answer: impl ToString) -> Outcome {
        Outcome { answer: answer.to_string(), ..Outcome::default() }
    }

    pub fn wrote(mut self, cell: Cell, value: Option<&Digest>) -> Outcome {
        self.writes.push(Write { cell, value: value.cloned(), only_if: None });
        self
    }

    pub fn emptied_if(mut self, cell: Cell, value: &Digest) -> Outcome {
        self.writes.push(Write { cell, value: None, only_if: Some(value.clone()) });
        self
    }

    pub fn saw(self, cell: Cell, value: Option<&Digest>) -> Outcome {
        self.claimed(Claim::Held(cell, value.cloned()))
    }

    pub fn claimed(mut self, claim: Claim) -> Outcome {
        self.claims.push(claim);
        self
    }

    pub fn uploading(mut self, repository: &'static str) -> Outcome {
        self.upload = Some(repository);
        self
    }
}

/// What the clients did and saw. Its clock orders them: what ended before another began has a smaller number.
#[derive(Default)]
pub struct History {
    clock: AtomicU64,
    events: Mutex<Vec<Event>>,
}

impl History {
    /// The next moment; the first is 1, so that what was before all of them is 0.
    pub fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn add(&self, event: Event) {
        self.events.lock().expect("no client panics with the history in hand").push(event);
    }

    /// All that happened, in the order of their ends.
    pub fn into_events(self) -> Vec<Event> {
        let mut events = self.events.into_inner().expect("no client panics with the history in hand");
        events.sort_by_key(|event| event.end);
        events
    }
}

/// What the cells hold after these operations, of which none overlapped another and which looked at every cell.
pub fn state(audit: &[Event]) -> State {
    let claims = audit.iter().flat_map(|event| &event.outcome.claims);
    let held = claims.filter_map(|claim| match claim {
        Claim::Held(cell, Some(digest)) => Some((cell.clone(), digest.clone())),
        _ => None,
    });
    held.collect()
}

/// A digest as people tell it from the few others.
pub fn short(digest: &Digest) -> String {
    format!("{}:{}…", digest.algorithm().as_str(), &digest.hex()[..8])
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Blob(repository, digest) => write!(f, "blob {} in {repository}", short(digest)),
            Cell::Manifest(repository, digest) => write!(f, "manifest {} in {repository}", short(digest)),
            Cell::Tag(repository, tag) => write!(f, "tag {repository}:{tag}"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claim::Held(Cell::Tag(repository, tag), Some(digest)) => {
                write!(f, "tag {repository}:{tag} named {}", short(digest))
            }
            Claim::Held(cell, Some(_)) | Claim::HeldSome(cell) => write!(f, "{cell} was there"),
            Claim::Held(cell, None) => write!(f, "{cell} was not there"),
            Claim::HeldSomewhere(digest) => write!(f, "some repository held blob {}", short(digest)),
            Claim::NamedNothing(repository, tag) => write!(f, "tag {repository}:{tag} named nothing"),
            Claim::Listed(repository) => write!(f, "{repository} was a repository"),
            Claim::Unlisted(repository) => write!(f, "{repository} was no repository"),
            Claim::Wrong(why) => write!(f, "{why}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event { start, end, client, what, outcome } = self;
        write!(f, "{start:>5} to {end:>5}  client {client}  {what} -> {}", outcome.answer)
    }
}
