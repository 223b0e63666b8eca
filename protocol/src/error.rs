//! Every error that leaves the registry (specification, "Error Codes").

use crate::route::Route;
use std::borrow::Cow;
use std::fmt;

/// An error code: what a program reads. The set is distribution's, which holds the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The registry failed, and the reason is in its log only.
    Unknown,
    /// The method or the path is not served here.
    Unsupported,
    /// Nobody is logged in, or not with the rights that a wider token would bring.
    Unauthorized,
    /// The identity is known, and may not.
    Denied,
    /// The registry cannot answer now: storage full, too much at once, shutting down.
    Unavailable,
    /// The client asks too often.
    TooManyRequests,
    /// A digest that is none, or is not that of the content.
    DigestInvalid,
    /// The length announced is not the length sent.
    SizeInvalid,
    /// A chunk at the wrong offset, or a `Content-Range` that cannot be read.
    RangeInvalid,
    /// A text that is no repository name.
    NameInvalid,
    /// A text that is no tag.
    TagInvalid,
    /// There is no such repository.
    NameUnknown,
    /// There is no such manifest in that repository.
    ManifestUnknown,
    /// A manifest that breaks the rules of its media type, or is too large.
    ManifestInvalid,
    /// A manifest whose signature does not hold.
    ManifestUnverified,
    /// A manifest that names a blob or manifest which the repository does not hold.
    ManifestBlobUnknown,
    /// There is no such blob in that repository.
    BlobUnknown,
    /// There is no such upload session.
    BlobUploadUnknown,
    /// The upload session cannot be used: its name is none, or it is broken.
    BlobUploadInvalid,
    /// `n` of a list is no number, or too large a one.
    PaginationNumberInvalid,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 20] = [
        Code::Unknown,
        Code::Unsupported,
        Code::Unauthorized,
        Code::Denied,
        Code::Unavailable,
        Code::TooManyRequests,
        Code::DigestInvalid,
        Code::SizeInvalid,
        Code::RangeInvalid,
        Code::NameInvalid,
        Code::TagInvalid,
        Code::NameUnknown,
        Code::ManifestUnknown,
        Code::ManifestInvalid,
        Code::ManifestUnverified,
        Code::ManifestBlobUnknown,
        Code::BlobUnknown,
        Code::BlobUploadUnknown,
        Code::BlobUploadInvalid,
        Code::PaginationNumberInvalid,
    ];

    /// The table: the code as written, its HTTP status, and what it says when there is nothing better to say.
    /// The messages are distribution's, because scripts look for them.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Code::Unknown => ("UNKNOWN", 500, "unknown error"),
            Code::Unsupported => ("UNSUPPORTED", 405, "The operation is unsupported."),
            Code::Unauthorized => ("UNAUTHORIZED", 401, "authentication required"),
            Code::Denied => ("DENIED", 403, "requested access to the resource is denied"),
            Code::Unavailable => ("UNAVAILABLE", 503, "service unavailable"),
            Code::TooManyRequests => ("TOOMANYREQUESTS", 429, "too many requests"),
            Code::DigestInvalid => ("DIGEST_INVALID", 400, "provided digest did not match uploaded content"),
            Code::SizeInvalid => ("SIZE_INVALID", 400, "provided length did not match content length"),
            Code::RangeInvalid => ("RANGE_INVALID", 416, "invalid content range"),
            Code::NameInvalid => ("NAME_INVALID", 400, "invalid repository name"),
            Code::TagInvalid => ("TAG_INVALID", 400, "manifest tag did not match URI"),
            Code::NameUnknown => ("NAME_UNKNOWN", 404, "repository name not known to registry"),
            Code::ManifestUnknown => ("MANIFEST_UNKNOWN", 404, "manifest unknown"),
            Code::ManifestInvalid => ("MANIFEST_INVALID", 400, "manifest invalid"),
            Code::ManifestUnverified => {
                ("MANIFEST_UNVERIFIED", 400, "manifest failed signature verification")
            }
            Code::ManifestBlobUnknown => ("MANIFEST_BLOB_UNKNOWN", 400, "blob unknown to registry"),
            Code::BlobUnknown => ("BLOB_UNKNOWN", 404, "blob unknown to registry"),
            Code::BlobUploadUnknown => ("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"),
            Code::BlobUploadInvalid => ("BLOB_UPLOAD_INVALID", 404, "blob upload invalid"),
            Code::PaginationNumberInvalid => {
                ("PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested")
            }
        }
    }

    /// The code as written in the answer: `BLOB_UNKNOWN`.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// What the code says by default.
    pub const fn message(self) -> &'static str {
        self.row().2
    }
}

/// An error answer: a status, a code, a message for people and details for programs.
///
/// The message says what is wrong and what would be right; no path or internal error may get into it.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorResponse {
    /// The HTTP status: the code's, unless [`ErrorResponse::status`] was called.
    pub status: u16,
    /// The code.
    pub code: Code,
    /// The message: the code's, unless [`ErrorResponse::message`] was called.
    pub message: Cow<'static, str>,
    /// JSON, each; each becomes an error of its own in the answer, with the same code and message.
    pub details: Vec<String>,
}

impl ErrorResponse {
    /// What the table says of `code`, without details.
    pub fn new(code: Code) -> ErrorResponse {
        let (_, status, message) = code.row();
        ErrorResponse { status, code, message: Cow::Borrowed(message), details: Vec::new() }
    }

