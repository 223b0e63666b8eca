//! Apache's combined log format, as distribution writes it: the one line that tools for web servers read.

use super::{AccessLine, MORE, cut, shown};
use crate::socket::Peer;
use http::header::HeaderValue;
use std::io::Write;
use std::time::SystemTime;
use time::OffsetDateTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The line of a request, with its end. The time is that of the request's beginning, in UTC.
pub(super) fn line(of: &AccessLine) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    write(of, &mut line).expect("memory takes all that is written to it");
    line
}

fn write(of: &AccessLine, line: &mut Vec<u8>) -> std::io::Result<()> {
    match (of.client, of.remote) {
        (Some(client), _) => write!(line, "{client}")?,
        (None, Peer::Internet(address)) => write!(line, "{}", address.ip().to_canonical())?,
        (None, Peer::Local) => line.push(b'@'),
    }
    line.extend_from_slice(b" - ");
    match of.note.as_ref().and_then(|note| note.user.as_deref()).filter(|user| !user.is_empty()) {
        // Not even a space: the columns after it would be others.
        Some(user) => cut(user).split(' ').enumerate().for_each(|(at, part)| {
            line.extend_from_slice(if at > 0 { b"\\x20" } else { b"" });
            escape(part.as_bytes(), line);
        }),
        None => line.push(b'-'),
    }
    let at = OffsetDateTime::from(SystemTime::now() - of.begun.elapsed());
    let month = MONTHS[usize::from(u8::from(at.month())) - 1];
    let (hour, minute, second) = at.time().as_hms();
    write!(line, " [{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000] \"", at.day(), at.year())?;
    put(of.method.as_str().as_bytes(), line);
    line.push(b' ');
    put(of.target().as_bytes(), line);
    write!(line, " {:?}\" {} {} \"", of.version, of.status, of.sent)?;
    put(of.referer.as_ref().map_or(b"", HeaderValue::as_bytes), line);
    line.extend_from_slice(b"\" \"");
    put(of.agent.as_ref().map_or(b"", HeaderValue::as_bytes), line);
    line.extend_from_slice(b"\"\n");
    Ok(())
}

/// Adds what a client sent, as far as it is shown.
fn put(bytes: &[u8], line: &mut Vec<u8>) {
    let (part, rest) = bytes.split_at(shown(bytes));
    escape(part, line);
    if !rest.is_empty() {
        escape(MORE.as_bytes(), line);
    }
}

/// Adds what a client sent, so that it neither ends a line nor a column: quotes and backslashes behind a backslash, and
/// all that is not printable ASCII as `\x0a`.
fn escape(bytes: &[u8], line: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => line.push(byte),
            _ => write!(line, "\\x{byte:02x}").expect("memory takes all that is written to it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RequestId;
    use crate::state::Note;
    use std::time::Instant;

    fn line(user: Option<&str>, uri: &str, agent: &'static [u8]) -> String {
        let user = user.map(Into::into);
        let note = Note { route: String::new(), repository: None, reference: None, user, event: None };
        let of = AccessLine {
            id: RequestId(1),
            remote: Peer::Internet("[::ffff:10.1.2.3]:4711".parse().unwrap()),
            client: None,
            begun: Instant::now(),
            method: http::Method::GET,
            note: Some(note),
            uri: uri.parse().unwrap(),
            version: http::Version::HTTP_11,
            referer: None,
            agent: Some(HeaderValue::from_bytes(agent).unwrap()),
            status: 200,
            sent: 12,
            body: None,
            complete: true,
            refusal: None,
            counted: None,
            told: None,
        };
        String::from_utf8(super::line(&of)).unwrap()
    }

    #[test]
    fn a_line_has_the_columns_of_apaches_combined_format() {
        let line = line(Some("alice"), "/v2/a/tags/list?n=1", b"docker/29.0 (linux)");
        let (before, after) = line.split_once(" [").unwrap();
        assert_eq!(before, "10.1.2.3 - alice");
        let (time, after) = after.split_once("] ").unwrap();
        assert_eq!((time.len(), &time[2..3], &time[6..7]), (26, "/", "/"), "{time}");
        assert_eq!(after, "\"GET /v2/a/tags/list?n=1 HTTP/1.1\" 200 12 \"\" \"docker/29.0 (linux)\"\n");
    }

    #[test]
    fn what_a_client_sends_ends_neither_the_line_nor_a_column() {
        let line = line(Some("a b\" [\n"), "/\"%0a", b"x\" 200\t\\\xff");
        assert!(line.starts_with("10.1.2.3 - a\\x20b\\\"\\x20[\\x0a ["), "{line}");
        assert!(line.contains("\"GET /\\\"%0a HTTP/1.1\""), "{line}");
        assert!(line.ends_with("\"x\\\" 200\\x09\\\\\\xff\"\n"), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert!(self::line(None, "/", b"").starts_with("10.1.2.3 - - ["));
    }

    #[test]
    fn of_what_is_long_the_beginning_stands_in_the_line() {
        let long = "é".repeat(5000);
        let beginning = |first: &str| format!("{first}{}\\xe2\\x80\\xa6", "\\xc3\\xa9".repeat(1023));
        // The 2048th byte is the first of two, or no text at all.
        let agent: &'static [u8] = format!("x{long}").leak().as_bytes();
        let line = line(Some(&format!("y{long}")), &format!("/{long}"), agent);
        assert!(line.contains(&format!(" - {} [", beginning("y"))), "{line}");
        assert!(line.contains(&format!("\"GET {} HTTP/1.1\"", beginning("/"))), "{line}");
        assert!(line.ends_with(&format!(" \"{}\"\n", beginning("x"))), "{line}");
        let bytes = self::line(None, "/", vec![0xff; 5000].leak());
        assert!(bytes.ends_with(&format!(" \"{}\\xe2\\x80\\xa6\"\n", "\\xff".repeat(2048))), "{bytes}");
        let whole = self::line(None, &format!("/{}", "a".repeat(2047)), &[b'b'; 2048]);
        assert!(whole.contains(&"a".repeat(2047)) && !whole.contains("\\xe2"), "{whole}");
    }
}
