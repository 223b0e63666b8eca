//! Conditional requests: no list of entity tags hides the right one, or makes another right.

use protocol::conditional::{if_range, none_match};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The input is an `If-None-Match` or an `If-Range`, in which `{}` stands for the digest.
pub(crate) fn hold(input: &[u8]) {
    let header = crate::text(input).replace("{}", DIGEST);
    let passes = none_match(&header, DIGEST);
    if !header.contains(DIGEST) && !header.contains('*') {
        assert!(passes, "{header:?} does not name the content");
    }
    let quoted = format!("\"{DIGEST}\"");
    let strong = if_range(&header, DIGEST);
    assert_eq!(strong, header.trim_matches([' ', '\t']) == quoted, "{header:?}");
    if strong {
        assert!(!passes, "{header:?} is the content's tag");
    }
    assert!(!none_match(&format!("{quoted}, {header}"), DIGEST));
    assert!(!none_match(&format!("W/{quoted},{header}"), DIGEST));
    if !header.contains('"') {
        assert!(!none_match(&format!("{header}, {quoted}"), DIGEST), "{header:?} hides what follows it");
    }
}
