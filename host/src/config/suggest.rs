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

/// The group that protects a registry and is nearly called so.
pub(super) fn protecting(group: &str) -> Option<&'static str> {
    let near = |name: &&str| (1..=name.len() / 3).contains(&levenshtein(group, name));
    ["auth", "access"].into_iter().find(near)
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
