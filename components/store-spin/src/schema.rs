//! The tables.

use crate::bindings::exports::pierhead::storage::types::Error;
use crate::database::Database;
use std::cell::Cell;

/// What `PRAGMA user_version` says of a database with these tables.
const VERSION: u64 = 1;

/// How many bytes a page of the file has. A row of a mebibyte lies in a chain of them, which is walked for each row.
const PAGE: &str = "PRAGMA page_size = 65536";

/// Writers do not wait for readers, nor readers for writers, and changes are appended to one file. Kept in the database.
const WRITE_AHEAD: &str = "PRAGMA journal_mode = WAL";

/// A repository is named by its path: its name with `!` for each `/`, so that the order of the bytes is the order by
/// component, `a/b` before `a-b`. There is no table of repositories: one that has nothing is none.
const TABLES: [&str; 13] = [
    // The bytes of blobs and uploads. All rows of one content but its last have 1 MiB; `at` is the content's number
    // times 2^24, plus which MiB of it this is. With the rows in this order in one tree, a blob is one range of it.
    "CREATE TABLE chunks (at INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
    // Contents that nobody needs any more, until their rows are removed, some at a time.
    "CREATE TABLE condemned (content INTEGER PRIMARY KEY)",
    // Uploads under way. A content's number is never given twice. `size` and `state` are what is acknowledged: rows
    // beyond `size` mean nothing. Whoever raises `epoch` is the writer, alone until `busy`, which a writer puts off.
    "CREATE TABLE uploads (content INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, \
     began INTEGER NOT NULL, size INTEGER NOT NULL, state BLOB NOT NULL, \
     epoch INTEGER NOT NULL DEFAULT 0, busy INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX uploads_of ON uploads (path, began)",
    "CREATE INDEX uploads_by_age ON uploads (began)",
    // What blobs there are, and which repository holds which.
    "CREATE TABLE blobs (digest TEXT PRIMARY KEY, content INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE holds (path TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (path, digest)) WITHOUT ROWID",
    // The bytes of manifests, once for all repositories.
    "CREATE TABLE documents (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL)",
    // Which repository has which manifest; what it is about, where it is about another one.
    "CREATE TABLE manifests (id INTEGER PRIMARY KEY, path TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT, \
     subject TEXT, artifact_type TEXT, descriptor TEXT)",
    "CREATE UNIQUE INDEX manifests_of ON manifests (path, digest)",
    "CREATE INDEX referrers ON manifests (path, subject, digest) WHERE subject IS NOT NULL",
    "CREATE TABLE tags (path TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (path, name)) \
     WITHOUT ROWID",
    "CREATE INDEX tags_of ON tags (path, digest)",
];

thread_local! {
    /// Whether this instance has seen the tables, and whether changes are written ahead.
    static SEEN: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Whether changes are appended to a log of their own, which is the case wherever SQLite is on a local disk.
pub fn is_write_ahead() -> bool {
    SEEN.get().unwrap_or_default()
}

/// Sees to it that the tables are there.
pub async fn ready(database: &Database) -> Result<(), Error> {
    if SEEN.get().is_some() {
        return Ok(());
    }
    match version(database).await? {
        0 => create().await?,
        VERSION => {}
        other => {
            guest_log::log!(
                "the database \"default\" has tables of version {other}, and this component knows version {VERSION}: \
                 use the component that made them, or another database"
            );
            return Err(Error::Failed);
        }
    }
    let mode = database.row("PRAGMA journal_mode", vec![]).await?;
    SEEN.set(Some(mode.is_some_and(|mut mode| mode.text().is_ok_and(|mode| mode == "wal"))));
    Ok(())
}

async fn version(database: &Database) -> Result<u64, Error> {
    match database.row("PRAGMA user_version", vec![]).await? {
        Some(mut row) => row.number(),
        None => Ok(0),
    }
}

async fn create() -> Result<(), Error> {
    let database = Database::connect().await?;
    let file = database.row("SELECT file FROM pragma_database_list WHERE name = 'main'", vec![]).await?;
    if file.is_some_and(|mut file| file.text().is_ok_and(|file| file.is_empty())) {
        guest_log::log!(
            "the database \"default\" lies in memory, and each connection has its own: \
             start Spin with a --state-dir, or write a path to [sqlite_database.default] in its runtime configuration"
        );
        return Err(Error::Unavailable);
    }
    // Neither is possible in a transaction. A database that is not on a local disk has its own ways.
    for wish in [PAGE, WRITE_AHEAD] {
        let _ = database.run(wish, vec![]).await;
    }
    let transaction = database.begin().await?;
    // Another instance may have been faster.
    if version(&transaction).await? == 0 {
        for table in TABLES {
            transaction.run(table, vec![]).await?;
        }
        transaction.run(&format!("PRAGMA user_version = {VERSION}"), vec![]).await?;
    }
    transaction.commit().await
}
