//! Lists, read page by page: sorted, nothing twice, all that was there from the first request to the last, and
//! nothing that was not.
use crate::answers::{Result, expect, found};
use crate::model::{Cell, Claim, Outcome, short};
use crate::operations::Client;
use crate::pool::{REPOSITORIES, SBOM, TAGS};
use names::{Digest, RepositoryName};
use serde_json::Value;
use tests::{OCI_INDEX, Request, Response};

/// More pages than any list here has entries.
const PAGES: usize = 50;

impl Client<'_> {
    pub fn list_tags(&mut self, repository: &'static str) {
        let page = self.page();
        self.record(format!("list the tags of {repository}{page}"), |client| {
            let mut next = Some(format!("/v2/{repository}/tags/list{page}"));
            let mut listed = Vec::new();
            let mut claim = Claim::Listed(repository);
            while let Some(target) = next {
                let Some(response) = found(client.ask(&Request::get(&target))?, 200, "NAME_UNKNOWN")? else {
                    claim = Claim::Unlisted(repository);
                    break;
                };
                next = add_page(&mut listed, texts(&response, "tags")?, &response, &target)?;
            }
            ascending(&listed)?;
            let unknown = listed.iter().find(|name| !TAGS.contains(&name.as_str()));
            if let Some(unknown) = unknown {
                return Err(format!("nobody ever pushed the tag {unknown}"));
            }
            let answer = format!("{listed:?}, {claim}");
            Ok(TAGS.into_iter().fold(Outcome::new(answer).claimed(claim), |outcome, tag| {
                let cell = Cell::Tag(repository, tag);
                match listed.iter().any(|name| name == tag) {
                    true => outcome.claimed(Claim::HeldSome(cell)),
                    false => outcome.saw(cell, None),
                }
            }))
        });
    }

    pub fn list_repositories(&mut self) {
        let page = self.page();
        self.record(format!("list the repositories{page}"), |client| {
            let mut next = Some(format!("/v2/_catalog{page}"));
            let mut listed = Vec::new();
            while let Some(target) = next {
                let response = expect(client.ask(&Request::get(&target))?, 200)?;
                next = add_page(&mut listed, texts(&response, "repositories")?, &response, &target)?;
            }
            let names = listed.iter().map(|name| name.parse::<RepositoryName>());
            let names: std::result::Result<Vec<_>, _> = names.collect();
            ascending(&names.map_err(|why| format!("{listed:?}: {why}"))?)?;
            let unknown = listed.iter().find(|name| !REPOSITORIES.contains(&name.as_str()));
            if let Some(unknown) = unknown {
                return Err(format!("nobody ever pushed to {unknown}"));
            }
            let outcome = Outcome::new(format!("{listed:?}"));
            Ok(REPOSITORIES.into_iter().fold(outcome, |outcome, repository| {
                outcome.claimed(match listed.iter().any(|name| name == repository) {
                    true => Claim::Listed(repository),
                    false => Claim::Unlisted(repository),
                })
            }))
        });
    }

    pub fn list_referrers(&mut self, repository: &'static str, subject: &Digest) {
        let filtered = self.random.below(3) == 0;
        let mut page = self.page();
        if filtered {
            page.push(if page.is_empty() { '?' } else { '&' });
            page.push_str("artifactType=");
            page.push_str(SBOM);
        }
        self.record(format!("list the referrers of {} in {repository}{page}", short(subject)), |client| {
            let mut next = Some(format!("/v2/{repository}/referrers/{subject}{page}"));
            let mut listed = Vec::new();
            while let Some(target) = next {
                let response = expect(client.ask(&Request::get(&target))?, 200)?;
                let applied = response.header("OCI-Filters-Applied");
                let is_index = response.header("Content-Type") == Some(OCI_INDEX);
                if !is_index || applied != filtered.then_some("artifactType") {
                    return Err(format!("no list of referrers to {target}: {response}"));
                }
                next = add_page(&mut listed, entries(&response, "manifests")?, &response, &target)?;
            }
            // In which order is the registry's business, as long as none comes twice.
            let mut digests: Vec<_> = listed.iter().filter_map(|entry| entry["digest"].as_str()).collect();
            digests.sort_unstable();
            ascending(&digests)?;
            let of_subject = |digest: &Option<Digest>| digest.as_ref() == Some(subject);
            let mut outcome = Outcome::new(format!("{} of them", listed.len()));
            for manifest in client.pool.manifests.iter().filter(|manifest| of_subject(&manifest.subject)) {
                if filtered && manifest.artifact_type() != Some(SBOM) {
                    continue;
                }
                let at = listed.iter().position(|entry| *entry == manifest.descriptor);
                at.map(|at| listed.swap_remove(at));
                let cell = Cell::Manifest(repository, manifest.digest.clone());
                outcome = outcome.saw(cell, at.map(|_| &manifest.digest));
            }
            match listed.first() {
                Some(entry) => Err(format!("this is no descriptor of a referrer: {entry}")),
                None => Ok(outcome),
            }
        });
    }

    /// A query that asks for pages, mostly.
    fn page(&mut self) -> String {
        match self.random.below(5) {
            0 => String::new(),
            n => format!("?n={n}"),
        }
    }
}

fn entries(response: &Response, field: &str) -> Result<Vec<Value>> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    body[field].as_array().cloned().ok_or_else(|| format!("a list of {field} was due: {response}"))
}

fn texts(response: &Response, field: &str) -> Result<Vec<String>> {
    let texts = entries(response, field)?.into_iter().map(|entry| entry.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().ok_or_else(|| format!("a list of texts was due: {response}"))
}

/// Adds the entries of a page, and returns where the next one is.
fn add_page<T>(
    listed: &mut Vec<T>,
    page: Vec<T>,
    response: &Response,
    target: &str,
) -> Result<Option<String>> {
    let limit = target.split(['?', '&']).find_map(|part| part.strip_prefix("n=")?.parse().ok());
    if limit.is_some_and(|limit: usize| page.len() > limit) || listed.len() > PAGES {
        return Err(format!("more than was asked for by {target}: {response}"));
    }
    listed.extend(page);
    let Some(link) = response.header("Link") else { return Ok(None) };
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    match next.filter(|next| *next != target) {
        Some(next) => Ok(Some(next.to_owned())),
        None => Err(format!("this leads nowhere: {response}")),
    }
}

fn ascending<T: PartialOrd + std::fmt::Debug>(listed: &[T]) -> Result<()> {
    match listed.is_sorted_by(|one, next| one < next) {
        true => Ok(()),
        false => Err(format!("out of order, or twice: {listed:?}")),
    }
}
