use serde_json::Value;

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// `method target HTTP/1.1`; both are sent as they are, unchecked and unencoded.
    pub fn new(method: &str, target: &str) -> Request {
        Request { method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `GET`.
    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    /// `HEAD`.
    pub fn head(target: &str) -> Request {
        Request::new("HEAD", target)
    }

    /// `POST`.
    pub fn post(target: &str) -> Request {
        Request::new("POST", target)
    }

    /// `PATCH` with a body.
    pub fn patch(target: &str, body: impl Into<Vec<u8>>) -> Request {
        Request::new("PATCH", target).body(body)
    }

    /// `PUT` with a body.
    pub fn put(target: &str, body: impl Into<Vec<u8>>) -> Request {
        Request::new("PUT", target).body(body)
    }

    /// `DELETE`.
    pub fn delete(target: &str) -> Request {
        Request::new("DELETE", target)
    }

    /// Adds a header line; the same name may be given several times.
    pub fn header(mut self, name: &str, value: impl ToString) -> Request {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// The body that [`Client::request`](crate::Client::request) sends after the head.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The body.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The request line and the headers, with the empty line behind them. `Host` and `Content-Length` are
    /// added where the request has none and needs one; a request that names `Transfer-Encoding` sends the
    /// framing of its body itself.
    pub fn head_bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            head.push_str(&format!("Host: {host}\r\n"));
        }
        let carries = !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if carries && !self.has("content-length") && !self.has("transfer-encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// An answer as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status code of the final answer.
    pub status: u16,
    /// The status codes of the interim answers before it (100).
    pub interim: Vec<u16>,
    /// The header lines in their order, names in the case in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, decoded if it came in chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, whatever the case of its name; the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The value of a header that has to be there.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn required(&self, name: &str) -> &str {
        match self.header(name) {
            Some(value) => value,
            None => panic!("the answer has no {name}: {self}"),
        }
    }

    /// Path and query of the `Location`, which may be absolute or relative.
    ///
    /// # Panics
    /// When there is no `Location`.
    #[track_caller]
    pub fn location(&self) -> String {
        let location = self.required("Location");
        match location.split_once("://") {
            Some((_, rest)) => rest[rest.find('/').unwrap_or(rest.len())..].to_owned(),
            None => location.to_owned(),
        }
    }

    /// The body as text, lossily.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body is no JSON ({error}): {self}"),
        }
    }

    /// The answer itself, if it has this status.
    ///
    /// # Panics
    /// When it has another, with the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "status {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let shown = self.body.len().min(1000);
        writeln!(f, "\n{}", String::from_utf8_lossy(&self.body[..shown]))?;
        if shown < self.body.len() {
            writeln!(f, "… {} bytes in all", self.body.len())?;
        }
        Ok(())
    }
}
