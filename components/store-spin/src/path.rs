//! How a repository is named in the tables.

use names::RepositoryName;
use std::fmt;

/// A repository's name with `!` for each `/`: the order of the bytes is then the order by path component, because no
/// character of a name comes before `!`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The name that it stands for.
    pub fn name(path: &str) -> String {
        path.replace('!', "/")
    }
}

impl From<RepositoryName> for Path {
    fn from(name: RepositoryName) -> Path {
        Path(name.as_str().replace('/', "!"))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ordered_by_component_and_lead_back_to_names() {
        let names = ["a", "a/b", "a/b/c", "a/b-c", "a/b.c", "a/b0", "a/b_c", "a-b", "a.b", "a0", "a_b", "ab"];
        let paths = names.map(|name| Path::from(name.parse::<RepositoryName>().unwrap()));
        assert!(paths.is_sorted(), "{paths:?}");
        assert_eq!(paths.map(|path| Path::name(&path.to_string())), names);
    }
}
