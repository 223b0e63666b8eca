//! What the table of settings is made of.

use crate::config::Config;
use crate::config::value::Kind;
use std::time::Duration;

/// A setting, or a group of them where nothing beneath it works yet.
#[derive(Clone, Copy)]
pub(in crate::config) struct Key {
    /// Its name, with dots between the levels.
    pub name: &'static str,
    /// What this version does with it.
    pub standing: Standing,
    /// The value it has when it is not given, as it would be written; nothing where it is then not set.
    pub default: &'static str,
    /// What it means; of a setting that has no effect, what goes without it.
    pub meaning: &'static str,
}

/// What this version does with a setting.
#[derive(Clone, Copy)]
pub(in crate::config) enum Standing {
    /// It works.
    Honoured(Kind),
    /// It and all beneath it are needed for nothing, and taken without a word.
    Unneeded,
    /// It and all beneath it have no effect, which is said, unless what it asks for is so anyway.
    Ignored { unless: &'static [&'static str] },
    /// It and all beneath it would change what is safe or what is served: to ignore it would be worse than not
    /// to start. Harmless are the values in `unless`.
    Refused { unless: &'static [&'static str], remedy: &'static str },
    /// What stands beneath it chooses an implementation, of which there are these. The other groups in `beside` are
    /// settings of their own.
    Choice { only: &'static [&'static str], beside: &'static [&'static str], remedy: &'static str },
}

pub(super) const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { name, standing: Standing::Honoured(kind), default, meaning }
}

pub(super) const fn unneeded(name: &'static str, meaning: &'static str) -> Key {
    Key { name, standing: Standing::Unneeded, default: "", meaning }
}

pub(super) const fn ignored(
    name: &'static str,
    unless: &'static [&'static str],
    meaning: &'static str,
) -> Key {
    Key { name, standing: Standing::Ignored { unless }, default: "", meaning }
}

pub(super) const fn refused(
    name: &'static str,
    unless: &'static [&'static str],
    meaning: &'static str,
    remedy: &'static str,
) -> Key {
    Key { name, standing: Standing::Refused { unless, remedy }, default: "", meaning }
}

pub(super) const fn time(
    name: &'static str,
    slot: fn(&mut Config) -> &mut Duration,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    key(name, Kind::Time { slot, least: Duration::from_millis(1) }, default, meaning)
}

/// How many rows several tables have.
pub(super) const fn rows(tables: &[&[Key]]) -> usize {
    let (mut rows, mut table) = (0, 0);
    while table < tables.len() {
        (rows, table) = (rows + tables[table].len(), table + 1);
    }
    rows
}

/// The rows of several tables in one.
pub(super) const fn joined<const N: usize>(tables: &[&[Key]]) -> [Key; N] {
    let mut rows = [tables[0][0]; N];
    let (mut table, mut from, mut row) = (0, 0, 0);
    while row < N {
        if from == tables[table].len() {
            (table, from) = (table + 1, 0);
            continue;
        }
        rows[row] = tables[table][from];
        (from, row) = (from + 1, row + 1);
    }
    rows
}
