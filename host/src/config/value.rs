//! The types of settings: how each is read, and where in [`Config`] it goes.

use super::effective::HIDDEN;
use super::{Config, Log, Net, address};
use credentials::Secret;
use reqwest::Url;
use std::path::PathBuf;
use std::time::Duration;

/// One value as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// The value itself, without quotes.
    pub text: String,
    /// Whether it was in quotes, which makes `"true"` and `"10"` text and nothing else.
    pub quoted: bool,
    /// In which entry of a list it stands, counted from 0.
    pub entry: Option<usize>,
    /// Under which name in a map of free names it stands.
    pub under: Option<String>,
}

/// The longest list.
const MAX_ENTRIES: usize = 1000;

impl Text {
    pub(super) fn plain(text: impl Into<String>) -> Text {
        Text { text: text.into(), quoted: false, entry: None, under: None }
    }
}

/// Where in the configuration a value goes.
type Slot<T> = fn(&mut Config) -> &mut T;

/// The type of a setting, its bounds, and where its value goes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Where to listen.
    Address(Slot<String>),
    /// A file, which is read at the start.
    File(Slot<Option<PathBuf>>),
    /// On or off, or left to what else is configured.
    Maybe(Slot<Option<bool>>),
    /// Words for people or other programs.
    Text(Slot<String>),
    /// A password.
    Secret(Slot<Option<Secret>>),
    /// A word or a list of words, and what each does; of what stands in a list, to which entry.
    Words { put: fn(&mut Config, usize, &str) -> Result<(), String>, words: &'static str },
    /// An entry of a list of files.
    Files(Slot<Vec<PathBuf>>),
    /// A value of a header, which is called what the value stands under; of what stands in a list, of which entry.
    Header { put: fn(&mut Config, usize, &str, &str) -> Result<(), String>, secret: bool },
    /// A field of every line of the log, which is called what the value stands under.
    Field(Slot<Log>),
    /// One of a few words; what it does, or what is wrong with it.
    Word { put: fn(&mut Config, &str) -> Result<(), String>, words: &'static str },
    /// A URL of ours.
    Url(Slot<Option<String>>),
    /// A directory.
    Directory(Slot<PathBuf>),
    /// On or off.
    Switch(Slot<bool>),
    /// The size of a page; zero, and where `negative` says so anything below it, stands for the default.
    Page { slot: Slot<u32>, negative: bool },
    /// How many.
    Count { slot: Slot<usize>, least: usize, most: usize },
    /// How many bytes.
    Size { slot: Slot<usize>, least: usize, most: usize },
    /// How long.
    Time { slot: Slot<Duration>, least: Duration },
    /// The same of what may be a secret.
    Hidden { put: fn(&mut Config, usize, &str) -> Result<(), String>, words: &'static str },
    /// Read in a way of its own, which says what would be right; of what stands in a list, in which entry.
    Own { put: fn(&mut Config, usize, &str) -> Result<(), String>, words: &'static str },
}

impl Kind {
    /// Puts a value in its place, or says what would be right.
    pub(super) fn set(&self, config: &mut Config, value: &Text) -> Result<(), String> {
        let (text, at) = (value.text.as_str(), value.entry.unwrap_or(0));
        if at >= MAX_ENTRIES {
            return Err("there are too many entries".into());
        }
        match self {
            Kind::Address(slot) => {
                match config.http.net {
                    Net::Tcp => drop(address::split(text)?),
                    Net::Unix => drop(path(text)?),
                }
                *slot(config) = text.into();
            }
            Kind::File(slot) => *slot(config) = Some(path(text)?),
            Kind::Files(slot) => slot(config).push(path(text)?),
            Kind::Word { put, words } => {
                put(config, text).map_err(|problem| format!("{problem}; write {words}"))?;
            }
            Kind::Url(slot) => *slot(config) = Some(url(text)?),
            Kind::Maybe(slot) => *slot(config) = Some(is_on(value)?),
            Kind::Text(slot) => {
                if text.contains(char::is_control) {
                    return Err("it has control characters in it; write one line".into());
                }
                *slot(config) = text.into();
            }
            kind if kind.is_secret() && text == HIDDEN => {
                return Err(
                    "what `config check` shows in the place of a secret; write the secret itself".into()
                );
            }
            Kind::Secret(slot) => *slot(config) = Some(text.into()),
            Kind::Words { put, .. } | Kind::Hidden { put, .. } | Kind::Own { put, .. } => {
                put(config, at, text)?
            }
            Kind::Header { put, .. } => {
                let name = value.under.as_deref().unwrap_or_default();
                // A list that is not YAML is taken for text, and would become a header that nobody meant.
                if text.starts_with('[') && !value.quoted {
                    let name = name.escape_debug();
                    return Err(format!(
                        "{name} has no list of values; write text with * or : in quotes, as in [\"*\"]"
                    ));
                }
                put(config, at, name, text)?;
            }
            Kind::Field(slot) => slot(config).put_field(value.under.as_deref().unwrap_or_default(), text)?,
            Kind::Directory(slot) => *slot(config) = path(text)?,
            Kind::Switch(slot) => *slot(config) = is_on(value)?,
            Kind::Page { slot, negative } => {
                let count = unquoted(value).and_then(|text| text.parse::<i64>().ok());
                let count = count
                    .filter(|count| *negative || *count >= 0)
                    .ok_or_else(|| format!("not such a number; write {}, without quotes", self.unit()))?;
                if count > 0 {
                    *slot(config) = u32::try_from(count)
                        .map_err(|_| format!("too large; write a number up to {}", u32::MAX))?;
                }
            }
            Kind::Count { slot, least, most } => {
                let problem = || format!("not such a number; write {}, without quotes", self.unit());
                *slot(config) =
                    unquoted(value).and_then(|text| count(text, *least, *most)).ok_or_else(problem)?;
            }
            Kind::Size { slot, least, most } => {
                *slot(config) = units::size(text)
                    .and_then(|size| usize::try_from(size).ok())
                    .filter(|size| (least..=most).contains(&size))
                    .ok_or_else(|| format!("not such a size; write {}", self.unit()))?;
            }
            Kind::Time { slot, least } => *slot(config) = time(text, *least)?,
        }
        Ok(())
    }

    /// Whether nothing shows what is given.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Kind::Secret(_) | Kind::Hidden { .. } | Kind::Header { secret: true, .. })
    }

    /// What to write for a setting of this type, for messages and documentation.
    pub(super) fn unit(&self) -> String {
        match self {
            Kind::Address(_) => "host:port, [IPv6]:port or :port".into(),
            Kind::Maybe(_) | Kind::Switch(_) => "true or false".into(),
            Kind::Text(_) | Kind::Field(_) => "a text".into(),
            Kind::Secret(_) => "a text, which nothing shows".into(),
            Kind::Word { words, .. }
            | Kind::Words { words, .. }
            | Kind::Hidden { words, .. }
            | Kind::Own { words, .. } => (*words).into(),
            Kind::File(_) | Kind::Files(_) => "a file".into(),
            Kind::Header { .. } => "a list of texts".into(),
            Kind::Url(_) => "a URL".into(),
            Kind::Directory(_) => "a directory".into(),
            Kind::Page { negative: true, .. } => "a number (0 or less: the default)".into(),
            Kind::Page { negative: false, .. } => "a number (0: the default)".into(),
            Kind::Count { least, most, .. } => format!("a number from {least} to {most}"),
            Kind::Size { least, most, .. } => {
                let [least, most] = [least, most].map(|size| units::spell(*size as u64));
                format!("a size from {least} to {most}, in bytes or as in 64MiB")
            }
            Kind::Time { least, .. } => duration(*least),
        }
    }
}

/// A duration, which is not shorter than this.
pub(super) fn time(text: &str, least: Duration) -> Result<Duration, String> {
    match units::duration(text)? {
        short if short < least => Err(format!("too short; write {}", duration(least))),
        time => Ok(time),
    }
}

/// What to write for one.
fn duration(least: Duration) -> String {
    match least.is_zero() {
        true => "a duration, as in 1m30s or 500ms".into(),
        false => format!("a duration of at least {least:?}, as in 1m30s or 500ms"),
    }
}

/// A number, where it is one of these.
pub(super) fn count(text: &str, least: usize, most: usize) -> Option<usize> {
    text.parse().ok().filter(|count| (least..=most).contains(count))
}

/// An entry of a list, which is as long as that takes.
pub(super) fn entry<T: Default>(list: &mut Vec<T>, at: usize) -> &mut T {
    if list.len() <= at {
        list.resize_with(at + 1, T::default);
    }
    &mut list[at]
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    match text.contains('\0') {
        true => Err("not a path; a path has no NUL character".into()),
        false => Ok(text.into()),
    }
}

fn unquoted(value: &Text) -> Option<&str> {
    (!value.quoted).then_some(value.text.as_str())
}

fn url(text: &str) -> Result<String, String> {
    let wanted = "not a URL; write http:// or https:// and the host, as in https://registry.example.com";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(wanted)?;
    // It becomes the beginning of a Location header: nothing may follow the path.
    let fits = |c: char| c.is_ascii_graphic() && !"?#@\"<>\\^`{|}".contains(c);
    if rest.is_empty() || rest.starts_with(['/', ':']) || !rest.chars().all(fits) {
        return Err(wanted.into());
    }
    Ok(text.trim_end_matches('/').into())
}

/// The URL of a server of somebody else's. What is given may be a secret, and is not told.
pub(super) fn foreign_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "not a URL; write http:// or https://, the host and the path".into())
}

fn is_on(value: &Text) -> Result<bool, &'static str> {
    unquoted(value).and_then(units::switch).ok_or("not a switch; write true or false, without quotes")
}
