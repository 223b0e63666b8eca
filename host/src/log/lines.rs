//! The forms of `log.formatter`: as logrus writes them for distribution, so that whoever reads its log can read ours.

use crate::config::{self, Formatter};
use serde::ser::{SerializeMap, Serializer};
use std::fmt::{self, Debug, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes each event as a line.
pub struct Lines {
    names: &'static Names,
    fields: Vec<(String, String)>,
    caller: bool,
}

/// What the parts that every line has are called.
struct Names {
    json: bool,
    time: &'static str,
    message: &'static str,
    version: Option<&'static str>,
}

const TEXT: Names = Names { json: false, time: "time", message: "msg", version: None };
const JSON: Names = Names { json: true, ..TEXT };
const LOGSTASH: Names =
    Names { json: true, time: "@timestamp", message: "message", version: Some("@version") };

const LEVEL: &str = "level";
const TARGET: &str = "target";
const CALLER: &str = "file";

impl Lines {
    /// Lines as the configuration wants them. A field that is called like a part of every line stands as `fields.NAME`.
    pub fn new(log: &config::Log) -> Lines {
        let names = match log.formatter {
            Formatter::Text => &TEXT,
            Formatter::Auto | Formatter::Json => &JSON,
            Formatter::Logstash => &LOGSTASH,
        };
        let own =
            [Some(names.time), Some(names.message), names.version, Some(LEVEL), Some(TARGET), Some(CALLER)];
        let fields = log.fields.iter().map(|(name, value)| match own.contains(&Some(name.as_str())) {
            true => (format!("fields.{name}"), value.clone()),
            false => (name.clone(), value.clone()),
        });
        Lines { names, fields: fields.collect(), caller: log.reportcaller }
    }

    /// Gives all that belongs into an event's line, in its order.
    fn fill(&self, event: &Event<'_>, into: &mut impl Parts) {
        let meta = event.metadata();
        let mut time = String::new();
        // It fails where memory is no more to be had for a text.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        into.put(self.names.time, Value::Text(&time));
        if let Some(version) = self.names.version {
            into.put(version, Value::Text("1"));
        }
        into.put(LEVEL, Value::Text(level(*meta.level())));
        event.record(&mut Visitor { message: self.names.message, into: &mut *into });
        // What the event itself says under a name counts.
        for (name, value) in
            self.fields.iter().filter(|(name, _)| meta.fields().field(name.as_str()).is_none())
        {
            into.put(name, Value::Text(value));
        }
        into.put(TARGET, Value::Text(meta.target()));
        if self.caller
            && let (Some(file), Some(line)) = (meta.file(), meta.line())
        {
            into.put(CALLER, Value::Text(&format!("{file}:{line}")));
        }
    }
}

/// A level as logrus spells it.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if !self.names.json {
            let mut text = Text { line: String::with_capacity(256) };
            self.fill(event, &mut text);
            return writeln!(writer, "{}", text.line.trim_end());
        }
        let mut bytes = Vec::with_capacity(512);
        let mut serializer = serde_json::Serializer::new(&mut bytes);
        let map = serializer.serialize_map(None).map_err(|_| fmt::Error)?;
        let mut object = Object { map, failed: false };
        self.fill(event, &mut object);
        let Object { map, failed } = object;
        if failed || map.end().is_err() {
            return Err(fmt::Error);
        }
        writeln!(writer, "{}", std::str::from_utf8(&bytes).map_err(|_| fmt::Error)?)
    }
}

/// The longest text in a line, in bytes: an error may tell what a client sent.
const LONGEST: usize = 16 << 10;

/// The value of a part.
enum Value<'a> {
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Natural(u64),
    Float(f64),
}

/// What takes the parts of a line.
trait Parts {
    fn put(&mut self, name: &str, value: Value<'_>);
}

/// `name=value name="two words"`
struct Text {
    line: String,
}

impl Parts for Text {
    fn put(&mut self, name: &str, value: Value<'_>) {
        let line = &mut self.line;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
        let written = match value {
            Value::Text(text) if text.chars().all(plain) => write!(line, "{name}={text} "),
            Value::Text(text) => write!(line, "{name}={text:?} "),
            Value::Bool(value) => write!(line, "{name}={value} "),
            Value::Int(value) => write!(line, "{name}={value} "),
            Value::Natural(value) => write!(line, "{name}={value} "),
            Value::Float(value) => write!(line, "{name}={value} "),
        };
        written.expect("a text takes every text");
    }
}

/// A JSON object.
struct Object<M> {
    map: M,
    failed: bool,
}

impl<M: SerializeMap> Parts for Object<M> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        let written = match value {
            Value::Text(value) => self.map.serialize_entry(name, value),
            Value::Bool(value) => self.map.serialize_entry(name, &value),
            Value::Int(value) => self.map.serialize_entry(name, &value),
            Value::Natural(value) => self.map.serialize_entry(name, &value),
            Value::Float(value) => self.map.serialize_entry(name, &value),
        };
        self.failed |= written.is_err();
    }
}

/// Hands on what an event says.
struct Visitor<'a, P> {
    message: &'static str,
    into: &'a mut P,
}

impl<P: Parts> Visitor<'_, P> {
    fn put(&mut self, field: &Field, value: Value<'_>) {
        let value = match value {
            Value::Text(text) => Value::Text(&text[..text.floor_char_boundary(LONGEST)]),
            value => value,
        };
        let name = if field.name() == "message" { self.message } else { field.name() };
        self.into.put(name, value);
    }
}

impl<P: Parts> Visit for Visitor<'_, P> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Natural(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::Float(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::Text(&format!("{value:?}")));
    }
}
