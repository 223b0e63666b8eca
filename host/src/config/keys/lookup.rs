//! Which setting a path of names belongs to.

use super::{KEYS, Key, Standing};
use crate::config::value::Kind;

/// The setting that speaks for a path: itself, or the nearest group above it that speaks for all beneath.
pub(in crate::config) fn find(path: &[String]) -> Option<&'static Key> {
    let speaks = |key: &&Key| match key.standing {
        Standing::Honoured(Kind::Words { .. }) => spells(path, key.name) || entry_of(path, key.name),
        Standing::Honoured(Kind::Header { .. }) => header(path, key.name).is_some(),
        Standing::Honoured(Kind::Field(_)) => field(path, key.name),
        Standing::Honoured(_) => spells(path, key.name),
        Standing::Choice { .. } => false,
        _ => beneath(path, key.name),
    };
    KEYS.iter().filter(speaks).max_by_key(|key| key.name.len())
}

/// The choice that a path belongs to.
pub(in crate::config) fn choice(path: &[String]) -> Option<&'static Key> {
    KEYS.iter().find(|key| matches!(key.standing, Standing::Choice { .. }) && beneath(path, key.name))
}

/// The settings in a group, whether or not they work: nothing where `path` is no group.
pub(in crate::config) fn group(path: &[String]) -> Vec<&'static Key> {
    let within = |key: &&Key| {
        let mut name = key.name.split('.');
        path.iter().all(|part| name.next().is_some_and(|name| same(name, part))) && name.next().is_some()
    };
    KEYS.iter().filter(within).collect()
}

/// Whether a part of a path is this part of a name, where `*` is the number of a list's entry.
fn same(name: &str, part: &str) -> bool {
    match name {
        "*" => part.parse::<usize>().is_ok(),
        _ => name == part,
    }
}

/// The header that a path gives values, of the map of headers that is called `name`: the map's path, the header's name, and the
/// number of a value where it has several.
pub(in crate::config) fn header<'a>(path: &'a [String], name: &str) -> Option<&'a str> {
    let (map, depth) = (name.strip_suffix(".*")?, name.split('.').count());
    let (header, value) = path.split_at_checked(depth)?;
    let is_value = value.is_empty() || value.len() == 1 && same("*", &value[0]);
    let (header, above) = header.split_last()?;
    (is_value && spells(above, map)).then_some(header)
}

/// Whether a path is this name, whose last level anyone may choose.
fn field(path: &[String], name: &str) -> bool {
    name.strip_suffix(".*").zip(path.split_last()).is_some_and(|(map, (_, above))| spells(above, map))
}

/// Whether a path is this very name.
pub(in crate::config) fn spells(path: &[String], name: &str) -> bool {
    name.split('.').count() == path.len() && name.split('.').zip(path).all(|(name, part)| same(name, part))
}

/// Whether a path is an entry of the list that a name stands for.
fn entry_of(path: &[String], name: &str) -> bool {
    path.split_last().is_some_and(|(last, list)| same("*", last) && spells(list, name))
}

/// Whether a path is a list whose entries have settings, or are words.
pub(in crate::config) fn is_list(path: &[String]) -> bool {
    KEYS.iter().any(|key| match key.standing {
        Standing::Honoured(Kind::Words { .. }) if spells(path, key.name) => true,
        Standing::Honoured(Kind::Header { .. }) => {
            header(path, key.name).is_some() && path.len() == key.name.split('.').count()
        }
        Standing::Honoured(Kind::Field(_)) => false,
        _ => key.name.split_once(".*").is_some_and(|(list, _)| spells(path, list)),
    })
}

/// Whether a path is this name or lies beneath it.
fn beneath(path: &[String], name: &str) -> bool {
    let mut path = path.iter();
    name.split('.').all(|part| path.next().is_some_and(|given| given == part))
}