    /// The same with another status, where one code stands for two (a manifest that is too large: 413).
    pub fn status(mut self, status: u16) -> ErrorResponse {
        self.status = status;
        self
    }

    /// The same with another message.
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> ErrorResponse {
        self.message = message.into();
        self
    }

    /// The same with one detail more, `{"name":"value"}`: call it once for each missing blob, and each is named in an
    /// error of its own, as distribution does.
    pub fn detail(mut self, name: &str, value: &str) -> ErrorResponse {
        self.details.push(format!("{{{}:{}}}", json(name), json(value)));
        self
    }

    /// The same with a detail that names what `route` asks for, where the error says no more than its code does: Go's clients
    /// take one that has neither a message of its own nor a detail for something else than an error of a registry, and
    /// docker does not say then which image was not found, or may not be pulled.
    pub fn about(mut self, route: &Route) -> ErrorResponse {
        if self.details.is_empty()
            && self.message == self.code.message()
            && let Some(name) = route.repository()
        {
            let reference = route.reference_text().map(|text| format!(",\"reference\":{}", json(text)));
            let reference = reference.unwrap_or_default();
            self.details.push(format!("{{\"name\":{}{reference}}}", json(name.as_str())));
        }
        self
    }

    /// The body: `{"errors":[{"code":…,"message":…,"detail":…}]}`, `application/json`, with a newline at its
    /// end for people who use curl.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(b"{\"errors\":[");
        self.write_error(&mut out, self.details.first());
        for detail in self.details.iter().skip(1) {
            out.push(b',');
            self.write_error(&mut out, Some(detail));
        }
        out.extend_from_slice(b"]}\n");
        out
    }

    fn write_error(&self, out: &mut Vec<u8>, detail: Option<&String>) {
        out.extend_from_slice(b"{\"code\":\"");
        out.extend_from_slice(self.code.as_str().as_bytes());
        out.extend_from_slice(b"\",\"message\":");
        out.extend_from_slice(json(&self.message).as_bytes());
        if let Some(detail) = detail {
            out.extend_from_slice(b",\"detail\":");
            out.extend_from_slice(detail.as_bytes());
        }
        out.push(b'}');
    }
}

/// The answer to a request whose head has more than `limit` bytes (RFC 6585, 5).
pub fn head_too_large(limit: usize) -> ErrorResponse {
    ErrorResponse::new(Code::SizeInvalid)
        .status(431)
        .message(format!("the head of a request has at most {limit} bytes here (limits.headers)"))
}

/// The answer to a request that does not say, as HTTP asks, which host it is for (RFC 9112, 3.2).
pub fn no_host(problem: &'static str) -> ErrorResponse {
    ErrorResponse::new(Code::Unsupported).status(400).message(problem)
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("every text can be JSON")
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for ErrorResponse {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body(error: &ErrorResponse) -> Value {
        serde_json::from_slice(&error.to_json()).unwrap()
    }

    #[test]
    fn codes_are_distinct_and_their_statuses_are_errors() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert!(Code::ALL[..i].iter().all(|other| other.as_str() != code.as_str()), "{code:?}");
        }
    }

    #[test]
    fn an_error_without_detail_has_no_such_member() {
        let error = ErrorResponse::new(Code::BlobUnknown);
        assert_eq!(error.status, 404);
        let expected = json!({"errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown to registry"}]});
        assert_eq!(body(&error), expected);
        assert!(error.to_json().ends_with(b"}]}\n"));
    }

    #[test]
    fn each_detail_is_an_error_of_its_own() {
        let error = ErrorResponse::new(Code::ManifestBlobUnknown).detail("a\"", "\n").detail("digest", "b");
        let message = "blob unknown to registry";
        assert_eq!(
            body(&error),
            json!({"errors": [
                {"code": "MANIFEST_BLOB_UNKNOWN", "message": message, "detail": {"a\"": "\n"}},
                {"code": "MANIFEST_BLOB_UNKNOWN", "message": message, "detail": {"digest": "b"}},
            ]})
        );
    }

    #[test]
    fn an_error_that_says_no_more_than_its_code_names_what_was_asked_for() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (path, detail) in [
            ("/v2/a/b/manifests/latest".to_owned(), json!({"name": "a/b", "reference": "latest"})),
            (format!("/v2/a/blobs/{digest}"), json!({"name": "a", "reference": digest})),
            ("/v2/a/tags/list".to_owned(), json!({"name": "a"})),
            ("/v2/".to_owned(), Value::Null),
        ] {
            let route = Route::parse(&path).unwrap();
            let error = ErrorResponse::new(Code::Denied).about(&route);
            assert_eq!(body(&error)["errors"][0]["detail"], detail, "{path}");
            let error = ErrorResponse::new(Code::Denied).message("why").about(&route);
            assert_eq!(body(&error)["errors"][0]["detail"], Value::Null, "{path}");
        }
    }

    #[test]
    fn a_message_cannot_break_out_of_the_json() {
        let text = "\"}]}\u{0}\n\u{2028}";
        let error = ErrorResponse::new(Code::ManifestInvalid).status(413).message(text);
        assert_eq!(error.status, 413);
        assert_eq!(body(&error)["errors"][0]["message"], text);
    }
}
