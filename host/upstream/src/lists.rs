//! Lists, which come in pages.

use crate::{Error, Upstream, read};
use http::header::LINK;
use http::{HeaderMap, Method};
use names::{Digest, RepositoryName, Tag};
use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How many bytes a page may have.
const MAX_PAGE: usize = 8 << 20;

/// How many bytes a list may have.
const MAX_LIST: usize = 32 << 20;

/// How many pages a list may have.
const MAX_PAGES: usize = 1000;

/// How many entries a list may have.
const MAX_ENTRIES: usize = 200_000;

/// How long it may take until a list is whole.
const MAX_TIME: Duration = Duration::from_secs(120);

/// How many entries a page is asked to have.
const PER_PAGE: &str = "?n=1000";

#[derive(Deserialize)]
struct Tags {
    // An empty list is null for some.
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Referrers {
    manifests: Option<Vec<Box<RawValue>>>,
}

/// Of a descriptor what is needed to find it.
#[derive(Deserialize)]
struct Named {
    digest: String,
}

/// A manifest that is about another one.
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its descriptor, as JSON.
    pub descriptor: String,
}

impl Upstream {
    /// All tags of a repository, in bytewise order; `None` where there is no such repository.
    pub async fn tags(&self, name: &RepositoryName) -> Result<Option<Vec<String>>, Error> {
        let url = self.at(&format!("{name}/tags/list{PER_PAGE}"))?;
        let pages: Option<Vec<Tags>> =
            self.pages(name, url, |page: &Tags| page.tags.as_ref().map_or(0, Vec::len)).await?;
        Ok(pages.map(|pages| {
            let tags = pages.into_iter().flat_map(|page| page.tags.unwrap_or_default());
            // Whatever else there is could not be asked for.
            let mut tags: Vec<String> = tags.filter(|tag| tag.parse::<Tag>().is_ok()).collect();
            tags.sort_unstable();
            tags.dedup();
            tags
        }))
    }

    /// All manifests that are about one, in the order of their digests; `None` where the registry has no such list.
    pub async fn referrers(
        &self,
        name: &RepositoryName,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, Error> {
        let url = self.at(&format!("{name}/referrers/{subject}"))?;
        let count = |page: &Referrers| page.manifests.as_ref().map_or(0, Vec::len);
        let pages: Option<Vec<Referrers>> = self.pages(name, url, count).await?;
        Ok(pages.map(|pages| in_order(pages.into_iter().flat_map(|page| page.manifests.unwrap_or_default()))))
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        name: &RepositoryName,
        first: Url,
        count: fn(&T) -> usize,
    ) -> Result<Option<Vec<T>>, Error> {
        let late = || Err(Error::odd(&first, format!("has a list that is not whole within {MAX_TIME:?}")));
        timeout(MAX_TIME, self.all_pages(name, first.clone(), count)).await.unwrap_or_else(|_| late())
    }

    async fn all_pages<T: DeserializeOwned>(
        &self,
        name: &RepositoryName,
        first: Url,
        count: fn(&T) -> usize,
    ) -> Result<Option<Vec<T>>, Error> {
        let (mut pages, mut entries, mut bytes, mut url) = (Vec::new(), 0, 0, first);
        loop {
            let Some(answer) = self.ask(Method::GET, name, url.clone(), HeaderMap::new()).await? else {
                return Ok(None);
            };
            let next = next(&answer, &url);
            let page = read(answer, MAX_PAGE, &url).await?;
            bytes += page.len();
            let page: T = serde_json::from_slice(&page)
                .map_err(|error| Error::odd(&url, format!("answers with no list: {error}")))?;
            entries += count(&page);
            pages.push(page);
            if pages.len() > MAX_PAGES || entries > MAX_ENTRIES || bytes > MAX_LIST {
                let what = format!(
                    "has a list of more than {MAX_ENTRIES} entries, {MAX_PAGES} pages or {MAX_LIST} bytes"
                );
                return Err(Error::odd(&url, what));
            }
            match next {
                None => return Ok(Some(pages)),
                Some(next) => url = next,
            }
        }
    }
}

/// What an index lists, in the order of digests: of the referrers that clients keep under a tag where a registry has no list of them
/// (OCI Distribution Specification, "Referrers Tag Schema").
pub fn referrers_in(index: &[u8]) -> Vec<Referrer> {
    let index: Option<Referrers> = serde_json::from_slice(index).ok();
    in_order(index.and_then(|index| index.manifests).unwrap_or_default())
}

fn in_order(found: impl IntoIterator<Item = Box<RawValue>>) -> Vec<Referrer> {
    let descriptor = |found: Box<RawValue>| {
        let Named { digest } = serde_json::from_str(found.get()).ok()?;
        Some(Referrer { digest: digest.parse().ok()?, descriptor: found.get().to_owned() })
    };
    let mut found: Vec<Referrer> = found.into_iter().filter_map(descriptor).collect();
    found.sort_by(|one, other| one.digest.as_str().cmp(other.digest.as_str()));
    found.dedup_by(|one, other| one.digest == other.digest);
    found
}

/// Where the next page is (RFC 8288), if that is the same registry.
fn next(answer: &Response, url: &Url) -> Option<Url> {
    let links = answer.headers().get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    links.filter_map(|link| next_of(link, url)).next()
}

fn next_of(link: &str, url: &Url) -> Option<Url> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        })
    });
    url.join(target).ok().filter(|next| is_next && next.origin() == url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_with_the_same_registry() {
        let url = Url::parse("https://r.example/v2/a/tags/list?n=1").unwrap();
        let next = |link: &str| next_of(link, &url).map(|url| url.to_string());
        let there = Some("https://r.example/v2/a/tags/list?n=1&last=b".to_owned());
        assert_eq!(next("</v2/a/tags/list?n=1&last=b>; rel=\"next\""), there);
        assert_eq!(next(" <https://r.example/v2/a/tags/list?n=1&last=b>;rel=next"), there);
        assert_eq!(next("<https://other.example/v2/>; rel=\"next\""), None);
        assert_eq!(next("</v2/a/tags/list?n=1&last=b>; rel=\"prev\""), None);
        assert_eq!(next("nonsense"), None);
    }
}
