use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

struct Shared<T> {
    done: Option<T>,
    waker: Option<Waker>,
}

/// Something that is done while its caller does something else. It goes on when this is dropped, until the export that
/// it was begun in has nothing left to do.
pub struct Task<T>(Rc<RefCell<Shared<T>>>);

impl<T: 'static> Task<T> {
    /// Begins it; to be called in an asynchronous export.
    pub fn spawn(work: impl Future<Output = T> + 'static) -> Task<T> {
        let shared = Rc::new(RefCell::new(Shared { done: None, waker: None }));
        let task = Task(shared.clone());
        let ending = Ending(shared);
        crate::spawn(async move {
            let done = work.await;
            ending.0.borrow_mut().done = Some(done);
        });
        task
    }
}

/// Wakes whoever waits, also where the work panicked.
struct Ending<T>(Rc<RefCell<Shared<T>>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        // Whoever is woken may look at once.
        let waker = self.0.borrow_mut().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut shared = self.0.borrow_mut();
        match shared.done.take() {
            Some(done) => Poll::Ready(done),
            None if Rc::strong_count(&self.0) == 1 => panic!("the work ended without a result"),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
