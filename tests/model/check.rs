//! Whether what was answered can be: for each claim, is there a moment at which it may have been true?
//!
//! A cell may hold a value at a moment of an operation if some write of it began before the operation ended, and no
//! other write surely came between the two: began after the one had ended, and ended before the operation began. In
//! every order of the writes that agrees with the clock, the last write before the moment passes this, so that nothing
//! a correct server does is refused. Each claim is looked at alone: two which contradict each other are not found if
//! each may have been true.
use crate::model::{Cell, Claim, Event, State, Write, short};
use crate::pool::{Pool, REPOSITORIES, TAGS};
use names::Digest;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The operations since a state that is known.
pub struct Check<'a> {
    pool: &'a Pool,
    before: &'a State,
    events: &'a [Event],
    writes: BTreeMap<&'a Cell, Vec<(&'a Event, &'a Write)>>,
}

impl<'a> Check<'a> {
    pub fn new(pool: &'a Pool, before: &'a State, events: &'a [Event]) -> Check<'a> {
        let mut writes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in events {
            for write in &event.outcome.writes {
                writes.entry(&write.cell).or_default().push((event, write));
            }
        }
        Check { pool, before, events, writes }
    }

    /// The first claim that cannot have been true, with what there is to know about it.
    pub fn violation(&self) -> Option<String> {
        self.events.iter().find_map(|event| {
            let claim = event.outcome.claims.iter().find(|claim| !self.may_be_true(claim, event))?;
            Some(self.tell(event, claim))
        })
    }

    fn may_be_true(&self, claim: &Claim, during: &Event) -> bool {
        let may_be = |cell: &Cell, value: Option<&Digest>| self.may_hold(cell, &|held| held == value, during);
        let may_be_some = |cell: &Cell| self.may_hold(cell, &|held| held.is_some(), during);
        match claim {
            Claim::Held(cell, value) => may_be(cell, value.as_ref()),
            Claim::HeldSome(cell) => may_be_some(cell),
            Claim::HeldSomewhere(digest) => {
                REPOSITORIES.iter().any(|repository| may_be_some(&Cell::Blob(repository, digest.clone())))
            }
            Claim::NamedNothing(repository, tag) => {
                let tag = Cell::Tag(repository, tag);
                may_be(&tag, None)
                    || self.pool.manifests.iter().any(|manifest| {
                        may_be(&tag, Some(&manifest.digest))
                            && may_be(&Cell::Manifest(repository, manifest.digest.clone()), None)
                    })
            }
            Claim::Listed(repository) => {
                self.cells(repository).iter().any(may_be_some)
                    || self.events.iter().any(|event| {
                        event.outcome.upload == Some(repository)
                            && event.start < during.end
                            && event.end > during.start
                    })
            }
            Claim::Unlisted(repository) => self.cells(repository).iter().all(|cell| may_be(cell, None)),
            Claim::Wrong(_) => false,
        }
    }

    fn may_hold(&self, cell: &Cell, wanted: &dyn Fn(Option<&Digest>) -> bool, during: &Event) -> bool {
        let writes = self.writes.get(cell).map_or(&[][..], Vec::as_slice);
        let stays = |value: Option<&Digest>, since: u64| {
            !writes.iter().any(|(event, write)| {
                let surely_changes = write.only_if.is_none() || write.only_if.as_ref() == value;
                event.start > since && event.end < during.start && surely_changes
            })
        };
        let before = self.before.get(cell);
        wanted(before) && stays(before, 0)
            || writes.iter().any(|(event, write)| {
                let value = write.value.as_ref();
                event.start < during.end
                    && wanted(value)
                    && stays(value, event.end)
                    && write
                        .only_if
                        .as_ref()
                        .is_none_or(|only| self.may_hold(cell, &|held| held == Some(only), event))
            })
    }

    /// What makes a repository one.
    fn cells(&self, repository: &'static str) -> Vec<Cell> {
        let manifests = self.pool.manifests.iter();
        let manifests = manifests.map(|manifest| Cell::Manifest(repository, manifest.digest.clone()));
        manifests.chain(TAGS.map(|tag| Cell::Tag(repository, tag))).collect()
    }

    /// What a claim is about.
    fn subjects(&self, claim: &Claim) -> Vec<Cell> {
        match claim {
            Claim::Held(cell, _) | Claim::HeldSome(cell) => vec![cell.clone()],
            Claim::HeldSomewhere(digest) => {
                REPOSITORIES.map(|repository| Cell::Blob(repository, digest.clone())).into()
            }
            Claim::NamedNothing(repository, tag) => vec![Cell::Tag(repository, tag)],
            Claim::Listed(repository) | Claim::Unlisted(repository) => self.cells(repository),
            Claim::Wrong(_) => Vec::new(),
        }
    }

    /// The claim, and the operations that could have made it true or false.
    fn tell(&self, during: &Event, claim: &Claim) -> String {
        let mut text = format!("this cannot be: {claim}\n{during}\n");
        let mut near = BTreeMap::new();
        let cells = self.subjects(claim);
        for cell in &cells {
            let since = self.last_sure_write(cell, during);
            if let (0, Some(digest)) = (since, self.before.get(cell)) {
                writeln!(text, "    0 to     0  {cell} was there: {}", short(digest))
                    .expect("a String grows");
            }
            let overlapping =
                self.events.iter().filter(|event| event.end >= since && event.start < during.end);
            // What others saw of it tells when it changed; of a whole repository that is too much.
            let seen = |event: &Event| cells.len() == 1 && speaks_of(event, cell);
            near.extend(
                overlapping
                    .filter(|event| self.may_change(event, cell) || seen(event))
                    .map(|event| (event.start, event)),
            );
        }
        if let Claim::Listed(repository) = claim {
            // An upload is the likeliest to have left something behind.
            let mut uploads = self.events.iter().filter(|event| event.outcome.upload == Some(repository));
            near.extend(uploads.rfind(|event| event.end < during.start).map(|event| (event.start, event)));
        }
        near.remove(&during.start);
        for event in near.values() {
            writeln!(text, "{event}").expect("a String grows");
        }
        text
    }

    /// When the last write began that surely came before; nothing that had ended by then matters.
    fn last_sure_write(&self, cell: &Cell, during: &Event) -> u64 {
        let writes = self.writes.get(cell).map_or(&[][..], Vec::as_slice);
        let sure = writes.iter().filter(|(event, write)| event.end < during.start && write.only_if.is_none());
        sure.map(|(event, _)| event.start).max().unwrap_or(0)
    }

    /// Whether an operation wrote to a cell, or would have if the cell held something that it ever held.
    fn may_change(&self, event: &Event, cell: &Cell) -> bool {
        let ever_held = |digest: &Digest| {
            let writes = self.writes.get(cell).map_or(&[][..], Vec::as_slice);
            self.before.get(cell) == Some(digest)
                || writes.iter().any(|(_, write)| write.value.as_ref() == Some(digest))
        };
        let mut writes = event.outcome.writes.iter().filter(|write| write.cell == *cell);
        writes.any(|write| write.only_if.as_ref().is_none_or(ever_held))
    }
}

fn speaks_of(event: &Event, cell: &Cell) -> bool {
    event.outcome.claims.iter().any(|claim| match claim {
        Claim::Held(held, _) | Claim::HeldSome(held) => held == cell,
        Claim::NamedNothing(repository, tag) => Cell::Tag(repository, tag) == *cell,
        _ => false,
    })
}
