use crate::Page;
use crate::backend::{Fault, Wait};
use crate::error::Error;
use crate::{Inner, Store, now, unless_damaged, waited};
use names::{Algorithm, RepositoryName, Tag};
use tree::digest_of_name;

/// How many names of one directory are looked into at a time.
const BATCH: usize = 1000;

/// How many of a repository's uploads are looked at when it has nothing else: old ones are removed in time.
const UPLOADS: usize = 1000;

/// Directories with fewer repositories in them are read anew each time: there are many, and each is soon read.
const SHORT: usize = 32;

impl Store {
    /// The tags of a repository after `after`, which may be any text, bytewise, `limit` at most; `None` when there is
    /// no such repository.
    pub fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Page>, Error> {
        waited(self.inner.tags(repository, after, limit, Wait::May))
    }

    /// [`tags`](Store::tags), if it need not wait.
    pub fn tags_now(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Result<Option<Page>, Error>> {
        now(self.inner.tags(repository, after, limit, Wait::Never))
    }

    /// The names of repositories after `after`, which need not exist, by path component, `limit` at most. Reads only
    /// the directories that the page's names lie in.
    pub fn repositories(&self, after: Option<&RepositoryName>, limit: usize) -> Result<Page, Error> {
        let page = Page { names: Vec::new(), more: false };
        let mut walk = Walk { inner: &self.inner, limit, page };
        walk.walk(layout::REPOSITORIES, "", after.map(RepositoryName::as_str))?;
        Ok(walk.page)
    }
}

impl Inner {
    fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
        wait: Wait,
    ) -> Result<Option<Page>, Fault> {
        let is_tag = |name: &str| name.parse::<Tag>().is_ok();
        let found = self.names(&layout::tags(repository), after, limit, is_tag, 0, wait)?;
        if let Some(found) = found
            && !found.names.is_empty()
        {
            return Ok(Some(found));
        }
        if wait == Wait::Never {
            return Err(Fault::WouldWait);
        }
        Ok(self.is_repository(repository)?.then(|| Page { names: Vec::new(), more: false }))
    }

    /// Whether there is such a repository: it has a manifest, a tag or an upload that is not too old. Whatever else is
    /// left of one that was emptied means nothing.
    fn is_repository(&self, name: &RepositoryName) -> Result<bool, Error> {
        for algorithm in Algorithm::ALL {
            let is_digest = |hex: &str| digest_of_name(algorithm, hex).is_some();
            if self.backend.any(&layout::revisions(name, algorithm), layout::LINK, &is_digest)? {
                return Ok(true);
            }
        }
        let is_tag = |tag: &str| tag.parse::<Tag>().is_ok();
        if self.backend.any(&layout::tags(name), layout::CURRENT_LINK, &is_tag)? {
            return Ok(true);
        }
        let uploads = layout::uploads(name);
        let Some(listing) = self.backend.list(&uploads, None, UPLOADS)? else { return Ok(false) };
        for id in &listing.names {
            let age = self.upload_age_of(&layout::in_directory(&uploads, id))?;
            if age.is_some_and(|age| age < self.upload_age) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Repositories on their way into a page.
struct Walk<'a> {
    inner: &'a Inner,
    limit: usize,
    page: Page,
}

impl Walk<'_> {
    /// Adds what lies in `directory`, whose name as a repository is `name`, and below it, after `after`, which is
    /// relative to it. Ends when the page is full and one more was found.
    fn walk(&mut self, directory: &str, name: &str, after: Option<&str>) -> Result<(), Error> {
        // All that lies in the component that `after` begins with comes after it or not; what comes before that
        // component is not looked at.
        let (first, rest) = match after.map(|after| after.split_once('/').unwrap_or((after, ""))) {
            Some((first, rest)) => (Some(first), Some(rest).filter(|rest| !rest.is_empty())),
            None => (None, None),
        };
        if let Some(first) = first {
            self.enter(directory, name, first, true, rest)?;
        }
        let mut last = first.map(str::to_owned);
        while !self.page.more {
            // What is no name, such as `_layers`, has no repository below it either.
            let is_name = |name: &str| name.parse::<RepositoryName>().is_ok();
            let batch = self.limit.clamp(1, BATCH);
            let found = self.inner.names(directory, last.as_deref(), batch, is_name, SHORT, Wait::May);
            let Some(found) = waited(found)? else { return Ok(()) };
            for component in &found.names {
                self.enter(directory, name, component, false, None)?;
                if self.page.more {
                    return Ok(());
                }
            }
            if !found.more {
                return Ok(());
            }
            last = found.names.last().cloned();
        }
        Ok(())
    }

    /// Adds the repository `component` below `name`, unless it is known to be `passed`, and what lies below it.
    fn enter(
        &mut self,
        directory: &str,
        name: &str,
        component: &str,
        passed: bool,
        after: Option<&str>,
    ) -> Result<(), Error> {
        let name = layout::in_directory(name, component);
        // Too long a name, perhaps.
        let Ok(repository) = name.parse::<RepositoryName>() else { return Ok(()) };
        if !passed && unless_damaged(self.inner.is_repository(&repository))? == Some(true) {
            if self.page.names.len() >= self.limit {
                self.page.more = true;
                return Ok(());
            }
            self.page.names.push(name.clone());
        }
        let below = layout::in_directory(directory, component);
        unless_damaged(self.walk(&below, &name, after)).map(Option::unwrap_or_default)
    }
}
