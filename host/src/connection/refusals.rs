//! The answers that the host has to give itself.

use crate::body::AnswerBody;
use crate::log::RequestId;
use crate::pool::Answer;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Version, request};
use protocol::error::{self, Code, ErrorResponse};

const API_VERSION: (HeaderName, &str) =
    (HeaderName::from_static("docker-distribution-api-version"), "registry/2.0");

fn own(error: ErrorResponse, headers: &[(HeaderName, &'static str)]) -> Answer {
    let mut response = http::Response::new(AnswerBody::Small(Bytes::from(error.to_json())));
    *response.status_mut() = http::StatusCode::from_u16(error.status).expect("the table has statuses");
    let fixed = [(header::CONTENT_TYPE, "application/json"), API_VERSION];
    for (name, value) in fixed.iter().chain(headers) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Answer { response, note: None, begun: None }
}

pub fn too_many(id: RequestId) -> Answer {
    tracing::warn!(request = %id, "too many requests are in flight (limits.requests)");
    let message = "the registry has more requests in hand than it may: try again in a moment";
    own(ErrorResponse::new(Code::Unavailable).message(message), &[(header::RETRY_AFTER, "1")])
}

/// Why is logged when a check begins to fail.
pub fn unhealthy() -> Answer {
    let message = "the registry cannot do its work at the moment: its log says what it lacks (health)";
    own(ErrorResponse::new(Code::Unavailable).message(message), &[])
}

pub fn failed(id: RequestId) -> Answer {
    let message = format!("the registry failed: its log says why, under the request {id}");
    own(ErrorResponse::new(Code::Unknown).message(message), &[])
}

/// What is wrong with a head that HTTP itself takes: that it is too large, or does not say which host is asked.
pub fn head(head: &request::Parts, largest: usize) -> Option<Answer> {
    if size(head) > largest {
        return Some(own(error::head_too_large(largest), &[]));
    }
    Some(own(error::no_host(host(head)?), &[]))
}

/// The bytes of a head, as far as the client chose them.
fn size(head: &request::Parts) -> usize {
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    fields.sum::<usize>() + head.uri.path_and_query().map_or(0, |target| target.as_str().len())
}

/// What is wrong with a request's Host (RFC 9112, 3.2).
fn host(head: &request::Parts) -> Option<&'static str> {
    if head.version == Version::HTTP_2 {
        return None;
    }
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version == Version::HTTP_11 => {
            Some("the request has no Host header: HTTP/1.1 asks for one")
        }
        (Some(_), Some(_)) => Some("the request has more than one Host header: it takes one"),
        (Some(host), None) if !is_host(host.as_bytes()) => {
            Some("the Host header names no host: write a name or an address, and a port behind a colon")
        }
        _ => None,
    }
}

/// A name or an address, and perhaps a port (RFC 3986, 3.2.2). Nothing at all stands for a target that has no host.
fn is_host(value: &[u8]) -> bool {
    let (host, rest) = match value.iter().position(|byte| *byte == b']') {
        Some(end) if value[0] == b'[' => (&value[1..end], &value[end + 1..]),
        _ => value.split_at(value.iter().position(|byte| *byte == b':').unwrap_or(value.len())),
    };
    let bracketed = value.first() == Some(&b'[');
    let fits = |byte: &u8| match byte {
        b':' => bracketed,
        byte => byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte),
    };
    let port = match rest {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    value.is_empty() || (!host.is_empty() && host.iter().all(fits) && port)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for good in
            ["", "a", "A.example", "my_registry:5000", "10.0.0.1:80", "[::1]", "[::1]:5000", "a:", "%61"]
        {
            assert!(is_host(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "a b", "user@a", "a/b", "a?b", "a#b", "a:b", "a:1:2", "::1", ":80", "[]", "[::1", "[::1]a", "a]",
            "[a b]", "http://a", "\"a\"", "ä",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad:?}");
        }
    }
}
