use crate::backend::{Fault, Stamp, Wait};
use crate::error::Error;
use crate::{Inner, Store, now, waited};
use names::{RepositoryName, Tag};
use std::sync::Arc;

/// How many names of one directory are held at a time when repositories are listed.
const BATCH: usize = 1000;

/// Some names, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The names.
    pub names: Vec<String>,
    /// Whether there are names after these.
    pub more: bool,
}

/// A repository's tags as they were listed, and the state of their directory then.
pub(crate) struct Tags {
    stamp: Stamp,
    names: Box<[Box<str>]>,
}

impl Tags {
    fn page(&self, after: Option<&str>, limit: usize) -> Page {
        let from = after.map_or(0, |after| self.names.partition_point(|name| **name <= *after));
        let rest = &self.names[from..];
        let names = &rest[..limit.min(rest.len())];
        Page { names: names.iter().map(|name| name.to_string()).collect(), more: names.len() < rest.len() }
    }
}

impl Store {
    /// The tags of a repository after `after`, which may be any text, bytewise, `limit` at most; `None` when there is
    /// no such repository.
    pub fn tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Page>, Error> {
        let inner = &self.inner;
        let directory = layout::tags(repository);
        if let Ok(Some(tags)) = inner.known_tags(&directory, Wait::May) {
            return Ok(Some(tags.page(after, limit)));
        }
        let Some(listing) = inner.backend.list(&directory, None, usize::MAX)? else {
            let known = inner.is_repository(repository)?;
            return Ok(known.then(|| Page { names: Vec::new(), more: false }));
        };
        let names = listing.names.into_iter().filter(|name| name.parse::<Tag>().is_ok());
        let tags =
            Arc::new(Tags { stamp: listing.stamp, names: names.map(String::into_boxed_str).collect() });
        if listing.stamp.settled {
            let weight =
                tags.names.iter().map(|name| name.len().next_multiple_of(16) + size_of::<Box<str>>()).sum();
            inner.tags.put(&directory, tags.clone(), weight);
        }
        Ok(Some(tags.page(after, limit)))
    }

    /// [`tags`](Store::tags), if it need not wait.
    pub fn tags_now(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Result<Option<Page>, Error>> {
        let directory = layout::tags(repository);
        match self.inner.known_tags(&directory, Wait::Never) {
            Ok(Some(tags)) => now(Ok(Some(tags.page(after, limit)))),
            Ok(None) => None,
            Err(fault) => now(Err(fault)),
        }
    }

    /// The names of repositories after `after`, which need not exist, by path component, `limit` at most. Reads only
    /// the directories that the page's names lie in.
    pub fn repositories(&self, after: Option<&RepositoryName>, limit: usize) -> Result<Page, Error> {
        let mut page = Page { names: Vec::new(), more: false };
        let after = after.map(|name| name.as_str());
        self.inner.walk(layout::REPOSITORIES, "", after, limit, &mut page)?;
        Ok(page)
    }
}

impl Inner {
    /// The list that is remembered, if the directory is as it was.
    fn known_tags(&self, directory: &str, wait: Wait) -> Result<Option<Arc<Tags>>, Fault> {
        let Some(tags) = self.tags.get(directory) else { return Ok(None) };
        match self.backend.stat(directory, Some(&tags.stamp), wait)? {
            Some(stamp) if stamp.same(&tags.stamp) => Ok(Some(tags)),
            _ => {
                self.tags.remove(directory);
                Ok(None)
            }
        }
    }

    fn is_repository(&self, name: &RepositoryName) -> Result<bool, Error> {
        for directory in [layout::manifests(name), layout::layers(name)] {
            if waited(self.backend.stat(&directory, None, Wait::May))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds what lies in `directory`, whose name as a repository is `name`, and below it, after `after`, which is
    /// relative to it. Ends when the page is full and one more was found.
    fn walk(
        &self,
        directory: &str,
        name: &str,
        after: Option<&str>,
        limit: usize,
        page: &mut Page,
    ) -> Result<(), Error> {
        // All that lies in the component that `after` begins with comes after it or not; what comes before that
        // component is not looked at.
        let (first, rest) = match after.map(|after| after.split_once('/').unwrap_or((after, ""))) {
            Some((first, rest)) => (Some(first), Some(rest).filter(|rest| !rest.is_empty())),
            None => (None, None),
        };
        if let Some(first) = first {
            self.enter(directory, name, first, true, rest, limit, page)?;
        }
        let mut last = first.map(str::to_owned);
        while !page.more {
            let Some(listing) = self.backend.list(directory, last.as_deref(), BATCH)? else { return Ok(()) };
            for component in &listing.names {
                self.enter(directory, name, component, false, None, limit, page)?;
                if page.more {
                    return Ok(());
                }
            }
            if !listing.more {
                return Ok(());
            }
            last = listing.names.last().cloned();
        }
        Ok(())
    }

    /// Adds the repository `component` below `name`, unless it is known to be `passed`, and what lies below it.
    #[expect(clippy::too_many_arguments)]
    fn enter(
        &self,
        directory: &str,
        name: &str,
        component: &str,
        passed: bool,
        after: Option<&str>,
        limit: usize,
        page: &mut Page,
    ) -> Result<(), Error> {
        let name = match name {
            "" => component.to_owned(),
            _ => layout::in_directory(name, component),
        };
        // What is no name, such as `_layers`, has no repository below it either.
        let Ok(repository) = name.parse::<RepositoryName>() else { return Ok(()) };
        if !passed && self.is_repository(&repository)? {
            if page.names.len() >= limit {
                page.more = true;
                return Ok(());
            }
            page.names.push(name.clone());
        }
        self.walk(&layout::in_directory(directory, component), &name, after, limit, page)
    }
}
