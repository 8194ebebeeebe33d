//! The session of one client (pure: no socket, no clock).
//!
//! A [`Greeting`] takes bytes until the client has said who it is, and becomes a [`Session`]. Feed that with `handle_bytes`,
//! `handle_timeout` and the verbs; after each, take what is to be done with [`take_requests`](Session::take_requests), what callers are to
//! be told with [`take_done`](Session::take_done) and what is to be written with [`poll_transmit`](Session::poll_transmit), until [`end`](Session::end) says that it is over. What needs the store is a
//! [`Request`]: the driver sees to them in their order and says with `settle`, `subscribe` and `unsubscribe` what came of each.

mod end;
mod greeting;
mod inbox;
mod outbox;
mod subscriptions;
#[cfg(test)]
pub(super) mod tests;
mod told;

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::calls::{Answer, CallLimits, Calls, Done, Gone, Match};
use super::codec::Codec;
use super::packet::{
    Incoming, Message, Outgoing, PacketId, Publish, PublishRefusal, Qos, Reason, SubscribeRefusal, Version,
};
use crate::hub::{CallError, CallId, CallReply, Cap, DeviceId, Ending, Feed, ObservationId, RequestParts};
use crate::realer::{Published, Scopes, Topic};
use inbox::Inbox;
use outbox::{Messages, Outbox};
use subscriptions::Subscriptions;
use told::Told;

pub(super) use end::End;
pub(super) use greeting::{Admission, Greeting};
pub(super) use inbox::{Request, Wish};

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    codec: Codec,
    inbox: Inbox,
    outbox: Outbox,
    subscriptions: Subscriptions,
    told: Told,
    calls: Calls,
    end: Option<End>,
    /// Since the last time that somebody asked.
    incidents: Incidents,
}

/// What is agreed with a client.
#[derive(Debug)]
struct Client {
    device: DeviceId,
    version: Version,
    /// The rights of its credential.
    scopes: Scopes,
    /// When they end.
    expires: Instant,
    keep_alive: Option<Duration>,
    /// How long its session is kept after the connection, in seconds.
    session_expiry: u32,
    /// Messages that it takes before it has acknowledged them.
    window: usize,
    /// Bytes of a payload that its plan allows.
    max_payload: usize,
    /// Bytes of data of a request.
    max_data: usize,
    calls: CallLimits,
}

/// What outlives a connection.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    subscriptions: Subscriptions,
    messages: Messages,
}

/// What went wrong, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Incidents {
    /// Acknowledgements for which there was no room.
    pub(super) acks_dropped: u64,
    /// Messages that are too large for the client.
    pub(super) too_large: u64,
    /// Publishes to topics for which there is no right.
    pub(super) forbidden: u64,
    /// Filters of SUBSCRIBEs.
    pub(super) subscriptions_refused: u64,
    /// Answers that nobody waited for.
    pub(super) answers_dropped: u64,
}

impl Session {
    /// A client that was let in: `accepted` is the first that it hears, `rest` came with its CONNECT.
    fn open(
        client: Client,
        mut codec: Codec,
        (accepted, lasting): (&Outgoing, Option<Lasting>),
        (rest, now): (Vec<u8>, Instant),
    ) -> Self {
        let mut outbox = Outbox::default();
        codec.encode(accepted, &mut outbox.bytes);
        let Lasting { mut subscriptions, mut messages } = lasting.unwrap_or_default();
        subscriptions.retain_allowed(client.scopes);
        messages.retain(subscriptions.wanted(&client.device));
        outbox.resume(&mut codec, messages, client.window);
        let inbox = Inbox::new(rest, now);
        let told = Told::default();
        let calls = Calls::new(client.calls);
        let mut session = Self {
            client,
            codec,
            inbox,
            outbox,
            subscriptions,
            told,
            calls,
            end: None,
            incidents: Incidents::default(),
        };
        session.handle_bytes(now, &[]);
        session
    }

