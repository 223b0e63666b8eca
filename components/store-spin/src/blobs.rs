//! Blobs, and which repository holds which.

use crate::bindings::exports::pierhead::storage::types::{self, Content, Error, GuestContent};
use crate::bindings::exports::pierhead::storage::{blob_writer, blobs};
use crate::bindings::wit_stream;
use crate::database::{Database, text};
use crate::{Store, content, parsed, path};
use names::Digest;
use wit_bindgen::StreamReader;

/// A blob or a manifest, opened.
pub enum Opened {
    /// Rows, which are in the database for as long as anybody holds the blob.
    Rows(Blob),
    /// Bytes that were read.
    Bytes(Vec<u8>),
}

/// Where a blob's bytes are, and how many.
pub struct Blob {
    content: u64,
    size: u64,
}

impl types::Guest for Store {
    type Content = Opened;
}

impl GuestContent for Opened {
    fn size(&self) -> u64 {
        match self {
            Opened::Rows(blob) => blob.size,
            Opened::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn elsewhere(&self) -> Option<String> {
        None
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Opened::Rows(_) => None,
            Opened::Bytes(bytes) => Some(bytes.clone()),
        }
    }

    async fn read(&self, offset: u64, length: u64) -> Result<StreamReader<u8>, Error> {
        let size = self.size();
        let end = offset.checked_add(length).filter(|end| *end <= size);
        let end = end.unwrap_or_else(|| panic!("{length} bytes from {offset} on of {size}"));
        match self {
            Opened::Rows(blob) => content::stream(blob.content, offset..end).await,
            Opened::Bytes(bytes) => {
                let part = bytes[offset as usize..end as usize].to_vec();
                let (writer, reader) = wit_stream::new();
                guest_task::write(writer, part);
                Ok(reader)
            }
        }
    }
}

async fn find(repository: &str, digest: &str) -> Result<Option<Blob>, Error> {
    let (path, digest): (_, Digest) = (path(repository), parsed(digest));
    let look = "SELECT content, size FROM blobs JOIN holds USING (digest) WHERE path = ?1 AND digest = ?2";
    let found = Database::open().await?.row(look, vec![text(path), text(digest)]).await?;
    found.map(|mut row| Ok(Blob { content: row.number()?, size: row.number()? })).transpose()
}

impl blobs::Guest for Store {
    async fn stat(repository: String, digest: String) -> Result<Option<u64>, Error> {
        Ok(find(&repository, &digest).await?.map(|blob| blob.size))
    }

    fn stat_now(_: String, _: String) -> Option<Result<Option<u64>, Error>> {
        None
    }

    async fn open(repository: String, digest: String) -> Result<Option<Content>, Error> {
        Ok(find(&repository, &digest).await?.map(|blob| Content::new(Opened::Rows(blob))))
    }

    fn open_now(_: String, _: String) -> Option<Result<Option<Content>, Error>> {
        None
    }

    fn holder(_: String) -> Option<String> {
        None
    }
}

impl blob_writer::Guest for Store {
    async fn mount(repository: String, source: String, digest: String) -> Result<bool, Error> {
        let digest: Digest = parsed(&digest);
        // A row that is there already is one of the statement's rows only if it is written again.
        let hold = "INSERT INTO holds (path, digest) \
                    SELECT ?1, digest FROM blobs JOIN holds USING (digest) WHERE path = ?2 AND digest = ?3 \
                    ON CONFLICT (path, digest) DO UPDATE SET digest = excluded.digest RETURNING digest";
        let values = vec![text(path(&repository)), text(path(&source)), text(digest)];
        Database::open().await?.has(hold, values).await
    }

    async fn delete(repository: String, digest: String) -> Result<bool, Error> {
        let digest: Digest = parsed(&digest);
        let drop = "DELETE FROM holds WHERE path = ?1 AND digest = ?2 RETURNING digest";
        Database::open().await?.has(drop, vec![text(path(&repository)), text(digest)]).await
    }
}
