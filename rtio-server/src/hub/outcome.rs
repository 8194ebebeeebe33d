//! How calls and observations went, as the metrics name it.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::CallError;

/// How a call went, or the beginning of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It succeeded.
    Ok,
    /// The hub answered on the device's behalf, or refused on it.
    Shadow,
    /// No session of the device.
    Offline,
    /// The session ended before the answer.
    Gone,
    /// The device's system acknowledged nothing any more.
    Vanished,
    /// No answer in time.
    Silent,
    /// The device answered with a status other than success.
    Refused,
    /// The device did not keep to the protocol.
    Malformed,
    /// The caller did not read its observation.
    Stalled,
    /// Too much data.
    TooLarge,
    /// A cap of ours.
    Busy,
    /// The caller left before the answer.
    Left,
}

impl Outcome {
    const ALL: [Self; 12] = [
        Self::Ok,
        Self::Shadow,
        Self::Offline,
        Self::Gone,
        Self::Vanished,
        Self::Silent,
        Self::Refused,
        Self::Malformed,
        Self::Stalled,
        Self::TooLarge,
        Self::Busy,
        Self::Left,
    ];

    /// Of what a device was asked.
    pub(super) const fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(CallError::DeviceOffline) => Self::Offline,
            Err(CallError::DeviceGone { .. }) => Self::Gone,
            Err(CallError::DeviceVanished { .. }) => Self::Vanished,
            Err(CallError::DeviceSilent { .. }) => Self::Silent,
            Err(CallError::NotListening | CallError::DeviceRefused(_)) => Self::Refused,
            Err(CallError::DeviceMalformed | CallError::DeviceOverran) => Self::Malformed,
            Err(CallError::CallerStalled) => Self::Stalled,
            Err(CallError::TooLarge { .. }) => Self::TooLarge,
            Err(CallError::ShadowRefused(_)) => Self::Shadow,
            Err(CallError::Busy(_)) => Self::Busy,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Shadow => "shadow",
            Self::Offline => "offline",
            Self::Gone => "gone",
            Self::Vanished => "vanished",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Stalled => "stalled",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Left => "left",
        }
    }

    /// Whether the device answered, so that the time it took is the device's.
    pub(super) const fn is_answer(self) -> bool {
        match self {
            Self::Ok | Self::Refused => true,
            Self::Shadow
            | Self::Offline
            | Self::Gone
            | Self::Vanished
            | Self::Silent
            | Self::Malformed
            | Self::Stalled
            | Self::TooLarge
            | Self::Busy
            | Self::Left => false,
        }
    }
}

/// A counter for each outcome, found without a lookup: a family's costs more than the counting.
#[derive(Debug)]
pub(super) struct ByOutcome {
    /// What the registry shows.
    pub(super) family: Family<OutcomeLabels, Counter>,
    counters: [Counter; Outcome::ALL.len()],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    outcome: &'static str,
}

impl Default for ByOutcome {
    fn default() -> Self {
        let family = Family::<OutcomeLabels, Counter>::default();
        let counters = Outcome::ALL.map(|outcome| {
            let labels = OutcomeLabels { outcome: outcome.name() };
            family.get_or_create(&labels).clone()
        });
        Self { family, counters }
    }
}

impl ByOutcome {
    pub(super) fn count(&self, outcome: Outcome) {
        self.counters[outcome as usize].inc();
    }

    pub(super) fn total(&self) -> u64 {
        self.counters.iter().map(Counter::get).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_the_counter_of_its_name() {
        let by_outcome = ByOutcome::default();
        for (nth, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, nth);
            by_outcome.count(outcome);
            let labels = OutcomeLabels { outcome: outcome.name() };
            assert_eq!(by_outcome.family.get(&labels).map(|counter| counter.get()), Some(1), "{outcome:?}");
        }
        assert_eq!(by_outcome.total(), Outcome::ALL.len() as u64);
    }
}
