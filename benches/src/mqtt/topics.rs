//! The topics of a device of the load, as the hub's catalog of MQTT has them: contract §7.1. Pure.

use crate::realer::{command_id, device_id, resource_id, sensor_id};

/// Where the hub says what became of a message.
pub(super) fn acks(device: u64) -> String {
    format!("iot/v1/devices/{}/feed-data/acks", device_id(device))
}

/// Where a sensor's readings go.
pub(super) fn readings(device: u64, number: u64) -> String {
    format!("{}/sensors/{}/feed-data", resource(device), sensor_id(device, number))
}

/// Where the hub says what is desired of a command.
pub(super) fn desired(device: u64, number: u64) -> String {
    format!("{}/commands/{}{DESIRED}", resource(device), command_id(device, number))
}

/// Where a device answers what came on a topic of [`desired`]; `None` for another one.
pub(super) fn answers(desired: &str) -> Option<String> {
    desired.strip_suffix(DESIRED).map(|route| format!("{route}/feed-data"))
}

fn resource(device: u64) -> String {
    format!("iot/v1/devices/{}/resources/{}", device_id(device), resource_id(device))
}

const DESIRED: &str = "/desired";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desired_state_is_answered_on_its_route() {
        let route = "iot/v1/devices/cdv_00000000000000000000000007/resources/res_00000000000000000000000007";
        assert_eq!(readings(7, 5), format!("{route}/sensors/sns_00000000000000000000000029/feed-data"));
        let topic = desired(7, 3);
        assert_eq!(topic, format!("{route}/commands/cmd_00000000000000000000000031/desired"));
        assert_eq!(answers(&topic).unwrap(), format!("{route}/commands/cmd_00000000000000000000000031/feed-data"));
        assert_eq!(answers(&acks(7)), None);
    }
}
