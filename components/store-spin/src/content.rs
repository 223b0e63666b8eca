//! The bytes of blobs and uploads: rows of a mebibyte, of which only a content's last is shorter.

use crate::bindings::exports::pierhead::storage::types::Error;
use crate::bindings::wit_stream;
use crate::database::{Database, Rows, number};
use std::ops::Range;
use wit_bindgen::StreamReader;

/// How many bytes a row has, unless it is a content's last.
pub const ROW: u64 = 1 << 20;

/// How many rows a content may have: 16 TiB.
pub const ROWS: u64 = 1 << 24;

/// How many rows one statement reads. Spin reads so many ahead of whoever takes them: the statement ends by itself, and a
/// client that takes nothing holds up neither the database nor one of Spin's threads.
const BATCH: u64 = 4;

const READ: &str = "SELECT at, bytes FROM chunks WHERE at BETWEEN ?1 AND ?2 ORDER BY at";

/// Where a row lies.
pub fn at(content: u64, row: u64) -> u64 {
    content * ROWS + row
}

/// Some of a content's bytes, row by row.
pub struct Reader {
    database: Database,
    content: u64,
    /// The rows that no statement was begun for yet.
    rest: Range<u64>,
    /// Rows on their way, and how many of them there are still to come.
    rows: Option<Rows>,
    coming: u64,
    /// The bytes that are wanted.
    wanted: Range<u64>,
    next: u64,
}

impl Reader {
    /// Bytes that the content has: `wanted` ends where it ends, or before.
    pub async fn open(content: u64, wanted: Range<u64>) -> Result<Reader, Error> {
        let first = wanted.start / ROW;
        let end = if wanted.is_empty() { first } else { wanted.end.div_ceil(ROW) };
        let database = Database::open().await?;
        let mut reader =
            Reader { database, content, rest: first..end, rows: None, coming: 0, wanted, next: first };
        reader.read_ahead().await?;
        Ok(reader)
    }

    /// Begins the next statement, when the one before has ended.
    async fn read_ahead(&mut self) -> Result<(), Error> {
        let end = self.rest.end.min(self.rest.start + BATCH);
        self.coming = end - self.rest.start;
        if self.coming > 0 {
            let (first, last) = (at(self.content, self.rest.start), at(self.content, end - 1));
            self.rows = Some(self.database.rows(READ, vec![number(first), number(last)]).await?);
            self.rest.start = end;
        }
        Ok(())
    }

    /// The next bytes; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(rows) = self.rows.as_mut().filter(|_| self.coming > 0) else { return Ok(None) };
        let row = self.next;
        let (found, mut bytes) = match rows.next(READ).await? {
            Some(mut found) => (found.number()?, found.bytes()?),
            None => return Err(self.damaged(row)),
        };
        let within = clip(&self.wanted, row);
        if found != at(self.content, row) || (bytes.len() as u64) < within.end {
            return Err(self.damaged(row));
        }
        bytes.truncate(within.end as usize);
        bytes.drain(..within.start as usize);
        self.next += 1;
        self.coming -= 1;
        if self.coming == 0 {
            rows.next(READ).await?;
            self.read_ahead().await?;
        }
        Ok(Some(bytes))
    }

    fn damaged(&self, row: u64) -> Error {
        guest_log::log!(
            "the database \"default\": content {} has no row {row}, or not all of it",
            self.content
        );
        Error::Failed
    }
}

/// Which of a row's bytes lie in a range of the content's.
fn clip(wanted: &Range<u64>, row: u64) -> Range<u64> {
    let start = row * ROW;
    wanted.start.saturating_sub(start)..(wanted.end - start).min(ROW)
}

/// The bytes as a stream, filled while it is taken. It ends early where they cannot be read to the end.
pub async fn stream(content: u64, wanted: Range<u64>) -> Result<StreamReader<u8>, Error> {
    let mut reader = Reader::open(content, wanted).await?;
    let (mut writer, stream) = wit_stream::new();
    guest_task::spawn(async move {
        // The log has what went wrong.
        while let Ok(Some(bytes)) = reader.next().await {
            if !writer.write_all(bytes).await.is_empty() {
                return;
            }
        }
    });
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_row_only_what_is_wanted_is_taken() {
        assert_eq!(clip(&(0..5), 0), 0..5);
        assert_eq!(clip(&(3..ROW + 1), 0), 3..ROW);
        assert_eq!(clip(&(3..ROW + 1), 1), 0..1);
        assert_eq!(clip(&(ROW + 7..3 * ROW), 1), 7..ROW);
        assert_eq!(clip(&(ROW + 7..3 * ROW), 2), 0..ROW);
    }

    #[test]
    fn contents_do_not_overlap() {
        assert_eq!(at(1, ROWS - 1) + 1, at(2, 0));
    }
}
