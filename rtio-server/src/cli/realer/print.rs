//! Answers of the operators' port as lines for people. Pure.

use rtio_server::admin::realer::AppliedDocument;
use rtio_server::realer::apply::Action;
use serde_json::Value;

/// What a device is known by: shown this once.
pub(super) fn issued(answer: &Value) -> String {
    format!("client_id {}\nclient_secret {}\n", text(answer, "id"), text(answer, "secret"))
}

pub(super) fn devices(answer: &Value) -> String {
    lines(answer, "devices", device_line)
}

/// A device, with what it has where the answer says that.
pub(super) fn device(answer: &Value) -> String {
    let sources = |kind: &str| {
        let all = answer[kind].as_array().into_iter().flatten();
        all.map(|one| format!("  {} {}", kind.trim_end_matches('s'), source(one))).collect::<String>()
    };
    format!("{}{}{}", device_line(answer), sources("commands"), sources("sensors"))
}

/// `cdv_… "greenhouse" active https,rtio enabled cat-1795357872 run-1795357871-9f3c`
fn device_line(device: &Value) -> String {
    let access = if device["enabled"] == true { "enabled" } else { "disabled" };
    let mut line = format!(
        "{} {} {} {} {access} {} {}",
        text(device, "id"),
        device["label"],
        text(device, "subscription"),
        list(&device["protocols"]),
        text(device, "catalog_revision"),
        text(device, "runtime_revision"),
    );
    for number in ["minimum_interval_ms", "max_request_bytes", "max_batch_items"] {
        line += &said(device, number);
    }
    line + "\n"
}

pub(super) fn resources(answer: &Value) -> String {
    lines(answer, "resources", resource)
}

/// `res_… "Bench 1"`
pub(super) fn resource(answer: &Value) -> String {
    format!("{} {}\n", text(answer, "id"), answer["label"])
}

/// The one list that there is in it.
pub(super) fn sources(answer: &Value) -> String {
    lines(answer, "commands", source) + &lines(answer, "sensors", source)
}

/// `cmd_… "Heater" kind relay pin_port 6 value_type NumericRange value 0.0 min 0.0 max 1.0 adoption off resources res_…`
pub(super) fn source(answer: &Value) -> String {
    let mut line = format!("{} {}", text(answer, "id"), answer["label"]);
    for field in ["kind", "qc", "mu", "pin_port", "value_type", "value", "min", "max", "adoption"] {
        line += &said(answer, field);
    }
    let resources = list(&answer["resources"]);
    if !resources.is_empty() {
        line += &format!(" resources {resources}");
    }
    if answer["complete"] == false {
        line += " incomplete";
    }
    if let Some(reported) = answer.get("reported") {
        line += &format!(" reported {} at {}", text(reported, "value"), text(reported, "observed_at"));
    }
    if answer["pending"].as_u64().is_some_and(|pending| pending > 0) {
        line += &said(answer, "pending");
    }
    line + "\n"
}

pub(super) fn desired_states(answer: &Value) -> String {
    lines(answer, "desired_states", desired) + &more(answer)
}

/// `des_… pending cmd_… res_… = 1.0 number 42 issued 2026-11-22T08:00:00Z expires 2026-11-22T08:15:00Z`
pub(super) fn desired(answer: &Value) -> String {
    let mut line = format!("{} {} {}", text(answer, "desired_id"), text(answer, "status"), text(answer, "command_id"));
    if answer["resource_id"].is_string() {
        line += &format!(" {}", text(answer, "resource_id"));
    }
    line += &format!(" = {} number {}", text(answer, "value"), answer["sequence_number"]);
    for (field, word) in [("issued_at", "issued"), ("expires_at", "expires"), ("closed_at", "closed")] {
        if answer[field].is_string() {
            line += &format!(" {word} {}", text(answer, field));
        }
    }
    line + "\n"
}

/// `7 sns_… = 21.5 at 2026-11-22T08:00:00Z message boot7-000112`
pub(super) fn feed_data(answer: &Value) -> String {
    let line = |record: &Value| {
        let source = if record["command_id"].is_string() { "command_id" } else { "sensor_id" };
        let (value, at) = (text(record, "value"), text(record, "value_received_at"));
        let mut line = format!("{} {} = {value} at {at}", record["id"], text(record, source));
        line += &format!(" message {}", text(record, "message_id"));
        if record["desired_id"].is_string() {
            line += &format!(" {} {}", text(record, "report_status"), text(record, "desired_id"));
        }
        let warnings = list(&record["warnings"]);
        if warnings.is_empty() { line + "\n" } else { format!("{line} warnings {warnings}\n") }
    };
    lines(answer, "feed_data", line) + &more(answer)
}

/// `3 cmd_… 0.0 -> 1.0 of 41 at 2026-11-22T08:00:00Z`
pub(super) fn adoptions(answer: &Value) -> String {
    let line = |record: &Value| {
        let (command, before, after) = (text(record, "command_id"), text(record, "before"), text(record, "after"));
        let (of, at) = (&record["feed_data_id"], text(record, "adopted_at"));
        format!("{} {command} {before} -> {after} of {of} at {at}\n", record["id"])
    };
    lines(answer, "adoptions", line) + &more(answer)
}

/// What a file changed, secrets that are shown this once, and a last line with the sum.
pub(super) fn applied(answer: &Value) -> String {
    let Ok(AppliedDocument { applied, report, issued }) = serde_json::from_value(answer.clone()) else {
        return format!("{answer}\n");
    };
    let secrets = issued.iter().map(|one| format!("client_id {} client_secret {}\n", one.id, one.secret));
    let count = |action| report.changes.iter().filter(|change| change.action == action).count();
    let (added, changed, removed) = (count(Action::Add), count(Action::Change), count(Action::Remove));
    let dry = if applied { "" } else { ", if it were no dry run" };
    let sum = format!("{added} added, {changed} changed, {removed} removed{dry}\n");
    format!("{report}{}{sum}", secrets.collect::<String>())
}

fn lines(answer: &Value, member: &str, line: impl Fn(&Value) -> String) -> String {
    answer[member].as_array().into_iter().flatten().map(line).collect()
}

/// How to see what follows.
fn more(answer: &Value) -> String {
    if answer["next"].is_null() {
        return String::new();
    }
    format!("there may be more: --after {}\n", text(answer, "next"))
}

/// The text of a field; of what is no text, its JSON.
fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().map_or_else(|| answer[field].to_string(), str::to_owned)
}

/// ` kind relay`, if there is something to say.
fn said(answer: &Value, field: &str) -> String {
    let is_empty = answer[field].is_null() || answer[field] == "";
    if is_empty { String::new() } else { format!(" {field} {}", text(answer, field)) }
}

fn list(values: &Value) -> String {
    let texts: Vec<_> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    texts.join(",")
}
