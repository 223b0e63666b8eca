//! Conditional requests (RFC 9110 section 13). The entity tag of a manifest or blob is its digest in quotes.

/// Whether `If-None-Match` lets the answer through: true when none of its tags is `digest`, false for a 304
/// (RFC 9110 section 13.1.2).
///
/// Compared weakly, so `W/"…"` counts; a digest without quotes does too, since distribution takes it. `*`
/// matches whatever exists.
pub fn none_match(if_none_match: &str, digest: &str) -> bool {
    let mut rest = if_none_match;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return true;
        }
        let tag;
        (tag, rest) = next_tag(rest);
        if tag == digest || tag == "*" {
            return false;
        }
    }
}

/// The tag that `list` begins with, without its quotes, and what follows it.
fn next_tag(list: &str) -> (&str, &str) {
    let list = list.strip_prefix("W/").unwrap_or(list);
    if let Some((tag, rest)) = list.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
        return (tag, rest);
    }
    let (tag, rest) = list.split_once(',').unwrap_or((list, ""));
    (tag.trim_end(), rest)
}

/// Whether `If-Range` lets the `Range` header count: true only for exactly the strong tag of `digest`
/// (RFC 9110 section 13.1.5). A date never does: what is named by its digest has no other version.
pub fn if_range(if_range: &str, digest: &str) -> bool {
    let tag = if_range.trim_matches([' ', '\t']);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ab";

    #[test]
    fn a_known_tag_stops_the_answer() {
        for header in [
            r#""sha256:ab""#,
            r#"W/"sha256:ab""#,
            "sha256:ab",
            " sha256:ab ",
            "*",
            r#""x", "sha256:ab""#,
            r#""x,y",W/"z" , sha256:ab , "w""#,
            r#",,"sha256:ab","#,
            r#""a"W/"sha256:ab""#,
        ] {
            assert!(!none_match(header, DIGEST), "{header}");
        }
    }

    #[test]
    fn other_tags_let_it_through() {
        for header in [
            "",
            ",",
            " ",
            r#""""#,
            r#"""#,
            r#""sha256:abc""#,
            r#""sha256:a""#,
            r#""sha256:ab"#,
            "sha256:ab\"",
            "W/",
            r#""x, sha256:ab, y""#,
            r#"w/"sha256:ab""#,
            "é",
        ] {
            assert!(none_match(header, DIGEST), "{header}");
        }
    }

    #[test]
    fn a_range_counts_only_with_the_strong_tag() {
        assert!(if_range(r#""sha256:ab""#, DIGEST));
        assert!(if_range(r#" "sha256:ab" "#, DIGEST));
        for header in [
            "",
            "\"",
            "sha256:ab",
            r#"W/"sha256:ab""#,
            "*",
            "Wed, 21 Oct 2015 07:28:00 GMT",
            r#""x""#,
            "\u{2003}\"sha256:ab\"",
        ] {
            assert!(!if_range(header, DIGEST), "{header}");
        }
    }
}
