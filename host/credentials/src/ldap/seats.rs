//! Who may use one of the connections: so many at once, and of those who wait each address in its turn.

use crate::lock;
use crate::turns::Turns;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot::{Sender, channel};

struct State {
    free: usize,
    waiting: Turns<Sender<Seat>>,
}

pub struct Seats(Arc<Mutex<State>>);

/// One of them. Once it is dropped, it is the next one's.
pub struct Seat(Arc<Mutex<State>>);

impl Seats {
    pub fn new(count: usize) -> Seats {
        Seats(Arc::new(Mutex::new(State { free: count, waiting: Turns::default() })))
    }

    /// Waits for one, for whoever is at this address. Who no longer waits is passed over.
    pub async fn take(&self, from: IpAddr) -> Seat {
        let receiver = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                // Then nobody waits.
                state.free -= 1;
                return Seat(self.0.clone());
            }
            let (sender, receiver) = channel();
            state.waiting.push(from, sender);
            receiver
        };
        receiver.await.expect("who waits is forgotten only with all the seats, which this keeps")
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let next = {
            let mut state = lock(&self.0);
            let next = std::iter::from_fn(|| state.waiting.pop()).find(|sender| !sender.is_closed());
            state.free += usize::from(next.is_none());
            next
        };
        // Should they go away only now, the seat comes back from here, and is dropped: it is the next one's.
        let _ = next.map(|sender| sender.send(Seat(self.0.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::task::Poll;

    type Waiting<'a> = Pin<Box<dyn Future<Output = Seat> + 'a>>;

    /// Someone who takes a seat, or begins to wait for one.
    async fn asks(seats: &Seats, last: u8) -> (Waiting<'_>, Option<Seat>) {
        let mut waiting: Waiting = Box::pin(seats.take(IpAddr::from([192, 0, 2, last])));
        let seat = now(&mut waiting).await;
        (waiting, seat)
    }

    /// What is there without waiting.
    async fn now(waiting: &mut Waiting<'_>) -> Option<Seat> {
        poll_fn(|context| {
            Poll::Ready(match waiting.as_mut().poll(context) {
                Poll::Ready(seat) => Some(seat),
                Poll::Pending => None,
            })
        })
        .await
    }

    fn run(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(pin!(work));
    }

    #[test]
    fn an_address_that_takes_them_all_and_waits_for_more_delays_another_by_one() {
        run(async {
            let seats = Seats::new(2);
            let (_, first) = asks(&seats, 1).await;
            let (_, second) = asks(&seats, 1).await;
            let mut many = Vec::new();
            for _ in 0..50 {
                let (waiting, seat) = asks(&seats, 1).await;
                assert!(seat.is_none());
                many.push(waiting);
            }
            let (mut other, none) = asks(&seats, 2).await;
            assert!(none.is_none());
            drop(first);
            let next = now(&mut many[0]).await.expect("who came first is first");
            drop(second);
            let other = now(&mut other).await.expect("the other address has its turn");
            assert!(now(&mut many[1]).await.is_none());
            drop((next, other));
            assert!(now(&mut many[1]).await.is_some() && now(&mut many[2]).await.is_some());
        });
    }

    #[test]
    fn who_no_longer_waits_costs_nobody_a_seat() {
        run(async {
            let seats = Seats::new(1);
            let (_, seat) = asks(&seats, 1).await;
            let (gone, _) = asks(&seats, 1).await;
            let (told, _) = asks(&seats, 2).await;
            let (mut last, _) = asks(&seats, 1).await;
            drop(gone);
            drop(seat);
            // It is on its way when they go away.
            drop(told);
            let seat = now(&mut last).await.expect("it is the last one's");
            drop(seat);
            assert_eq!(lock(&seats.0).free, 1);
            assert!(asks(&seats, 3).await.1.is_some());
        });
    }
}
