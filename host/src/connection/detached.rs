//! Requests that are done to their end though their client is gone, because someone is told of what they do.

use super::Reply;
use http::{Method, Request, Response};
use std::cell::Cell;
use std::rc::Rc;
use tokio::task::spawn_local;

/// Whether more than its client may be told of such a request: of a pull nobody is that breaks off.
pub fn may_be_told<B>(request: &Request<B>) -> bool {
    match *request.method() {
        Method::PUT | Method::DELETE => true,
        // A mount, or a whole blob. Where an upload begins instead it ends with its client.
        Method::POST => request.uri().query().is_some(),
        _ => false,
    }
}

/// Who waits for an answer.
struct Waiting(Rc<Cell<bool>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// The answer, which is made to its end also when this is dropped; then it counts as one that was not sent.
pub async fn to_its_end(answer: impl Future<Output = Response<Reply>> + 'static) -> Response<Reply> {
    let waiting = Waiting(Rc::default());
    let is_gone = waiting.0.clone();
    let made = spawn_local(async move {
        let mut answer = answer.await;
        if is_gone.get() {
            answer.body_mut().give_up();
        }
        answer
    });
    made.await.expect("it does not panic, and nobody aborts it")
}
