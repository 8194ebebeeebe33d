//! What a device was told in one session, and what comes next (pure).

use std::collections::HashSet;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::outcome::Outcome;
use crate::hub::{DeviceId, Epoch, Recent};
use crate::realer::{DesiredId, DesiredState};

/// What a device was told in one session.
#[derive(Debug)]
pub(super) struct Told {
    epoch: Epoch,
    /// It has no handler for desired states: it polls, or has no command.
    is_deaf: bool,
    /// Open ones that it has, or that were given up. Never more than are open, and one.
    ids: HashSet<DesiredId, RandomState>,
    /// How often the next one failed.
    tries: u32,
    /// Failures in a row.
    failures: u32,
}

/// What is next for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next desired state, if there is one.
    Go,
    /// Nothing in this session, or until something is new.
    Stop,
    /// The same or the next one, after a pause.
    Rest(Duration),
}

impl Told {
    /// Nothing so far.
    pub(super) fn new(epoch: Epoch) -> Self {
        Self { epoch, is_deaf: false, ids: HashSet::default(), tries: 0, failures: 0 }
    }

    /// Whether it is of no use to tell it anything.
    pub(super) const fn is_deaf(&self) -> bool {
        self.is_deaf
    }

    /// Those that are open that it was not told. What is open no more is forgotten.
    pub(super) fn untold(&mut self, open: Vec<DesiredState>) -> impl Iterator<Item = DesiredState> {
        if self.ids.len() > open.len() {
            let still: HashSet<&DesiredId> = open.iter().map(|open| &open.id).collect();
            self.ids.retain(|id| still.contains(id));
        }
        open.into_iter().filter(|open| !self.ids.contains(&open.id))
    }

    /// What comes after `desired` ended so.
    pub(super) fn handle(&mut self, desired: &DesiredId, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Answered | Outcome::Delivered | Outcome::BadAnswer | Outcome::TooLarge => {
                self.ids.insert(desired.clone());
                (self.tries, self.failures) = (0, 0);
                Next::Go
            }
            // Tried again with whatever comes next: it costs nothing.
            Outcome::NotSubscribed => Next::Go,
            Outcome::NoHandler => {
                self.is_deaf = true;
                Next::Stop
            }
            Outcome::Gone => Next::Stop,
            // No fault of this one: another would fare no better, so it is not given up.
            Outcome::Full => self.rest(),
            Outcome::Failed | Outcome::Silent | Outcome::Busy | Outcome::Unsaved => {
                self.tries += 1;
                if self.tries == MAX_TRIES {
                    self.ids.insert(desired.clone());
                    self.tries = 0;
                }
                self.rest()
            }
        }
    }

    fn rest(&mut self) -> Next {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        Next::Rest(pause)
    }
}

/// What devices were told in their sessions.
#[derive(Debug)]
pub(super) struct Sessions(Recent<DeviceId, Told>);

impl Sessions {
    pub(super) fn new() -> Self {
        Self(Recent::new(MAX_SESSIONS))
    }

    /// Takes out what is known of this session.
    pub(super) fn take(&mut self, device: &DeviceId, epoch: Epoch) -> Told {
        let known = self.0.get(device).filter(|told| told.epoch == epoch);
        known.map_or_else(|| Told::new(epoch), |told| std::mem::replace(told, Told::new(epoch)))
    }

    /// Puts it back; a session of which nothing is known needs no entry.
    pub(super) fn keep(&mut self, device: &DeviceId, told: Told) {
        if told.is_deaf || told.failures > 0 || !told.ids.is_empty() {
            self.0.insert(device.clone(), told);
        } else {
            self.0.remove(device);
        }
    }
}

/// How often one desired state is tried in a session; then it is left to polling and the next session.
const MAX_TRIES: u32 = 4;

