//! Both ends of a link in one hand: feeds each what the other sends, drains after every mutation, keeps what they tell.

mod link;

pub(crate) use link::{Pipe, Random, Seed};

use rtio_proto::header::MessageId;
use rtio_proto::rest::{ObserverId, StatusCode, UriDigest};
use rtio_proto::session::{
    CloseReason, DeviceConfig, DeviceEvent, DeviceRefusal, DeviceSession, HubEvent, HubSession, ReportOutcome,
    SessionLimits, Verdict,
};
use rtio_proto::time::Instant;
use rtio_proto::verify::DeviceIdRef;

pub(crate) type Hub = HubSession<u32, u32>;
pub(crate) type Device = DeviceSession<4101, 4, 4>;

pub(crate) const DIGEST: UriDigest = UriDigest::of("/rainbow");

/// What a device's session told, with its data copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Call(MessageId, Vec<u8>),
    Observe(ObserverId, Vec<u8>),
    Notified(ObserverId),
    Stopped(ObserverId),
    Reported(MessageId, Option<(StatusCode, Vec<u8>)>),
    Verified,
    Refused(u8),
    Pinged,
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) random: Random,
    pub(crate) hub: Hub,
    pub(crate) device: Device,
    pub(crate) to_hub: Pipe,
    pub(crate) to_device: Pipe,
    /// What the hub's session told and the test has not looked at.
    pub(crate) hub_told: Vec<HubEvent<u32, u32>>,
    pub(crate) device_told: Vec<Told>,
    /// The hub's transport takes only a part at times.
    pub(crate) hub_transport_is_full_at_times: bool,
}

impl Pair {
    pub(crate) fn new(seed: u64, max_delay_ms: u64, config: DeviceConfig) -> Self {
        let now = Instant::START;
        let limits = SessionLimits { max_calls: 8, max_reports: 3, observation_window: 2, ..SessionLimits::default() };
        let mut pair = Self {
            now,
            random: Random(seed),
            hub: Hub::new(limits, now),
            device: Device::new(config, now),
            to_hub: Pipe::new(max_delay_ms),
            to_device: Pipe::new(max_delay_ms),
            hub_told: Vec::new(),
            device_told: Vec::new(),
            hub_transport_is_full_at_times: false,
        };
        pair.on_device(|device, now| device.verify(now, DeviceIdRef::parse(b"dev").unwrap(), b"secret")).unwrap();
        pair
    }

    pub(crate) fn verified(seed: u64, max_delay_ms: u64, config: DeviceConfig) -> Self {
        let mut pair = Self::new(seed, max_delay_ms, config);
        pair.run_until(|pair| !pair.hub_told.is_empty());
        let asked = HubEvent::VerifyRequested { id: "dev".into(), secret: b"secret"[..].into() };
        assert_eq!(std::mem::take(&mut pair.hub_told), [asked]);
        pair.on_hub(|hub, now| hub.answer_verify(now, Verdict::Accepted));
        pair.run_until(|pair| !pair.device_told.is_empty());
        assert_eq!(std::mem::take(&mut pair.device_told), [Told::Verified]);
        pair
    }

    /// One mutation of the hub's session, then drain.
    pub(crate) fn on_hub<R>(&mut self, mutate: impl FnOnce(&mut Hub, Instant) -> R) -> R {
        let result = mutate(&mut self.hub, self.now);
        while let Some(event) = self.hub.poll_event() {
            self.hub_told.push(event);
        }
        while let Some(mut bytes) = self.hub.poll_transmit() {
            let full = self.hub_transport_is_full_at_times && self.random.one_in(4);
            let taken = if full { self.random.below(bytes.len() as u64) } else { bytes.len() as u64 };
            let unsent = bytes.split_off(usize::try_from(taken).unwrap());
            self.to_device.send(self.now, bytes, &mut self.random);
            if !unsent.is_empty() {
                self.hub.handle_unsent(unsent);
                break;
            }
        }
        result
    }

    /// One mutation of the device's session, then drain.
    pub(crate) fn on_device<R>(&mut self, mutate: impl FnOnce(&mut Device, Instant) -> R) -> R {
        let result = mutate(&mut self.device, self.now);
        while let Some(event) = self.device.poll_event() {
            self.device_told.push(Told::from(event));
        }
        let mut out = [0; 64];
        while let Some(len) = self.device.poll_transmit(&mut out) {
            self.to_hub.send(self.now, out[..len].to_vec(), &mut self.random);
        }
        result
    }

    pub(crate) fn notify(&mut self, observer: ObserverId, data: &[u8]) -> Result<(), DeviceRefusal> {
        self.on_device(|device, now| device.notify(now, observer, data))
    }

    /// Lets `millis` pass; bytes and deadlines come at their moments.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = Instant::from_millis(self.now.as_millis() + millis);
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.deliver();
        }
        self.now = end;
    }

    /// Lets time pass until `done`, within an hour.
    pub(crate) fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        let end = Instant::from_millis(self.now.as_millis() + 3_600_000);
        while !done(self) {
            assert!(self.now < end, "nothing happens");
            self.pass(1);
        }
    }

    /// Both ends lose the connection.
    pub(crate) fn cut(&mut self) {
        (self.to_hub.dead, self.to_device.dead) = (true, true);
        self.on_hub(|hub, _| hub.close(CloseReason::PeerGone));
        self.on_device(|device, _| device.close(CloseReason::PeerGone));
    }

    fn next_moment(&self) -> Option<Instant> {
        let hub = self.hub.poll_timeout().map(|(at, _)| at);
        let device = self.device.poll_timeout().map(|(at, _)| at);
        [hub, device, self.to_hub.next_arrival(), self.to_device.next_arrival()].into_iter().flatten().min()
    }

    fn deliver(&mut self) {
        let bytes = self.to_hub.receive(self.now);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let taken = self.on_hub(|hub, now| hub.handle_bytes(now, rest)).unwrap();
            rest = &rest[taken..];
        }
        let bytes = self.to_device.receive(self.now);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let taken = self.on_device(|device, now| device.handle_bytes(now, rest)).unwrap();
            rest = &rest[taken..];
        }
        if self.hub.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            self.on_hub(|hub, now| hub.handle_timeout(now));
        }
        if self.device.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            self.on_device(|device, now| device.handle_timeout(now));
        }
    }
}

impl From<DeviceEvent<'_>> for Told {
    fn from(event: DeviceEvent<'_>) -> Self {
        match event {
            DeviceEvent::Verified => Self::Verified,
            DeviceEvent::VerifyRefused(code) => Self::Refused(code as u8),
            DeviceEvent::Call { message_id, digest, data } => {
                assert_eq!(digest, DIGEST);
                Self::Call(message_id, data.to_vec())
            }
            DeviceEvent::ObserveRequested { observer, digest, data } => {
                assert_eq!(digest, DIGEST);
                Self::Observe(observer, data.to_vec())
            }
            DeviceEvent::NotifyAnswered { observer } => Self::Notified(observer),
            DeviceEvent::ObservationStopped { observer, .. } => Self::Stopped(observer),
            DeviceEvent::ReportAnswered { report, outcome } => {
                let answer = match outcome {
                    ReportOutcome::Answered { status, data } => Some((status, data.to_vec())),
                    ReportOutcome::TimedOut | ReportOutcome::Gone => None,
                    ReportOutcome::Malformed => panic!("the hub's answers are well-formed"),
                };
                Self::Reported(report, answer)
            }
            DeviceEvent::PingAnswered(_) => Self::Pinged,
        }
    }
}
