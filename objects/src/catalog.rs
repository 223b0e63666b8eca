//! What there is, in order.

use crate::blobs::link;
use crate::error::unless_damaged;
use crate::place::Names;
use crate::{BATCH, Error, Objects, purge};
use names::{Algorithm, RepositoryName, Tag};
use tree::{Page, digest_of_name};

/// How many things of one kind are looked at where one is enough: what is left of deleted ones comes first perhaps.
const FEW: usize = 8;

/// Whether any directory in a directory is `wanted` by its name and has a link of this name in it.
async fn any<O: Objects>(
    objects: &O,
    directory: &str,
    name: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<bool, Error> {
    let mut names = Names::new(objects, directory);
    names.batch = FEW;
    while let Some(some) = names.next().await? {
        for found in some.iter().filter(|name| wanted(name)) {
            if link(objects, &layout::in_directory(directory, found), name).await?.is_some() {
                return Ok(true);
            }
        }
        names.batch = BATCH;
    }
    Ok(false)
}

/// Whether there is such a repository: it has a manifest, a tag or an upload that is not too old.
async fn is_repository<O: Objects>(objects: &O, name: &RepositoryName) -> Result<bool, Error> {
    for algorithm in Algorithm::ALL {
        let is_digest = |hex: &str| digest_of_name(algorithm, hex).is_some();
        if any(objects, &layout::revisions(name, algorithm), layout::LINK, is_digest).await? {
            return Ok(true);
        }
    }
    let is_tag = |tag: &str| tag.parse::<Tag>().is_ok();
    if any(objects, &layout::tags(name), layout::CURRENT_LINK, is_tag).await? {
        return Ok(true);
    }
    let uploads = layout::uploads(name);
    let listing = objects.list(&uploads, None, BATCH).await?;
    for id in &listing.names {
        // What does not say when it began is of another program, or of no use.
        let old = purge::age_of(objects, &layout::in_directory(&uploads, id)).await?;
        if old.is_some_and(|old| old < objects.options().upload_age) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The tags of a repository after `after` (any text), bytewise, `limit` at most; none when there is no such repository.
///
/// # Errors
/// The place of the objects failed.
pub async fn tags<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    after: Option<String>,
    limit: usize,
) -> Result<Option<Page>, Error> {
    let mut page = Page { names: Vec::new(), more: false };
    let mut from = after;
    // One more than wanted tells whether there are more; what is no tag is passed over.
    while page.names.len() <= limit {
        let listing =
            objects.list(&layout::tags(name), from.as_deref(), limit + 1 - page.names.len()).await?;
        from = listing.names.last().cloned();
        page.names.extend(listing.names.into_iter().filter(|name| name.parse::<Tag>().is_ok()));
        if !listing.more {
            break;
        }
    }
    page.more = page.names.len() > limit;
    page.names.truncate(limit);
    match page.names.is_empty() && !page.more && !is_repository(objects, name).await? {
        true => Ok(None),
        false => Ok(Some(page)),
    }
}

/// Repositories on their way into a page.
struct Walk<'a, O> {
    objects: &'a O,
    limit: usize,
    page: Page,
}

impl<O: Objects> Walk<'_, O> {
    /// Adds what lies in a directory, whose name as a repository is `name`, and below it, after `after`, which is relative
    /// to it. Ends when the page is full and one more was found.
    async fn walk(&mut self, directory: &str, name: &str, after: Option<&str>) -> Result<(), Error> {
        // All that lies in the component that `after` begins with comes after it or not; what comes before that component
        // is not looked at.
        let (first, rest) = match after.map(|after| after.split_once('/').unwrap_or((after, ""))) {
            Some((first, rest)) => (Some(first), Some(rest).filter(|rest| !rest.is_empty())),
            None => (None, None),
        };
        if let Some(first) = first {
            Box::pin(self.enter(directory, name, first, true, rest)).await?;
        }
        let mut last = first.map(str::to_owned);
        while !self.page.more {
            let batch = self.limit.clamp(1, BATCH);
            let listing = self.objects.list(directory, last.as_deref(), batch).await?;
            for component in &listing.names {
                Box::pin(self.enter(directory, name, component, false, None)).await?;
                if self.page.more {
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
    async fn enter(
        &mut self,
        directory: &str,
        name: &str,
        component: &str,
        passed: bool,
        after: Option<&str>,
    ) -> Result<(), Error> {
        // What is no name, such as `_layers`, has no repository below it either.
        let name = layout::in_directory(name, component);
        let Ok(repository) = name.parse::<RepositoryName>() else { return Ok(()) };
        if !passed && unless_damaged(is_repository(self.objects, &repository).await)? == Some(true) {
            if self.page.names.len() >= self.limit {
                self.page.more = true;
                return Ok(());
            }
            self.page.names.push(name.clone());
        }
        let below = layout::in_directory(directory, component);
        unless_damaged(self.walk(&below, &name, after).await).map(Option::unwrap_or_default)
    }
}

/// The repositories after `after`, by path component (`a/b` before `a-b`), `limit` at most.
///
/// # Errors
/// The place of the objects failed.
pub async fn repositories<O: Objects>(
    objects: &O,
    after: Option<&RepositoryName>,
    limit: usize,
) -> Result<Page, Error> {
    let page = Page { names: Vec::new(), more: false };
    let mut walk = Walk { objects, limit, page };
    walk.walk(layout::REPOSITORIES, "", after.map(RepositoryName::as_str)).await?;
    Ok(walk.page)
}
