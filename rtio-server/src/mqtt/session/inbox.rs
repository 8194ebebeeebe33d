//! What came from a client and is not worked off: bytes that are not decoded, and requests that the driver has to see to.

use tokio::time::Instant;

use super::super::codec::{Broken, Codec};
use super::super::packet::{Filter, Incoming, PacketId, PublishRefusal, Qos};
use crate::hub::DeviceId;
use crate::realer::{Published, Scopes, Topic};

/// What came and is not worked off. Idle, it owns no heap.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Not decoded: at most what is read at once, because nothing is read while something is here.
    bytes: Vec<u8>,
    /// Of `bytes`, what is decoded already.
    taken: usize,
    /// Not taken by the driver; at most [`MAX_REQUESTS`].
    requests: Vec<Request>,
    /// Packets that wait for their answer.
    unsettled: u16,
    last_heard: Instant,
}

/// What the driver has to see to, with the store where that is needed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Request {
    /// Feed data came: [`settle`](super::Session::settle) says what became of it.
    Feed { id: Option<PacketId>, item: Published },
    /// Nothing is to be done but to settle it in its turn.
    Settled { id: PacketId, refusal: Option<PublishRefusal> },
    /// [`subscribe`](super::Session::subscribe) says which are there.
    Subscribe { id: PacketId, wishes: Vec<Wish> },
    /// [`unsubscribe`](super::Session::unsubscribe), in its turn.
    Unsubscribe { id: PacketId, filters: Vec<String> },
    /// The last one: [`leave`](super::Session::leave), once what came before it is seen to.
    Leave { session_expiry: Option<u32> },
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Wish {
    /// What it is. `None`: nothing that this client may read.
    pub(in crate::mqtt) topic: Option<Topic>,
    pub(in crate::mqtt) text: String,
    pub(in crate::mqtt) qos: Qos,
}

impl Wish {
    pub(super) fn read(filter: Filter, device: &DeviceId, scopes: Scopes) -> Self {
        let Filter { topic: text, qos } = filter;
        let topic = Topic::parse(device, &text).filter(|topic| topic.may_subscribe(scopes));
        Self { topic, text, qos }
    }
}

impl Inbox {
    /// `bytes` came with the CONNECT.
    pub(super) const fn new(bytes: Vec<u8>, now: Instant) -> Self {
        Self { bytes, taken: 0, requests: Vec::new(), unsettled: 0, last_heard: now }
    }

    /// Notes what was read.
    pub(super) fn heard(&mut self, now: Instant, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.last_heard = now;
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next packet, as long as there is room for what comes of it.
    pub(super) fn decode(&mut self, codec: &mut Codec) -> Result<Option<Incoming>, Broken> {
        while self.has_room() && self.taken < self.bytes.len() {
            let (taken, packet) = codec.decode(&self.bytes[self.taken..])?;
            debug_assert!(taken > 0, "bytes were taken");
            self.taken += taken;
            if packet.is_some() {
                return Ok(packet);
            }
        }
        if self.taken == self.bytes.len() {
            (self.bytes, self.taken) = (Vec::new(), 0);
        }
        Ok(None)
    }

    pub(super) fn push(&mut self, request: Request) {
        match request {
            Request::Feed { id: Some(_), .. }
            | Request::Settled { .. }
            | Request::Subscribe { .. }
            | Request::Unsubscribe { .. } => self.unsettled += 1,
            Request::Feed { id: None, .. } | Request::Leave { .. } => {}
        }
        self.requests.push(request);
    }

    /// One more has its answer.
    pub(super) fn settled(&mut self) {
        self.unsettled = self.unsettled.saturating_sub(1);
    }

    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Whether nothing waits for its turn.
    pub(super) const fn is_settled(&self) -> bool {
        self.unsettled == 0 && self.requests.is_empty()
    }

    pub(super) const fn wants_bytes(&self) -> bool {
        self.bytes.is_empty() && self.has_room()
    }

    pub(super) const fn last_heard(&self) -> Instant {
        self.last_heard
    }

    const fn has_room(&self) -> bool {
        self.unsettled < super::RECEIVE_MAXIMUM.get() && self.requests.len() < MAX_REQUESTS
    }
}

/// Requests that wait for the driver; those that come at most once are bounded by this alone.
const MAX_REQUESTS: usize = 64;
