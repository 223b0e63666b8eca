//! `pierhead:storage/catalog`.

use crate::answer::Answer;
use crate::bindings::exports::pierhead::storage::catalog::{Guest, Page};
use crate::bindings::exports::pierhead::storage::types::{self, ReferrersPage, ReferrersQuery};
use crate::{Configured, Store, parsed};
use names::RepositoryName;
use objects::{catalog, referrers};

fn page(found: tree::Page) -> Page {
    Page { names: found.names, more: found.more }
}

impl<P: Configured> Guest for Store<P> {
    async fn repositories(after: Option<String>, limit: u32) -> Result<Page, types::Error> {
        let after: Option<RepositoryName> = after.as_deref().map(parsed);
        let found = catalog::repositories(P::configured().told()?, after.as_ref(), limit as usize).await;
        found.map(page).told()
    }

    async fn tags(name: String, after: Option<String>, limit: u32) -> Result<Option<Page>, types::Error> {
        let found = catalog::tags(P::configured().told()?, &parsed(&name), after, limit as usize).await;
        Ok(found.told()?.map(page))
    }

    fn tags_now(_: String, _: Option<String>, _: u32) -> Option<Result<Option<Page>, types::Error>> {
        None
    }

    async fn referrers(name: String, query: ReferrersQuery) -> Result<ReferrersPage, types::Error> {
        let query = tree::ReferrersQuery {
            subject: parsed(&query.subject),
            artifact_type: query.artifact_type,
            after: query.after,
            limit: query.limit as usize,
            room: query.room as usize,
        };
        let found = referrers::page(P::configured().told()?, &parsed(&name), &query).await;
        let tree::ReferrersPage { descriptors, more } = found.told()?;
        Ok(ReferrersPage { descriptors, more })
    }

    fn referrers_now(_: String, _: ReferrersQuery) -> Option<Result<ReferrersPage, types::Error>> {
        None
    }
}
