//! The hub's and the device's session joined in memory by a link that splits, joins, delays and dies, under a fake clock.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "clippy excepts test functions, not what they call")]

mod pair;

use std::collections::{BTreeMap, BTreeSet};

use pair::{DIGEST, Pair, Seed, Told};
use rtio_proto::header::MessageId;
use rtio_proto::ping::PingInterval;
use rtio_proto::rest::{ObserverId, StatusCode};
use rtio_proto::session::{
    CallId, CallOutcome, CallRequest, CloseReason, DeviceConfig, HubEvent, ObservationEnd, ObservationId, Verdict,
};
use rtio_proto::time::{Duration, Instant};

#[test]
fn every_verdict_of_the_hub_reaches_the_device() {
    let cases = [(Verdict::Refused, 3), (Verdict::Malformed, 4), (Verdict::Unavailable, 0)];
    for (verdict, code) in cases {
        let mut pair = Pair::new(1, 5, DeviceConfig::default());
        pair.run_until(|pair| !pair.hub_told.is_empty());
        pair.on_hub(|hub, now| hub.answer_verify(now, verdict));
        pair.run_until(|pair| !pair.device_told.is_empty());
        assert_eq!(pair.device_told, [Told::Refused(code)]);
        assert!(matches!(pair.device.close_reason(), Some(CloseReason::Refused(_))));
        assert!(matches!(pair.hub.close_reason(), Some(CloseReason::Refused(_))));
    }
}

#[test]
fn an_idle_link_lives_on_by_heartbeats_whatever_the_interval() {
    for seconds in [30, 300, 3600] {
        let ping_interval = PingInterval::from_seconds(seconds).unwrap();
        let mut pair = Pair::verified(2, 5000, DeviceConfig { ping_interval, ..DeviceConfig::default() });
        pair.pass(24 * 3_600_000);
        assert_eq!((pair.hub.close_reason(), pair.device.close_reason()), (None, None), "{seconds}");
        let pings = pair.device_told.iter().filter(|told| **told == Told::Pinged).count();
        let expected = 24 * 3600 / usize::from(seconds);
        assert!((expected * 4 / 5..=expected + 1).contains(&pings), "{pings} pings at {seconds} s");
    }
}

#[test]
fn a_link_that_goes_dark_is_given_up_by_both_ends() {
    let mut pair = Pair::verified(3, 5, DeviceConfig::default());
    let dark_at = pair.now;
    (pair.to_hub.dead, pair.to_device.dead) = (true, true);
    pair.run_until(|pair| pair.device.close_reason().is_some());
    assert_eq!(pair.device.close_reason(), Some(CloseReason::Silent));
    assert!(pair.now.since(dark_at) <= Duration::from_secs(315));
    pair.run_until(|pair| pair.hub.close_reason().is_some());
    assert_eq!(pair.hub.close_reason(), Some(CloseReason::Silent));
    assert!(pair.now.since(dark_at) <= Duration::from_secs(450));
}

#[test]
fn whatever_the_link_does_every_request_has_one_outcome_and_it_is_its_own() {
    let (mut calls, mut reports, mut frames) = (0, 0, 0);
    for seed in 0..300 {
        let _seed = Seed(seed);
        let max_delay_ms = [0, 3, 40, 400][usize::try_from(seed % 4).unwrap()];
        let mut course = Course::new(Pair::verified(seed, max_delay_ms, DeviceConfig::default()));
        course.pair.hub_transport_is_full_at_times = seed % 3 == 0;
        for _ in 0..400 {
            course.step();
        }
        if seed % 5 != 0 {
            course.settle();
        }
        course.end();
        calls += course.answered_calls;
        reports += course.answered_reports;
        frames += course.frames;
    }
    assert!(calls > 1000 && reports > 1000 && frames > 1000, "{calls} calls, {reports} reports, {frames} frames");
}

/// Random wishes of both drivers, and what came of them.
struct Course {
    pair: Pair,
    next_token: u32,
    /// Calls whose outcome has not come, with the hub's name for each.
    calls: BTreeMap<u32, CallId>,
    answered_calls: u32,
    /// Reports whose outcome has not come, with their data.
    reports: BTreeMap<MessageId, Vec<u8>>,
    answered_reports: u32,
    observations: BTreeMap<u32, Observed>,
    frames: u32,
    /// What the device has not answered.
    held_calls: Vec<(MessageId, Vec<u8>)>,
    held_establishments: Vec<(ObserverId, u32)>,
    /// What the hub has not answered.
    held_reports: Vec<(MessageId, Vec<u8>)>,
    /// The device's observations: token, next frame, whether it may be sent.
    serving: BTreeMap<ObserverId, Serving>,
}

/// An observation as the hub's side sees it.
struct Observed {
    id: ObservationId,
    started: bool,
    next_frame: u32,
    /// Frames that were not granted again.
    held: u32,
}

#[derive(Clone, Copy)]
struct Serving {
    token: u32,
    next_frame: u32,
    ready: bool,
}

