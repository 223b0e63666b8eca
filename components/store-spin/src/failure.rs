//! What the database complains of, as the seam's errors and for the log.

use crate::bindings::exports::pierhead::storage::types::Error;
use crate::bindings::spin::sqlite::sqlite::Error as Fault;

/// The error to answer with. The log says what was being done, what went wrong and, where that is known, what to change.
pub fn of(doing: &str, fault: Fault) -> Error {
    let (error, why, advice) = match fault {
        Fault::AccessDenied => (
            Error::Unavailable,
            "access to it is denied".into(),
            "write sqlite_databases = [\"default\"] to the component in spin.toml",
        ),
        Fault::NoSuchDatabase => (
            Error::Unavailable,
            "Spin knows none of that label".into(),
            "write [sqlite_database.default] to Spin's runtime configuration",
        ),
        Fault::InvalidConnection => (
            Error::Unavailable,
            "Spin could not connect to it".into(),
            "look at [sqlite_database.default] in Spin's runtime configuration",
        ),
        Fault::DatabaseFull => (Error::Full, "it is full".into(), FULL),
        Fault::Io(why) => {
            let (error, advice) = classify(&why);
            (error, why, advice)
        }
    };
    guest_log::log!("the database \"default\": {why}: {advice} (at: {doing})");
    error
}

/// Whether another writer was at work for longer than SQLite waits.
pub fn is_locked(fault: &Fault) -> bool {
    matches!(fault, Fault::Io(why) if why.contains(LOCKED))
}

const LOCKED: &str = "database is locked";

const FULL: &str = "make room on its disk, or raise its max_page_count";

/// What SQLite says is a sentence: for its result codes always the same one.
fn classify(why: &str) -> (Error, &'static str) {
    const KNOWN: [(&str, Error, &str); 9] = [
        ("database or disk is full", Error::Full, FULL),
        (
            "readonly database",
            Error::ReadOnly,
            "let Spin write to the file and to its folder: sqlite_db.db in its --state-dir, or the path of \
             [sqlite_database.default] in its runtime configuration",
        ),
        (LOCKED, Error::Unavailable, "others were writing for a minute: try again, or push less at once"),
        (
            "unable to open",
            Error::Unavailable,
            "look at Spin's --state-dir and at who may read and write there",
        ),
        ("out of memory", Error::Unavailable, "the machine has no memory left"),
        ("too many connections", Error::Unavailable, "lower --max-instance-concurrent-reuse-count"),
        (
            "not a database",
            Error::Failed,
            "something else lies where the database should be: move it away, or give another path in \
             [sqlite_database.default] of Spin's runtime configuration",
        ),
        ("no such table", Error::Failed, "it was replaced while Spin was running: start Spin again"),
        ("disk I/O error", Error::Failed, "look at the disk, and at the log of the machine"),
    ];
    let known = KNOWN.iter().find(|(sentence, ..)| why.contains(sentence));
    known.map_or((Error::Failed, "this is not expected"), |(_, error, advice)| (*error, *advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_says_becomes_an_error_of_the_seam() {
        for (why, error) in [
            ("database or disk is full", Error::Full),
            ("attempt to write a readonly database", Error::ReadOnly),
            ("database is locked", Error::Unavailable),
            ("unable to open database file: /data/x.db", Error::Unavailable),
            ("no such table: tags in SELECT 1", Error::Failed),
        ] {
            assert_eq!(classify(why).0, error, "{why}");
        }
    }
}
