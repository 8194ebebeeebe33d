//! One entry as one line of JSON (pure).

use jiff::Timestamp;
use serde::Serialize;

use crate::hub::{AuditEntry, AuditEvent, DeviceId};

/// What a line says. docs/operations.md explains each field.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    peer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    delivery: &'static str,
    duration_ms: u64,
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

/// The entry with its line end.
pub(super) fn write(time: Timestamp, entry: &AuditEntry) -> Vec<u8> {
    let event = match entry.event {
        AuditEvent::Call => "call",
        AuditEvent::Replay => "replay",
        AuditEvent::ObserveStart => "observe_start",
        AuditEvent::ObserveEnd => "observe_end",
        AuditEvent::Refused => "refused",
    };
    let line = Line {
        time: format!("{time:.3}"),
        event,
        subject: entry.subject.as_deref(),
        peer: &entry.peer,
        device: entry.device.as_ref().map(DeviceId::as_str),
        method: entry.method,
        uri: entry.uri.as_deref(),
        code: entry.code,
        status: entry.status,
        delivery: entry.delivery,
        duration_ms: u64::try_from(entry.duration.as_millis()).unwrap_or(u64::MAX),
        request: &entry.request,
        trace_id: entry.trace.as_deref(),
    };
    let mut line = serde_json::to_vec(&line).expect("strings and numbers always serialize");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_and_nobody_can_put_another_into_it() {
        let entry = AuditEntry {
            event: AuditEvent::Call,
            subject: None,
            peer: "192.0.2.1:7".to_owned(),
            device: DeviceId::parse("dev").ok(),
            method: Some("copost"),
            uri: Some("/a\n{\"code\":\"OK\"}".to_owned()),
            code: "OK",
            status: None,
            delivery: "answered",
            duration: std::time::Duration::from_millis(12),
            request: "5-1".to_owned(),
            trace: None,
        };
        let line = String::from_utf8(write(Timestamp::UNIX_EPOCH, &entry)).unwrap();
        let expected = r#"{"time":"1970-01-01T00:00:00.000Z","event":"call","peer":"192.0.2.1:7","device":"dev","#
            .to_owned()
            + r#""method":"copost","uri":"/a\n{\"code\":\"OK\"}","code":"OK","delivery":"answered","duration_ms":12,"#
            + "\"request\":\"5-1\"}\n";
        assert_eq!(line, expected);
    }
}
