//! What came of a wish, as text for people or as JSON. Pure.

use std::fmt::Write;

use rtio_server::admin::registry::document::{DeviceDocument, IssuedDocument};
use serde_json::json;

use super::wish::Answer;

/// The whole output.
pub(super) fn text_of(answer: &Answer, json: bool) -> String {
    if json { json_of(answer) } else { lines_of(answer) }
}

fn json_of(answer: &Answer) -> String {
    let document = match answer {
        Answer::Issued(issued) => json!(issued),
        Answer::Devices(devices) => json!({ "devices": devices }),
        Answer::Device(device) => json!(device),
        Answer::Removed(id) => json!({ "removed": id }),
        Answer::Imported(imported) => json!(imported),
    };
    format!("{document}\n")
}

fn lines_of(answer: &Answer) -> String {
    match answer {
        // Alone on its line, so that a script can take it.
        Answer::Issued(issued) => format!("{}\n", issued.secret),
        Answer::Devices(devices) => devices.iter().map(line_of).collect(),
        Answer::Device(device) => line_of(device),
        Answer::Removed(id) => format!("removed {id}\n"),
        Answer::Imported(imported) => {
            let secrets = imported.issued.iter();
            secrets.map(|IssuedDocument { id, secret }| format!("{id},{secret}\n")).collect()
        }
    }
}

/// `PRINTER-001 enabled 2026-11-22T08:00:00Z secrets 2,1`
fn line_of(device: &DeviceDocument) -> String {
    let access = if device.enabled { "enabled" } else { "disabled" };
    let mut line = format!("{} {access} {} secrets ", device.id, device.created);
    for (nth, secret) in device.secrets.iter().enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        write!(line, "{comma}{}", secret.number).expect("a string takes everything");
    }
    line.push('\n');
    line
}
