use crate::place::{Place, in_query};
use std::time::Duration;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
}

impl Method {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// What the signature says of a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// There is none.
    Empty,
    /// Nothing: whoever wrote it has hashed it for a purpose of his own, and once is enough.
    Unsigned,
    /// Its SHA-256 in hexadecimal, which S3 checks.
    Sha256(String),
}

/// The highest number that a part may have.
pub const MAX_PART: u32 = 10_000;

/// What has to be true of an object that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Whatever,
    /// There is none yet.
    Absent,
    /// It is the one with this entity tag.
    Is(String),
}

/// A part that a bucket has of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// 1 to [`MAX_PART`].
    pub number: u32,
    /// How many bytes it has.
    pub length: u64,
    /// The entity tag that came back for it, or another name that tells it from all others.
    pub etag: String,
}

/// What is copied: an object, as long as it is the one with this entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Where it lies.
    pub key: &'a str,
    /// What it was when it was looked at.
    pub etag: &'a str,
}

/// A request, not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is done.
    pub method: Method,
    /// What it is done to, for the log: a key, or the prefix of a list.
    pub subject: String,
    /// Encoded.
    pub path: String,
    /// Encoded, and in order.
    pub query: String,
    /// Those that are signed, beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// What the signature says of the body.
    pub payload: Payload,
    /// How long the answer may take to begin, once the request was begun to be sent.
    pub patience: Duration,
}

/// For what is a matter of looking something up.
const SOON: Duration = Duration::from_secs(15);
/// For what has to be sent first.
pub const SENT: Duration = Duration::from_secs(120);
/// For what the other side has to work at. S3 begins its answer early, others when they are done.
pub const WORKED: Duration = Duration::from_secs(300);

impl Request {
    fn new(place: &Place, method: Method, key: &str) -> Request {
        Request::at(place.path(key), method, key)
    }

    /// One about what lies at this path, encoded, with nothing else to it.
    pub fn at(path: String, method: Method, subject: &str) -> Request {
        let (query, headers, payload, patience) = (String::new(), Vec::new(), Payload::Empty, SOON);
        Request { method, subject: subject.to_owned(), path, query, headers, payload, patience }
    }

