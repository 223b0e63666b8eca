//! Pages of a list (specification, "Listing Tags", "Listing Referrers"; the catalogue follows distribution).

use crate::error::{Code, ErrorResponse};
use crate::percent::encode_query;
use crate::query;
use names::RepositoryName;
use std::fmt::Write;

/// What a list makes of `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The page when the request names no `n`; none means everything.
    pub default: Option<usize>,
    /// The longest page.
    pub max: usize,
    /// What happens to a longer one.
    pub beyond: Beyond,
}

/// What happens to an `n` above the longest page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// It is refused.
    Refuse,
    /// It becomes the longest.
    Clamp,
}

impl Limits {
    /// The catalogue's: 100 by default, and more than `max` (`catalog.maxentries`) is refused.
    pub fn catalog(max: usize) -> Limits {
        Limits { default: Some(max.min(100)), max, beyond: Beyond::Refuse }
    }

    /// The referrers': `max` (`referrers.maxentries`) by default, and more becomes `max`.
    pub fn referrers(max: usize) -> Limits {
        Limits { default: Some(max), max, beyond: Beyond::Clamp }
    }

    /// The tags': all by default, and more than `max` (`tags.maxtags`) becomes `max`.
    pub fn tags(max: usize) -> Limits {
        Limits { default: None, max, beyond: Beyond::Clamp }
    }
}

/// The page that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// At most so many entries; none means all. Zero is an empty page without a next one.
    pub n: Option<usize>,
    /// Only entries that come after this one, which need not exist and may be any text.
    pub last: Option<String>,
}

impl Paging {
    /// The page that `query` asks for, within `limits`. An empty `n` or `last` is none.
    ///
    /// # Errors
    /// PAGINATION_NUMBER_INVALID (400) when `n` is not made of digits, or is refused as too large.
    pub fn parse(query: &str, limits: Limits) -> Result<Paging, ErrorResponse> {
        let value = |name| query::first(query, name).filter(|value| !value.is_empty());
        let n = value("n").map(|text| number(&text, limits)).transpose()?.or(limits.default);
        Ok(Paging { n, last: value("last").map(Into::into) })
    }
}

fn number(text: &str, limits: Limits) -> Result<usize, ErrorResponse> {
    let refused = || {
        let max = limits.max;
        ErrorResponse::new(Code::PaginationNumberInvalid)
            .message(match limits.beyond {
                Beyond::Refuse => format!("n is a whole number from 0 to {max}"),
                Beyond::Clamp => format!("n is a whole number, and more than {max} means {max}"),
            })
            // Enough to recognise it by; the client chose its length.
            .detail("n", &text.chars().take(32).collect::<String>())
    };
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refused());
    }
    // A number that does not fit is larger than any limit.
    match (text.parse().unwrap_or(usize::MAX), limits.beyond) {
        (n, _) if n <= limits.max => Ok(n),
        (_, Beyond::Clamp) => Ok(limits.max),
        (_, Beyond::Refuse) => Err(refused()),
    }
}

/// The last of all names of repositories that do not come after `text`, in the order of the catalogue: by bytes, and a
/// slash before every other. What comes after that name is what comes after the text, and the same goes for the page
/// that begins there. None where every name comes after it.
pub fn last_name_up_to(text: &str) -> Option<RepositoryName> {
    /// Every byte of a name, the last in the catalogue's order first.
    const BYTES: &[u8; 40] = b"zyxwvutsrqponmlkjihgfedcba_9876543210.-/";
    let name = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<RepositoryName>().ok();
    let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
    // It shares with the text as much as it can, from the left, and what follows is as late as it can be.
    let longest = text.len().min(RepositoryName::MAX_LEN);
    (0..=longest).rev().find_map(|shared| {
        let (start, rest) = text.as_bytes().split_at(shared);
        let below = rest.first().map_or(0, |next| rank(*next));
        let goes_on = |byte: &u8| {
            let mut whole = [b'z'; RepositoryName::MAX_LEN];
            whole[..shared].copy_from_slice(start);
            *whole.get_mut(shared)? = *byte;
            name(&whole)
        };
        BYTES.iter().filter(|byte| rank(**byte) < below).find_map(goes_on).or_else(|| name(start))
    })
}

