//! Objects written. What is in the way may be of a kind that cannot be replaced: distribution makes others than we do, in Azure.

use crate::bucket::{Bucket, Fault};
use crate::service::State;
use s3::Condition;

/// How often what is in the way is cleared away, where others put something there at the same time.
pub const CLEARED: usize = 3;

impl Bucket {
    /// Writes an object, whole or not at all; the service checks the bytes it gets. Its entity tag comes back. `hash` is their
    /// SHA-256 in hexadecimal, where it is known. Where the condition is [`Condition::Whatever`], what has these bytes already and
    /// cannot be replaced stays, and counts as written; what has others is removed first: for a moment there is nothing.
    pub async fn write(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
        hash: Option<&str>,
    ) -> Result<String, Fault> {
        let request = self.settings.service.put(key, condition, bytes, hash);
        for _ in 0..CLEARED {
            match (self.ask(&request, bytes).await, condition) {
                (Err(Fault::OtherKind(_)), Condition::Whatever) => {}
                (Err(Fault::OtherKind(_)), Condition::Absent) => return Err(Fault::Changed),
                (written, _) => return Ok(written?.header("etag").unwrap_or_default()),
            }
            if let Some(etag) = self.make_way(key, bytes).await? {
                return Ok(etag);
            }
        }
        Err(Fault::Changed)
    }

    /// Clears away what cannot be replaced. If it has these bytes it is made one that was written just now instead, and its entity tag
    /// comes back.
    async fn make_way(&self, key: &str, bytes: &[u8]) -> Result<Option<String>, Fault> {
        let Some(there) = self.look(key).await.map_err(Fault::Error)? else { return Ok(None) };
        if matches!(there.state, State::Whole) && there.length == Some(bytes.len() as u64) {
            let read = self.read_tagged(key, bytes.len()).await.map_err(Fault::Error)?;
            if read.is_some_and(|(read, etag)| read == bytes && etag == there.etag) {
                return match self.touch(key, bytes, &there.etag).await {
                    // Somebody was quicker, or it was us, and the answer was lost: that is seen by looking again.
                    Err(Fault::Absent | Fault::Changed) => Ok(None),
                    touched => touched.map(Some),
                };
            }
        }
        self.clear(key, &there.etag).await.map(|()| None)
    }

    /// Makes an object of these bytes one that was written just now, if it is the one with this entity tag. Its new one comes back.
    pub async fn touch(&self, key: &str, bytes: &[u8], etag: &str) -> Result<String, Fault> {
        let condition = Condition::Is(etag.to_owned());
        let service = &self.settings.service;
        let touched = service.touch(key, etag).map(|request| (request, &[][..]));
        let (request, body) = touched.unwrap_or_else(|| (service.put(key, &condition, bytes, None), bytes));
        Ok(self.ask(&request, body).await?.header("etag").unwrap_or_default())
    }

    /// Removes an object if it is still the one with this entity tag.
    pub async fn clear(&self, key: &str, etag: &str) -> Result<(), Fault> {
        match self.delete_the_one(key, etag).await {
            // Absent: what was tried before had gone through.
            Err(Fault::Absent | Fault::Changed) => Ok(()),
            cleared => cleared,
        }
    }
}
