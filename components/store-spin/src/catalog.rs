//! What there is, in order: every list is read from an index, from the name that it starts after to its limit.

use crate::bindings::exports::pierhead::storage::catalog::{Guest, Page, ReferrersPage, ReferrersQuery};
use crate::bindings::exports::pierhead::storage::types::Error;
use crate::database::{Database, Value, number, optional, text};
use crate::path::Path;
use crate::{Store, parsed, path, sweep};
use names::Digest;
use tree::DescriptorPage;

/// The paths after `?1`: from each to the next one is a step in the index of manifests and one in that of uploads, however
/// much lies between.
const REPOSITORIES: &str = "WITH RECURSIVE list (path) AS (SELECT ?1 UNION ALL \
    SELECT (SELECT min(next) FROM ( \
        SELECT * FROM (SELECT path AS next FROM manifests WHERE path > list.path ORDER BY path LIMIT 1) \
        UNION ALL SELECT * FROM (SELECT path AS next FROM uploads \
            WHERE path > list.path AND began >= unixepoch() - ?2 ORDER BY path LIMIT 1))) \
    FROM list WHERE list.path IS NOT NULL LIMIT ?3) \
    SELECT path FROM list WHERE path IS NOT NULL AND path > ?1";

const TAGS: &str = "SELECT name FROM tags WHERE path = ?1 AND name > ?2 ORDER BY name LIMIT ?3";

const IS_REPOSITORY: &str = "SELECT 1 WHERE EXISTS (SELECT 1 FROM manifests WHERE path = ?1) \
    OR EXISTS (SELECT 1 FROM uploads WHERE path = ?1 AND began >= unixepoch() - ?2)";

const REFERRERS: &str = "SELECT digest, descriptor FROM manifests \
    WHERE path = ?1 AND subject = ?2 AND digest > ?3 AND (?4 IS NULL OR artifact_type = ?4) \
    ORDER BY digest LIMIT ?5";

/// The names that a statement gives, which is asked for one more than the page may have.
async fn page(database: &Database, statement: &str, values: Vec<Value>, limit: u32) -> Result<Page, Error> {
    let mut rows = database.rows(statement, values).await?;
    let mut page = Page { names: Vec::new(), more: false };
    while let Some(mut row) = rows.next(statement).await? {
        match page.names.len() < limit as usize {
            true => page.names.push(row.text()?),
            false => page.more = true,
        }
    }
    Ok(page)
}

impl Guest for Store {
    async fn repositories(after: Option<String>, limit: u32) -> Result<Page, Error> {
        let after = after.map(|name| path(&name).to_string()).unwrap_or_default();
        // The one it starts after is a row too.
        let values = vec![Value::Text(after), sweep::age(), number(u64::from(limit) + 2)];
        let mut page = page(&Database::open().await?, REPOSITORIES, values, limit).await?;
        page.names.iter_mut().for_each(|path| *path = Path::name(path));
        Ok(page)
    }

    async fn tags(repository: String, after: Option<String>, limit: u32) -> Result<Option<Page>, Error> {
        let path = path(&repository);
        let database = Database::open().await?;
        let values = vec![text(&path), Value::Text(after.unwrap_or_default()), number(u64::from(limit) + 1)];
        let page = page(&database, TAGS, values, limit).await?;
        let is_repository = !page.names.is_empty()
            || page.more
            || database.has(IS_REPOSITORY, vec![text(&path), sweep::age()]).await?;
        Ok(is_repository.then_some(page))
    }

    fn tags_now(_: String, _: Option<String>, _: u32) -> Option<Result<Option<Page>, Error>> {
        None
    }

    async fn referrers(repository: String, query: ReferrersQuery) -> Result<ReferrersPage, Error> {
        let ReferrersQuery { subject, artifact_type, after, limit, room } = query;
        let values = vec![
            text(path(&repository)),
            text::<Digest>(parsed(&subject)),
            Value::Text(after.unwrap_or_default()),
            optional(artifact_type.map(Value::Text)),
            number(u64::from(limit) + 1),
        ];
        let database = Database::open().await?;
        let mut rows = database.rows(REFERRERS, values).await?;
        let mut page = DescriptorPage::new(limit as usize, room as usize);
        while let Some(mut row) = rows.next(REFERRERS).await? {
            let (digest, descriptor) = (row.text()?, row.text()?);
            if !page.push(digest, &descriptor) {
                break;
            }
        }
        let tree::ReferrersPage { descriptors, more } = page.finish();
        Ok(ReferrersPage { descriptors, more })
    }

    fn referrers_now(_: String, _: ReferrersQuery) -> Option<Result<ReferrersPage, Error>> {
        None
    }
}
