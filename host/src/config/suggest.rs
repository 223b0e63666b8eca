//! The known setting that is nearest to an unknown one.

use super::keys::{KEYS, Key, Standing};

/// The name of the setting that someone who wrote `path` may have meant, where one is near.
pub(super) fn nearest(path: &[String]) -> Option<&'static str> {
    let top = |key: &Key| key.name.split('.').next().unwrap_or_default();
    // Whoever wrote a group that there is meant that group.
    let is_known = KEYS.iter().any(|key| top(key) == path[0]);
    let known = KEYS
        .iter()
        .filter(|key| !matches!(key.standing, Standing::Choice { .. }))
        .filter(|key| !is_known || top(key) == path[0]);
    let (distance, length, name) = known
        .map(|key| {
            // A name that speaks for a whole group is compared with as much of the path as it is long.
            let depth = match key.standing {
                Standing::Honoured(_) => path.len(),
                _ => path.len().min(key.name.split('.').count()),
            };
            let path = &path[..depth];
            // What they have in common at the beginning makes them no nearer.
            let common = key.name.split('.').zip(path).take_while(|(part, given)| part == given).count();
            let rest = key.name.split('.').skip(common).map(str::len).sum::<usize>();
            (distance(path, key.name), rest, key.name)
        })
        .min_by_key(|(distance, ..)| *distance)?;
    (distance <= (length / 2).clamp(2, 6)).then_some(name)
}

/// The group that protects a registry and was meant by a path that is unknown: it is in the wrong place, is nearly called
/// so, or begins with its name, or what lies beneath it is that group's. Of a variable less is believed: it may be another
/// program's, and is one of ours only where all but the group is as it should be.
pub(super) fn protecting(path: &[String], is_variable: bool) -> Option<&'static str> {
    let (group, below) = path.split_first()?;
    let top = |name: &'static str| name.split('.').next().unwrap_or_default();
    ["auth", "access"].into_iter().find(|name| {
        let near =
            group != name && (group.starts_with(name) || distance_of_words(group, name) <= name.len() / 3);
        match is_variable {
            true => {
                near && !below.is_empty()
                    && KEYS.iter().any(|key| top(key.name) == *name && key.name.split('.').skip(1).eq(below))
            }
            false => {
                near || below.iter().any(|part| part == name)
                    || group != name && nearest(path).is_some_and(|found| top(found) == *name)
            }
        }
    })
}

/// [`levenshtein`], where two letters in the wrong order are one mistake.
fn distance_of_words(one: &str, other: &str) -> usize {
    let letters: Vec<char> = one.chars().collect();
    let swapped = (1..letters.len()).map(|at| {
        let mut letters = letters.clone();
        letters.swap(at - 1, at);
        1 + levenshtein(&letters.iter().collect::<String>(), other)
    });
    swapped.chain([levenshtein(one, other)]).min().unwrap_or_default()
}

fn distance(path: &[String], name: &str) -> usize {
    // Who left out levels (`delete.enabled` for `storage.delete.enabled`), and no more than are there, is nearer than
    // letters say.
    let mut parts = name.split('.');
    if path.iter().all(|given| parts.any(|part| part == given)) {
        let left_out = name.split('.').count() - path.len();
        if left_out <= path.len() {
            return left_out;
        }
    }
    levenshtein(&path.join("."), name)
}

/// How many letters must be put in, taken out or replaced to make one text of the other.
fn levenshtein(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
