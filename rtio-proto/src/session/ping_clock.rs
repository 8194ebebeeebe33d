//! The device's heartbeat (§3): when a ping is due, and when a hub that does not answer it counts as gone.

use crate::header::MessageId;
use crate::ping::PingInterval;
use crate::time::{Duration, Instant};

/// When each side was last heard by the other, and the ping in flight.
#[derive(Debug)]
pub(super) struct PingClock {
    interval: PingInterval,
    last_sent: Instant,
    last_heard: Instant,
    in_flight: Option<InFlight>,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    message_id: MessageId,
    sent_at: Instant,
    /// Takes effect when the hub agrees.
    asked_for: Option<PingInterval>,
}

impl PingClock {
    /// The hub assumes the default interval until it is asked for another.
    pub(super) fn new(now: Instant) -> Self {
        Self { interval: PingInterval::DEFAULT, last_sent: now, last_heard: now, in_flight: None }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    pub(super) fn pinged(&mut self, now: Instant, message_id: MessageId, asked_for: Option<PingInterval>) {
        self.in_flight = Some(InFlight { message_id, sent_at: now, asked_for });
    }

    /// Ends the wait for the ping `message_id`. `false` if it does not wait.
    pub(super) fn answered(&mut self, message_id: MessageId, agreed: bool) -> bool {
        let Some(ping) = self.in_flight.take_if(|ping| ping.message_id == message_id) else { return false };
        if let Some(interval) = ping.asked_for.filter(|_| agreed) {
            self.interval = interval;
        }
        true
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    pub(super) fn uses(&self, message_id: MessageId) -> bool {
        self.in_flight.is_some_and(|ping| ping.message_id == message_id)
    }

    /// When the next ping is due: one interval after the hub last heard of us or we of it, whichever is longer ago. `None`
    /// while one is in flight.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.last_sent.min(self.last_heard);
        self.in_flight.is_none().then(|| since.after(self.interval.duration()))
    }

    /// From then on the hub counts as gone. Whatever it sends after the ping is a sign of life, because the answer may stand
    /// in line behind it on a slow link.
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        self.in_flight.map(|ping| ping.sent_at.max(self.last_heard).after(PING_ANSWER_TIMEOUT))
    }
}

/// Time the hub has to answer a ping, or to send anything else after it. The same as its patience with a device that does not
/// verify itself (§2), and far less than the half interval after which it gives the device up (§3).
pub(super) const PING_ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
