//! A pull-through cache: what is pulled and not here comes from another registry, and stays for the next who pulls it
//! (docs/decisions/0019).
//!
//! A digest names the same bytes for ever, so what lies here under one is served without asking. A tag is asked for each time,
//! and what it named last is served where the upstream registry does not answer.

mod coming;
mod counters;
mod direct;
mod expiry;
mod fetch;
mod manifests;
mod turns;

pub use counters::Counters;
pub use direct::Direct;

use crate::config::Proxy;
use crate::storage::{Content, Error, OpenError, blocking};
use expiry::Expiry;
use fetch::Fetches;
use names::{Digest, Reference, RepositoryName};
use protocol::manifest::artifact_type_of;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::{CacheOf, Manifest, Store};
use tree::{DescriptorPage, Page, ReferrersPage, ReferrersQuery};
use turns::Turns;
use upstream::{Kind, Upstream, referrers_in};

/// How long a list of tags is gone on with, of which somebody has the first page.
const PAGED: Duration = Duration::from_secs(60);

/// A cache of another registry.
#[derive(Clone)]
pub struct PullThrough {
    /// Where it keeps what it has fetched.
    pub store: Store,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Upstream,
    fetches: Fetches,
    /// Manifests that are being fetched.
    manifests: Turns,
    /// When the upstream registry did not answer last, and what was wrong.
    silent: Mutex<Option<(Instant, Arc<Error>)>>,
    /// The tags of the repository whose list was asked for last.
    tags: Mutex<Option<List>>,
    expiry: Expiry,
    counters: Counters,
}

/// All tags of a repository, and since when they are known.
struct List {
    name: RepositoryName,
    since: Instant,
    tags: Arc<Vec<String>>,
}

impl PullThrough {
    /// A cache of the registry that the settings name, in a store.
    ///
    /// # Errors
    /// That registry cannot be asked: its URL is none. Or the store is a cache of another one.
    pub fn new(settings: &Proxy, url: &str, store: Store) -> Result<PullThrough, OpenError> {
        let username = Some(settings.username.clone()).filter(|name| !name.is_empty());
        let password = settings.password.as_ref().map(|password| password.reveal().to_owned());
        let of = store.begin_cache(url)?;
        if let CacheOf::Another { url, file } = of {
            return Err(OpenError::CacheOf { url, file });
        }
        let shared = Shared {
            upstream: Upstream::new(upstream::Options { url: url.to_owned(), username, password })?,
            fetches: Fetches::new(settings.fetches, settings.maxsize as u64),
            tags: Mutex::default(),
            manifests: Turns::default(),
            silent: Mutex::default(),
            expiry: Expiry::begin(settings, &of, store.clone()),
            counters: Counters::default(),
        };
        Ok(PullThrough { store, shared: Arc::new(shared) })
    }

    /// Says in the log whether the upstream registry can be asked, on a thread of its own.
    pub fn tell(&self) {
        let shared = self.shared.clone();
        let work = move || {
            let url = shared.upstream.url();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let checked = runtime.map(|runtime| runtime.block_on(shared.upstream.check()));
            match checked {
                Ok(Ok(())) => tracing::info!(url, "a cache of another registry"),
                Ok(Err(error)) => {
                    tracing::warn!(url, %error, "a cache of another registry that cannot be asked")
                }
                Err(error) => {
                    tracing::warn!(url, %error, "a cache of another registry; whether that can be asked is not known")
                }
            }
        };
        // Requests will tell, where there can be no thread.
        let _ = std::thread::Builder::new().name("upstream".into()).spawn(work);
    }

