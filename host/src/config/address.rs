//! `http.addr` and `http.debug.addr`: a host, which may be missing, and a port.

use super::ConfigError;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Splits `host:port`, `[address]:port` or `:port`. On an address that is none of these, says what would be.
pub(super) fn split(addr: &str) -> Result<(&str, u16), String> {
    let wanted = || "not an address to listen on; write host:port, [IPv6]:port or :port, as in :5000";
    if addr.contains("://") {
        return Err("an address to listen on has no scheme; write host:port, as in 127.0.0.1:5000".into());
    }
    let (host, port) = addr.rsplit_once(':').filter(|_| !addr.ends_with(']')).ok_or_else(wanted)?;
    let port = port
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| port.parse().ok())
        .flatten()
        .ok_or("the port after the last colon must be a number from 0 to 65535")?;
    let host = match host.strip_prefix('[') {
        Some(rest) => {
            let host = rest.strip_suffix(']').ok_or_else(wanted)?;
            let address = host.split_once('%').map_or(host, |(address, _zone)| address);
            address.parse::<Ipv6Addr>().map_err(|_| "between the brackets there must be an IPv6 address")?;
            host
        }
        None if host.contains(':') => {
            return Err("an IPv6 address stands in brackets, as in [::1]:5000".into());
        }
        None if host.chars().any(|c| c.is_whitespace() || c.is_control() || "/[]@".contains(c)) => {
            return Err(wanted().into());
        }
        None => host,
    };
    Ok((host, port))
}

/// The addresses that the `addr` of this setting stands for, in the order in which to try them.
pub(super) fn resolve(addr: &str, setting: &'static str) -> Result<Vec<SocketAddr>, ConfigError> {
    let (host, port) =
        split(addr).map_err(|problem| ConfigError::setting("configuration", setting, problem))?;
    // As with Go's listener, which takes the one for the other.
    if host.is_empty() || host == "0.0.0.0" {
        return Ok(vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]);
    }
    let unresolved = |source| ConfigError::Unresolved { setting, addr: addr.into(), source };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unresolved)?.collect();
    // One address, as Go's listener takes it: a name that stands for several is still one place to listen.
    let one = found.iter().find(|a| a.is_ipv4()).or(found.first()).copied();
    let one = one.ok_or_else(|| unresolved(io::Error::new(io::ErrorKind::NotFound, "it has no address")))?;
    Ok(vec![one])
}
