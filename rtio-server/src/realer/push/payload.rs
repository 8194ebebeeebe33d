//! What a device is told (pure). (Contract §7.6.)

use serde_json::Value;

use crate::realer::DesiredState;
use crate::realer::document::DesiredItem;

/// The desired state in at most `max` bytes: whole; else without the resource, and without what is null. `None`: it does not fit.
pub(super) fn payload(desired: &DesiredState, max: usize) -> Option<Vec<u8>> {
    let mut item =
        serde_json::to_value(DesiredItem::of(desired)).expect("an item has names as keys and can be written");
    let whole = item.to_string();
    if whole.len() <= max {
        return Some(whole.into_bytes());
    }
    if let Value::Object(item) = &mut item {
        item.retain(|name, value| name != "resource_id" && !value.is_null());
    }
    Some(item.to_string()).filter(|short| short.len() <= max).map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realer::{CommandId, DesiredId, Lifecycle, ResourceId};

    /// A value of so many bytes as JSON.
    fn desired(value: usize) -> DesiredState {
        DesiredState {
            id: DesiredId::parse("des_01jv3m5r0a0b0c0d0e0f0g0h2a").unwrap(),
            command: CommandId::parse("cmd_01jv3k9a0b1c2d3e4f5g6h7j8k").unwrap(),
            resource: ResourceId::parse("res_01jv3kc5d7e9f1g3h5j7k9m1n3").ok(),
            value: "x".repeat(value),
            sequence: 42,
            issued_ms: 1_778_574_600_000,
            expires_ms: None,
            lifecycle: Lifecycle::Pending,
            closed_ms: None,
        }
    }

    fn told(value: usize) -> Option<String> {
        payload(&desired(value), 504).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_desired_state_is_told_as_the_contract_has_it() {
        assert_eq!(
            told(3).unwrap(),
            concat!(
                r#"{"desired_id":"des_01jv3m5r0a0b0c0d0e0f0g0h2a","command_id":"cmd_01jv3k9a0b1c2d3e4f5g6h7j8k","#,
                r#""resource_id":"res_01jv3kc5d7e9f1g3h5j7k9m1n3","value":"xxx","sequence_number":42,"#,
                r#""issued_at":"2026-05-12T08:30:00Z","expires_at":null}"#,
            )
        );
    }

    #[test]
    fn one_that_is_too_long_is_told_without_its_resource_or_not_at_all() {
        let room = 504 - told(0).unwrap().len();
        assert!(told(room).is_some_and(|whole| whole.contains("resource_id")));
        let short = told(room + 1).unwrap();
        assert!(!short.contains("resource_id") && !short.contains("expires_at"), "{short}");
        let room = 504 - short.len() + room + 1;
        assert_eq!(told(room).unwrap().len(), 504);
        assert_eq!(told(room + 1), None);
    }
}
