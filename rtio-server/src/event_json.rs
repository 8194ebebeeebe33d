//! One event of presence as JSON, the same for who reads the stream of events and for who gets them posted. The hub's own types know
//! no JSON, and these two must not know each other.

use std::net::SocketAddr;

use serde::Serialize;

use crate::hub::{Change, Event};

/// What programs read of an event (docs/operations.md has each member).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventJson<'a> {
    id: u64,
    kind: &'static str,
    device: &'a str,
    epoch: u64,
    peer: SocketAddr,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_epoch: Option<u64>,
}

impl<'a> EventJson<'a> {
    /// `event` for programs.
    pub fn of(event: &'a Event) -> Self {
        let (protocol, cause, previous_epoch) = match event.change {
            Change::Online { protocol } => (Some(protocol.name()), None, None),
            Change::Replaced { protocol, previous } => (Some(protocol.name()), None, Some(previous.0)),
            Change::Offline { cause } => (None, Some(cause.name()), None),
        };
        Self {
            id: event.id.number(),
            kind: event.change.kind().name(),
            device: event.device.as_str(),
            epoch: event.epoch.0,
            peer: event.peer,
            // Always with milliseconds, so that times of a column have one length.
            time: format!("{:.3}", event.time),
            protocol,
            cause,
            previous_epoch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{DeviceId, Epoch, OfflineCause, Protocol};

    fn check(change: Change, json: &str) {
        let event = Event {
            id: "1767225600000001".parse().unwrap(),
            time: "2026-11-22T07:40:01.120999Z".parse().unwrap(),
            device: DeviceId::parse("PRINTER-001").unwrap(),
            epoch: Epoch(1_767_225_600_000_002),
            peer: ([127, 0, 0, 1], 49822).into(),
            change,
        };
        assert_eq!(serde_json::to_string(&EventJson::of(&event)).unwrap(), json);
    }

    #[test]
    fn each_kind_says_what_is_particular_to_it() {
        let common = |kind| {
            format!(r#"{{"id":1767225600000001,"kind":"{kind}","device":"PRINTER-001","epoch":1767225600000002,"#,)
                + r#""peer":"127.0.0.1:49822","time":"2026-11-22T07:40:01.120Z""#
        };
        check(Change::Online { protocol: Protocol::Rtio }, &(common("online") + r#","protocol":"rtio"}"#));
        let replaced = Change::Replaced { protocol: Protocol::Mqtt, previous: Epoch(1_767_225_600_000_000) };
        check(replaced, &(common("replaced") + r#","protocol":"mqtt","previous_epoch":1767225600000000}"#));
        let offline = Change::Offline { cause: OfflineCause::ClosedByDevice };
        check(offline, &(common("offline") + r#","cause":"closed_by_device"}"#));
    }
}
