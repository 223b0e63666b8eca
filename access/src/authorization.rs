//! The Authorization header (RFC 9110, 11.6.2; RFC 7617; RFC 6750), and what an answer to it quotes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a request says of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization<'a> {
    /// Nothing.
    None,
    /// A user's name and password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Bearer(&'a str),
    /// Something that cannot be read; what is wrong with it, for people.
    Malformed(&'static str),
}

impl<'a> Authorization<'a> {
    /// What a header says.
    pub fn parse(header: Option<&'a str>) -> Authorization<'a> {
        let Some(header) = header else { return Authorization::None };
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            return basic(rest).unwrap_or_else(Authorization::Malformed);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Authorization::Malformed("the Authorization header is neither Basic nor Bearer");
        }
        match rest.is_empty() {
            true => Authorization::Malformed("the Authorization header has no token in it"),
            false => Authorization::Bearer(rest),
        }
    }
}

fn basic(encoded: &str) -> Result<Authorization<'static>, &'static str> {
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| "what follows Basic in the Authorization header is not base64")?;
    let text = String::from_utf8(bytes)
        .map_err(|_| "the name or password in the Authorization header is not UTF-8")?;
    let (user, password) = text
        .split_once(':')
        .ok_or("there is no colon between name and password in the Authorization header")?;
    // podman and skopeo send this where nobody has logged in.
    if text == ":" {
        return Ok(Authorization::None);
    }
    if user.is_empty() {
        return Err("there is no name in the Authorization header");
    }
    Ok(Authorization::Basic { user: user.into(), password: password.into() })
}

/// A text in quotes, as in the parameters of a challenge (RFC 9110, 5.6.4). What no header may carry is left out.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_read() {
        for (header, user, password) in [
            ("Basic YTpi", "a", "b"),
            ("basic YTpi", "a", "b"),
            ("BASIC   YTpi ", "a", "b"),
            ("Basic YTo=", "a", ""),
            ("Basic YTpiOmM=", "a", "b:c"),
            ("Basic w6k6w6k=", "é", "é"),
            ("Basic AGE6Yg==", "\0a", "b"),
        ] {
            let expected = Authorization::Basic { user: user.into(), password: password.into() };
            assert_eq!(Authorization::parse(Some(header)), expected, "{header}");
        }
        assert_eq!(Authorization::parse(Some("Bearer a.b.c")), Authorization::Bearer("a.b.c"));
        assert_eq!(Authorization::parse(None), Authorization::None);
        assert_eq!(Authorization::parse(Some("Basic Og==")), Authorization::None);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (header, why) in [
            ("", "neither Basic nor Bearer"),
            ("Basic", "no colon"),
            ("Basic *", "not base64"),
            ("Basic YTpi, Basic YTpi", "not base64"),
            ("Basic YWI=", "no colon"),
            ("Basic OmI=", "no name"),
            ("Basic /zpi", "not UTF-8"),
            ("Bearer", "no token"),
            ("Bearer ", "no token"),
            ("Digest username=\"a\"", "neither Basic nor Bearer"),
            ("Negotiate abc", "neither Basic nor Bearer"),
        ] {
            let Authorization::Malformed(said) = Authorization::parse(Some(header)) else {
                panic!("{header}")
            };
            assert!(said.contains(why), "{header}: {said}");
        }
    }

    #[test]
    fn a_realm_cannot_end_its_quotes() {
        assert_eq!(quoted("a \"b\" \\ c\r\nd"), r#""a \"b\" \\ cd""#);
    }
}
