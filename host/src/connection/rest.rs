//! What becomes of a request's body that nobody has read when the answer is there.

use crate::body::RequestBody;
use crate::config::Limits;
use crate::io::Unread;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Version, request, response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::timeout;

/// How much is read off, so that the connection can have another request. It is what Go's net/http reads off, by which
/// most clients of registries are made.
const READ_OFF: u64 = 256 << 10;

/// How long an answer waits for the end of a body that has not said its length: whether the connection ends has to be
/// said before.
const UNKNOWN_END: Duration = Duration::from_millis(250);

/// How much of a stream is read off, and for how long: curl sends a megabyte before it looks at the answer.
const STREAM_READ_OFF: u64 = 4 << 20;
const STREAM_END: Duration = Duration::from_secs(1);

/// How many streams of one connection are read off at a time.
const STREAMS: usize = 8;

/// What the client said of its connection.
#[derive(Clone, Copy)]
pub struct Manner {
    version: Version,
    /// Whether it has another use for the connection.
    stays: bool,
    /// Whether it sends the body only when it is asked to.
    waits: bool,
}

impl Manner {
    /// That of a request.
    pub fn of(head: &request::Parts) -> Manner {
        let stays = head.version == Version::HTTP_11 && !says_close(&head.headers);
        Manner { version: head.version, stays, waits: head.headers.contains_key(header::EXPECT) }
    }
}

fn says_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("close"))
}

/// Sees to the rest of a body of which `read` bytes were read: a short one is read off, while the answer is sent or
/// after it, and of any other the answer says that it ends the connection.
pub async fn settle(
    rest: Incoming,
    read: u64,
    manner: Manner,
    limits: &Limits,
    unread: &Unread,
    answer: &mut response::Parts,
) {
    // The client may still be sending it. It gets its answer all the same: should the connection end before all of it
    // has come, it is closed in halves (see `Io`).
    unread.add();
    if manner.version == Version::HTTP_2 {
        stream(rest, limits, unread, answer);
        return;
    }
    let length = rest.size_hint().exact();
    let asked_for = read > 0 || !manner.waits;
    if manner.stays && asked_for && length.is_none_or(|length| length <= READ_OFF) {
        let rest = RequestBody::new(rest, limits.idletimeout);
        let (unread, linger) = (unread.clone(), limits.lingertime);
        if length.is_some() {
            tokio::task::spawn_local(async move {
                if let Ok(true) = timeout(linger, read_off(rest, READ_OFF)).await {
                    unread.remove();
                }
            });
            return;
        }
        if let Ok(true) = timeout(UNKNOWN_END.min(limits.idletimeout), read_off(rest, READ_OFF)).await {
            unread.remove();
            return;
        }
    }
    // To a client of HTTP/1.0 hyper would say the opposite too, were the answer of another version.
    answer.version = manner.version;
    answer.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Sees to the rest over HTTP/2, where a stream ends without the connection. To end it with the answer is allowed (RFC 9113,
/// 8.1), but curl loses a refusal then: so what comes is read off, until the client has the answer and stops by itself. One
/// that does not, and one of many on the connection, is not waited for.
fn stream(rest: Incoming, limits: &Limits, unread: &Unread, answer: &response::Parts) {
    let refused = answer.status.is_client_error() || answer.status.is_server_error();
    if !refused || unread.count() > STREAMS {
        unread.remove();
        return;
    }
    let (rest, unread) = (RequestBody::new(rest, limits.idletimeout), unread.clone());
    let wait = STREAM_END.min(limits.lingertime);
    tokio::task::spawn_local(async move {
        let _ = timeout(wait, read_off(rest, STREAM_READ_OFF)).await;
        unread.remove();
    });
}

/// Whether the body came to its end with `most` bytes.
async fn read_off(mut rest: RequestBody, most: u64) -> bool {
    while let Some(frame) = rest.frame().await {
        if frame.is_err() || rest.bytes_read() > most {
            return false;
        }
    }
    true
}
