//! A blob that is read while it is being uploaded: what a cache fetches goes to those who asked for it as it comes.

use crate::backend::{Object, Wait};
use crate::error::Error;
use crate::{Store, waited};
use names::{RepositoryName, UploadId};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::watch;

/// How an upload is getting on. It is sent whenever something has come, though it be the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// There is more to come.
    Receiving,
    /// All has come, and has the digest that it should have.
    Whole,
    /// It did not become a blob.
    Failed,
}

/// An upload that is going to be a blob.
#[derive(Clone)]
pub struct Growing {
    object: Arc<dyn Object>,
    size: u64,
    growth: watch::Receiver<Growth>,
}

impl Store {
    /// An upload under way, to be read as the blob of `size` bytes that it is going to be; `None` when there is no such
    /// upload. No body made of it ends before the upload [is whole](Growth::Whole): nobody takes other bytes for the blob.
    pub fn growing(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        size: u64,
        growth: watch::Receiver<Growth>,
    ) -> Result<Option<Growing>, Error> {
        let key = layout::in_directory(&layout::upload(repository, id), layout::DATA);
        let object = waited(self.inner.backend.open(&key, Wait::May))?;
        Ok(object.map(|object| Growing { object, size, growth }))
    }
}

impl Growing {
    /// How many bytes the blob will have.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn object(&self) -> &Arc<dyn Object> {
        &self.object
    }

    pub(crate) fn body(&self) -> GrowingBody {
        GrowingBody { size: self.size, growth: Some(self.growth.clone()), waiting: None }
    }
}

type Changed = Pin<Box<dyn Future<Output = watch::Receiver<Growth>> + Send>>;

/// What one reader knows of it.
pub(crate) struct GrowingBody {
    size: u64,
    /// `None` while it is waited for.
    growth: Option<watch::Receiver<Growth>>,
    waiting: Option<Changed>,
}

impl GrowingBody {
    /// Up to where bytes may be there, and whether that is all of them. Waits where the reader [has come
    /// to](GrowingBody::wait) the end of those.
    pub fn poll_grown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<(u64, bool)>> {
        if let Some(waiting) = &mut self.waiting {
            self.growth = Some(ready!(waiting.as_mut().poll(context)));
            self.waiting = None;
        }
        let Some(growth) = &mut self.growth else { unreachable!("it is waited for, or there") };
        // Whoever fetched it is gone, perhaps.
        let is_over = growth.has_changed().is_err();
        let growth = *growth.borrow_and_update();
        Poll::Ready(match growth {
            Growth::Whole => Ok((self.size, true)),
            Growth::Receiving if !is_over => Ok((self.size.saturating_sub(1), false)),
            Growth::Receiving | Growth::Failed => {
                Err(io::Error::other("the blob could not be fetched to its end"))
            }
        })
    }

    /// All that was there is read: the next look waits until something has come.
    pub fn wait(&mut self) {
        if let Some(mut growth) = self.growth.take() {
            self.waiting = Some(Box::pin(async move {
                // Who sends it no more shows at the next look.
                let _ = growth.changed().await;
                growth
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Options};
    use bytes::Bytes;
    use http_body::Body;
    use names::Algorithm;
    use std::future::poll_fn;

    async fn frame(body: &mut crate::ContentBody) -> Option<io::Result<Bytes>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    async fn now(body: &mut crate::ContentBody) -> Option<Option<io::Result<Bytes>>> {
        tokio::time::timeout(std::time::Duration::from_millis(50), frame(body)).await.ok()
    }

    #[tokio::test]
    async fn what_has_come_is_read_but_for_the_last_byte_until_all_of_it_is_what_it_should_be() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(root.path())).unwrap();
        let name: RepositoryName = "a".parse().unwrap();
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, growth) = watch::channel(Growth::Receiving);
        let content = Content::from(store.growing(&name, &id, 6, growth).unwrap().unwrap());
        let (mut body, mut other) = (content.body(0, 6), content.body(2, 2));
        assert!(now(&mut body).await.is_none());
        for part in [&b"abc"[..], b"def"] {
            let bytes = http_body_util::Full::new(Bytes::from_static(part));
            store.append(&name, &id, None, bytes).await.unwrap();
            sender.send_replace(Growth::Receiving);
        }
        assert_eq!(frame(&mut body).await.unwrap().unwrap(), "abcde");
        assert_eq!(frame(&mut other).await.unwrap().unwrap(), "c");
        assert!(now(&mut other).await.is_none(), "the last byte of a part comes too early");
        assert!(now(&mut body).await.is_none(), "the last byte comes too early");
        let mut cut = content.body(0, 6);
        assert_eq!(frame(&mut cut).await.unwrap().unwrap(), "abcde");
        sender.send_replace(Growth::Whole);
        assert_eq!(frame(&mut body).await.unwrap().unwrap(), "f");
        assert!(frame(&mut body).await.is_none());
        assert_eq!(frame(&mut other).await.unwrap().unwrap(), "d");
        sender.send_replace(Growth::Failed);
        assert!(frame(&mut cut).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn who_reads_is_told_when_nobody_fetches_any_more() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(root.path())).unwrap();
        let name: RepositoryName = "a".parse().unwrap();
        let id = store.create_upload(&name, Algorithm::Sha256).unwrap();
        let (sender, growth) = watch::channel(Growth::Receiving);
        let content = Content::from(store.growing(&name, &id, 6, growth).unwrap().unwrap());
        let mut body = content.body(0, 6);
        assert!(now(&mut body).await.is_none());
        drop(sender);
        assert!(frame(&mut body).await.unwrap().is_err());
    }
}