    /// What it counts.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Asks the store, where that may wait for the disk.
    async fn here<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store.clone();
        blocking(move || ask(&store)).await
    }

    /// How many bytes a repository's blob has, here or there.
    pub async fn stat_blob(&self, name: RepositoryName, blob: Digest) -> Result<Option<u64>, Error> {
        let at = (name.clone(), blob.clone());
        if let Some(size) = self.here(move |store| store.stat_blob(&at.0, &at.1)).await? {
            return Ok(Some(size));
        }
        unless_denied(&name, self.shared.upstream.stat(&name, &blob).await)
    }

    /// The same from memory, where it is here, or `None`.
    pub fn stat_blob_now(&self, name: &RepositoryName, blob: &Digest) -> Option<u64> {
        self.store.stat_blob_now(name, blob)?.ok()?
    }

    /// Opens a repository's blob, which is fetched if it is not here.
    pub async fn open_blob(&self, name: RepositoryName, blob: Digest) -> Result<Option<Content>, Error> {
        let at = (name.clone(), blob.clone());
        if let Some(found) = self.here(move |store| store.open_blob(&at.0, &at.1)).await? {
            self.shared.counters.hit("blob", found.size());
            return Ok(Some(Content::Files(found)));
        }
        let found = self.fetched(&name, &blob).await;
        let size = found.as_ref().ok().and_then(Option::as_ref).map_or(0, Content::size);
        self.shared.counters.missed("blob", size);
        found
    }

    /// The same from memory or page cache, where it is here, or `None`.
    pub fn open_blob_now(&self, name: &RepositoryName, blob: &Digest) -> Option<Content> {
        let found = self.store.open_blob_now(name, blob)?.ok()??;
        self.shared.counters.hit("blob", found.size());
        Some(Content::Files(found))
    }

    /// The manifest that a tag or a digest names.
    pub async fn manifest(&self, name: RepositoryName, wanted: Reference) -> Result<Option<Manifest>, Error> {
        let counters = &self.shared.counters;
        let (found, was_here) = match wanted {
            Reference::Digest(digest) => self.by_digest(&name, &digest, None).await?,
            Reference::Tag(tag) => self.by_tag(&name, &tag).await?,
        };
        let size = found.as_ref().map_or(0, |found| found.bytes.len() as u64);
        match was_here {
            true => counters.hit("manifest", size),
            false => counters.missed("manifest", size),
        }
        Ok(found)
    }

    /// The manifest that a digest names from memory or page cache, where it is here, or `None`.
    pub fn manifest_now(&self, name: &RepositoryName, wanted: &Reference) -> Option<Manifest> {
        let Reference::Digest(_) = wanted else { return None };
        let found = self.store.manifest_now(name, wanted)?.ok()??;
        self.shared.counters.hit("manifest", found.bytes.len() as u64);
        Some(found)
    }

    /// The tags of a repository after `after`, `limit` at most: of the upstream registry, or those that are here where it does not
    /// answer.
    pub async fn tags(
        &self,
        name: RepositoryName,
        after: Option<String>,
        limit: usize,
    ) -> Result<Option<Page>, Error> {
        match self.all_tags(&name, after.is_some()).await {
            Ok(None) => Ok(None),
            Ok(Some(tags)) => {
                let begin = after.map_or(0, |after| tags.partition_point(|tag| *tag <= after));
                let end = tags.len().min(begin.saturating_add(limit));
                Ok(Some(Page { names: tags[begin..end].to_vec(), more: end < tags.len() }))
            }
            Err(error) => {
                let at = name.clone();
                let here = self.here(move |store| store.tags(&at, after.as_deref(), limit)).await?;
                instead(&name, "what tags are here", here, error)
            }
        }
    }

    /// All tags of a repository, as they are now or, for who `goes_on` with a list, were a moment ago.
    async fn all_tags(
        &self,
        name: &RepositoryName,
        goes_on: bool,
    ) -> Result<Option<Arc<Vec<String>>>, upstream::Error> {
        let known = |list: &List| list.name == *name && list.since.elapsed() < PAGED;
        let last = || self.shared.tags.lock().unwrap_or_else(PoisonError::into_inner);
        if goes_on && let Some(list) = last().as_ref().filter(|list| known(list)) {
            return Ok(Some(list.tags.clone()));
        }
        let Some(tags) = self.shared.upstream.tags(name).await?.map(Arc::new) else { return Ok(None) };
        *last() = Some(List { name: name.clone(), since: Instant::now(), tags: tags.clone() });
        Ok(Some(tags))
    }

    /// A page of a subject's referrers: of the upstream registry, or those that are here where it does not answer, or has none of
    /// that list.
    pub async fn referrers(
        &self,
        name: RepositoryName,
        query: ReferrersQuery,
    ) -> Result<ReferrersPage, Error> {
        let found = match self.shared.upstream.referrers(&name, &query.subject).await {
            Ok(Some(found)) => found,
            // Clients of a registry that has no such list keep one under a tag.
            Ok(None) => match query.subject.as_str().replace(':', "-").parse() {
                Ok(tag) => {
                    let (index, _) = self.by_tag(&name, &tag).await?;
                    index.map_or_else(Vec::new, |index| referrers_in(&index.bytes))
                }
                Err(_) => Vec::new(),
            },
            Err(error) => {
                let (at, asked) = (name.clone(), query.clone());
                let here = self.here(move |store| store.referrers(&at, &asked)).await?;
                let here = Some(here).filter(|here| here.descriptors != "[]");
                let none = || DescriptorPage::new(query.limit, query.room).finish();
                return Ok(instead(&name, "what referrers are here", here, error)?.unwrap_or_else(none));
            }
        };
        let mut page = DescriptorPage::new(query.limit, query.room);
        for one in found {
            let is_after = query.after.as_ref().is_none_or(|after| one.digest.as_str() > after.as_str());
            let is_of_type = query
                .artifact_type
                .as_ref()
                .is_none_or(|wanted| artifact_type_of(&one.descriptor).as_ref() == Some(wanted));
            if is_after && is_of_type && !page.push(one.digest.as_str(), &one.descriptor) {
                break;
            }
        }
        Ok(page.finish())
    }
}

/// What is here, where the upstream registry did not give what it has.
fn instead<T>(
    name: &RepositoryName,
    what: &str,
    here: Option<T>,
    error: upstream::Error,
) -> Result<Option<T>, Error> {
    match here {
        None => unless_denied(name, Err(error)),
        here => {
            tracing::warn!(repository = %name, %error, "the upstream registry does not answer: served is {what}");
            Ok(here)
        }
    }
}

/// What is denied to a cache is not there for those who ask it: who they are, the upstream registry does not know.
fn unless_denied<T>(
    name: &RepositoryName,
    found: Result<Option<T>, upstream::Error>,
) -> Result<Option<T>, Error> {
    match found {
        Err(error) if error.kind == Kind::Denied => {
            tracing::warn!(repository = %name, %error, "the upstream registry denies this");
            Ok(None)
        }
        found => Ok(found?),
    }
}