/// The `Link` to the page after `last` (RFC 8288): `</v2/_catalog?last=x&n=10>; rel="next"`. `path` is the
/// list's, as it may stand in a URL, with a query where one goes on to the next page.
pub fn next_link(path: &str, n: usize, last: &str) -> String {
    let mut link = String::with_capacity(path.len() + last.len() + 40);
    link.push('<');
    link.push_str(path);
    link.push(if path.contains('?') { '&' } else { '?' });
    link.push_str("last=");
    encode_query(last, &mut link);
    write!(link, "&n={n}>; rel=\"next\"").expect("a String takes everything");
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUGE: &str = "n=100000000000000000000000000";

    fn n(query: &str, limits: Limits) -> Result<Option<usize>, u16> {
        Paging::parse(query, limits).map(|page| page.n).map_err(|e| {
            assert_eq!(e.code, Code::PaginationNumberInvalid);
            e.status
        })
    }

    #[test]
    fn the_catalogue_refuses_what_is_too_much() {
        for (query, expected) in [
            ("", Ok(Some(100))),
            ("n=", Ok(Some(100))),
            ("n=0", Ok(Some(0))),
            ("n=007", Ok(Some(7))),
            ("n=1000", Ok(Some(1000))),
            ("n=1001", Err(400)),
            (HUGE, Err(400)),
            ("n=-1", Err(400)),
            ("n=abc", Err(400)),
            ("n=+5", Err(400)),
            ("n=1.5", Err(400)),
            ("n=%D9%A3", Err(400)),
        ] {
            assert_eq!(n(query, Limits::catalog(1000)), expected, "{query}");
        }
        assert_eq!(n("", Limits::catalog(20)), Ok(Some(20)));
    }

    #[test]
    fn tags_are_clamped_to_the_longest_page() {
        for (query, expected) in [
            ("", Ok(None)),
            ("last=x", Ok(None)),
            ("n=0", Ok(Some(0))),
            ("n=1001", Ok(Some(1000))),
            (HUGE, Ok(Some(1000))),
            ("n=-1", Err(400)),
            ("n=abc", Err(400)),
        ] {
            assert_eq!(n(query, Limits::tags(1000)), expected, "{query}");
        }
    }

    #[test]
    fn last_is_any_text() {
        let last = |query| Paging::parse(query, Limits::tags(1000)).unwrap().last;
        assert_eq!(last("last=a%2Fb&n=3").as_deref(), Some("a/b"));
        assert_eq!(last("last="), None);
        assert_eq!(last("n=3"), None);
    }

    #[test]
    fn the_last_name_up_to_a_text_is_the_text_where_that_is_a_name() {
        for name in ["a", "a/b", "a-b.c__d/0", &"a".repeat(255)] {
            assert_eq!(last_name_up_to(name).as_ref().map(RepositoryName::as_str), Some(name));
        }
    }

    #[test]
    fn no_name_is_between_a_text_and_the_last_name_up_to_it() {
        let z = |start: &str| Some(start.to_owned() + &"z".repeat(255 - start.len()));
        let long = "a".repeat(300);
        for (text, expected) in [
            ("", None),
            ("\0", None),
            ("/", None),
            ("..", None),
            ("-a", None),
            ("0", Some("0".to_owned())),
            ("A", z("9")),
            ("LT", z("9")),
            ("_catalog", z("9")),
            ("~", z("")),
            ("\u{e9}", z("")),
            ("\u{fffd}", z("")),
            ("a/", Some("a".to_owned())),
            ("a-", z("a/")),
            ("a.", z("a-")),
            ("a//b", Some("a".to_owned())),
            ("a/B", z("a/9")),
            ("a b", z("a/")),
            ("a\0", z("a/")),
            ("a..b", z("a-")),
            ("ab~", z("ab")),
            (&long, Some("a".repeat(255))),
        ] {
            let found = last_name_up_to(text).map(|name| name.as_str().to_owned());
            assert_eq!(found, expected, "{text:?}");
            let found: Option<RepositoryName> = found.map(|name| name.parse().unwrap());
            for name in ["0", "9z", "a", "a/0", "a/9", "a/b", "a-0", "a.0", "a.b", "a0", "ab", "b", "z"] {
                let after = name.split('/').gt(text.split('/'));
                let name: RepositoryName = name.parse().unwrap();
                assert_eq!(found.as_ref().is_none_or(|found| name > *found), after, "{name} after {text:?}");
            }
        }
    }

    #[test]
    fn the_link_leads_to_the_page_that_was_asked_for() {
        assert_eq!(next_link("/v2/_catalog", 10, "a/b"), r#"</v2/_catalog?last=a/b&n=10>; rel="next""#);
        let link = next_link("/v2/a/referrers/b?artifactType=c/d", 10, "e");
        assert_eq!(link, r#"</v2/a/referrers/b?artifactType=c/d&last=e&n=10>; rel="next""#);
        let link = next_link("/v2/a/tags/list", 3, "x>; rel=\"y\"&n=9\r\n");
        let query = link.split_once('?').unwrap().1.split_once('>').unwrap().0;
        let page = Paging::parse(query, Limits::tags(1000)).unwrap();
        assert_eq!(page, Paging { n: Some(3), last: Some("x>; rel=\"y\"&n=9\r\n".into()) });
    }
}