impl Course {
    fn new(pair: Pair) -> Self {
        Self {
            pair,
            next_token: 0,
            calls: BTreeMap::new(),
            answered_calls: 0,
            reports: BTreeMap::new(),
            answered_reports: 0,
            observations: BTreeMap::new(),
            frames: 0,
            held_calls: Vec::new(),
            held_establishments: Vec::new(),
            held_reports: Vec::new(),
            serving: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        match self.pair.random.below(10) {
            0 | 1 => self.start_call(),
            2 => self.start_report(),
            3 => self.start_observation(),
            4 => self.answer_call(),
            5 => self.answer_report(),
            6 => self.answer_establishment(),
            7 => self.notify(),
            8 => self.grant_frames(),
            _ => self.give_something_up(),
        }
        let pause = [0, 1, 20, 200][usize::try_from(self.pair.random.below(4)).unwrap()];
        self.pair.pass(pause);
        self.look();
    }

    /// Both drivers answer all that they hold until nothing is open but what was left unanswered on purpose.
    fn settle(&mut self) {
        self.pair.hub_transport_is_full_at_times = false;
        for _ in 0..200 {
            self.answer_call();
            self.answer_report();
            self.answer_establishment();
            self.grant_frames();
            self.pair.pass(50);
            self.look();
        }
        assert!(self.calls.is_empty() && self.reports.is_empty(), "all answered or timed out");
    }

    fn end(&mut self) {
        self.pair.cut();
        self.look();
        assert!(self.calls.is_empty(), "every call has an outcome");
        assert!(self.reports.is_empty(), "every report has an outcome");
        assert!(self.observations.is_empty(), "every observation has an end");
        assert!(self.serving.is_empty(), "the device knows the end of every observation");
        self.pair.pass(600_000);
        assert!(self.pair.hub_told.is_empty() && self.pair.device_told.is_empty(), "nothing comes after the end");
    }

    fn token(&mut self) -> (u32, [u8; 4], Instant) {
        self.next_token += 1;
        let wait = Duration::from_millis(50 + self.pair.random.below(2000));
        (self.next_token, self.next_token.to_be_bytes(), self.pair.now.after(wait))
    }

    fn start_call(&mut self) {
        let (token, data, deadline) = self.token();
        let request = CallRequest { digest: DIGEST, data: &data, deadline };
        if let Ok(call) = self.pair.on_hub(|hub, now| hub.start_call(now, request, token)) {
            self.calls.insert(token, call);
        }
    }

    fn start_report(&mut self) {
        let (_, data, deadline) = self.token();
        let started = self.pair.on_device(|device, now| device.start_report(now, DIGEST, &data, deadline));
        if let Ok(report) = started {
            assert!(self.reports.insert(report, data.to_vec()).is_none(), "a live id is not reused");
        }
    }

    fn start_observation(&mut self) {
        let (token, data, deadline) = self.token();
        let request = CallRequest { digest: DIGEST, data: &data, deadline };
        if let Ok(id) = self.pair.on_hub(|hub, now| hub.start_observation(now, request, token)) {
            self.observations.insert(token, Observed { id, started: false, next_frame: 0, held: 0 });
        }
    }

    fn answer_call(&mut self) {
        let Some((message_id, data)) = self.pair.random.pick(&mut self.held_calls) else { return };
        self.pair.on_device(|device, now| device.answer_call(now, message_id, StatusCode::Ok, &data)).unwrap();
    }

    fn answer_report(&mut self) {
        let Some((message_id, data)) = self.pair.random.pick(&mut self.held_reports) else { return };
        self.pair.on_hub(|hub, _| hub.answer_report(message_id, StatusCode::Ok, &data));
    }

    fn answer_establishment(&mut self) {
        let Some((observer, token)) = self.pair.random.pick(&mut self.held_establishments) else { return };
        if self.pair.random.one_in(4) {
            let status = StatusCode::NotFound;
            self.pair.on_device(|device, now| device.refuse_observation(now, observer, status)).unwrap();
            return;
        }
        self.pair.on_device(|device, now| device.accept_observation(now, observer)).unwrap();
        self.serving.insert(observer, Serving { token, next_frame: 0, ready: true });
    }

    fn notify(&mut self) {
        let (observers, random) = (self.serving.keys().copied(), &mut self.pair.random);
        let Some(observer) = random.pick(&mut observers.collect()) else { return };
        let serving = self.serving[&observer];
        let data = [serving.token.to_be_bytes(), serving.next_frame.to_be_bytes()].concat();
        let sent = self.pair.notify(observer, &data);
        assert_eq!(sent.is_ok(), serving.ready);
        if sent.is_ok() {
            self.serving.insert(observer, Serving { ready: false, next_frame: serving.next_frame + 1, ..serving });
        }
    }

    fn grant_frames(&mut self) {
        for observed in self.observations.values_mut() {
            for _ in 0..std::mem::take(&mut observed.held) {
                self.pair.on_hub(|hub, _| hub.grant_frame(observed.id));
            }
        }
    }

    /// A caller leaves, or a device ends an observation, or a call of either side is not waited for any more.
    fn give_something_up(&mut self) {
        let random = &mut self.pair.random;
        match random.below(4) {
            0 => {
                let Some(token) = random.pick(&mut self.calls.keys().copied().collect()) else { return };
                let call = self.calls.remove(&token).unwrap();
                self.pair.on_hub(|hub, now| hub.cancel_call(now, call));
            }
            1 => {
                let Some(token) = random.pick(&mut self.observations.keys().copied().collect()) else { return };
                let observed = self.observations.remove(&token).unwrap();
                self.pair.on_hub(|hub, now| hub.leave_observation(now, observed.id));
            }
            2 => {
                let Some(observer) = random.pick(&mut self.serving.keys().copied().collect()) else { return };
                self.serving.remove(&observer);
                self.pair.on_device(|device, now| device.terminate(now, observer)).unwrap();
            }
            _ => {
                let Some(report) = random.pick(&mut self.reports.keys().copied().collect()) else { return };
                self.reports.remove(&report);
                self.pair.on_device(|device, now| device.cancel_report(now, report));
            }
        }
    }

    /// Holds what both ends told against what was asked.
    fn look(&mut self) {
        for event in std::mem::take(&mut self.pair.hub_told) {
            self.look_at_hub(event);
        }
        for told in std::mem::take(&mut self.pair.device_told) {
            self.look_at_device(told);
        }
    }

    fn look_at_hub(&mut self, event: HubEvent<u32, u32>) {
        match event {
            HubEvent::CallDone { token, outcome } => {
                assert!(self.calls.remove(&token).is_some(), "one outcome for {token}");
                if let CallOutcome::Answered { status, data } = outcome {
                    self.answered_calls += 1;
                    assert_eq!((status, &data[..]), (StatusCode::Ok, &token.to_be_bytes()[..]));
                }
            }
            HubEvent::ObservationStarted { token } => {
                let observed = self.observations.get_mut(&token).unwrap();
                assert!(!std::mem::replace(&mut observed.started, true), "{token} begins once");
            }
            HubEvent::Notified { token, data } => {
                let observed = self.observations.get_mut(&token).unwrap();
                assert!(observed.started);
                assert_eq!(data, [token.to_be_bytes(), observed.next_frame.to_be_bytes()].concat());
                observed.next_frame += 1;
                observed.held += 1;
                assert!(observed.held <= 2, "no more than the window");
                self.frames += 1;
            }
            HubEvent::ObservationEnded { token, end } => {
                let observed = self.observations.remove(&token).unwrap();
                let sound = match end {
                    ObservationEnd::Refused(status) => {
                        !observed.started && [StatusCode::NotFound, StatusCode::TooManyObservers].contains(&status)
                    }
                    ObservationEnd::TimedOut(_) => !observed.started,
                    ObservationEnd::Terminated | ObservationEnd::Stalled => observed.started,
                    ObservationEnd::Gone(_) | ObservationEnd::Vanished(_) => true,
                    ObservationEnd::Failed(_) | ObservationEnd::Malformed | ObservationEnd::Overrun => false,
                };
                assert!(sound, "{token}: {end:?}");
            }
            HubEvent::Report { message_id, data, .. } => self.held_reports.push((message_id, data)),
            HubEvent::AnswerDropped => {}
            HubEvent::VerifyRequested { .. } => panic!("verified already"),
        }
    }

    fn look_at_device(&mut self, told: Told) {
        match told {
            Told::Call(message_id, data) => {
                let held: BTreeSet<_> = self.held_calls.iter().map(|(held, _)| *held).collect();
                assert!(!held.contains(&message_id), "the hub does not reuse an id that the device may still answer");
                self.held_calls.push((message_id, data));
            }
            Told::Observe(observer, data) => {
                assert!(!self.serving.contains_key(&observer), "the hub does not reuse a live observer id");
                let token = u32::from_be_bytes(data.try_into().unwrap());
                self.held_establishments.push((observer, token));
            }
            Told::Notified(observer) => {
                if let Some(serving) = self.serving.get_mut(&observer) {
                    serving.ready = true;
                }
            }
            Told::Stopped(observer) => {
                self.held_establishments.retain(|(held, _)| *held != observer);
                self.serving.remove(&observer);
            }
            Told::Reported(report, answer) => {
                let asked = self.reports.remove(&report).expect("one outcome for each report");
                if let Some((StatusCode::Ok, data)) = answer {
                    self.answered_reports += 1;
                    assert_eq!(data, asked);
                } else if let Some((status, _)) = answer {
                    assert_eq!(status, StatusCode::TooManyRequests);
                }
            }
            Told::Pinged => {}
            Told::Verified | Told::Refused(_) => panic!("verified already"),
        }
    }
}
