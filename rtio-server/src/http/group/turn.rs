//! A group call waits for its caller's places and pace, where a single call would be refused.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::http::caller_limits::{Exceeded, Limits, Place};
use crate::token::Caller;

/// The turn of one device after the other.
#[derive(Debug)]
pub(super) struct Turn {
    /// How long the place of one device is waited for.
    patience: Duration,
    /// Until when that of the next one is; `None` before it was first tried.
    until: Option<Instant>,
    /// Fires when it makes sense to try again.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Turn {
    pub(super) const fn new(patience: Duration) -> Self {
        Self { patience, until: None, timer: None }
    }

    /// A place for the call of the next device. Tried at each poll, so whoever has given a place back need only poll.
    ///
    /// # Errors
    ///
    /// What the caller had too much of for all the time that the device's turn may take. Then it is the turn of the one behind it.
    pub(super) fn poll_place(
        &mut self,
        limits: &Limits,
        caller: &Caller,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Place, Exceeded>> {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + self.patience);
        let attempt = if now < until { limits.try_begin(caller) } else { limits.begin(caller) };
        match attempt {
            Err(exceeded) if now < until => {
                self.sleep_until(until.min(now + again_after(exceeded)));
                self.poll_timer(cx);
                Poll::Pending
            }
            result => {
                self.until = None;
                Poll::Ready(result)
            }
        }
    }

    fn sleep_until(&mut self, time: Instant) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(time),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(time))),
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) {
        if self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            cx.waker().wake_by_ref();
        }
    }
}

/// When it makes sense to try again. Nobody says when another request of the caller gives its place back.
const fn again_after(exceeded: Exceeded) -> Duration {
    match exceeded {
        Exceeded::Rate { wait, .. } => wait,
        Exceeded::InFlight { .. } | Exceeded::Keys | Exceeded::GroupCalls { .. } | Exceeded::GroupCallsInAll { .. } => {
            LOOK
        }
    }
}

/// How often it is looked for a place that another request of the caller has: short against a call over a network, and cheap.
const LOOK: Duration = Duration::from_millis(20);
