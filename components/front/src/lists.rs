//! Lists (specification, "Listing Tags", "Listing Referrers"; the catalogue is distribution's).

use crate::Asked;
use crate::answer::Answer;
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::registry::manifests;
use crate::bindings::pierhead::registry::types::Readable;
use crate::bindings::pierhead::storage::types::ReferrersQuery;
use crate::failure::Refused;
use crate::place;
use names::{Digest, RepositoryName};
use protocol::location;
use protocol::manifest::{MANIFEST_LIMIT, OCI_INDEX};
use protocol::paging::{Limits, Paging, last_name_up_to, next_link};
use protocol::query;

/// The most that a list holds which no `n` bounds; beyond it there is a Link to the rest.
const UNBOUNDED: usize = 100_000;

/// A number of the configuration, where 0 is the default.
pub fn setting(name: &str, default: usize) -> usize {
    config::get(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(default)
}

/// Appends `["a","b"]`. The grammar of what is listed has no character that JSON would escape.
fn write_names(out: &mut String, names: &[String]) {
    out.push('[');
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(name);
        out.push('"');
    }
    out.push(']');
}

/// The answer, with a Link to the next page where there is one and the client wants pages.
fn page(
    asked: &Asked<'_>,
    path: &str,
    paging: &Paging,
    names: &[String],
    more: bool,
    body: String,
) -> Answer {
    let answer = Answer::new(200).json(body);
    match names.last().filter(|_| more) {
        Some(last) => {
            let path = place::path(asked, path);
            answer.header("link", next_link(&path, paging.n.unwrap_or(UNBOUNDED), last))
        }
        None => answer,
    }
}

/// GET of a repository's tags.
pub async fn tags(asked: &Asked<'_>, name: &RepositoryName) -> Result<Answer, Refused> {
    let paging = Paging::parse(asked.query, Limits::tags(setting("tags.maxtags", 1000)))?;
    let limit = paging.n.unwrap_or(UNBOUNDED) as u32;
    let found = match manifests::tags_now(name.as_str(), paging.last.as_deref(), limit) {
        Some(found) => found,
        None => manifests::tags(name.to_string(), paging.last.clone(), limit).await,
    }?;
    let mut body = String::with_capacity(64 + found.names.iter().map(|name| name.len() + 3).sum::<usize>());
    body.push_str("{\"name\":\"");
    body.push_str(name.as_str());
    body.push_str("\",\"tags\":");
    write_names(&mut body, &found.names);
    body.push_str("}\n");
    Ok(page(asked, &location::tags(name), &paging, &found.names, found.more, body))
}

/// GET of the catalogue, as far as whoever asks may read it.
pub async fn catalog(asked: &Asked<'_>, readable: &Readable) -> Result<Answer, Refused> {
    let paging = Paging::parse(asked.query, Limits::catalog(setting("catalog.maxentries", 1000)))?;
    let limit = paging.n.unwrap_or(UNBOUNDED) as u32;
    // A store is asked for what comes after a name; the text need not be one.
    let last = paging.last.as_deref().and_then(last_name_up_to).map(|name| name.to_string());
    let found = manifests::repositories(last, limit, readable.clone()).await?;
    let mut body = String::from("{\"repositories\":");
    write_names(&mut body, &found.names);
    body.push_str("}\n");
    Ok(page(asked, location::CATALOG, &paging, &found.names, found.more, body))
}

/// GET of a manifest's referrers: an index, which is empty where there are none, whether or not there is such a
/// manifest or such a repository. It is no larger than a manifest may be, unless a single referrer's annotations are.
pub async fn referrers(
    asked: &Asked<'_>,
    name: &RepositoryName,
    subject: &Digest,
) -> Result<Answer, Refused> {
    let paging = Paging::parse(asked.query, Limits::referrers(setting("referrers.maxentries", 1000)))?;
    let artifact_type = query::first(asked.query, "artifactType").filter(|wanted| !wanted.is_empty());
    let wanted = ReferrersQuery {
        subject: subject.to_string(),
        artifact_type: artifact_type.as_deref().map(Into::into),
        after: paging.last.clone(),
        limit: paging.n.unwrap_or(UNBOUNDED) as u32,
        room: MANIFEST_LIMIT as u32 - 1024,
    };
    let found = match manifests::referrers_now(name.as_str(), &wanted) {
        Some(found) => found,
        None => manifests::referrers(name.to_string(), wanted).await,
    }?;
    let start = "{\"schemaVersion\":2,\"mediaType\":\"";
    let body = [start, OCI_INDEX, "\",\"manifests\":", &found.descriptors, "}"].concat();
    let mut answer = Answer::new(200).header("content-type", OCI_INDEX).bytes(body);
    if artifact_type.is_some() {
        answer = answer.header("oci-filters-applied", "artifactType");
    }
    if let (Some(last), Some(n @ 1..)) = (found.more, paging.n) {
        let path = place::path(asked, &location::referrers(name, subject, artifact_type.as_deref()));
        answer = answer.header("link", next_link(&path, n, &last));
    }
    Ok(answer)
}