/// After the first failure, twice as long after each one more.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sessions that are remembered; the devices not told anything for longest are told again, which the contract allows (§5.2).
const MAX_SESSIONS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realer::{CommandId, Lifecycle};

    fn desired(nth: u64) -> DesiredState {
        DesiredState {
            id: DesiredId::parse(&format!("des_{nth:026}")).unwrap(),
            command: CommandId::parse(&format!("cmd_{nth:026}")).unwrap(),
            resource: None,
            value: "1".to_owned(),
            sequence: nth,
            issued_ms: 0,
            expires_ms: None,
            lifecycle: Lifecycle::Pending,
            closed_ms: None,
        }
    }

    fn numbers(told: &mut Told, open: impl IntoIterator<Item = u64>) -> Option<u64> {
        told.untold(open.into_iter().map(desired).collect()).next().map(|next| next.sequence)
    }

    #[test]
    fn open_ones_are_told_in_order_and_each_once() {
        let mut told = Told::new(Epoch(1));
        assert_eq!(numbers(&mut told, 1..=3), Some(1));
        assert_eq!(told.handle(&desired(1).id, Outcome::Delivered), Next::Go);
        assert_eq!(numbers(&mut told, 1..=3), Some(2));
        assert_eq!(told.handle(&desired(2).id, Outcome::Answered), Next::Go);
        assert_eq!(numbers(&mut told, [1, 3, 4]), Some(3));
        assert_eq!(told.handle(&desired(3).id, Outcome::BadAnswer), Next::Go);
        assert_eq!(numbers(&mut told, [1, 3]), None);
        assert_eq!(told.ids.len(), 2, "what is open no more is forgotten");
    }

    #[test]
    fn without_a_handler_nothing_more_is_told_in_this_session() {
        let (mut sessions, device) = (Sessions::new(), DeviceId::parse("a").unwrap());
        let mut told = sessions.take(&device, Epoch(1));
        assert_eq!(told.handle(&desired(1).id, Outcome::NoHandler), Next::Stop);
        sessions.keep(&device, told);
        let told = sessions.take(&device, Epoch(1));
        assert!(told.is_deaf());
        sessions.keep(&device, told);
        assert!(!sessions.take(&device, Epoch(2)).is_deaf(), "a new session is asked again");
    }

    #[test]
    fn a_failure_is_tried_again_after_growing_pauses_and_then_given_up() {
        let mut told = Told::new(Epoch(1));
        for seconds in [1, 2, 4, 8] {
            assert_eq!(numbers(&mut told, 1..=2), Some(1));
            let pause = Duration::from_secs(seconds);
            assert_eq!(told.handle(&desired(1).id, Outcome::Silent), Next::Rest(pause));
        }
        assert_eq!(numbers(&mut told, 1..=2), Some(2));
        assert_eq!(told.handle(&desired(2).id, Outcome::Busy), Next::Rest(Duration::from_secs(16)));
        assert_eq!(told.handle(&desired(2).id, Outcome::Answered), Next::Go);
        assert_eq!(told.handle(&desired(3).id, Outcome::Failed), Next::Rest(FIRST_PAUSE));
        let longest = (0..100).map(|_| told.handle(&desired(4).id, Outcome::Failed)).last();
        assert_eq!(longest, Some(Next::Rest(LONGEST_PAUSE)));
    }

    #[test]
    fn a_session_without_room_is_asked_again_as_long_as_it_lives() {
        let mut told = Told::new(Epoch(1));
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(numbers(&mut told, 1..=2), Some(1));
            assert_eq!(told.handle(&desired(1).id, Outcome::Full), Next::Rest(Duration::from_secs(seconds)));
        }
        assert_eq!(told.handle(&desired(1).id, Outcome::Delivered), Next::Go);
        assert_eq!(told.handle(&desired(2).id, Outcome::Full), Next::Rest(FIRST_PAUSE));
    }

    #[test]
    fn a_topic_that_nobody_listens_to_keeps_nobody_waiting() {
        let mut told = Told::new(Epoch(1));
        assert_eq!(told.handle(&desired(1).id, Outcome::NotSubscribed), Next::Go);
        assert_eq!(numbers(&mut told, 1..=2), Some(1), "it may listen by the next time");
        assert!(!told.is_deaf());
    }

    #[test]
    fn a_device_that_goes_is_told_again_when_it_is_back() {
        let (mut sessions, device) = (Sessions::new(), DeviceId::parse("a").unwrap());
        let mut told = sessions.take(&device, Epoch(1));
        told.handle(&desired(1).id, Outcome::Delivered);
        assert_eq!(told.handle(&desired(2).id, Outcome::Gone), Next::Stop);
        sessions.keep(&device, told);
        assert_eq!(numbers(&mut sessions.take(&device, Epoch(1)), 1..=2), Some(2));
        assert_eq!(numbers(&mut sessions.take(&device, Epoch(2)), 1..=2), Some(1));
    }

    #[test]
    fn nothing_is_kept_of_a_session_in_which_nothing_is_open() {
        let (mut sessions, device) = (Sessions::new(), DeviceId::parse("a").unwrap());
        let mut told = sessions.take(&device, Epoch(1));
        told.handle(&desired(1).id, Outcome::Answered);
        assert_eq!(told.untold(Vec::new()).next(), None);
        sessions.keep(&device, told);
        assert!(sessions.0.is_empty());
    }
}
