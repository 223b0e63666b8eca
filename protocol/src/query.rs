//! The query string of a request: `name=value` pairs joined by `&`, as forms write them.

use crate::percent::decode_query;
use std::borrow::Cow;

/// The pairs of `query` (what follows the `?`) in their order, decoded; a name without `=` has an empty value.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_query(name), decode_query(value))
    })
}

/// The decoded value of the first pair called `name`.
pub fn first<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    pairs(query).find(|(found, _)| found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pair_of_a_name_counts() {
        let query = "&mount=sha256%3Aab&from=library/a%2Fb&&mount=x&flag&d%69gest=1=2&+=%20";
        for (name, value) in [
            ("mount", Some("sha256:ab")),
            ("from", Some("library/a/b")),
            ("flag", Some("")),
            ("digest", Some("1=2")),
            (" ", Some(" ")),
            ("", None),
            ("oun", None),
        ] {
            assert_eq!(first(query, name).as_deref(), value, "{name}");
        }
        assert_eq!(first("", "digest"), None);
        assert_eq!(pairs(query).count(), 6);
    }

    #[test]
    fn a_plain_value_is_not_copied() {
        assert!(matches!(first("digest=sha256:ab", "digest"), Some(Cow::Borrowed("sha256:ab"))));
    }
}
