//! A hub's session, a clock and a transport, in sentences. Frames are raw bytes here, so that a fault in the crate's own
//! encoder cannot hide.

use rtio_proto::UriDigest;
use rtio_proto::session::{
    CallId, CallRequest, CloseReason, HubEvent, HubSession, ObservationId, Refusal, SessionLimits, Timer, Verdict,
};
use rtio_proto::time::{Duration, Instant};

pub(crate) type Event = HubEvent<u32, u32>;

/// Digest of the URI that all tests call, as the spec gives it.
pub(crate) const URI: &str = "/aa/bb";

pub(crate) struct Hub {
    pub(crate) session: HubSession<u32, u32>,
    pub(crate) now: Instant,
}

/// A connection that was just accepted.
pub(crate) fn accepted_hub() -> Hub {
    accepted_hub_with(SessionLimits::default())
}

/// A device of capacity level 0 is verified, and all that led to it is drained.
pub(crate) fn verified_hub() -> Hub {
    verified_hub_with(0, SessionLimits::default())
}

pub(crate) fn verified_hub_with(level: u8, limits: SessionLimits) -> Hub {
    let mut hub = accepted_hub_with(limits);
    hub.receives(&verify_frame(1, level << 6, b"dev:secret"));
    hub.session.answer_verify(hub.now, Verdict::Accepted);
    assert_eq!(hub.sends(), frame(0x21, 1, b""));
    hub
}

fn accepted_hub_with(limits: SessionLimits) -> Hub {
    let now = Instant::from_millis(7_000_000);
    Hub { session: HubSession::new(limits, now), now }
}

impl Hub {
    /// The device sends `bytes`; all events that they give.
    pub(crate) fn receives(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut rest = bytes;
        let mut events = Vec::new();
        while !rest.is_empty() {
            match self.session.handle_bytes(self.now, rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(error) => {
                    assert_eq!(self.session.close_reason(), Some(CloseReason::Protocol(error)));
                    rest = &[];
                }
            }
            events.extend(self.events());
        }
        events
    }

    /// What waits for the driver.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// What leaves for the device.
    pub(crate) fn sends(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.session.poll_transmit()).flatten().collect()
    }

    /// Time passes, then the session is told.
    pub(crate) fn after_millis(&mut self, millis: u64) -> Vec<Event> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.session.handle_timeout(self.now);
        self.events()
    }

    /// A CoPOST that has left for the device.
    pub(crate) fn calls(&mut self, token: u32, data: &[u8]) -> CallId {
        let call = self.queues_call(token, data);
        assert!(!self.sends().is_empty());
        call
    }

    /// A CoPOST with a time limit of 10 s that still waits in the hub.
    pub(crate) fn queues_call(&mut self, token: u32, data: &[u8]) -> CallId {
        self.tries_call(token, data).expect("the call is taken")
    }

    pub(crate) fn tries_call(&mut self, token: u32, data: &[u8]) -> Result<CallId, Refusal> {
        self.session.start_call(self.now, self.request(data, 10), token)
    }

    /// An observation whose establishment has left for the device.
    pub(crate) fn observes(&mut self, token: u32) -> ObservationId {
        let observation = self.queues_observation(token);
        assert!(!self.sends().is_empty());
        observation
    }

    /// An observation with a time limit of 20 s whose establishment still waits in the hub.
    pub(crate) fn queues_observation(&mut self, token: u32) -> ObservationId {
        self.tries_observation(token, b"").expect("the observation is taken")
    }

    pub(crate) fn tries_observation(&mut self, token: u32, data: &[u8]) -> Result<ObservationId, Refusal> {
        self.session.start_observation(self.now, self.request(data, 20), token)
    }

    /// An observation that the device has begun: the first of this hub, with message id 1 and observer id 1.
    pub(crate) fn observes_at_once(&mut self, token: u32) -> ObservationId {
        let observation = self.observes(token);
        assert_eq!(self.receives(&answer(1, b"\x33\x00\x01")), [HubEvent::ObservationStarted { token }]);
        observation
    }

    pub(crate) fn closes(&mut self, reason: CloseReason) -> Vec<Event> {
        self.session.close(reason);
        self.events()
    }

    /// Milliseconds until the next timer, and which.
    pub(crate) fn next_timer(&self) -> Option<(u64, Timer)> {
        self.session.poll_timeout().map(|(at, timer)| (at.as_millis() - self.now.as_millis(), timer))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.session.close_reason().is_none()
    }

    fn request<'a>(&self, data: &'a [u8], seconds: u64) -> CallRequest<'a> {
        CallRequest { digest: UriDigest::of(URI), data, deadline: self.now.after(Duration::from_secs(seconds)) }
    }
}

/// Any frame: `first` is type, version and code.
pub(crate) fn frame(first: u8, message_id: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("a body's length is a u16");
    let mut bytes = vec![first];
    bytes.extend(message_id.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    bytes.extend(body);
    bytes
}

pub(crate) fn verify_frame(message_id: u16, level: u8, identity: &[u8]) -> Vec<u8> {
    frame(0x10, message_id, &[&[level], identity].concat())
}

pub(crate) fn ping(message_id: u16, body: &[u8]) -> Vec<u8> {
    frame(0x30, message_id, body)
}

/// A DeviceSendReq with code 1, as the published SDKs send it.
pub(crate) fn send(message_id: u16, body: &[u8]) -> Vec<u8> {
    frame(0x51, message_id, body)
}

/// The device answers a request of the hub.
pub(crate) fn answer(message_id: u16, body: &[u8]) -> Vec<u8> {
    frame(0x81, message_id, body)
}

/// The device notifies an observer with `status`.
pub(crate) fn notify(message_id: u16, status: u8, observer: u16, data: &[u8]) -> Vec<u8> {
    send(message_id, &[&[0x30 | status], &observer.to_be_bytes()[..], data].concat())
}

/// The hub's answer to a notification.
pub(crate) fn notify_answer(message_id: u16, status: u8, observer: u16) -> Vec<u8> {
    frame(0x61, message_id, &[&[0x30 | status], &observer.to_be_bytes()[..]].concat())
}

/// The hub's CoPOST on the wire.
pub(crate) fn call_frame(message_id: u16, data: &[u8]) -> Vec<u8> {
    frame(0x70, message_id, &[b"\x20\xa7\x96\xd0\x57", data].concat())
}

/// The hub's establishment on the wire.
pub(crate) fn establish_frame(message_id: u16, observer: u16, data: &[u8]) -> Vec<u8> {
    frame(0x70, message_id, &[&[0x30], &observer.to_be_bytes()[..], b"\xa7\x96\xd0\x57", data].concat())
}
