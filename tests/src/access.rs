use serde_json::Value;

/// One line of the log that tells of one request.
#[derive(Clone, Debug)]
pub struct AccessLine(Value);

impl AccessLine {
    /// The line, if it is JSON and tells of a request.
    pub fn parse(line: &str) -> Option<AccessLine> {
        let line = AccessLine(serde_json::from_str(line).ok()?);
        (line.field("method").is_some() && line.field("status").is_some()).then_some(line)
    }

    /// The whole line.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// A field: besides those below, `reference`, `target` (path and query), `bytes` (of the answer's body),
    /// `received` (of the request's), `duration_ms`, `request` (its id), `remote`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A field as text; empty when it is absent or no text.
    pub fn text(&self, name: &str) -> &str {
        self.field(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A field as a number, if it is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.field(name).and_then(Value::as_f64)
    }

    /// `GET`, `PUT`, ….
    pub fn method(&self) -> &str {
        self.text("method")
    }

    /// What was asked for: `blob`, `manifest`, `upload`, `uploads`, `tags`, `catalog`, `version`, `root`.
    pub fn route(&self) -> &str {
        self.text("route")
    }

    /// The repository, or nothing where the route has none.
    pub fn repository(&self) -> &str {
        self.text("repository")
    }

    /// The status code of the answer; 0 when it is absent.
    pub fn status(&self) -> u16 {
        self.number("status").unwrap_or_default() as u16
    }
}
