//! What is to be done about a desired state. Pure. (Contract §5.2, §9.3.)

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::desired::Desired;
use super::item::Item;

/// The last answer of each context, which is a command and a resource. Capped: when full, the one that was answered longest ago is
/// forgotten; should it be pushed again after that, it is acted on again.
#[derive(Debug, Default)]
pub(super) struct Contexts(VecDeque<Handled>);

/// The last answer of one context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handled {
    /// The highest number.
    pub(super) sequence_number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resource_id: Option<String>,
    /// With the command and the desired state.
    pub(super) report: Item,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It was handled: what was said then is said again, with the same message id.
    Again(Item),
    /// It is too late, or a newer one was handled: not acted on, and `value` is what is so.
    Stale { value: String },
    /// It is too late, and nobody knows what is so: it will expire.
    TooLate,
    /// It is acted on.
    Act,
}

impl Contexts {
    /// What is to be done about `desired`. `now_ms`: as a trusted clock says. `known`: what the command was said to be last.
    pub(super) fn decide(&self, desired: &Desired, now_ms: Option<i64>, known: Option<&str>) -> Decision {
        let handled = self.0.iter().find(|handled| handled.is_of(desired));
        if let Some(handled) = handled.filter(|handled| handled.answers(desired)) {
            return Decision::Again(handled.report.clone());
        }
        let is_old = handled.is_some_and(|handled| desired.sequence_number < handled.sequence_number);
        if !is_old && !now_ms.is_some_and(|now_ms| desired.is_over(now_ms)) {
            return Decision::Act;
        }
        let value = known.or_else(|| handled.map(|handled| handled.report.told.value.as_str()));
        value.map_or(Decision::TooLate, |value| Decision::Stale { value: value.to_owned() })
    }

    /// Remembers what was said. An answer to an old desired state does not take the place of a newer one's.
    pub(super) fn remember(&mut self, handled: Handled) {
        let known = self.0.iter().position(|known| known.shares_context(&handled));
        match known {
            Some(at) if self.0[at].sequence_number > handled.sequence_number => return,
            Some(at) => drop(self.0.remove(at)),
            None if self.0.len() == MAX_CONTEXTS => drop(self.0.pop_front()),
            None => {}
        }
        self.0.push_back(handled);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Handled> {
        self.0.iter()
    }
}

impl Handled {
    pub(super) fn of(desired: &Desired, report: Item) -> Self {
        Self { sequence_number: desired.sequence_number, resource_id: desired.resource_id.clone(), report }
    }

    fn is_of(&self, desired: &Desired) -> bool {
        self.report.command_id.as_ref() == Some(&desired.command_id) && self.resource_id == desired.resource_id
    }

    fn answers(&self, desired: &Desired) -> bool {
        self.report.told.desired_id.as_ref() == Some(&desired.desired_id)
    }

    fn shares_context(&self, other: &Self) -> bool {
        self.report.command_id == other.report.command_id && self.resource_id == other.resource_id
    }
}

/// Contexts that are remembered. As many as the hub lets one device have commands, with four resources each.
pub(super) const MAX_CONTEXTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::desired::Answer;
    use super::*;

    fn desired(id: &str, sequence: u64) -> Desired {
        let text = format!(
            r#"{{"desired_id":"{id}","command_id":"cmd_1","resource_id":"res_1","value":"1","sequence_number":{sequence},
                "expires_at":"1970-01-01T00:00:10Z","unknown":[]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn handled(desired: &Desired) -> Handled {
        let report = Item::answering(desired, Answer::applied("0.5"), format!("m-{}", desired.desired_id), 0);
        Handled::of(desired, report)
    }

    /// §9.3.2: what was said is said again, also when its time is over meanwhile.
    #[test]
    fn what_was_handled_is_answered_as_before_with_the_same_message_id() {
        let mut contexts = Contexts::default();
        let one = desired("des_1", 7);
        assert_eq!(contexts.decide(&one, Some(0), None), Decision::Act);
        contexts.remember(handled(&one));
        assert_eq!(contexts.decide(&one, Some(11_000), Some("x")), Decision::Again(handled(&one).report));
    }

    /// §9.3.3, §5.2: a lower number is stale, per context.
    #[test]
    fn a_lower_number_is_stale_in_its_context_only() {
        let mut contexts = Contexts::default();
        contexts.remember(handled(&desired("des_9", 9)));
        let stale = |value: &str| Decision::Stale { value: value.into() };
        let old = desired("des_8", 8);
        assert_eq!(contexts.decide(&old, Some(0), None), stale("0.5"));
        assert_eq!(contexts.decide(&old, None, Some("0.7")), stale("0.7"));
        assert_eq!(contexts.decide(&desired("des_10", 10), Some(0), None), Decision::Act);
        for other in
            [Desired { resource_id: None, ..old.clone() }, Desired { command_id: "cmd_2".into(), ..old.clone() }]
        {
            assert_eq!(contexts.decide(&other, Some(0), None), Decision::Act, "{other:?}");
        }
        contexts.remember(handled(&old));
        assert_eq!(
            contexts.decide(&desired("des_9", 9), Some(0), None),
            Decision::Again(handled(&desired("des_9", 9)).report)
        );
    }

    /// §9.3.4: by a trusted clock only.
    #[test]
    fn what_is_over_is_not_acted_on() {
        let contexts = Contexts::default();
        let one = desired("des_1", 1);
        for (now_ms, known, expected) in [
            (Some(9_999), None, Decision::Act),
            (None, None, Decision::Act),
            (Some(10_000), Some("0"), Decision::Stale { value: "0".into() }),
            (Some(10_000), None, Decision::TooLate),
        ] {
            assert_eq!(contexts.decide(&one, now_ms, known), expected, "{now_ms:?}");
        }
        for expires_at in [None, Some("tomorrow".to_owned())] {
            let never = Desired { expires_at, ..one.clone() };
            assert_eq!(contexts.decide(&never, Some(i64::MAX), None), Decision::Act);
        }
    }

    #[test]
    fn when_full_the_context_that_was_answered_longest_ago_is_forgotten() {
        let mut contexts = Contexts::default();
        let of = |number: usize| Desired { command_id: format!("cmd_{number}"), ..desired("des", 2) };
        for number in 0..=MAX_CONTEXTS {
            contexts.remember(handled(&of(number)));
        }
        assert_eq!(contexts.iter().count(), MAX_CONTEXTS);
        assert_eq!(contexts.decide(&of(0), None, None), Decision::Act);
        assert!(matches!(contexts.decide(&of(1), None, None), Decision::Again(_)));
    }
}
