//! How requests and observations of a hub's session end without the answer that was hoped for: the session's end, a
//! deadline, a caller that leaves. What has not left for the device is taken back; what has keeps its ids out of use.

use super::call::CallOutcome;
use super::hub_event::HubEvent;
use super::hub_link::{Expiry, HubLink, State};
use super::observation::ObservationEnd;
use super::observers::Observation;
use super::outbox::Span;
use super::pending::Awaited;
use super::{CloseReason, Delivery};
use crate::header::MessageId;
use crate::rest::{ObserverId, StatusCode};
use crate::time::Instant;

impl<C, O: Clone> HubLink<C, O> {
    /// After the end: what was still open, one by one. A request that has not left is taken back, for its caller is told so.
    pub(super) fn pop_gone(&mut self) -> Option<HubEvent<C, O>> {
        let vanished = matches!(self.state, State::Closed { reason: CloseReason::Vanished });
        let of_call = if vanished { CallOutcome::Vanished } else { CallOutcome::Gone };
        let of_observation = if vanished { ObservationEnd::Vanished } else { ObservationEnd::Gone };
        while let Some(entry) = self.pending.pop_last() {
            let delivery = self.withdraw(entry.span);
            let observer = match entry.what {
                Awaited::Call(token) => {
                    return Some(HubEvent::CallDone { token, outcome: of_call(delivery) });
                }
                Awaited::Establish(observer) => observer,
            };
            if let Some(Observation { token, .. }) = self.observers.as_mut().and_then(|all| all.remove(observer)) {
                return Some(HubEvent::ObservationEnded { token, end: of_observation(delivery) });
            }
        }
        let token = self.observers.as_mut()?.pop_any()?.token;
        Some(HubEvent::ObservationEnded { token, end: ObservationEnd::Gone(Delivery::Sent) })
    }

    pub(super) fn pop_expired(&mut self) -> Option<HubEvent<C, O>> {
        let Expiry { now, mut after } = self.expiry?;
        while let Some(message_id) = self.pending.next_expired(now, after) {
            after = Some(message_id);
            self.expiry = Some(Expiry { now, after });
            let event = self.expire(now, message_id);
            if event.is_some() {
                return event;
            }
        }
        let stalled = self.pop_stalled(now);
        if stalled.is_none() {
            self.expiry = None;
        }
        stalled
    }

    /// Ends an observation whose caller does not take what is there: the device must have its answer.
    fn pop_stalled(&mut self, now: Instant) -> Option<HubEvent<C, O>> {
        let observers = self.observers.as_mut()?;
        let observer = observers.stalled(now)?;
        let token = observers.get_mut(observer)?.token.clone();
        self.drop_observation(now, observer);
        Some(HubEvent::ObservationEnded { token, end: ObservationEnd::Stalled })
    }

    /// `None` for the establishment of an observation that has begun without its answer.
    fn expire(&mut self, now: Instant, message_id: MessageId) -> Option<HubEvent<C, O>> {
        let entry = self.pending.remove(message_id)?;
        let delivery = self.abandon(now, message_id, entry.span);
        let observer = match entry.what {
            Awaited::Call(token) => {
                return Some(HubEvent::CallDone { token, outcome: CallOutcome::TimedOut(delivery) });
            }
            Awaited::Establish(observer) => observer,
        };
        let observers = self.observers.as_mut()?;
        let live = observers.get_mut(observer)?;
        live.establishing = None;
        if live.started {
            return None;
        }
        let live = observers.remove(observer)?;
        if delivery == Delivery::Sent {
            observers.leave(observer);
        }
        self.forget_observer(None);
        Some(HubEvent::ObservationEnded { token: live.token, end: ObservationEnd::TimedOut(delivery) })
    }

    /// Removes an observation. Its id stays out of use unless the device is told with this, or never knew of it.
    pub(super) fn drop_observation(&mut self, now: Instant, observer: ObserverId) {
        let Some(live) = self.observers.as_mut().and_then(|observers| observers.remove(observer)) else { return };
        let unsent_establishment = live.establishing.and_then(|message_id| {
            let entry = self.pending.remove_use(message_id, live.serial)?;
            Some(self.abandon(now, message_id, entry.span) == Delivery::NotSent)
        });
        if let Some(owed) = live.owed {
            self.answer_notify(owed.message_id, StatusCode::Terminate, observer.to_wire());
        } else if unsent_establishment != Some(true) {
            self.observers(now).leave(observer);
        }
        self.forget_observer(None);
    }

    /// The device knows that `observer` is gone. Drops the table when it has nothing left to remember.
    pub(super) fn forget_observer(&mut self, observer: Option<ObserverId>) {
        let Some(observers) = &mut self.observers else { return };
        if let Some(observer) = observer {
            observers.forget(observer);
        }
        if observers.is_forgettable() {
            self.next_observer = observers.next_id();
            self.observers = None;
        }
    }

    /// Nobody waits for this request: takes it back if it has not left, else keeps its id until its late answer.
    pub(super) fn abandon(&mut self, now: Instant, message_id: MessageId, span: Span) -> Delivery {
        let delivery = self.withdraw(span);
        if delivery == Delivery::Sent {
            self.pending.retire(now, message_id);
        }
        delivery
    }

    /// Takes a request back if not a byte of it has left.
    fn withdraw(&mut self, span: Span) -> Delivery {
        if !self.outbox.holds(span) {
            return Delivery::Sent;
        }
        if self.outbox.withdraw(span) {
            self.pending.shift_after(span);
        }
        Delivery::NotSent
    }
}
