//! Who a proxy says it asks for: `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! Each proxy adds whoever asked it at the end. So the last entry is the nearest proxy's own word, the one before it the
//! word of whom that names, and so on: entries are read from the end, for as long as they name proxies that are trusted.

use crate::config::Proxies;
use crate::socket::Peer;
use http::header::{FORWARDED, HeaderMap, HeaderName};
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many entries are read: a longer chain of proxies says nothing.
const ENTRIES: usize = 32;

/// What a header says of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Address(IpAddr),
    /// Something that is not an address.
    Nonsense,
}

/// Whether what a peer says of others is believed.
pub fn believes(proxies: &Proxies, peer: &Peer) -> bool {
    match peer {
        Peer::Internet(address) => proxies.contain(address.ip()),
        Peer::Local => proxies.local,
    }
}

/// The client that a trusted proxy asks for; `none` where it does not say, or says what cannot be.
///
/// A proxy that writes one of the headers may hand on the other as a client has sent it. So where both are there, they
/// have to say the same.
pub fn client(proxies: &Proxies, headers: &HeaderMap) -> Option<IpAddr> {
    let forwarded = farthest(proxies, entries(headers, &FORWARDED).map(forwarded_for));
    let x_forwarded = farthest(proxies, entries(headers, &X_FORWARDED_FOR).map(node));
    match (forwarded, x_forwarded) {
        (Said::Address(client), Said::Nothing) | (Said::Nothing, Said::Address(client)) => Some(client),
        (Said::Address(one), Said::Address(other)) if one == other => Some(one),
        _ => None,
    }
}

/// The entries of a header from the last to the first. A comma in quotes, which no address has, divides too: what stands
/// in front of the last entry may be a client's, and its quotes must not reach into what the proxy has added.
fn entries<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().rev();
    lines
        .flat_map(|line| line.to_str().unwrap_or("?").rsplit(','))
        .map(|entry| entry.trim_matches([' ', '\t']))
}

/// The first address that is no trusted proxy's; where all are, the last of them.
fn farthest(proxies: &Proxies, entries: impl Iterator<Item = Option<IpAddr>>) -> Said {
    let mut said = Said::Nothing;
    for (read, entry) in entries.enumerate() {
        let Some(address) = entry.filter(|_| read < ENTRIES) else { return Said::Nonsense };
        said = Said::Address(address);
        if !proxies.contain(address) {
            break;
        }
    }
    said
}

/// What an element of `Forwarded` has after `for=`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut values =
        pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value.trim());
    let value = values.next().filter(|_| values.next().is_none())?;
    node(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// An address, with or without a port; one of IPv6 with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use http::HeaderValue;

    fn proxies() -> Proxies {
        let trusted = "[10.0.0.0/8, 192.0.2.7, 'fd00::/8']".to_owned();
        let variables = [("REGISTRY_HTTP_TRUSTEDPROXIES".to_owned(), trusted)];
        Config::load(None, variables.into_iter()).expect("a configuration").http.trustedproxies
    }

    fn says(lines: &[(&str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        client(&proxies(), &headers).map(|address| address.to_string())
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxys_is_the_clients() {
        for (value, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
            ("198.51.100.1,203.0.113.9 ,\t10.1.2.3,192.0.2.7", "203.0.113.9"),
            ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
            ("nonsense, 203.0.113.9, fd00::1", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, ::ffff:10.0.0.1", "203.0.113.9"),
        ] {
            assert_eq!(says(&[("x-forwarded-for", value)]).as_deref(), Some(expected), "{value}");
        }
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "10.0.0.1")];
        assert_eq!(says(&lines).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn what_is_no_address_names_nobody() {
        let long = "10.0.0.1,".repeat(ENTRIES) + "10.0.0.1";
        for value in [
            "",
            ",",
            "unknown",
            "_hidden",
            "203.0.113",
            "203.0.113.9,",
            "nonsense, 10.0.0.1",
            "203.0.113.9 x",
            "203.0.113.9:port",
            "[203.0.113.9",
            "2001:db8::1]",
            "203.0.113.09",
            "\"203.0.113.9\"",
            "203.0.113.9/32",
            "é",
            &long,
        ] {
            assert_eq!(says(&[("x-forwarded-for", value)]), None, "{value}");
        }
        assert_eq!(says(&[]), None);
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (value, expected) in [
            ("for=203.0.113.9", Some("203.0.113.9")),
            ("For=\"203.0.113.9:4711\"; proto=https;by=10.0.0.1", Some("203.0.113.9")),
            ("for=198.51.100.1, proto=http ; FOR=\"[2001:db8::1]:4711\"", Some("2001:db8::1")),
            ("for=203.0.113.9, for=10.0.0.1;host=a", Some("203.0.113.9")),
            ("for=\"evil, for=203.0.113.9", Some("203.0.113.9")),
            ("for=unknown", None),
            ("for=_hidden", None),
            ("for=203.0.113.9;for=198.51.100.1", None),
            ("for=203.0.113.9, proto=https", None),
            ("for=\"203.0.113.9", None),
            ("for=203.0.113.9;host=\"a,for=198.51.100.1\"", None),
            ("203.0.113.9", None),
        ] {
            assert_eq!(says(&[("forwarded", value)]).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn where_both_are_there_they_have_to_agree() {
        let both = |one, other| says(&[("forwarded", one), ("x-forwarded-for", other)]);
        assert_eq!(both("for=203.0.113.9", "203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(both("for=203.0.113.9", "198.51.100.1"), None);
        assert_eq!(both("for=unknown", "198.51.100.1"), None);
    }

    #[test]
    fn only_who_is_named_is_believed() {
        let proxies = proxies();
        let peer = |address: &str| Peer::Internet(address.parse().expect("an address"));
        for (address, believed) in [
            ("10.9.8.7:1", true),
            ("[::ffff:10.9.8.7]:1", true),
            ("192.0.2.7:1", true),
            ("192.0.2.8:1", false),
            ("[fd00::1]:1", true),
            ("[::1]:1", false),
        ] {
            assert_eq!(believes(&proxies, &peer(address)), believed, "{address}");
        }
        assert!(!believes(&proxies, &Peer::Local));
        assert!(!believes(&Proxies::default(), &peer("127.0.0.1:1")));
    }
}
