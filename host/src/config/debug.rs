//! `http.debug`: a second address, for those who watch the server.

use super::judge::{Given, refuse};
use super::{ConfigError, address};
use ::http::uri::PathAndQuery;
use std::net::SocketAddr;

/// `http.debug`: a second address, for those who watch the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Debug {
    /// `addr` as given; nothing where there is no second address.
    pub addr: String,
    /// `prometheus`: what is counted, for Prometheus to fetch.
    pub prometheus: Prometheus,
}

/// `http.debug.prometheus`: what is counted, for Prometheus to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prometheus {
    /// `enabled`: whether anything is.
    pub enabled: bool,
    /// `path`: where it is fetched.
    pub path: String,
}

/// Where the state of the checks is shown, as in distribution.
pub const HEALTH: &str = "/debug/health";

impl Debug {
    pub(super) fn listen(&mut self, text: &str) -> Result<(), String> {
        address::split(text)?;
        self.addr = text.into();
        Ok(())
    }

    /// Where to listen, in the order in which to try, as with `http.addr`.
    ///
    /// # Errors
    /// When the host's name cannot be resolved.
    pub fn listen_addresses(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        address::resolve(&self.addr, "http.debug.addr")
    }

    /// Refuses the address at which clients are served: `addr`, where that is one.
    pub(super) fn check(&self, addr: Option<&str>, given: &[Given]) -> Result<(), ConfigError> {
        let split = |addr| address::split(addr).ok().filter(|(_, port)| *port != 0);
        let (Some((host, port)), Some((clients, clients_port))) = (split(&self.addr), addr.and_then(split))
        else {
            return Ok(());
        };
        let all = |host: &str| ["", "0.0.0.0", "::"].contains(&host);
        if port == clients_port && (host == clients || all(host) || all(clients)) {
            let problem = "where clients are served (http.addr); write another port, as in 127.0.0.1:5001";
            refuse(given, "http.debug.addr", problem)?;
        }
        Ok(())
    }

    /// What is likely not meant.
    pub(super) fn doubts(&self) -> Option<String> {
        (self.prometheus.enabled && self.addr.is_empty()).then(|| {
            "http.debug.prometheus is enabled, and there is no address at which it could be asked: give http.debug.addr too"
                .to_owned()
        })
    }
}

impl Prometheus {
    pub(super) const WORDS: &str = "a path, as in /metrics";

    pub(super) fn put_path(&mut self, text: &str) -> Result<(), String> {
        let path = text.parse::<PathAndQuery>().ok().filter(|path| path.path() == text);
        if path.is_none() || !text.starts_with('/') {
            return Err("not a path".into());
        }
        if text == HEALTH {
            return Err("where the state of the checks is".into());
        }
        self.path = text.into();
        Ok(())
    }
}
