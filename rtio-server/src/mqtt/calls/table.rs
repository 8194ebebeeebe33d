//! The requests of one session that are not over, and what is to be sent.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

use tokio::time::Instant;

use super::answer::Answer;
use super::correlation::Correlation;
use super::done::Done;
use super::live::{Live, Observer, WINDOW, Who};
use super::request::{Method, Request};
use super::{CallLimits, Gone, Match};
use crate::hub::{CallError, Cap, StatusCode};

/// Exists while there is anything in it.
#[derive(Debug)]
pub(super) struct Table {
    live: BTreeMap<Correlation, Live>,
    /// No request before it is unsent: they leave in the order in which they came.
    sent_until: Correlation,
    /// Observations whose end the device is to be told.
    stops: VecDeque<Correlation>,
    /// What callers are to be told.
    done: Vec<Done>,
    observations: usize,
    begun: usize,
    /// Bytes of callers' that wait to be sent.
    unsent_bytes: usize,
}

// What our side wants.
impl Table {
    pub(super) const fn new(next: Correlation) -> Self {
        Self {
            live: BTreeMap::new(),
            sent_until: next,
            stops: VecDeque::new(),
            done: Vec::new(),
            observations: 0,
            begun: 0,
            unsent_bytes: 0,
        }
    }

    /// Whether there is room for one more request of `len` bytes.
    pub(super) fn admit(&self, limits: CallLimits, method: Method, len: usize) -> Result<(), CallError> {
        let max = usize::from(limits.max_observations);
        if method == Method::ObGet && self.observations >= max {
            return Err(CallError::Busy(Cap::Observations { max }));
        }
        let max = usize::from(limits.max_calls);
        if self.calls() >= max {
            return Err(CallError::Busy(Cap::Calls { max }));
        }
        if self.unsent_bytes > 0 && self.unsent_bytes + len > MAX_UNSENT_BYTES {
            return Err(CallError::Busy(Cap::Outbox { max_bytes: MAX_UNSENT_BYTES }));
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, correlation: Correlation, live: Live) {
        self.observations += usize::from(live.is_observation());
        self.unsent_bytes += live.unsent.as_ref().map_or(0, |request| request.len());
        self.live.insert(correlation, live);
    }

    pub(super) fn has_call(&self, correlation: Correlation) -> bool {
        self.live.get(&correlation).is_some_and(|live| !live.is_observation())
    }

    pub(super) fn has_observation(&self, correlation: Correlation) -> bool {
        self.live.get(&correlation).is_some_and(Live::is_observation)
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(&mut self, correlation: Correlation) {
        if let Some(live) = self.remove(correlation) {
            self.stop_if_asked(correlation, &live);
            if let Who::Call(reply) = live.who {
                self.done.push(Done::Cancelled(reply));
            }
        }
    }

    pub(super) fn grant_frame(&mut self, correlation: Correlation) {
        if let Some(Live { who: Who::Observer(observer), .. }) = self.live.get_mut(&correlation) {
            observer.room = observer.room.saturating_add(1).min(WINDOW);
        }
    }

    pub(super) fn refuse(&mut self, correlation: Correlation, why: CallError) {
        if let Some(live) = self.remove(correlation) {
            self.done.push(live.fail(why));
        }
    }

    /// The words to stop come first: they are small, and they make the device send less.
    pub(super) fn next_request(&mut self) -> Option<Request> {
        if let Some(correlation) = self.stops.pop_front() {
            return Some(Request::stop(correlation));
        }
        let (&correlation, live) = self.live.range_mut(self.sent_until..).next()?;
        self.sent_until = correlation.next();
        let request = live.unsent.take()?;
        self.unsent_bytes -= request.len();
        Some(*request)
    }

    /// Nothing is left but what callers are to be told.
    pub(super) fn end(&mut self, gone: Gone) {
        let Self { live, mut done, .. } = mem::replace(self, Self::new(self.sent_until));
        let ended = live.into_values().map(|live| {
            let error = gone.error(live.delivery());
            live.fail(error)
        });
        done.extend(ended);
        self.done = done;
    }

    pub(super) fn take_done(&mut self) -> Vec<Done> {
        mem::take(&mut self.done)
    }

    pub(super) fn calls(&self) -> usize {
        self.live.len() - self.begun
    }

    pub(super) const fn observations(&self) -> usize {
        self.observations
    }

    pub(super) fn has_requests(&self) -> bool {
        !self.stops.is_empty() || self.live.range(self.sent_until..).next().is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.stops.is_empty() && self.done.is_empty()
    }
}

// What arrived.
impl Table {
    /// What was not asked, or is over, is answered by nobody. But a device that goes on with such an observation must hear of it, as
    /// often as it does: the word to stop may be lost, too.
    pub(super) fn handle_answer(&mut self, answer: Answer) -> Match {
        let correlation = answer.correlation;
        let Some(live) = self.live.get_mut(&correlation) else {
            if answer.goes_on() {
                self.stop(correlation);
            }
            return Match::Unknown;
        };
        if live.unsent.is_some() {
            // It answers what it has not been asked yet.
            return Match::Unknown;
        }
        match &mut live.who {
            Who::Call(_) => self.handle_answer_of_call(answer),
            Who::Observer(observer) => {
                let had_begun = observer.has_begun;
                let end = observer.handle_answer(answer.status, answer.data, &mut self.done);
                self.begun += usize::from(observer.has_begun && !had_begun);
                if let Some(end) = end {
                    self.end_observation(correlation, end);
                }
            }
        }
        Match::Awaited
    }

    fn handle_answer_of_call(&mut self, answer: Answer) {
        let outcome = match answer.status {
            Some(StatusCode::Ok) => Ok(answer.data),
            Some(status) => Err(CallError::DeviceRefused(status)),
            None => Err(CallError::DeviceMalformed),
        };
        if let Some(Live { who: Who::Call(reply), .. }) = self.remove(answer.correlation) {
            self.done.push(Done::Call(reply, outcome));
        }
    }

    fn end_observation(&mut self, correlation: Correlation, end: End) {
        let Some(Live { who: Who::Observer(observer), .. }) = self.remove(correlation) else { return };
        let end = match end {
            End::Device(end) => end,
            End::Hub(error) => {
                self.stop(correlation);
                Err(error)
            }
        };
        self.done.push(Done::Ended(observer.feed, end));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let silence = |(&correlation, live): (&Correlation, &Live)| Some((correlation, live.silence(now)?));
        let expired: Vec<_> = self.live.iter().filter_map(silence).collect();
        for (correlation, error) in expired {
            if let Some(live) = self.remove(correlation) {
                self.stop_if_asked(correlation, &live);
                self.done.push(live.fail(error));
            }
        }
    }

    fn remove(&mut self, correlation: Correlation) -> Option<Live> {
        let live = self.live.remove(&correlation)?;
        self.observations -= usize::from(live.is_observation());
        self.begun -= usize::from(live.has_begun());
        self.unsent_bytes -= live.unsent.as_ref().map_or(0, |request| request.len());
        Some(live)
    }

    /// A device that was asked to begin may have begun, or may yet.
    fn stop_if_asked(&mut self, correlation: Correlation, live: &Live) {
        if live.is_observation() && live.unsent.is_none() {
            self.stop(correlation);
        }
    }

    /// When as many wait as may, the device hears of it with its next frame.
    fn stop(&mut self, correlation: Correlation) {
        if self.stops.len() < MAX_STOPS && !self.stops.contains(&correlation) {
            self.stops.push_back(correlation);
        }
    }
}

/// How an observation ends, and who has to be told.
enum End {
    /// The device ended it.
    Device(Result<(), CallError>),
    /// The device may go on with it.
    Hub(CallError),
}

impl Observer {
    /// The first answer accepts or refuses. After that each has a frame, or is the end. `None`: it goes on.
    fn handle_answer(&mut self, status: Option<StatusCode>, data: Vec<u8>, done: &mut Vec<Done>) -> Option<End> {
        match status {
            Some(StatusCode::Continue) if !mem::replace(&mut self.has_begun, true) => {
                done.push(Done::Begun(Arc::clone(&self.feed)));
                None
            }
            Some(StatusCode::Continue) if self.room == 0 => Some(End::Hub(CallError::CallerStalled)),
            Some(StatusCode::Continue) => {
                self.room -= 1;
                done.push(Done::Frame(Arc::clone(&self.feed), data));
                None
            }
            Some(StatusCode::Terminate) if self.has_begun => Some(End::Device(Ok(()))),
            Some(status) => Some(End::Device(Err(CallError::DeviceRefused(status)))),
            None => Some(End::Hub(CallError::DeviceMalformed)),
        }
    }
}

/// Bytes of callers' that may wait for a device that does not read; one more request is then refused. As for devices with a session of
/// this project's protocol.
pub(super) const MAX_UNSENT_BYTES: usize = 64 * 1024;

/// Words to stop that may wait: one for each observation that a device has at most, unless the operator allows more.
pub(super) const MAX_STOPS: usize = 256;