    /// Feeds what was read; nothing, to go on with what was fed before.
    pub(super) fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        self.inbox.heard(now, bytes);
        while self.end.is_none() {
            match self.inbox.decode(&mut self.codec) {
                Ok(Some(packet)) => self.handle(packet),
                Ok(None) => return,
                Err(broken) => {
                    self.close(End::Misbehaved(broken.reason), Some(&broken.last_words));
                    return;
                }
            }
        }
    }

    /// Acts on the deadlines that have come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.calls.handle_timeout(now);
        // While something of the client waits for the store, nothing of it is read: that is no silence of its.
        let interval = self.client.keep_alive.filter(|_| self.inbox.is_settled());
        let is_silent = interval.is_some_and(|interval| now >= self.inbox.last_heard() + interval * 3 / 2);
        if now >= self.client.expires {
            self.end_as(End::Expired);
        } else if is_silent {
            self.end_as(End::Silent);
        }
    }

    /// What became of the message in front of those that are not settled: `id` is `None` where it came at most once.
    pub(super) fn settle(&mut self, id: Option<PacketId>, refusal: Option<PublishRefusal>, ack: Option<Vec<u8>>) {
        if self.end.is_some() {
            return;
        }
        if let (Some(payload), Some(qos)) = (ack, self.subscriptions.acks()) {
            let topic = Topic::Acks.write(&self.client.device).into();
            self.incidents.acks_dropped +=
                self.outbox.push_ack(Message { topic, payload: payload.into(), request: None }, qos);
        }
        if let Some(id) = id {
            self.inbox.settled();
            self.say(&Outgoing::Acknowledge { id, reason: refusal });
        }
    }

    /// What becomes of the filters of a SUBSCRIBE: `known` says of each whether the catalog has it, or that this cannot be told now.
    pub(super) fn subscribe(&mut self, id: PacketId, wishes: &[Wish], known: &[Result<bool, SubscribeRefusal>]) {
        let results = wishes.iter().zip(known).map(|(wish, known)| match (&wish.topic, known) {
            (Some(topic), Ok(true)) => {
                self.told.forget(&wish.text);
                self.subscriptions.insert(topic, &wish.text, wish.qos)
            }
            (None, _) | (_, Ok(false)) => Err(SubscribeRefusal::NotAuthorized),
            (Some(_), Err(refusal)) => Err(*refusal),
        });
        let results: Vec<_> = results.collect();
        self.incidents.subscriptions_refused += results.iter().filter(|result| result.is_err()).count() as u64;
        self.inbox.settled();
        self.say(&Outgoing::Subscribed { id, results });
    }

    /// Ends subscriptions.
    pub(super) fn unsubscribe(&mut self, id: PacketId, filters: &[String]) {
        let device = &self.client.device;
        let existed = filters
            .iter()
            .map(|text| Topic::parse(device, text).is_some_and(|topic| self.subscriptions.remove(&topic, text)));
        let existed = existed.collect();
        self.inbox.settled();
        self.say(&Outgoing::Unsubscribed { id, existed });
    }

    /// Takes a desired state for the client, unless it was told it on this connection, and has not subscribed anew since.
    ///
    /// # Errors
    ///
    /// As [`DeviceLink::tell`](crate::hub::DeviceLink::tell).
    pub(super) fn tell(&mut self, topic: &str, data: &[u8]) -> Result<(), CallError> {
        if self.end.is_some() {
            return Err(CallError::DeviceOffline);
        }
        let qos = self.subscriptions.desired(topic).ok_or(CallError::NotListening)?;
        if self.told.has(topic, data) {
            return Ok(());
        }
        let message = Message { topic: topic.into(), payload: data.into(), request: None };
        let full = |_| CallError::Busy(Cap::Outbox { max_bytes: outbox::MAX_QUEUED_BYTES });
        self.outbox.push_desired(message, qos).map_err(full)?;
        self.told.note(topic, data);
        Ok(())
    }

    /// Asks the device. What the bytes are is decided when they can leave.
    ///
    /// # Errors
    ///
    /// Why it is not asked.
    pub(super) fn start_call(&mut self, parts: RequestParts<'_>, reply: CallReply) -> Result<CallId, CallError> {
        self.check(&parts)?;
        self.calls.start_call(parts, reply)
    }

    /// Nobody waits for the call any more.
    pub(super) fn cancel_call(&mut self, call: CallId) {
        self.calls.cancel_call(call);
    }

    /// Asks to observe.
    ///
    /// # Errors
    ///
    /// Why it is not asked.
    pub(super) fn start_observation(
        &mut self,
        parts: RequestParts<'_>,
        feed: Arc<Feed>,
    ) -> Result<ObservationId, CallError> {
        self.check(&parts)?;
        self.calls.start_observation(parts, feed)
    }

    /// The caller has left.
    pub(super) fn leave_observation(&mut self, observation: ObservationId) {
        self.calls.leave_observation(observation);
    }

    /// The caller took a frame.
    pub(super) fn grant_frame(&mut self, observation: ObservationId) {
        self.calls.grant_frame(observation);
    }

    /// The client has said goodbye, and what it had said before is seen to.
    pub(super) fn leave(&mut self, session_expiry: Option<u32>) {
        match (session_expiry, self.client.session_expiry) {
            // A session that was to end with its connection cannot be kept now (MQTT 5 §3.14.2.2.2).
            (Some(1..), 0) => self.end_as(End::Misbehaved(Reason::ProtocolError)),
            (wanted, agreed) => {
                let wanted = wanted.unwrap_or(agreed);
                self.client.session_expiry = wanted.min(greeting::MAX_SESSION_EXPIRY);
                self.end_as(End::Left);
            }
        }
    }

    /// The session is over; the first reason counts.
    pub(super) fn end_as(&mut self, end: End) {
        self.close(end, None);
    }

    /// A newer connection goes on with what outlives this one, which is over.
    pub(super) fn surrender(&mut self) -> Lasting {
        self.end_as(End::Wanted(Ending::Replaced));
        self.client.session_expiry = 0;
        self.lasting()
    }

    /// What outlives the connection, and for how long, if anything does: nothing of who may not come back.
    pub(super) fn take_lasting(&mut self) -> Option<(Lasting, Duration)> {
        let mut expiry = std::mem::take(&mut self.client.session_expiry);
        if self.end == Some(End::Wanted(Ending::Revoked)) {
            expiry = 0;
        }
        (expiry > 0).then(|| (self.lasting(), Duration::from_secs(expiry.into())))
    }

    /// What the driver has to see to, in its order.
    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        self.inbox.take_requests()
    }

    /// What callers are to be told, in this order and not under a lock.
    pub(super) fn take_done(&mut self) -> Vec<Done> {
        self.calls.take_done()
    }

    /// What went wrong since the last time.
    pub(super) fn take_incidents(&mut self) -> Incidents {
        std::mem::take(&mut self.incidents)
    }

    /// The bytes that leave next. Asked only once those before have left: what is not handed out can still be taken back.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if self.end.is_none() {
            self.incidents.too_large += self.outbox.pump(&mut self.codec, self.client.window);
            self.pump_calls();
        }
        Some(std::mem::take(&mut self.outbox.bytes)).filter(|bytes| !bytes.is_empty())
    }

    /// Whether there is something to write.
    pub(super) fn has_output(&self) -> bool {
        self.outbox.has_output(self.client.window) || (self.end.is_none() && self.calls.has_requests())
    }

    /// Whether bytes of the client may be read: not while others of its are not worked off, or it does not read what it gets.
    pub(super) fn wants_bytes(&self) -> bool {
        self.end.is_none() && self.inbox.wants_bytes() && self.outbox.bytes.len() < outbox::CHUNK_BYTES
    }

    /// Why the session is over, if it is.
    pub(super) const fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether it will be kept after the connection.
    pub(super) const fn is_persistent(&self) -> bool {
        self.client.session_expiry > 0
    }

    /// When bytes came last.
    pub(super) const fn last_heard(&self) -> Instant {
        self.inbox.last_heard()
    }

    /// After one and a half of these without bytes the client counts as gone. Zero: never.
    pub(super) fn keep_alive(&self) -> Duration {
        self.client.keep_alive.unwrap_or_default()
    }

    /// Bytes of data of a request.
    pub(super) const fn max_data(&self) -> usize {
        self.client.max_data
    }

    /// Calls, and observations that have not begun.
    pub(super) fn calls_in_flight(&self) -> usize {
        self.calls.calls()
    }

    /// Observations, begun or not.
    pub(super) fn observations(&self) -> usize {
        self.calls.observations()
    }

    fn handle(&mut self, packet: Incoming) {
        match packet {
            Incoming::Publish(publish) => self.handle_publish(publish),
            Incoming::Acknowledged(id) => self.outbox.acknowledged(id),
            Incoming::Subscribe { id, filters } => {
                let wish = |filter| Wish::read(filter, &self.client.device, self.client.scopes);
                let wishes = filters.into_iter().map(wish).collect();
                self.inbox.push(Request::Subscribe { id, wishes });
            }
            Incoming::Unsubscribe { id, filters } => self.inbox.push(Request::Unsubscribe { id, filters }),
            Incoming::Ping => self.say(&Outgoing::Pong),
            // What was published before is not lost with the connection, though nobody waits for its PUBACK.
            Incoming::Disconnect { session_expiry } if self.inbox.is_settled() => self.leave(session_expiry),
            Incoming::Disconnect { session_expiry } => self.inbox.push(Request::Leave { session_expiry }),
            Incoming::Connect(_) => self.end_as(End::Misbehaved(Reason::ProtocolError)),
        }
    }

    fn handle_publish(&mut self, publish: Publish) {
        let topic = Topic::parse(&self.client.device, &publish.topic);
        match (topic.filter(|topic| topic.may_publish(self.client.scopes)), publish.id, self.client.version) {
            (Some(Topic::FeedData(route)), id, _) => {
                let item = Published { route, payload: publish.payload, retain: publish.retain };
                self.inbox.push(Request::Feed { id, item });
            }
            (Some(Topic::Responses), id, version) => {
                self.handle_answer(version, publish);
                self.settle_in_turn(id, None);
            }
            (_, id, version) => self.refuse_publish(id, version),
        }
    }

    fn handle_answer(&mut self, version: Version, publish: Publish) {
        let answer = Answer::read(version, publish).map(|answer| answer.within(self.client.max_payload));
        let matched = answer.map_or(Match::Unknown, |answer| self.calls.handle_answer(answer));
        self.incidents.answers_dropped += u64::from(matched == Match::Unknown);
    }

    fn refuse_publish(&mut self, id: Option<PacketId>, version: Version) {
        self.incidents.forbidden += 1;
        match (id, version) {
            (Some(id), Version::V5) => self.settle_in_turn(Some(id), Some(PublishRefusal::NotAuthorized)),
            // Nothing else tells a client that its message went nowhere.
            (None, Version::V5) | (_, Version::V3) => self.end_as(End::Misbehaved(Reason::NotAuthorized)),
        }
    }

    /// PUBACKs leave in the order of what they answer (MQTT 3.1.1 §4.6).
    fn settle_in_turn(&mut self, id: Option<PacketId>, refusal: Option<PublishRefusal>) {
        let Some(id) = id else { return };
        if self.inbox.is_settled() {
            self.say(&Outgoing::Acknowledge { id, reason: refusal });
        } else {
            self.inbox.push(Request::Settled { id, refusal });
        }
    }

    /// Whether the device may be asked this.
    fn check(&self, parts: &RequestParts<'_>) -> Result<(), CallError> {
        if self.end.is_some() {
            return Err(CallError::DeviceOffline);
        }
        if !self.subscriptions.takes_requests() {
            return Err(CallError::NotListening);
        }
        let (len, max) = (parts.data.len(), self.client.max_data);
        if len > max { Err(CallError::TooLarge { len, max }) } else { Ok(()) }
    }

    fn pump_calls(&mut self) {
        while self.outbox.bytes.len() < outbox::CHUNK_BYTES {
            let Some(request) = self.calls.next_request() else { return };
            if !self.subscriptions.takes_requests() {
                // It listens no more, or never did and says that it goes on with something.
                self.calls.refuse(&request, CallError::NotListening);
                continue;
            }
            let message = request.message(self.client.version, &self.client.device);
            // The size of its data was looked at; a long URI can still make it too large.
            if self.codec.publish(&message, Qos::AtMostOnce, &mut self.outbox.bytes).is_err() {
                let (len, max) = (message.payload.len(), self.client.max_data);
                self.calls.refuse(&request, CallError::TooLarge { len, max });
            }
        }
    }

    fn lasting(&mut self) -> Lasting {
        let subscriptions = std::mem::take(&mut self.subscriptions);
        let mut messages = self.outbox.take_messages();
        messages.retain(subscriptions.wanted(&self.client.device));
        Lasting { subscriptions, messages }
    }

    fn close(&mut self, end: End, last_words: Option<&[u8]>) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        match (last_words, end.reason()) {
            (Some(words), _) => self.outbox.bytes.extend_from_slice(words),
            (None, Some(reason)) => self.say(&Outgoing::Disconnect(reason)),
            (None, None) => {}
        }
        self.calls.end(if end == End::Vanished { Gone::Vanished } else { Gone::Closed });
    }

    fn say(&mut self, packet: &Outgoing) {
        self.codec.encode(packet, &mut self.outbox.bytes);
    }
}

impl Lasting {
    /// Bytes that this may take.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.subscriptions.weight() + self.messages.weight()
    }
}

/// Packets of a client that are not answered: of publishes, what the catalog announces (contract §7.1). More are not read.
const RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(10).expect("not zero");
