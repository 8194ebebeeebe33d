//! The catalog of the load's devices as a file for `rtio realer apply`. Pure.

use std::fmt::Write;
use std::ops::Range;

use super::control_device::{SOURCES, command, id, sensor};

/// The devices with these indexes, each with four commands and four sensors, that may come as often as they like.
pub(super) fn catalog(indexes: Range<u64>) -> String {
    let mut file = String::from(r#"{"devices":["#);
    for (place, index) in indexes.enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let id = id(index);
        write!(
            file,
            r#"{comma}{{"id":"{id}","label":"device {index:06}","protocols":["https","rtio"],"minimum_interval_ms":0,"max_request_bytes":{MAX_REQUEST_BYTES},"commands":["#
        )
        .and_then(|()| write_sources(&mut file, command_of, index))
        .and_then(|()| write!(file, r#"],"sensors":["#))
        .and_then(|()| write_sources(&mut file, sensor_of, index))
        .and_then(|()| write!(file, "]}}"))
        .expect("a String takes all");
    }
    file + "]}"
}

/// Devices that one file may have, which is for a hundred thousand devices, commands and sensors together.
pub(super) const MAX_DEVICES: u64 = 100_000 / (1 + 2 * SOURCES);

fn write_sources(file: &mut String, source: fn(u64, u64) -> String, index: u64) -> std::fmt::Result {
    (0..SOURCES).try_for_each(|number| {
        let comma = if number > 0 { "," } else { "" };
        write!(file, "{comma}{}", source(index, number))
    })
}

fn command_of(index: u64, number: u64) -> String {
    let id = command(index, number);
    format!(r#"{{"id":"{id}","label":"relay {number}","kind":"relay","pin_port":"{number}","value":"0"}}"#)
}

fn sensor_of(index: u64, number: u64) -> String {
    let id = sensor(index, number);
    format!(
        r#"{{"id":"{id}","label":"thermistor {number}","kind":"thermistor","qc":"celsius_temperature","mu":"degree_celsius:0","pin_port":"{number}"}}"#
    )
}

/// Room for a batch of a hundred items.
const MAX_REQUEST_BYTES: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_four_of_both() {
        let file = catalog(3..5);
        for (text, count) in
            [("cdv_", 2), ("cmd_", 8), ("sns_", 8), (r#""label":"relay 3""#, 2), ("},{", 1 + 12), ("[{", 5), ("}]", 5)]
        {
            assert_eq!(file.matches(text).count(), count, "{text} in {file}");
        }
        assert!(!file.contains(",]") && !file.contains(",}") && !file.contains("}{"), "{file}");
        assert!(catalog(0..MAX_DEVICES).len() < 32 << 20, "the longest file that the hub takes");
    }
}
