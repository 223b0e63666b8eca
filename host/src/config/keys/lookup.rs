//! Which setting a path of names belongs to.

use super::{KEYS, Key, Standing};

/// The setting that speaks for a path: itself, or the nearest group above it that speaks for all beneath.
pub(in crate::config) fn find(path: &[String]) -> Option<&'static Key> {
    let speaks = |key: &&Key| match key.standing {
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

/// The settings that work in a group: nothing where `path` is no group.
pub(in crate::config) fn group(path: &[String]) -> Vec<&'static Key> {
    let within = |key: &&Key| {
        let mut name = key.name.split('.');
        path.iter().all(|part| name.next() == Some(part)) && name.next().is_some()
    };
    KEYS.iter().filter(within).collect()
}

/// Whether a path is this very name. In a name `*` is the number of a list's entry.
pub(in crate::config) fn spells(path: &[String], name: &str) -> bool {
    let same = |(part, given): (&str, &String)| match part {
        "*" => given.parse::<usize>().is_ok(),
        _ => part == given,
    };
    name.split('.').count() == path.len() && name.split('.').zip(path).all(same)
}

/// Whether a path is a list whose entries have settings.
pub(in crate::config) fn is_list(path: &[String]) -> bool {
    KEYS.iter().any(|key| key.name.split_once(".*").is_some_and(|(list, _)| spells(path, list)))
}

/// Whether a path is this name or lies beneath it.
fn beneath(path: &[String], name: &str) -> bool {
    let mut path = path.iter();
    name.split('.').all(|part| path.next().is_some_and(|given| given == part))
}
