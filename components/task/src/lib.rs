//! Work that goes on after the export that began it has answered.
//!
//! wit-bindgen has a `spawn_local` of its own, which this takes the place of. That one keeps an export's tasks in a set
//! that asks for another turn whenever it has polled all of them, so an export yields to its host before every wait, and
//! after its answer. A host that leaves the body of an answer to another turn sends the head alone; the body then waits for
//! the client to acknowledge that, 40 ms where Nagle's algorithm is on (docs/decisions/0015).
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Slot {
    /// Nothing while it is polled.
    work: Option<Work>,
    /// Whether it was woken while it was polled.
    is_woken: bool,
}

thread_local! {
    static SLOTS: RefCell<BTreeMap<u64, Slot>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Does the work beside what is done after the call, and goes on when the export has answered: the host keeps an export
/// that waits for something. To be called in an asynchronous export. What the work does before its first wait is done when
/// this returns.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    let number = NEXT.get();
    NEXT.set(number + 1);
    let slot = Slot { work: Some(Box::pin(work)), is_woken: false };
    SLOTS.with_borrow_mut(|slots| slots.insert(number, slot));
    go_on(number);
}

/// Writes bytes to a stream, as fast as whoever has its other end takes them. Who goes away leaves some.
pub fn write(mut to: StreamWriter<u8>, bytes: Vec<u8>) {
    spawn(async move { drop(to.write_all(bytes).await) });
}

/// Hands on so many bytes of a stream, `piece` at a time at most; whether all of them came and were taken.
pub async fn pump(
    from: &mut StreamReader<u8>,
    mut length: u64,
    to: &mut StreamWriter<u8>,
    piece: usize,
) -> bool {
    let within = |length: u64| piece.min(usize::try_from(length).unwrap_or(piece));
    let mut buffer = Vec::with_capacity(within(length));
    while length > 0 {
        let (result, mut read) = from.read(buffer).await;
        read.truncate(within(length));
        length -= read.len() as u64;
        buffer = to.write_all(read).await;
        if !buffer.is_empty() || result == StreamResult::Dropped && length > 0 {
            return false;
        }
    }
    true
}

/// The work of a slot, which whoever delivers an event to it has polled at once.
struct Waiting(u64);

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        go_on(self.0);
    }
}

/// Polls the work until it waits for something.
fn go_on(number: u64) {
    let waker = Waker::from(Arc::new(Waiting(number)));
    while let Some(mut work) = take(number) {
        // Out of its slot: it may begin other work, and wake itself and others.
        if work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            SLOTS.with_borrow_mut(|slots| slots.remove(&number));
            return;
        }
        let is_woken = SLOTS.with_borrow_mut(|slots| {
            let slot = slots.get_mut(&number).expect("it has its slot until it is done");
            slot.work = Some(work);
            slot.is_woken
        });
        if !is_woken {
            return;
        }
    }
}

/// The work, to be polled. There is none when it is done, or is being polled: then it will be polled once more.
fn take(number: u64) -> Option<Work> {
    SLOTS.with_borrow_mut(|slots| {
        let slot = slots.get_mut(&number)?;
        let work = slot.work.take();
        slot.is_woken = work.is_none();
        work
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use std::rc::Rc;
    use std::task::Poll;

    /// A future that waits until it was woken from outside, and hands out the waker to do so.
    async fn wait(waker: Rc<RefCell<Option<Waker>>>) {
        let mut waits = true;
        poll_fn(|context| {
            waker.replace(Some(context.waker().clone()));
            match std::mem::take(&mut waits) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        })
        .await;
    }

    #[test]
    fn what_comes_before_the_first_wait_is_done_at_once_and_the_rest_when_it_is_woken() {
        let (steps, waker) = (Rc::new(Cell::new(0)), Rc::default());
        let (step, waiting) = (steps.clone(), Rc::clone(&waker));
        spawn(async move {
            step.set(1);
            wait(waiting).await;
            step.set(2);
        });
        assert_eq!(steps.get(), 1);
        let woken: Waker = waker.take().unwrap();
        woken.wake_by_ref();
        assert_eq!(steps.get(), 2);
        // Late, and of no effect.
        woken.wake();
        assert_eq!(SLOTS.with_borrow(BTreeMap::len), 0);
    }

    #[test]
    fn work_may_wake_itself_and_begin_other_work() {
        let done = Rc::new(Cell::new(0));
        let (inner, outer) = (done.clone(), done.clone());
        spawn(async move {
            spawn(async move { inner.set(inner.get() + 1) });
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                match polls {
                    3 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            })
            .await;
            outer.set(outer.get() + 1);
        });
        assert_eq!(done.get(), 2);
        assert_eq!(SLOTS.with_borrow(BTreeMap::len), 0);
    }

    #[test]
    fn what_nobody_wakes_stays() {
        spawn(pending());
        assert_eq!(SLOTS.with_borrow(BTreeMap::len), 1);
    }
}
