//! Patterns for names of repositories.

use std::fmt;
use std::str::FromStr;

/// A pattern: `*` stands for any text without a slash, `**` for any text, everything else for itself.
///
/// `team/*` are the repositories right beneath `team`, `team/**` all beneath it; neither is `team` itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

/// A text that no repository's name could ever match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobError;

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a pattern for repositories; write lower-case names with * and **, as in team/**")
    }
}

impl std::error::Error for GlobError {}

impl FromStr for Glob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Glob, GlobError> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/*".contains(&b);
        let possible = !text.is_empty()
            && text.len() <= 255
            && text.bytes().all(fits)
            && !text.starts_with('/')
            && !text.ends_with('/')
            && !text.contains("//")
            && !text.contains("***");
        if possible { Ok(Glob(text.into())) } else { Err(GlobError) }
    }
}

impl Glob {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for this name.
    pub fn matches(&self, name: &str) -> bool {
        let Some(star) = self.0.find('*') else { return self.0 == name };
        let (start, pattern) = self.0.split_at(star);
        match name.strip_prefix(start) {
            Some(_) if pattern == "**" => true,
            Some(rest) => matches(pattern.as_bytes(), rest.as_bytes()),
            None => false,
        }
    }
}

/// In steps of at most the product of both lengths, whatever the pattern.
fn matches(mut pattern: &[u8], name: &[u8]) -> bool {
    // At which places of the name the pattern read so far may end.
    let mut ends = vec![false; name.len() + 1];
    ends[0] = true;
    while let Some((first, rest)) = pattern.split_first() {
        pattern = rest;
        if *first != b'*' {
            for at in (0..name.len()).rev() {
                ends[at + 1] = ends[at] && name[at] == *first;
            }
            ends[0] = false;
            continue;
        }
        let across = pattern.first() == Some(&b'*');
        if across {
            pattern = &pattern[1..];
        }
        for at in 0..name.len() {
            ends[at + 1] |= ends[at] && (across || name[at] != b'/');
        }
    }
    ends[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Glob>().unwrap_or_else(|_| panic!("{pattern} is a pattern")).matches(name)
    }

    #[test]
    fn a_star_stays_within_a_component_and_two_go_across() {
        for (pattern, names, others) in [
            ("app", &["app"][..], &["apps", "app/a", "ap", "a/app"][..]),
            ("*", &["app", "a-b"], &["a/b"]),
            ("**", &["app", "a/b", "a/b/c"], &[]),
            ("team/*", &["team/app"], &["team", "team/a/b", "teams/app", "a/team/app"]),
            ("team/**", &["team/app", "team/a/b/c"], &["team", "teams/app"]),
            ("**/cache", &["a/cache", "a/b/cache"], &["cache", "a/cache/b", "a/caches"]),
            ("*/app", &["a/app"], &["app", "a/b/app"]),
            ("a*c", &["ac", "abc", "abbc"], &["abcd", "a/c", "bac"]),
            ("a**c", &["ac", "a/c", "a/b/c"], &["a/b"]),
            ("a/**/z", &["a/b/z", "a/b/c/z"], &["a/z", "z"]),
            ("*-*-*", &["a-b-c", "a-b-c-d"], &["a-b", "a-b/c"]),
            ("team-*/**", &["team-a/x", "team-a/x/y"], &["team-a", "team/x"]),
        ] {
            for name in names {
                assert!(matches(pattern, name), "{pattern} stands for {name}");
            }
            for name in others {
                assert!(!matches(pattern, name), "{pattern} does not stand for {name}");
            }
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_their_length() {
        let pattern = format!("{}z", "a*".repeat(127));
        assert!(!matches(&pattern, &"a".repeat(255)));
    }

    #[test]
    fn what_no_name_could_match_is_no_pattern() {
        for text in ["", "/a", "a/", "a//b", "A", "a b", "a,b", "a\n", "***", "a?", "é", &"a".repeat(256)] {
            assert!(text.parse::<Glob>().is_err(), "{text:?}");
        }
    }
}
