//! Manifests and tags.

use crate::bindings::exports::pierhead::storage::manifest_writer::{self, Missing, NewManifest, PutError};
use crate::bindings::exports::pierhead::storage::manifests::{self, Manifest, Reference};
use crate::bindings::exports::pierhead::storage::types::{Content, Error};
use crate::blobs::Opened;
use crate::database::{Database, Transaction, Value, list, optional, text};
use crate::path::Path;
use crate::{Store, parsed, path};
use names::{Digest, Tag};
use protocol::manifest::{artifact_type_of, media_type_of, referrer};
use tree::hash::digest_of;

impl manifests::Guest for Store {
    async fn get(repository: String, reference: Reference) -> Result<Option<Manifest>, Error> {
        let (named, name) = match reference {
            Reference::Digest(digest) => ("SELECT ?2 AS digest", text::<Digest>(parsed(&digest))),
            Reference::Tag(tag) => {
                ("SELECT digest FROM tags WHERE path = ?1 AND name = ?2", text::<Tag>(parsed(&tag)))
            }
        };
        let look = format!(
            "SELECT digest, media_type, bytes FROM ({named}) JOIN manifests USING (digest) \
             JOIN documents USING (digest) WHERE path = ?1"
        );
        let Some(mut row) = Database::open().await?.row(&look, vec![text(path(&repository)), name]).await?
        else {
            return Ok(None);
        };
        let (digest, kept, bytes) = (row.text()?, row.optional_text()?, row.bytes()?);
        let actual = digest.parse::<Digest>().map(|digest| digest_of(digest.algorithm(), &bytes));
        if !actual.is_ok_and(|actual| actual.as_str() == digest) {
            guest_log::log!("the database \"default\": the bytes of manifest {digest} have another digest");
            return Err(Error::Failed);
        }
        let media_type = kept.or_else(|| media_type_of(&bytes).map(Into::into));
        Ok(Some(Manifest { digest, media_type, content: Content::new(Opened::Bytes(bytes)) }))
    }

    fn get_now(_: String, _: Reference) -> Option<Result<Option<Manifest>, Error>> {
        None
    }
}

/// Which digests of a list the repository lacks, in the order of the list, each once.
async fn lacks(
    transaction: &Transaction,
    path: &Path,
    digests: &[Digest],
    table: &str,
) -> Result<Vec<String>, Error> {
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let look = format!(
        "SELECT value FROM json_each(?1) WHERE NOT EXISTS \
         (SELECT 1 FROM {table} WHERE path = ?2 AND digest = value) GROUP BY value ORDER BY min(key)"
    );
    let mut rows = transaction.rows(&look, vec![list(digests), text(path)]).await?;
    let mut lacking = Vec::new();
    while let Some(mut row) = rows.next(&look).await? {
        lacking.push(row.text()?);
    }
    Ok(lacking)
}

async fn write(
    transaction: &Transaction,
    path: &Path,
    digest: &Digest,
    new: NewManifest,
    tags: &[Tag],
) -> Result<(), Error> {
    let about = referrer(&new.bytes, digest, new.media_type.as_deref());
    let document = "INSERT OR IGNORE INTO documents (digest, bytes) VALUES (?1, ?2)";
    transaction.run(document, vec![text(digest), Value::Blob(new.bytes)]).await?;
    let (subject, artifact_type, descriptor) = match about {
        Some(about) => {
            let artifact_type = artifact_type_of(&about.descriptor);
            (Some(text(about.subject)), artifact_type.map(Value::Text), Some(Value::Text(about.descriptor)))
        }
        None => (None, None, None),
    };
    let revision = "INSERT INTO manifests (path, digest, media_type, subject, artifact_type, descriptor) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (path, digest) DO UPDATE \
                    SET media_type = excluded.media_type, artifact_type = excluded.artifact_type, \
                    descriptor = excluded.descriptor";
    let said = [new.media_type.map(Value::Text), subject, artifact_type, descriptor].map(optional);
    transaction.run(revision, [text(path), text(digest)].into_iter().chain(said).collect()).await?;
    let tag = "INSERT INTO tags (path, name, digest) SELECT ?1, value, ?2 FROM json_each(?3) WHERE true \
               ON CONFLICT (path, name) DO UPDATE SET digest = excluded.digest";
    transaction.run(tag, vec![text(path), text(digest), list(tags)]).await
}

impl manifest_writer::Guest for Store {
    async fn put(repository: String, manifest: NewManifest) -> Result<(), PutError> {
        let (path, digest): (_, Digest) = (path(&repository), parsed(&manifest.digest));
        let all = |names: &[String]| names.iter().map(|name| parsed(name)).collect::<Vec<Digest>>();
        let (blobs, manifests) = (all(&manifest.blobs), all(&manifest.manifests));
        let tags: Vec<Tag> = manifest.tags.iter().map(|tag| parsed(tag)).collect();
        let transaction = Database::open().await?.begin().await?;
        let missing = Missing {
            blobs: lacks(&transaction, &path, &blobs, "holds JOIN blobs USING (digest)").await?,
            manifests: lacks(&transaction, &path, &manifests, "manifests").await?,
        };
        if !missing.blobs.is_empty() || !missing.manifests.is_empty() {
            return Err(PutError::Missing(missing));
        }
        write(&transaction, &path, &digest, manifest, &tags).await?;
        Ok(transaction.commit().await?)
    }

    async fn delete(repository: String, digest: String) -> Result<bool, Error> {
        let values = || vec![text(path(&repository)), text::<Digest>(parsed(&digest))];
        let transaction = Database::open().await?.begin().await?;
        let revision = "DELETE FROM manifests WHERE path = ?1 AND digest = ?2 RETURNING digest";
        if !transaction.has(revision, values()).await? {
            return Ok(false);
        }
        transaction.run("DELETE FROM tags WHERE path = ?1 AND digest = ?2", values()).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn delete_tag(repository: String, tag: String) -> Result<bool, Error> {
        let values = vec![text(path(&repository)), text::<Tag>(parsed(&tag))];
        let drop = "DELETE FROM tags WHERE path = ?1 AND name = ?2 RETURNING name";
        Database::open().await?.has(drop, values).await
    }
}

impl From<Error> for PutError {
    fn from(error: Error) -> PutError {
        PutError::Storage(error)
    }
}
