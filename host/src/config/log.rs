//! `log`: what is logged, and how.

use std::collections::BTreeMap;

/// `log`: what is logged, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// `log.level`: the least severe level that is logged.
    pub level: Level,
    /// `log.formatter`: what a line looks like.
    pub formatter: Formatter,
    /// `log.fields`: what every line has besides, by its name.
    pub fields: BTreeMap<String, String>,
    /// `log.reportcaller`: whether a line tells where in the source it comes from.
    pub reportcaller: bool,
    /// `log.accesslog.disabled`: whether requests leave no line in Apache's format on standard output.
    pub accesslog_disabled: bool,
}

/// A level of severity, in distribution's spelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something should be looked at.
    Warn,
    /// What happens: starts, stops, requests.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
}

impl Level {
    pub(super) const WORDS: &str = "error, warn, info or debug";

    pub(super) fn parse(text: &str) -> Option<Level> {
        match text.to_ascii_lowercase().as_str() {
            "error" => Some(Level::Error),
            "warn" => Some(Level::Warn),
            "info" => Some(Level::Info),
            "debug" => Some(Level::Debug),
            _ => None,
        }
    }
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formatter {
    /// For people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// `time="…" level=info msg="…" name=value`.
    Text,
    /// An object with `time`, `level` and `msg`.
    Json,
    /// An object with `@timestamp`, `@version`, `level` and `message`.
    Logstash,
}

impl Formatter {
    pub(super) const WORDS: &str = "text, json or logstash";

    pub(super) fn parse(text: &str) -> Option<Formatter> {
        match text.to_ascii_lowercase().as_str() {
            "text" => Some(Formatter::Text),
            "json" => Some(Formatter::Json),
            "logstash" => Some(Formatter::Logstash),
            _ => None,
        }
    }
}

/// The most fields, and the most bytes of a field's name and of its value: each stands in every line.
const MAX_FIELDS: usize = 32;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 1024;

impl Log {
    /// Adds one of `log.fields`.
    pub(super) fn put_field(&mut self, name: &str, value: &str) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
            return Err(format!(
                "not a name for a field; write up to {MAX_NAME} letters, digits and any of - _ . / @"
            ));
        }
        if value.len() > MAX_VALUE {
            return Err(format!("too long; write up to {MAX_VALUE} bytes"));
        }
        self.fields.insert(name.to_owned(), value.to_owned());
        match self.fields.len() <= MAX_FIELDS {
            true => Ok(()),
            false => Err(format!("too many fields; write up to {MAX_FIELDS}")),
        }
    }
}
