//! The catalog of the load's devices as a file for `rtio realer apply`. Pure.

use std::ops::Range;

use super::control_device::{SOURCES, command, id, resource, sensor};

/// What devices the catalog is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Their commands and sensors belong to nothing.
    Bare,
    /// They may speak MQTT, which has topics for what belongs to a resource alone: each has one.
    Mqtt,
}

/// The devices with these indexes, each with four commands and four sensors, that may come as often as they like.
pub(super) fn catalog(indexes: Range<u64>, kind: Kind) -> String {
    let (resources, protocols) = match kind {
        Kind::Bare => (String::new(), ""),
        Kind::Mqtt => (list(indexes.clone(), resource_of), r#""mqtt","#),
    };
    let device = |index| device_of(index, kind, protocols);
    format!(r#"{{"resources":[{resources}],"devices":[{}]}}"#, list(indexes, device))
}

/// Devices that one file may have, which is for a hundred thousand devices, commands, sensors and resources together.
pub(super) const MAX_DEVICES: u64 = 100_000 / (2 + 2 * SOURCES);

fn list(numbers: Range<u64>, write: impl Fn(u64) -> String) -> String {
    let mut list = String::new();
    for number in numbers.clone() {
        let comma = if number > numbers.start { "," } else { "" };
        list.extend([comma, &write(number)]);
    }
    list
}

fn device_of(index: u64, kind: Kind, protocols: &str) -> String {
    let resources = match kind {
        Kind::Bare => String::new(),
        Kind::Mqtt => format!(r#","resources":["{}"]"#, resource(index)),
    };
    let commands = list(0..SOURCES, |number| command_of(index, number, &resources));
    let sensors = list(0..SOURCES, |number| sensor_of(index, number, &resources));
    let id = id(index);
    format!(
        r#"{{"id":"{id}","label":"device {index:06}","protocols":[{protocols}"https","rtio"],"minimum_interval_ms":0,"max_request_bytes":{MAX_REQUEST_BYTES},"commands":[{commands}],"sensors":[{sensors}]}}"#
    )
}

fn resource_of(index: u64) -> String {
    format!(r#"{{"id":"{}","label":"room {index:06}"}}"#, resource(index))
}

fn command_of(index: u64, number: u64, resources: &str) -> String {
    let id = command(index, number);
    format!(r#"{{"id":"{id}","label":"relay {number}","kind":"relay","pin_port":"{number}","value":"0"{resources}}}"#)
}

fn sensor_of(index: u64, number: u64, resources: &str) -> String {
    let id = sensor(index, number);
    format!(
        r#"{{"id":"{id}","label":"thermistor {number}","kind":"thermistor","qc":"celsius_temperature","mu":"degree_celsius:0","pin_port":"{number}"{resources}}}"#
    )
}

/// Room for a batch of a hundred items.
const MAX_REQUEST_BYTES: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_four_of_both() {
        let file = catalog(3..5, Kind::Bare);
        for (text, count) in [
            ("cdv_", 2),
            ("cmd_", 8),
            ("sns_", 8),
            ("res_", 0),
            (r#""label":"relay 3""#, 2),
            ("},{", 1 + 12),
            ("[{", 5),
            ("}]", 5),
        ] {
            assert_eq!(file.matches(text).count(), count, "{text} in {file}");
        }
        assert!(!file.contains(",]") && !file.contains(",}") && !file.contains("}{"), "{file}");
    }

    #[test]
    fn what_a_device_with_mqtt_has_belongs_to_a_resource_of_its_own() {
        let file = catalog(3..5, Kind::Mqtt);
        for (text, count) in [("cdv_", 2), ("res_", 2 + 16), (r#""mqtt","https""#, 2), ("room 000004", 1)] {
            assert_eq!(file.matches(text).count(), count, "{text} in {file}");
        }
        assert!(catalog(0..MAX_DEVICES, Kind::Mqtt).len() < 32 << 20, "the longest file that the hub takes");
    }
}
