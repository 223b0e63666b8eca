//! Percent-encoding (RFC 3986 section 2.1).

use std::borrow::Cow;
use std::fmt::Write;

/// The byte that the escape `text` begins with stands for.
fn escape(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match text {
        [b'%', high, low, ..] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    }
}

/// Whether an escape may stand for a slash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slash {
    Escaped,
    Plain,
}

/// Part of a path with its escapes resolved, once. None where an escape is malformed, stands for a slash that has to be
/// plain, or the result is not UTF-8: such a path would mean one thing to a proxy in front and another here.
pub(crate) fn decode_path(path: &str, slash: Slash) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        if *first == b'%' {
            let byte = escape(bytes)?;
            if byte == b'/' && slash == Slash::Plain {
                return None;
            }
            out.push(byte);
            bytes = &bytes[3..];
        } else {
            out.push(*first);
            bytes = rest;
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// A name or value of a query string with `+` and escapes resolved. A malformed escape stands for itself and
/// what is not UTF-8 becomes U+FFFD: what is made of the value refuses both where they matter.
pub(crate) fn decode_query(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        if let Some(byte) = escape(bytes) {
            out.push(byte);
            bytes = &bytes[3..];
        } else {
            out.push(if *first == b'+' { b' ' } else { *first });
            bytes = rest;
        }
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// Appends `text` so that it may stand as a value in a query string: all but the unreserved characters and
/// `/` and `:` (RFC 3986 section 3.4 lets both stand) is escaped.
pub(crate) fn encode_query(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                out.push(char::from(byte));
            }
            other => write!(out, "%{other:02X}").expect("a String takes everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_broken_escape_is_none_and_a_slash_is_escaped_where_it_may_be() {
        for path in ["/a%", "/a%2", "/a%zz", "/a%ff", "/%c0%af"] {
            assert_eq!(decode_path(path, Slash::Plain), None, "{path}");
            assert_eq!(decode_path(path, Slash::Escaped), None, "{path}");
        }
        for (path, decoded) in
            [("/a%3Ab", "/a:b"), ("/%61%2e%2E", "/a.."), ("/%2561", "/%61"), ("/%00", "/\0")]
        {
            assert_eq!(decode_path(path, Slash::Plain).as_deref(), Some(decoded), "{path}");
        }
        for path in ["a%2fb", "a%2Fb"] {
            assert_eq!(decode_path(path, Slash::Plain), None, "{path}");
            assert_eq!(decode_path(path, Slash::Escaped).as_deref(), Some("a/b"), "{path}");
        }
        assert_eq!(decode_path("a%252Fb", Slash::Escaped).as_deref(), Some("a%2Fb"));
    }

    #[test]
    fn what_is_encoded_for_a_query_decodes_to_itself() {
        for text in ["", "latest", "a/b:c", "a b&c=d%25+e", "é\u{0}\"<>\n"] {
            let mut encoded = String::new();
            encode_query(text, &mut encoded);
            assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>&+".contains(&b)), "{encoded}");
            assert_eq!(decode_query(&encoded), text);
        }
    }

    #[test]
    fn a_query_with_broken_escapes_is_taken_as_it_stands() {
        for (text, decoded) in
            [("%", "%"), ("a%2", "a%2"), ("%zz+", "%zz "), ("%ff", "\u{fffd}"), ("%C3%A9", "é")]
        {
            assert_eq!(decode_query(text), decoded, "{text}");
        }
    }
}
