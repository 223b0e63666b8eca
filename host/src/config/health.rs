//! `health`: what is looked after, so that nobody is sent to a server that cannot do its work.

use super::judge::{self, Given};
use super::{ConfigError, Driver, address, value};
use http::{HeaderMap, StatusCode};
use reqwest::Url;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// `health`: what is looked after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `storagedriver`: the storage.
    pub storagedriver: StorageCheck,
    /// `file`: files that must not be there.
    pub file: Vec<FileCheck>,
    /// `tcp`: servers that must take connections.
    pub tcp: Vec<TcpCheck>,
    /// `http`: what must be there over HTTP.
    pub http: Vec<HttpCheck>,
}

/// `health.storagedriver`: whether the storage can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageCheck {
    /// `enabled`: whether this is looked after.
    pub enabled: bool,
    /// `interval`: how often.
    pub interval: Duration,
    /// `threshold`: how often in a row it must fail to count. Zero: once.
    pub threshold: usize,
}

/// How often to look where nothing is said of it, and how long a server may take: as distribution's image has it.
const INTERVAL: Duration = Duration::from_secs(10);

/// An entry of `health.file`: a file that must not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCheck {
    /// `file`: its path.
    pub file: PathBuf,
    /// `interval`: how often to look.
    pub interval: Duration,
}

impl Default for FileCheck {
    fn default() -> FileCheck {
        FileCheck { file: PathBuf::new(), interval: INTERVAL }
    }
}

/// An entry of `health.tcp`: a server that must take connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// `addr`: its host and port.
    pub addr: String,
    /// `timeout`: how long it may take.
    pub timeout: Duration,
    /// `interval`: how often to look.
    pub interval: Duration,
    /// `threshold`: how often in a row it must fail to count. Zero: once.
    pub threshold: usize,
}

impl Default for TcpCheck {
    fn default() -> TcpCheck {
        TcpCheck { addr: String::new(), timeout: INTERVAL, interval: INTERVAL, threshold: 0 }
    }
}

/// An entry of `health.http`: what must be there over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `uri`: where.
    pub uri: Option<Url>,
    /// `headers`: what a request for it says beside.
    pub headers: HeaderMap,
    /// `statuscode`: the status that it must have.
    pub statuscode: StatusCode,
    /// `timeout`: how long an answer may take.
    pub timeout: Duration,
    /// `interval`: how often to look.
    pub interval: Duration,
    /// `threshold`: how often in a row it must fail to count. Zero: once.
    pub threshold: usize,
}

impl Default for HttpCheck {
    fn default() -> HttpCheck {
        HttpCheck {
            uri: None,
            headers: HeaderMap::new(),
            statuscode: StatusCode::default(),
            timeout: INTERVAL,
            interval: INTERVAL,
            threshold: 0,
        }
    }
}

impl HttpCheck {
    /// What it is called: where it looks, without what may be a secret.
    pub fn name(&self) -> String {
        let Some(mut uri) = self.uri.clone() else { return String::new() };
        uri.set_query(None);
        uri.set_fragment(None);
        // Fails for URLs that have none.
        let _ = uri.set_username("");
        let _ = uri.set_password(None);
        uri.to_string()
    }
}

/// The shortest time between two looks.
const LEAST: Duration = Duration::from_millis(1);

/// The most failures in a row that may be waited for.
pub(super) const MAX_THRESHOLD: usize = 1000;

pub(super) const DURATION: &str = "a duration of at least 1ms, as in 1m30s or 500ms";
pub(super) const SERVER: &str = "host:port";
pub(super) const STATUS: &str = "a status of HTTP, from 100 to 599";
pub(super) const THRESHOLD: &str = "a number from 0 to 1000";

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    value::time(text, LEAST)
}

pub(super) fn threshold(text: &str) -> Result<usize, String> {
    value::count(text, 0, MAX_THRESHOLD).ok_or_else(|| format!("not such a number; write {THRESHOLD}"))
}

pub(super) fn status(text: &str) -> Result<StatusCode, String> {
    let status = value::count(text, 100, 599).and_then(|status| StatusCode::from_u16(status as u16).ok());
    status.ok_or_else(|| format!("not such a number; write {STATUS}"))
}

impl Health {
    /// Refuses checks of nothing, and two of the same name; one is that of the storage.
    pub(super) fn complete(&self, storage: Driver, given: &[Given]) -> Result<(), ConfigError> {
        let files = self.file.iter().map(|check| check.file.display().to_string()).enumerate();
        let servers = self.tcp.iter().map(|check| check.addr.clone()).enumerate();
        let pages = self.http.iter().map(|check| check.uri.as_ref().map(Url::to_string).unwrap_or_default());
        let pages = pages.enumerate();
        let files = files.map(|(at, name)| ("health.file", "file", at, name));
        let servers = servers.map(|(at, name)| ("health.tcp", "addr", at, name));
        let pages = pages.map(|(at, name)| ("health.http", "uri", at, name));
        let mut known = BTreeSet::from([storage.check().to_owned()]);
        for (list, what, at, name) in files.chain(servers).chain(pages) {
            if name.is_empty() {
                let problem =
                    format!("a check of nothing; write the {what} that it is about (the first entry is 0)");
                return Err(judge::entry(given, list, at, &problem));
            }
            if !known.insert(name) {
                return Err(judge::entry(given, list, at, "looked after already; write each once"));
            }
        }
        Ok(())
    }
}

pub(super) fn server(text: &str) -> Result<String, String> {
    match address::split(text) {
        Ok((host, port)) if !host.is_empty() && port > 0 => Ok(text.into()),
        _ => Err(format!("not the address of a server; write {SERVER}, as in ldap.example.com:636")),
    }
}
