//! The task of one webhook: does what [`Delivery`] says, and says how it went.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::super::{BackendError, BackendUrl, Bounds, Client, IDEMPOTENCY_KEY, Reply};
use super::batch::Batch;
use super::delivery::{Delivery, PAGE, Step};
use super::metrics::{DELIVERED, HookMetrics};
use crate::hub::{EventId, Hub};
use crate::telemetry;

/// Brings the events of one webhook to its receiver.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) name: String,
    pub(super) url: BackendUrl,
    pub(super) delivery: Delivery,
    pub(super) hub: Arc<Hub>,
    pub(super) client: Client,
    pub(super) metrics: HookMetrics,
    /// When it looked for events last.
    pub(super) looked: Instant,
}

/// What a courier shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Deliver,
    /// Offer what is left, once, and end.
    OfferTheRest,
    /// End, but not in the middle of a post.
    Stop,
}

impl Courier {
    /// Goes on until it is ordered to end.
    pub(super) async fn run(mut self, mut orders: watch::Receiver<Order>) {
        loop {
            let order = *orders.borrow_and_update();
            match order {
                Order::Deliver => {}
                Order::OfferTheRest => self.delivery.end(),
                Order::Stop => return,
            }
            match self.delivery.step(Instant::now()) {
                Step::Read(seen) => self.read(seen).await,
                Step::Build => self.delivery.build(Uuid::now_v7()),
                Step::Post(batch) => self.post(batch).await,
                Step::Wait { seen, until } => tokio::select! {
                    () = self.growth(seen) => self.delivery.handle_growth(),
                    () = reached(until) => {}
                    () = changed(&mut orders) => {}
                },
                Step::Pause(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = changed(&mut orders) => {}
                },
                Step::Stop => return self.leave(),
            }
            self.metrics.reached(self.delivery.place());
        }
    }

    async fn read(&mut self, seen: EventId) {
        self.looked = Instant::now();
        let page = self.hub.events().after(seen, PAGE);
        let dropped = self.delivery.handle_page(page, self.looked);
        if dropped > 0 {
            self.metrics.dropped.inc_by(dropped);
            tracing::warn!(
                hook = self.name,
                dropped,
                "a webhook fell so far behind that events are forgotten (--max-events)"
            );
        }
        // A filter that takes nothing of a full ring shall not keep this thread from everything else.
        tokio::task::yield_now().await;
    }

    /// Waits for an event after `seen`, but not before a pause since the last look: an event every microsecond shall not mean a look
    /// every microsecond.
    async fn growth(&self, seen: EventId) {
        sleep_until(self.looked + LOOK_INTERVAL).await;
        self.hub.events().grown_beyond(seen).await;
    }

    async fn post(&mut self, batch: Batch) {
        let number = HeaderValue::try_from(batch.id.to_string()).expect("a number is a header value");
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (IDEMPOTENCY_KEY, number),
        ]);
        match refusal_of(self.client.post(&self.url, headers, batch.body, BOUNDS).await) {
            None => self.delivered(batch.events),
            Some((error, asked)) => self.failed(&error, asked),
        }
    }

    fn delivered(&mut self, events: u64) {
        self.metrics.attempted(DELIVERED);
        self.metrics.events.inc_by(events);
        let failures = self.delivery.handle_delivered();
        if failures > 0 {
            self.metrics.failing.set(0);
            tracing::info!(hook = self.name, failures, "a webhook's receiver takes events again");
        }
    }

    fn failed(&mut self, error: &BackendError, asked: Option<Duration>) {
        self.metrics.attempted(error.name());
        // Without chance the pause is the longest, which is no harm.
        let random = getrandom::u32().unwrap_or(0);
        if self.delivery.handle_failure(Instant::now(), asked, random) == 1 {
            self.metrics.failing.set(1);
            tracing::warn!(
                hook = self.name,
                error = %telemetry::chain(error),
                "a webhook's receiver does not take events; the batch is posted again until it does"
            );
        }
    }

    /// The hub ends.
    fn leave(&self) {
        let left = self.hub.events().newest().number() - self.delivery.place().number();
        if left > 0 {
            tracing::warn!(hook = self.name, events = left, "the hub ends before a webhook's receiver took all events");
        }
    }
}

/// Why the receiver does not have the batch, and how long it wants to be left alone. Its answer's body is nobody's business.
fn refusal_of(answer: Result<Reply, BackendError>) -> Option<(BackendError, Option<Duration>)> {
    match answer {
        Ok(reply) if reply.status.is_success() => None,
        Ok(reply) => Some((BackendError::Status(reply.status.as_u16()), reply.retry_after)),
        // It is read only where the status means success.
        Err(BackendError::TooLong { .. }) => None,
        Err(error) => Some((error, None)),
    }
}

/// Waits for an order. Whoever drops the other end ends this task, too, and needs no answer.
async fn changed(orders: &mut watch::Receiver<Order>) {
    if orders.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// A receiver that puts events into a queue of its own needs milliseconds. What is read of its answer is for the connection's sake.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), max_bytes: 16 * 1024 };

/// At most a hundred looks a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
