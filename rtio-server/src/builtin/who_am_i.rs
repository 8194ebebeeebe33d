//! `/rtio/whoami`: how the hub sees the device that asks.

use core::net::SocketAddr;

use serde::Serialize;

use crate::hub::ports::{BoxFuture, DeviceService};
use crate::hub::{DeviceId, LinkInfo, Report, ReportAnswer, StatusCode};

/// Answers with a JSON document.
#[derive(Debug)]
pub(super) struct WhoAmI;

impl DeviceService for WhoAmI {
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        let answer = if report.data.is_empty() {
            ReportAnswer { status: StatusCode::Ok, data: document(report.device, &report.link.info()) }
        } else {
            ReportAnswer::empty(StatusCode::BadRequest)
        };
        Box::pin(std::future::ready(answer))
    }
}

fn document(device: &DeviceId, info: &LinkInfo) -> Vec<u8> {
    let LinkInfo { peer, capacity, heartbeat, .. } = *info;
    let document = Document { id: device.as_str(), capacity, peer, heartbeat_seconds: heartbeat.as_secs() };
    serde_json::to_vec(&document).expect("text and numbers can be written")
}

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    /// Bytes of a message's body.
    capacity: usize,
    /// Where the connection comes from, with the port.
    peer: SocketAddr,
    heartbeat_seconds: u64,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::hub::Protocol;

    /// What every device takes (docs/protocol.md §4).
    const SMALLEST_MESSAGE_BYTES: usize = 504;

    fn document_of(id: &str, peer: &str, capacity: usize, heartbeat: Duration) -> String {
        let (device, now) = (DeviceId::parse(id).unwrap(), Instant::now());
        let info = LinkInfo {
            protocol: Protocol::Rtio,
            peer: peer.parse().unwrap(),
            connected: now,
            last_heard: now,
            heartbeat,
            capacity,
            max_data: capacity - 8,
            calls_in_flight: 0,
            observations: 0,
        };
        String::from_utf8(document(&device, &info)).unwrap()
    }

    #[tokio::test]
    async fn the_document_is_as_written_down() {
        let expected = r#"{"id":"PRINTER-001","capacity":512,"peer":"10.0.0.7:49822","heartbeat_seconds":300}"#;
        assert_eq!(document_of("PRINTER-001", "10.0.0.7:49822", 512, Duration::from_secs(300)), expected);
    }

    #[tokio::test]
    async fn the_longest_document_fits_the_smallest_message() {
        let peer = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
        let longest = document_of(&"x".repeat(64), peer, 4096, Duration::from_secs(u64::MAX));
        assert!(longest.len() <= SMALLEST_MESSAGE_BYTES, "{longest}");
    }
}
