//! Manifests (specification, "Pulling manifests", "Pushing Manifests", "Deleting Manifests").

use crate::Asked;
use crate::answer::Answer;
use crate::bindings::pierhead::host::http::{self, Action, Event};
use crate::bindings::pierhead::registry::manifests::{self, Pushed};
use crate::bindings::wasi::http::types::Request;
use crate::events;
use crate::failure::Refused;
use crate::lists::setting;
use crate::place::url;
use names::{Reference, RepositoryName, Tag, TagError};
use protocol::conditional::none_match;
use protocol::error::{Code, ErrorResponse};
use protocol::location;
use protocol::manifest::MANIFEST_LIMIT;
use protocol::query;

/// GET, HEAD, PUT and DELETE of a manifest.
pub async fn answer(
    asked: &Asked<'_>,
    name: &RepositoryName,
    reference: &Reference,
    request: Request,
) -> Result<Answer, Refused> {
    match asked.head.method.as_str() {
        "PUT" => put(asked, name, reference, request).await,
        "DELETE" => {
            manifests::delete(name.to_string(), reference.to_string()).await?;
            Ok(Answer::new(202).telling(|| match reference {
                Reference::Tag(tag) => events::deleted(None, Some(tag)),
                Reference::Digest(digest) => events::deleted(Some(digest), None),
            }))
        }
        _ => get(asked, name, reference).await,
    }
}

/// What is stored is served, whatever the Accept header says (docs/decisions/0004).
async fn get(asked: &Asked<'_>, name: &RepositoryName, reference: &Reference) -> Result<Answer, Refused> {
    let (wanted, tag) = match reference {
        Reference::Tag(tag) => (tag.as_str(), Some(tag)),
        Reference::Digest(digest) => (digest.as_str(), None),
    };
    let found = match manifests::get_now(name.as_str(), wanted) {
        Some(found) => found,
        None => manifests::get(name.to_string(), wanted.to_owned()).await,
    }?;
    let unchanged =
        asked.head.if_none_match.as_deref().is_some_and(|header| !none_match(header, &found.digest));
    let answer = Answer::new(if unchanged { 304 } else { 200 })
        .header("etag", format!("\"{}\"", found.digest))
        .header("docker-content-digest", found.digest.as_str());
    if unchanged {
        return Ok(answer);
    }
    let size = found.content.size();
    let event = || {
        let tags = tag.map(Tag::to_string).into_iter().collect();
        Event { tags, ..about(asked, Action::Pull, name, &found.digest, &found.media_type, size) }
    };
    let answer = answer.telling(event).header("content-type", found.media_type);
    Ok(match asked.head.method.as_str() {
        "HEAD" => answer.header("content-length", size.to_string()),
        _ => answer.content(found.content, 0, size),
    })
}

async fn put(
    asked: &Asked<'_>,
    name: &RepositoryName,
    reference: &Reference,
    request: Request,
) -> Result<Answer, Refused> {
    let mut tags = tags(asked)?;
    let bytes = http::read_body(request, MANIFEST_LIMIT as u32).await?;
    let pushed = Pushed {
        reference: reference.to_string(),
        tags: tags.clone(),
        content_type: asked.head.content_type.clone(),
        bytes,
    };
    let stored = manifests::put(name.to_string(), pushed).await?;
    let mut answer = Answer::new(201)
        .header("location", url(asked, &location::manifest(name, &stored.digest)))
        .header("docker-content-digest", stored.digest.as_str());
    if let Some(subject) = stored.subject {
        answer = answer.header("oci-subject", subject);
    }
    if !tags.is_empty() {
        answer = answer.header("oci-tag", tags.join(", "));
    }
    let answer = answer.telling(|| {
        if let Reference::Tag(tag) = reference
            && !tags.iter().any(|other| other == tag.as_str())
        {
            tags.insert(0, tag.to_string());
        }
        Event { tags, ..about(asked, Action::Push, name, &stored.digest, &stored.media_type, stored.size) }
    });
    Ok(stored.warnings.iter().fold(answer, |answer, text| answer.warning(text)))
}

fn about(
    asked: &Asked<'_>,
    action: Action,
    name: &RepositoryName,
    digest: &str,
    media_type: &str,
    size: u64,
) -> Event {
    events::of(asked, action, &location::manifest(name, digest), digest, media_type, size)
}

/// The tags that the query adds to what the path names: `?tag=1.2&tag=1` (specification, "Pushing Manifests").
fn tags(asked: &Asked<'_>) -> Result<Vec<String>, Refused> {
    let limit = setting("limits.tags", 100);
    let mut tags: Vec<String> = Vec::new();
    for (_, text) in query::pairs(asked.query).filter(|(name, _)| name == "tag") {
        let tag: Tag = text
            .parse()
            .map_err(|why: TagError| ErrorResponse::new(Code::TagInvalid).message(format!("tag: {why}")))?;
        if !tags.iter().any(|known| known == tag.as_str()) {
            tags.push(tag.to_string());
        }
        if tags.len() > limit {
            let message = format!("a request names at most {limit} tags (limits.tags)");
            return Err(ErrorResponse::new(Code::TagInvalid).status(414).message(message).into());
        }
    }
    Ok(tags)
}
