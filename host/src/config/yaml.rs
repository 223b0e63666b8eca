//! YAML, flattened: each scalar, list or empty map becomes one setting.

use super::ConfigError;
use super::keys::{self, Standing};
use super::source::{Origin, Setting, Value};
use super::value::{Kind, Text};
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use saphyr_parser::{Event, Parser};
use std::collections::HashSet;

/// The version of the format that a file must name.
const VERSION: &str = "0.1";

/// How deep maps and lists may lie in each other. The parser goes down a call for each, and a thread's stack ends.
const MAX_DEPTH: usize = 64;

/// The line on which something lies too deep, if any does. What is not YAML is left to the parser to tell.
fn too_deep(source: &str) -> Option<usize> {
    let (mut parser, mut depth) = (Parser::new_from_str(source), 0);
    while let Some(Ok((event, span))) = parser.next_event() {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(span.start.line());
        }
    }
    None
}

/// The settings of a file, its version checked and left out, and what is wrong with others.
///
/// # Errors
/// When it is no configuration at all.
pub(super) fn read_file(file: &str, source: &str) -> Result<(Vec<Setting>, Vec<ConfigError>), ConfigError> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let place = |line| Origin::File { file: file.into(), line };
    if let Some(line) = too_deep(source) {
        let problem = format!("maps and lists lie more than {MAX_DEPTH} deep in each other; no setting does");
        return Err(ConfigError::malformed(place(line), problem));
    }
    let mut documents = MarkedYaml::load_from_str(source).map_err(|error| {
        let line = source.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
        let hint = if error.info().contains("tab") {
            "; indent with spaces"
        } else if line.contains(": [") {
            "; a list ends with ], and text that begins with [ stands in quotes"
        } else if line.contains(": *") || line.contains("- *") || line.contains("[*") {
            "; text that begins with * stands in quotes"
        } else {
            ""
        };
        ConfigError::malformed(place(error.marker().line()), format!("not YAML: {}{hint}", error.info()))
    })?;
    if documents.len() > 1 {
        let line = documents[1].span.start.line();
        return Err(ConfigError::malformed(
            place(line),
            "a second document begins here; a configuration is one",
        ));
    }
    let mut reader = Reader::new(source, &place);
    match documents.pop() {
        Some(root) if matches!(root.data, YamlData::Mapping(_)) => reader.flatten(&root, &mut Vec::new()),
        // An empty file is a map without a version.
        None | Some(MarkedYaml { data: YamlData::Value(Scalar::Null) | YamlData::BadValue, .. }) => {}
        Some(_) => {
            return Err(ConfigError::malformed(file, "not a configuration; write settings as `name: value`"));
        }
    }
    let (mut settings, faults) = reader.done();
    let Some(at) = settings.iter().position(|setting| setting.path == ["version"]) else {
        return Err(ConfigError::malformed(file, "it names no version; begin it with `version: 0.1`"));
    };
    let version = settings.remove(at);
    match version.value {
        Value::Text(text) if text.text == VERSION => Ok((settings, faults)),
        _ => Err(ConfigError::setting(version.origin, "version", "not a version known here; write 0.1")),
    }
}

/// The settings of a variable, and what is wrong with others. A value that is not YAML, as `[::1]:5000` is not, is
/// taken as the text it is; so is every secret, in which no character means anything but itself.
pub(super) fn read_variable(
    origin: Origin,
    path: &[String],
    value: &str,
) -> (Vec<Setting>, Vec<ConfigError>) {
    let key = keys::find(path);
    let taken = |text: &str| {
        let value = if text.is_empty() { Value::Null } else { Value::Text(Text::plain(text)) };
        (vec![Setting { path: path.to_vec(), value, origin: origin.clone() }], Vec::new())
    };
    if key.is_some_and(|key| matches!(key.standing, Standing::Honoured(Kind::Secret(_)))) {
        // What made a variable of a file has often taken the end of its line along.
        let secret = value.strip_suffix('\n').unwrap_or(value);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if !secret.is_empty() {
            return taken(secret);
        }
    }
    let text = || taken(value.trim());
    if too_deep(value).is_some() {
        return text();
    }
    let mut documents = match MarkedYaml::load_from_str(value) {
        Ok(documents) if documents.len() == 1 => documents,
        Ok(documents) if documents.is_empty() => Vec::new(),
        _ => return text(),
    };
    let address = |key: &keys::Key| matches!(key.standing, Standing::Honoured(Kind::Address(_)));
    let is_address = key.is_some_and(address);
    let place = |_| origin.clone();
    let mut reader = Reader::new(value, &place);
    match documents.pop() {
        Some(MarkedYaml { data: YamlData::BadValue, .. }) | None => {
            reader.push(path, Value::Null, 1);
        }
        // `localhost:` is a map to YAML, and `[::1]` a list.
        Some(root) if is_address && matches!(root.data, YamlData::Mapping(_) | YamlData::Sequence(_)) => {
            return text();
        }
        Some(root) => reader.flatten(&root, &mut path.to_vec()),
    }
    reader.done()
}

