//! Blobs that pass through and are not kept.

use super::PullThrough;
use crate::storage::Error;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use names::{Digest, RepositoryName};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tree::hash::Hash;

/// A blob that stays with the upstream registry.
#[derive(Clone)]
pub struct Direct {
    pub(super) cache: PullThrough,
    pub(super) name: RepositoryName,
    pub(super) blob: Digest,
    pub(super) size: u64,
}

impl Direct {
    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `length` of its bytes from `offset` on. All of them end only if they are what they should be.
    pub async fn read(&self, offset: u64, length: u64) -> Result<UnsyncBoxBody<Bytes, String>, Error> {
        let found = self.cache.shared.upstream.blob(&self.name, &self.blob, offset).await?;
        let body = found.map(|blob| blob.body).ok_or(Error::Lost)?;
        let counters = self.cache.shared.counters.clone();
        let body = body.map_frame(move |frame| {
            counters.fetched("blob", frame.data_ref().map_or(0, Bytes::len) as u64);
            frame
        });
        if offset > 0 || length < self.size {
            return Ok(body.boxed_unsync());
        }
        let hash = Hash::new(self.blob.algorithm());
        Ok(Verified { body: body.boxed_unsync(), digest: self.blob.clone(), hash: Some(hash), left: length }
            .boxed_unsync())
    }
}

/// A body whose last bytes come only if all have the digest that they should have.
struct Verified {
    body: UnsyncBoxBody<Bytes, String>,
    digest: Digest,
    hash: Option<Hash>,
    left: u64,
}

impl Body for Verified {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        let me = &mut *self;
        let frame = ready!(Pin::new(&mut me.body).poll_frame(context));
        if let (Some(Ok(frame)), Some(hash)) = (&frame, &mut me.hash)
            && let Some(data) = frame.data_ref()
        {
            hash.update(data);
            me.left = me.left.saturating_sub(data.len() as u64);
            if me.left == 0
                && let Some(actual) = me.hash.take().map(Hash::digest).filter(|actual| *actual != me.digest)
            {
                return Poll::Ready(Some(Err(format!("the bytes have the digest {actual}"))));
            }
        }
        Poll::Ready(frame)
    }
}
