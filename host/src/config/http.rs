//! `http`: where and how to listen, how clients see the server, and what stands between.

use super::debug::Debug;
use super::tls::Tls;
use ::http::header::{self, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// `http`: where and how to listen, and how clients see the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// `http.net`: what `http.addr` is.
    pub net: Net,
    /// `http.addr` as given: a path with [`Net::Unix`], else what [`Config::listen_addresses`] resolves.
    pub addr: String,
    /// `http.host`: the URL that clients use, without a slash at the end. It wins over what a request says.
    pub host: Option<String>,
    /// `http.prefix`: what stands before `/v2/` in paths. Nothing, or a path without a slash at the end.
    pub prefix: String,
    /// `http.trustedproxies`: who may say for whom it asks.
    pub trustedproxies: Proxies,
    /// `http.headers`: what every answer has.
    pub headers: Headers,
    /// `http.relativeurls`: whether Location is relative.
    pub relativeurls: bool,
    /// `http.draintimeout`: how long a stopping server waits for requests in flight. Zero: not at all.
    pub draintimeout: Duration,
    /// `http.http2.disabled`: whether HTTP/2 is not spoken.
    pub http2_disabled: bool,
    /// `http.h2c.enabled`: whether it is spoken without TLS, unless it is not spoken at all.
    pub h2c: bool,
    /// `http.tls`: certificates.
    pub tls: Tls,
    /// `http.debug`: a second address, for those who watch the server.
    pub debug: Debug,
}

/// What `http.addr` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Net {
    /// A host and a port.
    #[default]
    Tcp,
    /// A path, of a socket in the file system.
    Unix,
}

impl Net {
    pub(super) fn parse(text: &str) -> Option<Net> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Some(Net::Tcp),
            "unix" => Some(Net::Unix),
            _ => None,
        }
    }
}

impl Http {
    /// What is likely not meant.
    pub(super) fn doubts(&self) -> Option<String> {
        let (prefix, host) = (&self.prefix, self.host.as_ref()?);
        let path = host.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        (!prefix.is_empty() && !path).then(|| {
            "http.host names no path, so clients are sent to paths without http.prefix; where they are to write it, write \
             it at the end of http.host too"
                .to_owned()
        })
    }
}

/// The words for `http.prefix`.
pub(super) const PREFIX: &str = "a path, as in /registry/";

/// A prefix without the slash at its end. It becomes part of headers and is compared with what comes in, so that it is
/// of characters that nobody escapes.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let path = text.strip_suffix('/').unwrap_or(text);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let segment = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(fits);
    let whole = path.is_empty() || path.strip_prefix('/').is_some_and(|path| path.split('/').all(segment));
    match whole && text.starts_with('/') {
        true => Ok(path.into()),
        false => Err("not a path from the root, of letters, digits and -._~ between single slashes".into()),
    }
}

/// `http.trustedproxies`: peers that may say for whom they ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    networks: Vec<IpNet>,
    /// Whether they are believed who come over a socket in the file system.
    pub local: bool,
}

impl Proxies {
    /// The words for it.
    pub(super) const WORDS: &str =
        "an address, a network as in 10.0.0.0/8, or unix (http.net), or a list of these";

    /// Adds one.
    pub(super) fn put(&mut self, text: &str) -> Result<(), String> {
        if text.eq_ignore_ascii_case("unix") {
            self.local = true;
            return Ok(());
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        self.networks.push(network.map_err(|_| format!("not one of these; write {}", Proxies::WORDS))?);
        Ok(())
    }

    /// Whether an address is that of a proxy that is trusted.
    pub fn contain(&self, address: IpAddr) -> bool {
        // A socket for IPv6 has clients of IPv4 too, and says so in a way of its own.
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// `http.headers`: headers that every answer has, unless it says something else under their name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

/// How many values there may be.
const MAX_HEADERS: usize = 100;

/// Headers that tell where a message ends, or what is in this one answer: one for all would be wrong.
static OWN: [HeaderName; 22] = [
    header::ACCEPT_RANGES,
    header::ALLOW,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    HeaderName::from_static("keep-alive"),
    header::LINK,
    header::LOCATION,
    HeaderName::from_static("proxy-connection"),
    header::RANGE,
    header::RETRY_AFTER,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("docker-content-digest"),
    HeaderName::from_static("docker-upload-uuid"),
];

/// Headers that tell where a request ends, or where it goes to.
static FRAMING: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A header with a value.
fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let shown = name.escape_debug();
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("{shown} is not the name of a header; write letters, digits and -"))?;
    let value = HeaderValue::from_str(value.trim()).ok().filter(|_| value.is_ascii()).ok_or_else(|| {
        format!("a value of {shown} has characters that no header may have; write one line of ASCII")
    })?;
    Ok((name, value))
}

/// Adds a value of a header, which may be a secret, to those of a request that this server makes.
pub(super) fn put_request_header(
    headers: &mut header::HeaderMap,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let (name, mut value) = field(name, value)?;
    if FRAMING.contains(&name) {
        return Err(format!("{name} is not the same in every request; remove it"));
    }
    if headers.len() == MAX_HEADERS {
        return Err(format!("there are more than {MAX_HEADERS} values"));
    }
    value.set_sensitive(true);
    headers.append(name, value);
    Ok(())
}

impl Headers {
    /// Adds a value of a header.
    pub(super) fn put(&mut self, name: &str, value: &str) -> Result<(), String> {
        let (name, value) = field(name, value)?;
        if OWN.contains(&name) {
            return Err(format!("{name} is not the same in every answer; remove it"));
        }
        if self.0.len() == MAX_HEADERS {
            return Err(format!("there are more than {MAX_HEADERS} values"));
        }
        // The values of a header stand together.
        let last = self.0.iter().rposition(|(other, _)| *other == name);
        self.0.insert(last.map_or(self.0.len(), |at| at + 1), (name, value));
        Ok(())
    }

    /// Adds them to an answer. What that has under the same name stays as it is.
    pub fn add_to(&self, answer: &mut header::HeaderMap) {
        let mut rest = self.0.as_slice();
        while let Some((name, _)) = rest.first() {
            let values = rest.iter().take_while(|(other, _)| other == name).count();
            let (same, others) = rest.split_at(values);
            if !answer.contains_key(name) {
                for (name, value) in same {
                    answer.append(name, value.clone());
                }
            }
            rest = others;
        }
    }
}