/// Whether a list is read entry by entry. Without entries it takes back what was there, but for the rules: there it is a
/// value, and refused, because without rules more is granted than with any.
fn has_entries(list: &[MarkedYaml<'_>], path: &[String]) -> bool {
    keys::is_list(path) && (path != ["access"] || !list.is_empty())
}

struct Reader<'a> {
    source: &'a str,
    /// Where each character begins, as nodes say by characters where they stand.
    starts: Vec<usize>,
    place: &'a dyn Fn(usize) -> Origin,
    settings: Vec<Setting>,
    faults: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, place: &'a dyn Fn(usize) -> Origin) -> Reader<'a> {
        let starts = source.char_indices().map(|(at, _)| at).chain([source.len()]).collect();
        Reader { source, starts, place, settings: Vec::new(), faults: Vec::new() }
    }

    /// What was read. Names fold their case, so that two different keys of a map can be one setting.
    fn done(self) -> (Vec<Setting>, Vec<ConfigError>) {
        let Reader { settings, mut faults, .. } = self;
        let mut seen = HashSet::new();
        for setting in settings.iter().filter(|setting| !seen.insert(&setting.path)) {
            let problem = "given a second time here; keep one of the two";
            faults.push(ConfigError::setting(&setting.origin, setting.name(), problem));
        }
        (settings, faults)
    }

    fn push(&mut self, path: &[String], value: Value, line: usize) {
        self.settings.push(Setting { path: path.to_vec(), value, origin: (self.place)(line) });
    }

    /// The value of a node as a setting, on the line of its name: the value may begin on a later one.
    fn push_node(&mut self, path: &[String], node: &MarkedYaml<'_>, line: usize) {
        match self.value(node) {
            Ok(value) => self.push(path, value, line),
            Err(fault) => self.faults.push(fault),
        }
    }

    fn flatten(&mut self, node: &MarkedYaml<'_>, path: &mut Vec<String>) {
        let line = node.span.start.line();
        match &node.data {
            YamlData::Mapping(map) if map.is_empty() => self.push(path, Value::Empty, line),
            YamlData::Mapping(map) => {
                for (key, value) in map {
                    match self.name(key) {
                        Ok(name) => path.push(name),
                        Err(fault) => {
                            self.faults.push(fault);
                            continue;
                        }
                    }
                    match &value.data {
                        YamlData::Mapping(map) if !map.is_empty() => self.flatten(value, path),
                        YamlData::Sequence(list) if has_entries(list, path) => self.flatten(value, path),
                        _ => self.push_node(path, value, key.span.start.line()),
                    }
                    path.pop();
                }
            }
            YamlData::Sequence(list) if has_entries(list, path) => {
                for (at, entry) in list.iter().enumerate() {
                    path.push(at.to_string());
                    self.flatten(entry, path);
                    path.pop();
                }
            }
            _ => self.push_node(path, node, line),
        }
    }

    /// A key of a map as a level of a name.
    fn name(&self, key: &MarkedYaml<'_>) -> Result<String, ConfigError> {
        let wrong = |problem| ConfigError::malformed((self.place)(key.span.start.line()), problem);
        match self.value(key)? {
            Value::Text(text) if text.text == "<<" => {
                Err(wrong("merging maps with << is not supported; write the settings out"))
            }
            Value::Text(text) => Ok(text.text.to_lowercase()),
            _ => Err(wrong("the name of a setting is a word; write `name: value`")),
        }
    }

    fn value(&self, node: &MarkedYaml<'_>) -> Result<Value, ConfigError> {
        let text = |text: &str, quoted| Value::Text(Text { quoted, ..Text::plain(text) });
        Ok(match &node.data {
            YamlData::Mapping(map) if map.is_empty() => Value::Empty,
            YamlData::Sequence(list) if list.is_empty() => Value::Empty,
            YamlData::Sequence(_) => Value::List,
            YamlData::Value(Scalar::Null) => Value::Null,
            YamlData::Value(Scalar::String(string)) => {
                let quoted = self.raw(node).starts_with(['"', '\'', '|', '>']);
                if string.is_empty() { Value::Null } else { text(string, quoted) }
            }
            // As it was written: a directory called 007 or 1.10 is not the number.
            YamlData::Value(scalar) => {
                let raw = self.raw(node);
                if Scalar::parse_from_cow(raw.into()) == *scalar {
                    text(raw, false)
                } else {
                    let problem =
                        "a number or switch that is not written here; write it out, without alias or tag";
                    return Err(ConfigError::malformed((self.place)(node.span.start.line()), problem));
                }
            }
            _ => {
                let problem = "not a plain value; write it without a tag (!)";
                return Err(ConfigError::malformed((self.place)(node.span.start.line()), problem));
            }
        })
    }

    /// What was written, without an anchor before it.
    fn raw(&self, node: &MarkedYaml<'_>) -> &str {
        let at = |index: usize| self.starts.get(index).copied().unwrap_or(self.source.len());
        let (start, end) = (at(node.span.start.index()), at(node.span.end.index()));
        let raw = &self.source[start..end.max(start)];
        match raw.strip_prefix('&').and_then(|rest| rest.split_once(char::is_whitespace)) {
            Some((_anchor, rest)) => rest.trim_start(),
            None => raw,
        }
    }
}
