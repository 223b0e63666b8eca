use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// `<name>`: lower-case path components joined by `/` (OCI Distribution Specification, "Pulling manifests").
///
/// Names are ordered by path component, so that `a/b` comes before `a-b`: distribution's catalogue does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryName(Box<str>);

/// Why a text is no repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryNameError {
    /// Nothing at all.
    #[error("the repository name is empty")]
    Empty,
    /// Longer than [`RepositoryName::MAX_LEN`].
    #[error("a repository name has at most {} characters", RepositoryName::MAX_LEN)]
    TooLong,
    /// A component that the grammar refuses.
    #[error(
        "each part of a repository name between slashes is made of a-z and 0-9, \
         joined by one '.', one or two '_', or any number of '-'"
    )]
    Component,
}

impl RepositoryName {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 255;

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let word = at;
        while bytes.get(at).is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            at += 1;
        }
        if at == word {
            return false;
        }
        match &bytes[at..] {
            [] => return true,
            [b'.', ..] => at += 1,
            [b'_', b'_', ..] => at += 2,
            [b'_', ..] => at += 1,
            [b'-', ..] => {
                while bytes.get(at) == Some(&b'-') {
                    at += 1;
                }
            }
            _ => return false,
        }
    }
}

impl FromStr for RepositoryName {
    type Err = RepositoryNameError;

    fn from_str(text: &str) -> Result<RepositoryName, RepositoryNameError> {
        if text.is_empty() {
            return Err(RepositoryNameError::Empty);
        }
        if text.len() > RepositoryName::MAX_LEN {
            return Err(RepositoryNameError::TooLong);
        }
        if !text.split('/').all(is_component) {
            return Err(RepositoryNameError::Component);
        }
        Ok(RepositoryName(text.into()))
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ord for RepositoryName {
    fn cmp(&self, other: &RepositoryName) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for RepositoryName {
    fn partial_cmp(&self, other: &RepositoryName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RepositoryName, RepositoryNameError> {
        text.parse()
    }

    #[test]
    fn names_of_the_grammar_are_names() {
        let longest = "a".repeat(RepositoryName::MAX_LEN);
        for name in ["a", "0", "alpine", "library/alpine", "a.b_c__d-e---f/0", "a/b/c/d/e", &longest] {
            assert_eq!(parse(name).map(|n| n.to_string()), Ok(name.to_string()));
        }
    }

    #[test]
    fn other_texts_say_why_not() {
        for name in [
            "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", ".a", "a.", "-a", "a-", "_a", "a_", "..",
            "a/../b", "a b", "a%2fb", "é", "a\0",
        ] {
            assert_eq!(parse(name), Err(RepositoryNameError::Component), "{name}");
        }
        assert_eq!(parse(""), Err(RepositoryNameError::Empty));
        assert_eq!(parse(&"a".repeat(256)), Err(RepositoryNameError::TooLong));
    }

    #[test]
    fn a_slash_sorts_before_every_other_character() {
        let mut names = ["a-b", "a/b", "a", "a.b", "ab"].map(|n| parse(n).unwrap());
        names.sort();
        assert_eq!(names.map(|n| n.to_string()), ["a", "a/b", "a-b", "a.b", "ab"]);
    }
}
