//! One call of many devices: whom, how many at once, and when to stop. What a call of one device is, and whether it may begin now, says
//! whoever asks for it ([`GroupCaller`]): the hub knows neither rights nor formats.

mod walk;

#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinSet;

use super::ports::BoxFuture;
use super::{DeviceId, Hub};
use walk::{Step, Walk};

pub use walk::Group;

/// Who calls a group of devices.
pub trait GroupCaller {
    /// What comes of one device.
    type Outcome: Send + 'static;

    /// Whether a pattern may stand for `device`. What is named is called in any case.
    fn may_know(&self, device: &DeviceId) -> bool;

    /// The call of `device`, once it may begin. It runs in a task of its own, and is dropped when nobody waits for it any more.
    ///
    /// Asked again, for the same device, whenever a call of the group has ended; else it must see to being woken.
    fn poll_begin(&mut self, device: &DeviceId, cx: &mut Context<'_>) -> Poll<BoxFuture<'static, Self::Outcome>>;
}

/// A group call that goes on as far as it is polled: it keeps at most `concurrency` calls and outcomes, and looks for further devices only
/// when somebody takes outcomes. Dropping it ends what is in flight.
pub struct GroupCall<C: GroupCaller> {
    hub: Arc<Hub>,
    /// `None` once every device was found.
    walk: Option<Walk>,
    caller: C,
    /// Found, and may not begin yet.
    next: Option<DeviceId>,
    in_flight: JoinSet<C::Outcome>,
    concurrency: usize,
}

impl<C: GroupCaller> GroupCall<C> {
    /// Calls the devices of `group`, at most `concurrency` of them at once.
    pub fn new(hub: Arc<Hub>, group: Group, concurrency: usize, caller: C) -> Self {
        let (walk, in_flight) = (Some(Walk::new(group)), JoinSet::new());
        Self { hub, walk, caller, next: None, in_flight, concurrency: concurrency.max(1) }
    }

    /// The next outcome, in the order in which calls end; `None` after the last.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<C::Outcome>> {
        self.begin_more(cx);
        match self.in_flight.poll_join_next(cx) {
            Poll::Ready(Some(Ok(outcome))) => Poll::Ready(Some(outcome)),
            Poll::Ready(Some(Err(error))) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Only the end of the runtime cancels a task of ours, and then nobody polls again.
                Err(_) => Poll::Pending,
            },
            Poll::Ready(None) if self.has_begun_all() => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Begins no further call. Those in flight go on.
    pub fn stop(&mut self) {
        self.walk = None;
        self.next = None;
    }

    /// Whether no further call will begin.
    pub fn has_begun_all(&self) -> bool {
        self.walk.is_none() && self.next.is_none()
    }

    fn begin_more(&mut self, cx: &mut Context<'_>) {
        while self.in_flight.len() < self.concurrency {
            let Some(device) = self.next.take().or_else(|| self.find(cx)) else { return };
            match self.caller.poll_begin(&device, cx) {
                Poll::Ready(call) => drop(self.in_flight.spawn(call)),
                Poll::Pending => {
                    self.next = Some(device);
                    return;
                }
            }
        }
    }

    fn find(&mut self, cx: &Context<'_>) -> Option<DeviceId> {
        let caller = &self.caller;
        match self.walk.as_mut()?.next(&self.hub.registry, |device| caller.may_know(device)) {
            Step::Found(device) => Some(device),
            Step::Later => {
                cx.waker().wake_by_ref();
                None
            }
            Step::End => {
                self.walk = None;
                None
            }
        }
    }
}

impl<C: GroupCaller> fmt::Debug for GroupCall<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GroupCall");
        debug.field("in_flight", &self.in_flight.len()).field("walk", &self.walk).finish_non_exhaustive()
    }
}
