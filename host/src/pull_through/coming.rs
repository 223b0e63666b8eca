//! A blob's bytes on their way here.

use super::PullThrough;
use super::fetch::Key;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use store::Growth;
use tokio::sync::watch;
use tokio::time::sleep;
use upstream::{Blob, Kind};

/// How often it is gone on with a blob that broke off, and after how long.
const TRIES: usize = 5;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// After how many bytes, or how long, those who read are told that some have come.
const TOLD_AFTER: u64 = 256 << 10;
const TOLD_WITHIN: Duration = Duration::from_millis(20);

/// The most bytes of a blob whose size nobody tells.
const MAX_UNTOLD: u64 = 32 << 30;

type Again = Pin<Box<dyn Future<Output = Result<Option<Blob>, upstream::Error>> + Send>>;

/// A blob's bytes as they come, and again where they broke off.
pub struct Coming {
    cache: PullThrough,
    key: Key,
    body: UnsyncBoxBody<Bytes, String>,
    /// How many have come, of how many.
    at: u64,
    size: Option<u64>,
    tries: usize,
    again: Option<Again>,
    growth: watch::Sender<Growth>,
    /// How many had come, and when, when that was told last.
    told: (u64, Instant),
}

impl Coming {
    /// A blob whose first bytes are those of this body. That some have come is told as `growth`.
    pub fn new(
        cache: PullThrough,
        key: Key,
        size: Option<u64>,
        body: UnsyncBoxBody<Bytes, String>,
        growth: watch::Sender<Growth>,
    ) -> Coming {
        Coming { cache, key, body, at: 0, size, tries: TRIES, again: None, growth, told: (0, Instant::now()) }
    }

    /// Goes on where it broke off, if it has not been tried too often.
    fn go_on(&mut self, why: String) -> Result<(), String> {
        if self.size.is_none() || self.tries == 0 {
            return Err(why);
        }
        self.tries -= 1;
        let (cache, (name, blob), at) = (self.cache.clone(), self.key.clone(), self.at);
        tracing::debug!(repository = %name, digest = %blob, at, why, "a blob broke off");
        self.again = Some(Box::pin(async move {
            sleep(AGAIN_AFTER).await;
            cache.shared.upstream.blob(&name, &blob, at).await
        }));
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            let broken = match &mut self.again {
                Some(again) => match ready!(again.as_mut().poll(context)) {
                    Ok(Some(blob)) => {
                        (self.body, self.again) = (blob.body, None);
                        continue;
                    }
                    Ok(None) => return Poll::Ready(Some(Err("the upstream registry has it no more".into()))),
                    Err(error) if error.kind == Kind::Unreachable => error.to_string(),
                    Err(error) => return Poll::Ready(Some(Err(error.to_string()))),
                },
                None => match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(bytes) => return Poll::Ready(Some(self.came(bytes))),
                        Err(_) => continue,
                    },
                    Some(Err(error)) => error,
                    None if self.size.is_some_and(|size| self.at < size) => {
                        format!("the upstream registry ended after {} bytes", self.at)
                    }
                    None => return Poll::Ready(None),
                },
            };
            if let Err(why) = self.go_on(broken) {
                return Poll::Ready(Some(Err(why)));
            }
        }
    }

    fn came(&mut self, bytes: Bytes) -> Result<Bytes, String> {
        self.at += bytes.len() as u64;
        // Whoever gets on may break off again.
        self.tries = TRIES;
        let most = self.size.or(self.cache.shared.fetches.most).unwrap_or(MAX_UNTOLD);
        if self.at > most {
            return Err(format!("the upstream registry sends more than {most} bytes"));
        }
        self.cache.shared.counters.fetched("blob", bytes.len() as u64);
        // Not for every few bytes: whoever reads is woken for them.
        if self.at - self.told.0 >= TOLD_AFTER || self.told.1.elapsed() >= TOLD_WITHIN {
            self.growth.send_replace(Growth::Receiving);
            self.told = (self.at, Instant::now());
        }
        Ok(bytes)
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        self.poll(context).map(|some| some.map(|bytes| bytes.map(Frame::data)))
    }
}