    /// The same with a query, of names in their order and values that are not encoded yet.
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Request {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| [*name, "=", &in_query(value)].concat()).collect();
        self.query = pairs.join("&");
        self
    }

    /// Path and query.
    pub fn target(&self) -> String {
        match self.query.is_empty() {
            true => self.path.clone(),
            false => [&*self.path, "?", &self.query].concat(),
        }
    }

    /// The same with another header.
    pub fn header(mut self, name: &'static str, value: String) -> Request {
        self.headers.push((name, value));
        self
    }

    /// Of an object that is made: how it is kept.
    fn made(mut self, place: &Place) -> Request {
        self.headers.extend_from_slice(place.made());
        self
    }

    /// The same, of which the signature says this about the body.
    pub fn payload(mut self, payload: Payload) -> Request {
        self.payload = payload;
        self
    }

    /// The same, whose answer may take so long.
    pub fn patience(mut self, patience: Duration) -> Request {
        self.patience = patience;
        self
    }

    /// An object, whole.
    pub fn get(place: &Place, key: &str) -> Request {
        Request::new(place, Method::Get, key)
    }

    /// `length` bytes of an object from `offset` on; at least one.
    pub fn get_range(place: &Place, key: &str, offset: u64, length: u64) -> Request {
        Request::get(place, key).ranged(offset, length)
    }

    /// The same of these bytes alone.
    pub fn ranged(self, offset: u64, length: u64) -> Request {
        self.header("range", range(offset, length))
    }

    /// The same of the object with this entity tag, and of no other.
    pub fn matching(self, etag: &str) -> Request {
        self.header("if-match", etag.to_owned())
    }

    /// What there is to know of an object.
    pub fn head(place: &Place, key: &str) -> Request {
        Request::new(place, Method::Head, key)
    }

    /// Writes an object.
    pub fn put(place: &Place, key: &str, condition: &Condition, payload: Payload) -> Request {
        // Also one that is small: what was given up may be written later all the same, and over what others have written since.
        let request = Request::new(place, Method::Put, key).made(place).payload(payload).patience(SENT);
        request.only_if(condition)
    }

    /// The same, where this is true of the object.
    pub fn only_if(self, condition: &Condition) -> Request {
        match condition {
            Condition::Whatever => self,
            Condition::Absent => self.header("if-none-match", "*".to_owned()),
            Condition::Is(etag) => self.matching(etag),
        }
    }

    /// Removes an object, if there is one.
    pub fn delete(place: &Place, key: &str) -> Request {
        Request::new(place, Method::Delete, key)
    }

    /// Copies an object, if it is the one with this entity tag. Its answer may be an error whatever its status is.
    pub fn copy(place: &Place, from: Source, to: &str) -> Request {
        Request::new(place, Method::Put, to).made(place).source(place, from).patience(WORKED)
    }

    fn source(self, place: &Place, Source { key, etag }: Source) -> Request {
        let request = self.header("x-amz-copy-source", place.source(key));
        request.header("x-amz-copy-source-if-match", etag.to_owned())
    }

    /// A page of a list: what begins with `prefix`, `limit` at most (1 to 1000). With `by_level`, what lies below one
    /// more slash is told as one prefix.
    pub fn list(place: &Place, prefix: &str, by_level: bool, from: &Begin, limit: usize) -> Request {
        let (whole, limit) = (place.key(prefix), limit.to_string());
        let after;
        let mut pairs = vec![];
        if let Begin::Token(token) = from {
            pairs.push(("continuation-token", token.as_str()));
        }
        if by_level {
            pairs.push(("delimiter", "/"));
        }
        pairs.extend([("list-type", "2"), ("max-keys", &*limit), ("prefix", &*whole)]);
        if let Begin::After(name) = from {
            after = [&*whole, name].concat();
            pairs.push(("start-after", &after));
        }
        let request = Request::new(place, Method::Get, prefix).query(&pairs);
        Request { path: place.bucket_path(), ..request }
    }

    /// Begins an upload in parts.
    pub fn create_upload(place: &Place, key: &str) -> Request {
        Request::new(place, Method::Post, key).made(place).query(&[("uploads", "")])
    }

    /// Asks for one part of an upload: whether S3 still knows the upload.
    pub fn look_at_upload(place: &Place, key: &str, id: &str) -> Request {
        Request::new(place, Method::Get, key).query(&[("max-parts", "1"), ("uploadId", id)])
    }

    /// Writes a part.
    pub fn upload_part(place: &Place, key: &str, id: &str, number: u32) -> Request {
        let number = number.to_string();
        Request::new(place, Method::Put, key)
            .query(&[("partNumber", &number), ("uploadId", id)])
            .payload(Payload::Unsigned)
            .patience(SENT)
    }

    /// Makes a part of `length` bytes of another object from `offset` on, if that has this entity tag. Its answer may be
    /// an error whatever its status is.
    pub fn copy_part(
        place: &Place,
        key: &str,
        part: (&str, u32),
        from: Source,
        offset: u64,
        length: u64,
    ) -> Request {
        let (id, number) = (part.0, part.1.to_string());
        Request::new(place, Method::Put, key)
            .query(&[("partNumber", &number), ("uploadId", id)])
            .source(place, from)
            .header("x-amz-copy-source-range", range(offset, length))
            .patience(WORKED)
    }

    /// Makes an object of the parts that [`complete_body`](Request::complete_body) names. Its answer may be an error
    /// whatever its status is.
    pub fn complete_upload(place: &Place, key: &str, id: &str) -> Request {
        let request = Request::new(place, Method::Post, key).query(&[("uploadId", id)]);
        request.payload(Payload::Unsigned).patience(WORKED)
    }

    /// What is sent with [`complete_upload`](Request::complete_upload).
    pub fn complete_body(parts: &[Part]) -> String {
        let mut body = String::from("<CompleteMultipartUpload>");
        for Part { number, etag, .. } in parts {
            let etag = quick_xml::escape::escape(etag);
            body += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        }
        body + "</CompleteMultipartUpload>"
    }

    /// Forgets an upload and its parts.
    pub fn abort_upload(place: &Place, key: &str, id: &str) -> Request {
        Request::new(place, Method::Delete, key).query(&[("uploadId", id)])
    }
}

/// Where a page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the beginning.
    Start,
    /// Behind this text after the prefix.
    After(String),
    /// Where the page before it ended.
    Token(String),
}

fn range(offset: u64, length: u64) -> String {
    format!("bytes={offset}-{}", offset + length.max(1) - 1)
}
