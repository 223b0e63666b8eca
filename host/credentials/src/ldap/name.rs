//! Distinguished names (RFC 4514), as far as the names of groups are in them.

/// The parts of a distinguished name, from the entry to the root. A separator after a backslash is none.
fn parts(dn: &str) -> Vec<&str> {
    split(dn, |c| c == ',')
}

fn split(text: &str, separates: fn(char) -> bool) -> Vec<&str> {
    let (mut found, mut from, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if separates(c) => {
                found.push(text[from..at].trim());
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    found.push(text[from..].trim());
    found
}

/// The name of an entry: the value in the first part of its distinguished name.
pub fn of_entry(dn: &str) -> Option<String> {
    let first = parts(dn).into_iter().next()?;
    let (_, value) = split(first, |c| c == '+').into_iter().next()?.split_once('=')?;
    unescaped(value.trim_start())
}

/// Whether an entry is this one or lies beneath it. As most attributes do, this takes no notice of case.
pub fn is_beneath(dn: &str, base: &str) -> bool {
    let folded = |dn: &str| -> Vec<String> {
        let part =
            |part: &str| part.split_once('=').map(|(name, value)| [name.trim(), "=", value.trim()].concat());
        parts(dn).into_iter().filter_map(part).map(|part| part.to_lowercase()).collect()
    };
    folded(dn).ends_with(&folded(base))
}

/// A value without its backslashes: `\,` is a comma, and `\2C` too.
fn unescaped(value: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let next = rest.next()?;
        match (next as char).to_digit(16) {
            Some(high) => bytes.push((high * 16 + (rest.next()? as char).to_digit(16)?) as u8),
            None => bytes.push(next),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_entry_is_read_as_it_was_before_it_was_escaped() {
        for (dn, name) in [
            ("cn=devs,ou=groups,dc=example,dc=org", "devs"),
            ("CN = Domain Admins , DC=example", "Domain Admins"),
            (r"cn=a\,b\+c\\d,dc=x", r"a,b+c\d"),
            (r"cn=caf\C3\a9,dc=x", "café"),
            ("cn=a+ou=b,dc=x", "a"),
            ("cn=a", "a"),
        ] {
            assert_eq!(of_entry(dn).as_deref(), Some(name), "{dn}");
        }
        for dn in ["", "devs", r"cn=a\", r"cn=\c3,dc=x"] {
            assert_eq!(of_entry(dn), None, "{dn}");
        }
    }

    #[test]
    fn what_lies_beneath_an_entry_ends_with_its_parts_and_not_with_its_letters() {
        let base = "ou=Groups, dc=example,dc=org";
        assert!(is_beneath("cn=devs,OU=groups,DC=example,DC=org", base));
        assert!(is_beneath("cn=a,cn=b,ou=groups,dc=example,dc=org", base));
        assert!(is_beneath("ou=groups,dc=example,dc=org", base));
        assert!(!is_beneath("cn=devs,ou=mygroups,dc=example,dc=org", base));
        assert!(!is_beneath(r"cn=devs\,ou=groups,dc=example,dc=org", base));
        assert!(!is_beneath("dc=org", base));
        assert!(is_beneath("cn=x", ""));
    }
}
