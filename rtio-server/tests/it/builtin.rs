//! Services that the hub itself is (docs/protocol.md §6).

use std::time::{SystemTime, UNIX_EPOCH};

use rtio_proto::UriDigest;

use crate::support::backends::Echo;
use crate::support::{Device, TestHub, hub};

async fn asks(device: &mut Device, uri: &str, data: &[u8]) -> Vec<u8> {
    device.reports(&[&[0x20], &UriDigest::of(uri).to_wire()[..], data].concat()).await;
    device.receives().await.body
}

fn unix_milliseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis()
}

#[tokio::test]
async fn a_device_learns_what_time_it_is() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let before = unix_milliseconds();
    let answer = asks(&mut device, "/rtio/time", b"").await;
    let (status, digits) = answer.split_first().unwrap();
    assert_eq!(*status, 0x22);
    let told: u128 = std::str::from_utf8(digits).unwrap().parse().unwrap();
    assert!((before..=unix_milliseconds()).contains(&told), "{told}");
}

#[tokio::test]
async fn a_device_learns_who_it_is() {
    let hub = hub().start().await;
    for (level, capacity) in [(0, 512), (3, 4096)] {
        let mut device = hub.device_at_level("PRINTER-001", level).await;
        let answer = asks(&mut device, "/rtio/whoami", b"").await;
        let expected = format!(r#"{{"id":"PRINTER-001","capacity":{capacity},"peer":"127.0.0.1:"#);
        let text = String::from_utf8(answer[1..].to_vec()).unwrap();
        assert_eq!(answer[0], 0x22);
        assert!(text.starts_with(&expected) && text.ends_with(r#","heartbeat_seconds":300}"#), "{text}");
    }
}

#[tokio::test]
async fn data_for_them_is_a_bad_request() {
    let hub: TestHub = hub().start().await;
    let mut device = hub.device("dev").await;
    for uri in ["/rtio/time", "/rtio/whoami"] {
        assert_eq!(asks(&mut device, uri, b"x").await, b"\x26");
    }
}

#[tokio::test]
async fn no_map_takes_their_uris() {
    let hub = hub().with_service("/rtio/whoami", Echo).with_service("/echo", Echo).start().await;
    let mut device = hub.device("dev").await;
    assert_eq!(asks(&mut device, "/echo", b"x").await, b"\x22dev:x");
    assert!(asks(&mut device, "/rtio/whoami", b"").await.starts_with(b"\x22{\"id\":\"dev\""));
}
