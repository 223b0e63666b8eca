//! The configuration that counts, as a file that says the same.

use super::judge::Given;
use super::keys::{KEYS, Key, Standing};
use super::value::Text;
use super::{Config, DIRECTORY, Driver, Examined};
use std::fmt::Write;

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// A level of names, in the order in which they came, and a value where they end.
#[derive(Default)]
struct Node {
    value: Option<(String, String)>,
    below: Vec<(String, Node)>,
}

impl Node {
    fn put(&mut self, path: &[String], value: String, from: String) {
        let Some((first, rest)) = path.split_first() else {
            self.value = Some((value, from));
            return;
        };
        let at = self.below.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
            self.below.push((first.clone(), Node::default()));
            self.below.len() - 1
        });
        self.below[at].1.put(rest, value, from);
    }

    /// Whether what stands below are the entries of a list.
    fn is_list(&self) -> bool {
        self.below.iter().all(|(name, _)| name.bytes().all(|b| b.is_ascii_digit()))
    }

    /// The lines of what stands below, each with what stands behind it as a comment.
    fn lines(&self) -> Vec<(String, &str)> {
        let mut lines = Vec::new();
        for (name, node) in &self.below {
            if self.is_list() {
                // The first line of an entry stands beside its dash.
                let entry = match &node.value {
                    Some((value, from)) => vec![(value.clone(), from.as_str())],
                    None => node.lines(),
                };
                let dashed = entry.into_iter().enumerate();
                lines.extend(dashed.map(|(at, (line, from))| {
                    (format!("{}{line}", if at == 0 { "- " } else { "  " }), from)
                }));
                continue;
            }
            let name = scalar(&Text::plain(name));
            match &node.value {
                Some((value, from)) => lines.push((format!("{name}: {value}"), from)),
                None => {
                    lines.push((format!("{name}:"), ""));
                    lines.extend(node.lines().into_iter().map(|(line, from)| (format!("  {line}"), from)));
                }
            }
        }
        lines
    }
}

/// A value in YAML: as it was given where that is plain, else in quotes (a text of JSON is one of YAML).
fn scalar(value: &Text) -> String {
    let text = value.text.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_:+-".contains(c);
    let same = !value.quoted
        && text.chars().all(plain)
        && !text.is_empty()
        && !text.ends_with(':')
        && !matches!(text, "-" | "---" | "...");
    if same { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Whether a default means anything beside what is given: what was not chosen has none.
fn applies(key: &Key, config: &Config, given: &[Given]) -> bool {
    let any = |group: &str| given.iter().any(|given| given.name.starts_with(group));
    if let Some(rest) = key.name.strip_prefix("auth.") {
        let of = rest.split('.').next().unwrap_or(rest);
        let choices = KEYS.iter().find_map(|key| match key.standing {
            Standing::Choice { only, .. } if key.name == "auth" => Some(only),
            _ => None,
        });
        return match config.auth.kind.name() {
            Some(kind) => of == kind || !choices.is_some_and(|only| only.contains(&of)),
            None => false,
        };
    }
    match key.name {
        name if name.starts_with("storage.filesystem.") => config.storage.driver == Driver::Filesystem,
        name if name.starts_with("storage.s3.") => config.storage.driver == Driver::S3,
        name if name.starts_with("storage.azure.") => config.storage.driver == Driver::Azure,
        name if name.starts_with("storage.redirect.") => config.storage.driver != Driver::Filesystem,
        "log.level" => !any("loglevel"),
        "http.tls.clientauth" => any("http.tls.clientcas"),
        name if name.starts_with("http.tls.") => any("http.tls."),
        _ => true,
    }
}

impl Examined {
    /// The configuration as YAML: every setting that has a value, with where it comes from as a comment. Secrets are
    /// hidden.
    pub fn effective(&self) -> String {
        let mut root = Node::default();
        for key in KEYS {
            let Standing::Honoured(kind) = key.standing else { continue };
            let hidden = kind.is_secret().then(|| Text::plain(HIDDEN));
            let mut missing = true;
            for given in self.given.iter().filter(|given| given.name == key.name) {
                missing = false;
                let value = scalar(hidden.as_ref().unwrap_or(&given.text));
                root.put(&given.path, value, given.origin.to_string().escape_debug().to_string());
            }
            if missing && !key.default.is_empty() && applies(key, &self.config, &self.given) {
                let path: Vec<String> = key.name.split('.').map(Into::into).collect();
                root.put(&path, scalar(&Text::plain(self.default(key))), "default".into());
            }
        }
        let mut text = String::from("version: 0.1\n");
        for (line, from) in root.lines() {
            let comment = if from.is_empty() { String::new() } else { format!("  # {from}") };
            writeln!(text, "{line}{comment}").expect("a text takes every text");
        }
        text
    }

    /// What holds where nothing is said: of the directory it depends on whether there is a file.
    fn default<'a>(&'a self, key: &'a Key) -> &'a str {
        let directory = self.config.storage.filesystem.rootdirectory.to_str();
        directory.filter(|_| key.name == DIRECTORY).unwrap_or(key.default)
    }
}
