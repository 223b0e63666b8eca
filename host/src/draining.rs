//! The end of a server that was told to stop: what is in flight is finished, as long as there is patience for it.

use crate::connection::Admission;
use crate::notifications::Deliveries;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// What a server has in hand.
pub struct InFlight<'a> {
    /// A permit for each connection that there may be.
    pub connections: &'a Semaphore,
    /// How many there may be.
    pub limit: usize,
    /// Requests: some go on without their client.
    pub admission: &'a Admission,
}

/// How often it is looked whether a request without a client is done.
const LOOK: Duration = Duration::from_millis(10);

impl InFlight<'_> {
    /// How many connections are open.
    fn open(&self) -> usize {
        self.limit - self.connections.available_permits()
    }

    async fn is_over(&self) {
        let _ = self.connections.acquire_many(u32::try_from(self.limit).unwrap_or(u32::MAX)).await;
        while self.admission.in_flight() > 0 {
            sleep(LOOK).await;
        }
    }
}

/// Waits until nothing is in flight, and then until what was done there is told; for `patience` at most, or until the server is told
/// to stop once more.
pub async fn finish(
    in_flight: InFlight<'_>,
    deliveries: Option<Deliveries>,
    patience: Duration,
    [terminate, interrupt]: [&mut Signal; 2],
) {
    let open = in_flight.open();
    tracing::info!(
        connections = open,
        ?patience,
        "stopping: finishing what is in flight (http.draintimeout)"
    );
    let waiting = deliveries.as_ref().map(Deliveries::waiting);
    let finished = async {
        in_flight.is_over().await;
        if let Some(deliveries) = deliveries {
            deliveries.finish().await;
        }
    };
    let at_once = tokio::select! {
        () = finished => return tracing::info!("stopped"),
        () = sleep(patience) => false,
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
    };
    if let Some(waiting) = waiting {
        waiting.tell_lost();
    }
    match in_flight.open() == 0 && in_flight.admission.in_flight() == 0 {
        _ if at_once => tracing::warn!("stopped at once"),
        true => tracing::warn!("stopped before all was told"),
        false => tracing::warn!(
            "stopped with requests in flight: their uploads can be resumed, in a bucket from before these requests"
        ),
    }
}
