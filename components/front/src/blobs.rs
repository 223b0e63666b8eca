//! Blobs (specification, "Pulling blobs", "Deleting Blobs").

use crate::Asked;
use crate::answer::Answer;
use crate::bindings::pierhead::host::http::{Action, Event};
use crate::bindings::pierhead::registry::blobs;
use crate::events;
use crate::failure::Refused;
use crate::lists::setting;
use names::{Digest, RepositoryName};
use protocol::conditional::{if_range, none_match};
use protocol::error::{Code, ErrorResponse};
use protocol::location;
use protocol::multipart::Multipart;
use protocol::range::{Requested, content_range, parse_range, unsatisfied_range};

/// What a blob is, as far as a registry knows.
const OCTETS: &str = "application/octet-stream";

/// GET, HEAD and DELETE of a blob.
pub async fn answer(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result<Answer, Refused> {
    match asked.head.method.as_str() {
        "HEAD" => head(asked, name, digest).await,
        "DELETE" => {
            blobs::delete(name.to_string(), digest.to_string()).await?;
            Ok(Answer::new(202).telling(|| events::deleted(Some(digest), None)))
        }
        _ => get(asked, name, digest).await,
    }
}

/// What is told of a blob that is there.
pub fn event(asked: &Asked<'_>, action: Action, name: &RepositoryName, digest: &Digest, size: u64) -> Event {
    events::of(asked, action, &location::blob(name, digest), digest.as_str(), OCTETS, size)
}

/// What every answer about a blob says of it. A blob never changes: whoever has it may keep it.
fn about(status: u16, digest: &Digest) -> Answer {
    Answer::new(status)
        .header("docker-content-digest", digest.as_str())
        .header("etag", format!("\"{digest}\""))
        .header("cache-control", "max-age=31536000")
}

/// What an answer with bytes says as well.
fn typed(status: u16, digest: &Digest, media_type: &str) -> Answer {
    about(status, digest).header("content-type", media_type).header("accept-ranges", "bytes")
}

fn known(asked: &Asked<'_>, digest: &Digest) -> bool {
    asked.head.if_none_match.as_deref().is_some_and(|header| !none_match(header, digest.as_str()))
}

async fn head(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result<Answer, Refused> {
    let size = match blobs::stat_now(name.as_str(), digest.as_str()) {
        Some(answer) => answer,
        None => blobs::stat(name.to_string(), digest.to_string()).await,
    }?;
    if known(asked, digest) {
        return Ok(about(304, digest));
    }
    Ok(typed(200, digest, OCTETS)
        .header("content-length", size.to_string())
        .telling(|| event(asked, Action::Pull, name, digest, size)))
}

async fn get(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result<Answer, Refused> {
    let content = match blobs::open_now(name.as_str(), digest.as_str()) {
        Some(answer) => answer,
        None => blobs::open(name.to_string(), digest.to_string()).await,
    }?;
    if known(asked, digest) {
        return Ok(about(304, digest));
    }
    let size = content.size();
    let pulled = || event(asked, Action::Pull, name, digest, size);
    if let Some(url) = content.elsewhere() {
        // Its parts are had there too: a client asks for the same range again (RFC 9110, 15.4).
        let answer = Answer::new(307).header("docker-content-digest", digest.as_str());
        return Ok(answer.header("location", url).telling(pulled));
    }
    let head = asked.head;
    let fresh = head.if_range.as_deref().is_none_or(|header| if_range(header, digest.as_str()));
    let requested = match head.range.as_deref().filter(|_| fresh) {
        Some(range) => parse_range(range, size),
        None => Requested::Whole,
    };
    let whole = |status| typed(status, digest, OCTETS).telling(pulled);
    match requested {
        Requested::Whole => Ok(whole(200).content(content, 0, size)),
        Requested::Part(part) => Ok(whole(206)
            .header("content-range", content_range(part.first, part.last, size))
            .content(content, part.first, part.length())),
        Requested::Parts(parts) => {
            let within = parts.len() <= setting("limits.ranges", 1024);
            Ok(match within.then(|| Multipart::new(digest, OCTETS, size, parts)).flatten() {
                Some(several) => {
                    typed(206, digest, &several.content_type).telling(pulled).parts(content, several)
                }
                None => whole(200).content(content, 0, size),
            })
        }
        Requested::Unsatisfiable => {
            let message = format!("the blob has {size} bytes: the range asked for lies outside of them");
            let error = ErrorResponse::new(Code::RangeInvalid).message(message);
            Err(Refused::from(error).header("content-range", unsatisfied_range(size)))
        }
    }
}
