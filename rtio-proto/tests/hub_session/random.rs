//! A hundred thousand random operations of a driver, a device and a transport that stalls, against a model that knows only
//! what must hold for all of them. `RTIO_SEED=…` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use rtio_proto::decoder::FrameDecoder;
use rtio_proto::session::{
    CallId, CallOutcome, CloseReason, Delivery, HubEvent, ObservationEnd, ObservationId, Refusal, SessionLimits,
};
use rtio_proto::time::Duration;
use rtio_proto::{FrameKind, MessageId, StatusCode};

use crate::fixture::{Event, Hub, answer, frame, notify, ping, send, verified_hub_with};

const OPERATIONS: usize = 100_000;

const LIMITS: SessionLimits = SessionLimits {
    max_calls: 20,
    max_reports: 4,
    max_payload_bytes: 100,
    max_outbox_bytes: 600,
    observation_window: 3,
    max_observations: 256,
};

/// Beside requests, the outbox holds the answers to one read of at most this many bytes, to reports and to observations.
const MAX_OUTBOX_BYTES: usize = 600 + 4096 + 4 * 106 + 20 * 8;

#[test]
fn a_hundred_thousand_random_operations_keep_every_promise() {
    let seed = std::env::var("RTIO_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("RTIO_SEED={seed}");
    let mut random = Random(seed);
    let mut world = World::new();
    let mut sessions = 0;
    for _ in 0..OPERATIONS {
        world.step(&mut random);
        if !world.hub.is_open() || random.below(3000) == 0 {
            world.end();
            world = World::new();
            sessions += 1;
        }
    }
    assert!(sessions > 10, "{sessions}");
}

struct World {
    hub: Hub,
    next_token: u32,
    calls: BTreeMap<u32, CallId>,
    observations: BTreeMap<u32, Watched>,
    /// Calls that were reported as never sent, or that the device has seen.
    not_on_the_wire_again: BTreeSet<u32>,
    open_reports: Vec<MessageId>,
    wire: FrameDecoder<Vec<u8>>,
    /// What the device was asked and has not answered: message ids, and observer ids where there are any.
    asked: Vec<(u16, Option<u16>)>,
}

struct Watched {
    id: ObservationId,
    began: bool,
}

impl World {
    fn new() -> Self {
        Self {
            hub: verified_hub_with(0, LIMITS),
            next_token: 0,
            calls: BTreeMap::new(),
            observations: BTreeMap::new(),
            not_on_the_wire_again: BTreeSet::new(),
            open_reports: Vec::new(),
            wire: FrameDecoder::new(4096),
            asked: Vec::new(),
        }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(12) {
            0 | 1 => self.start_call(random),
            2 => self.start_observation(),
            3 => self.cancel_or_leave(random),
            4 | 5 => self.grant(random),
            6 => self.answer_report(random),
            7 => {
                self.hub.now = self.hub.now.after(Duration::from_millis(random.below(1500)));
                self.hub.session.handle_timeout(self.hub.now);
            }
            _ => self.device_sends(random),
        }
        self.drain();
        let taken = usize::try_from(random.below(400)).expect("small");
        self.transport_takes(if random.below(2) == 0 { 0 } else { taken });
        assert!(self.hub.session.calls_in_flight() <= usize::from(LIMITS.max_calls));
    }

    fn start_call(&mut self, random: &mut Random) {
        let token = self.next_token;
        self.next_token += 1;
        let mut data = token.to_be_bytes().to_vec();
        data.resize(4 + usize::try_from(random.below(100)).expect("small"), b'.');
        match self.hub.tries_call(token, &data) {
            Ok(id) => assert!(self.calls.insert(token, id).is_none()),
            Err(Refusal::TooLarge { len, max }) => assert!(len > max && max == 100),
            Err(refusal) => assert!(matches!(refusal, Refusal::TooManyCalls { .. } | Refusal::OutboxFull { .. })),
        }
    }

    fn start_observation(&mut self) {
        let token = self.next_token;
        self.next_token += 1;
        if let Ok(id) = self.hub.tries_observation(token, b"") {
            self.observations.insert(token, Watched { id, began: false });
        }
    }

    fn cancel_or_leave(&mut self, random: &mut Random) {
        if let Some(token) = random.pick(self.calls.keys().copied()) {
            let id = self.calls.remove(&token).expect("picked");
            self.hub.session.cancel_call(self.hub.now, id);
        }
        if let Some(token) = random.pick(self.observations.keys().copied()) {
            let watched = self.observations.remove(&token).expect("picked");
            self.hub.session.leave_observation(self.hub.now, watched.id);
        }
    }

    fn grant(&mut self, random: &mut Random) {
        if let Some(id) = random.pick(self.observations.values().map(|watched| watched.id)) {
            self.hub.session.grant_frame(id);
        }
    }

    fn answer_report(&mut self, random: &mut Random) {
        if let Some(message_id) = self.open_reports.pop() {
            let data = vec![b'.'; usize::try_from(random.below(120)).expect("small")];
            self.hub.session.answer_report(message_id, StatusCode::Ok, &data);
        }
    }

    fn device_sends(&mut self, random: &mut Random) {
        if !self.hub.session.wants_bytes() {
            return;
        }
        let id = random.u16().max(1);
        let status = u8::try_from(random.below(16)).expect("four bits");
        let bytes = match random.below(10) {
            0 => ping(id, &vec![1; usize::try_from(random.below(4)).expect("small")]),
            1 | 2 => send(id, b"\x20\0\0\0\0report"),
            3 => send(id, &[status << 4 | 0x40, 1, 2, 3, 4]),
            4 => answer(id, b"\x22"),
            5 if random.below(200) == 0 => frame(0x50, id, b""),
            5 | 6 => notify(id, if status < 14 { 3 } else { status }, random.u16() % 40, b"frame"),
            _ => self.device_answers(random, status),
        };
        // A frame may come in two reads.
        let cut = usize::try_from(random.below(bytes.len() as u64)).expect("small");
        for part in [&bytes[..cut], &bytes[cut..]] {
            let events = self.hub.receives(part);
            events.into_iter().for_each(|event| self.note(event));
        }
    }

    fn device_answers(&mut self, random: &mut Random, status: u8) -> Vec<u8> {
        let asked: Vec<_> = (0..self.asked.len()).collect();
        let Some(at) = random.pick(asked.into_iter()) else { return ping(1, b"") };
        match self.asked.swap_remove(at) {
            (id, Some(observer)) => {
                let status = if status < 12 { 3 } else { status };
                answer(id, &[&[0x30 | status], &observer.to_be_bytes()[..]].concat())
            }
            (id, None) => answer(id, &[0x20 | status]),
        }
    }

    fn drain(&mut self) {
        for event in self.hub.events() {
            self.note(event);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            HubEvent::CallDone { token, outcome } => {
                assert!(self.calls.remove(&token).is_some(), "call {token} ended twice");
                if let CallOutcome::TimedOut(Delivery::NotSent) | CallOutcome::Gone(Delivery::NotSent) = outcome {
                    assert!(self.not_on_the_wire_again.insert(token), "call {token} was on the wire");
                }
            }
            HubEvent::ObservationStarted { token } => {
                let watched = self.observations.get_mut(&token).expect("nobody left");
                assert!(!core::mem::replace(&mut watched.began, true), "{token} began twice");
            }
            HubEvent::Notified { token, .. } => assert!(self.observations[&token].began),
            HubEvent::ObservationEnded { token, end } => {
                let watched = self.observations.remove(&token).expect("ends once");
                let begins_first = matches!(end, ObservationEnd::Terminated | ObservationEnd::Overrun);
                assert!(watched.began || !begins_first);
            }
            HubEvent::Report { message_id, .. } => {
                self.open_reports.push(message_id);
                assert!(self.open_reports.len() <= usize::from(LIMITS.max_reports));
            }
            HubEvent::AnswerDropped => {}
            HubEvent::VerifyRequested { .. } => panic!("verified already"),
        }
    }

    fn transport_takes(&mut self, most: usize) {
        let mut bytes = self.hub.sends();
        assert!(bytes.len() <= MAX_OUTBOX_BYTES, "{}", bytes.len());
        let rest = bytes.split_off(most.min(bytes.len()));
        self.hub.session.handle_unsent(rest);
        self.device_reads(&bytes);
    }

    fn device_reads(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (taken, frame) = self.wire.decode(bytes).expect("the hub sends sound frames");
            bytes = &bytes[taken..];
            let Some(frame) = frame else { continue };
            let id = frame.header.raw_message_id;
            match (frame.header.kind, frame.body) {
                (FrameKind::ServerSendReq, [0x20, _, _, _, _, a, b, c, d, ..]) => {
                    let token = u32::from_be_bytes([*a, *b, *c, *d]);
                    assert!(self.not_on_the_wire_again.insert(token), "call {token} should not be here");
                    self.asked.push((id, None));
                }
                (FrameKind::ServerSendReq, [0x30, high, low, ..]) => {
                    self.asked.push((id, Some(u16::from_be_bytes([*high, *low]))));
                }
                (kind, _) => assert!(matches!(kind, FrameKind::DevicePingResp | FrameKind::DeviceSendResp)),
            }
            self.wire.finish();
        }
    }

    /// All that is open ends now; then what is still in the outbox goes out.
    fn end(mut self) {
        self.hub.session.close(CloseReason::PeerGone);
        self.drain();
        assert!(self.calls.is_empty() && self.observations.is_empty());
        assert_eq!(self.hub.session.calls_in_flight(), 0);
        self.transport_takes(usize::MAX);
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn u16(&mut self) -> u16 {
        let [a, b, ..] = self.next().to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    fn pick<T>(&mut self, among: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let (len, mut among) = (among.len() as u64, among);
        if len == 0 { None } else { among.nth(usize::try_from(self.below(len)).expect("small")) }
    }
}
