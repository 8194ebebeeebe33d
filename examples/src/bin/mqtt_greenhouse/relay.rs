//! What is behind the relay, and what becomes of a desired state. Pure. (Contract §9.3.)

use std::collections::HashMap;

use serde_json::{Value, json};

/// A fan that is on or off. A real device keeps all of this where it survives a loss of power.
#[derive(Debug)]
pub(crate) struct Relay {
    /// What it is.
    pub(crate) value: String,
    /// The last desired state that was handled, for each resource.
    handled: HashMap<String, Handled>,
}

#[derive(Debug)]
struct Handled {
    desired: Value,
    sequence: u64,
    /// What was said of it; set once it has its message id.
    report: Value,
}

/// What is to be said of a desired state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The same as before, under the same message id.
    Again(Value),
    /// Something new: what belongs into the report beside the value.
    New(Value),
}

impl Relay {
    pub(crate) fn new() -> Self {
        Self { value: "0".to_owned(), handled: HashMap::new() }
    }

    /// Does what is desired, or says why not. The hub may tell the same more than once.
    pub(crate) fn is_desired(&mut self, desired: &Value) -> Answer {
        let sequence = desired["sequence_number"].as_u64().unwrap_or_default();
        let handled = self.handled.get(context(desired));
        let status = match handled {
            Some(handled) if handled.desired == desired["desired_id"] => return Answer::Again(handled.report.clone()),
            Some(handled) if sequence < handled.sequence => "stale",
            Some(_) | None if is_over(desired) => "stale",
            Some(_) | None => self.switch(&desired["value"]),
        };
        let mut answer = json!({"desired_id": desired["desired_id"], "sequence_number": sequence});
        // Where it is not there, it is "applied".
        if status != "applied" {
            answer["report_status"] = status.into();
        }
        Answer::New(answer)
    }

    /// Remembers what was reported of a desired state, before it is sent.
    pub(crate) fn has_reported(&mut self, desired: &Value, report: &Value) {
        let sequence = desired["sequence_number"].as_u64().unwrap_or_default();
        let handled = Handled { desired: desired["desired_id"].clone(), sequence, report: report.clone() };
        let last = self.handled.get(context(desired)).map_or(0, |last| last.sequence);
        // A stale one does not take the place of the newer one's.
        if sequence >= last {
            self.handled.insert(context(desired).to_owned(), handled);
        }
    }

    fn switch(&mut self, value: &Value) -> &'static str {
        match value.as_str() {
            Some(value @ ("0" | "1")) => {
                value.clone_into(&mut self.value);
                "applied"
            }
            _ => "rejected",
        }
    }
}

fn context(desired: &Value) -> &str {
    desired["resource_id"].as_str().unwrap_or_default()
}

fn is_over(desired: &Value) -> bool {
    let end = desired["expires_at"].as_str().and_then(|end| end.parse::<jiff::Timestamp>().ok());
    end.is_some_and(|end| end <= jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(id: &str, sequence: u64, value: &str) -> Value {
        json!({"desired_id": id, "resource_id": "res_1", "value": value, "sequence_number": sequence})
    }

    fn status(answer: &Answer) -> &str {
        match answer {
            Answer::Again(_) => "again",
            Answer::New(answer) => answer["report_status"].as_str().unwrap_or("applied"),
        }
    }

    /// §9.3
    #[test]
    fn what_is_desired_happens_once_and_in_order() {
        let mut relay = Relay::new();
        for (id, sequence, value, expected, is) in [
            ("des_1", 2, "1", "applied", "1"),
            ("des_1", 2, "1", "again", "1"),
            ("des_0", 1, "0", "stale", "1"),
            ("des_2", 3, "0.5", "rejected", "1"),
            ("des_3", 4, "0", "applied", "0"),
        ] {
            let desired = desired(id, sequence, value);
            let answer = relay.is_desired(&desired);
            assert_eq!((status(&answer), &*relay.value), (expected, is), "{id}");
            relay.has_reported(&desired, &json!({"message_id": id}));
        }
        assert_eq!(relay.is_desired(&desired("des_3", 4, "0")), Answer::Again(json!({"message_id": "des_3"})));
    }

    #[test]
    fn what_is_over_does_not_happen() {
        let mut relay = Relay::new();
        let mut late = desired("des_1", 1, "1");
        late["expires_at"] = json!("2020-01-01T00:00:00Z");
        assert_eq!((status(&relay.is_desired(&late)), &*relay.value), ("stale", "0"));
    }
}
