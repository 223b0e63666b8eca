//! Uploads that nobody finishes, and bytes that nobody needs. They are removed by whoever begins an upload, after the answer.

use crate::bindings::exports::pierhead::storage::types::Error;
use crate::bindings::pierhead::host::config;
use crate::content::ROWS;
use crate::database::{Database, Value, number};
use crate::session;
use std::time::Duration;

/// How many rows are removed at a time: in between, others write.
const BATCH: u64 = 16;

thread_local! {
    /// The settings stay the same for as long as the instance lives.
    static OLD_AGE: Duration = settings::upload_age(config::get);
}

/// After how many seconds an upload that nobody finishes is removed.
pub fn age() -> Value {
    number(OLD_AGE.with(Duration::as_secs))
}

const OLD: &str = "began < unixepoch() - ?1 AND busy <= unixepoch()";

/// Whether there is something to remove.
pub async fn is_due(database: &Database) -> Result<bool, Error> {
    let old = format!("SELECT content FROM uploads WHERE {OLD} LIMIT 1");
    Ok(database.has("SELECT content FROM condemned LIMIT 1", vec![]).await?
        || settings::purges_uploads(config::get) && database.has(&old, vec![age()]).await?)
}

/// Removes it. What stays because of an error is removed the next time; the log has the error.
pub async fn sweep() {
    let _ = sweep_all().await;
}

async fn sweep_all() -> Result<(), Error> {
    if settings::purges_uploads(config::get) {
        session::condemn(OLD, vec![age()]).await?;
    }
    let database = Database::open_relaxed().await?;
    while let Some(mut row) = database.row("SELECT content FROM condemned LIMIT 1", vec![]).await? {
        let content = row.number()?;
        let some = "DELETE FROM chunks WHERE at IN \
                    (SELECT at FROM chunks WHERE at >= ?1 AND at < ?2 LIMIT ?3) RETURNING at";
        let (first, end) = (content * ROWS, (content + 1) * ROWS);
        while database.has(some, vec![number(first), number(end), number(BATCH)]).await? {}
        database.run("DELETE FROM condemned WHERE content = ?1", vec![number(content)]).await?;
    }
    Ok(())
}
