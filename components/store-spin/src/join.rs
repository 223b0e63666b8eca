//! Two things at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Waits for both.
pub async fn join<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(|context| {
        if a.is_none()
            && let Poll::Ready(done) = first.as_mut().poll(context)
        {
            a = Some(done);
        }
        if b.is_none()
            && let Poll::Ready(done) = second.as_mut().poll(context)
        {
            b = Some(done);
        }
        match a.is_some() && b.is_some() {
            true => Poll::Ready(a.take().zip(b.take()).expect("both are done")),
            false => Poll::Pending,
        }
    })
    .await
}
