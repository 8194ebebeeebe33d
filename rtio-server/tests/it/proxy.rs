//! PROXY protocol at both ports: whose header is believed, and what comes of those that are none.

use std::time::Duration;

use ipnet::IpNet;
use rtio_server::net::proxy::TrustedProxies;

use crate::support::caller::request;
use crate::support::hub::Builder;
use crate::support::{Caller, Clock, Device, TestHub, hub};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 50001 17017\r\n";

/// Version 2: PROXY, TCP over IPv4, 192.0.2.1:50001, and an extension that is skipped.
const BINARY: &[u8] =
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x12\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x51\x42\x79\x04\x00\x03abc";

/// Version 2: LOCAL.
const LOCAL: &[u8] = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00";

/// A hub that believes what 127.0.0.1 says.
fn behind_a_proxy() -> Builder {
    let here: IpNet = "127.0.0.1/32".parse().expect("a network");
    hub().with(|config| config.proxies = TrustedProxies::new(vec![here]))
}

async fn proxied_caller(hub: &TestHub, header: &[u8]) -> Caller {
    let mut caller = hub.caller().await;
    caller.sends(header).await;
    caller
}

async fn proxied_device(hub: &TestHub, header: &[u8], id: &str) -> Device {
    let mut peer = hub.peer().await;
    peer.sends(header).await;
    Device::verify(peer, id, 0).await
}

#[tokio::test]
async fn devices_and_callers_of_a_trusted_proxy_are_served_in_each_version() {
    let hub = behind_a_proxy().start().await;
    for (number, header) in [LINE, BINARY, LOCAL, b"PROXY UNKNOWN\r\n"].into_iter().enumerate() {
        let device = proxied_device(&hub, header, &format!("dev{number}")).await;
        let _device = device.echoes();
        let mut caller = proxied_caller(&hub, header).await;
        let path = format!("/dev{number}/uri");
        assert_eq!(caller.calls(&path, b"a").await.body, b"a", "{}", header.escape_ascii());
        assert_eq!(caller.calls(&path, b"b").await.body, b"b", "the header is in front of the first request only");
    }
}

#[tokio::test]
async fn a_header_and_what_follows_it_may_come_in_one_piece_or_byte_by_byte() {
    let hub = behind_a_proxy().start().await;
    let _device = proxied_device(&hub, LINE, "dev").await.echoes();
    for header in [LINE, BINARY] {
        let bytes = [header, &request("POST", "/dev/uri", &[], b"x")].concat();
        let mut caller = proxied_caller(&hub, &bytes).await;
        assert_eq!(caller.reply().await.body, b"x");
        let mut caller = hub.caller().await;
        for byte in bytes {
            caller.sends(&[byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(caller.reply().await.body, b"x");
    }
}

#[tokio::test]
async fn the_cap_of_a_peer_counts_the_named_address() {
    let hub = behind_a_proxy().with(|config| config.http.max_connections_per_peer = 1).start().await;
    let mut first = proxied_caller(&hub, LINE).await;
    assert_eq!(first.calls("/nobody/uri", b"").await.status, 503);
    proxied_caller(&hub, LINE).await.is_closed().await;
    let other = b"PROXY TCP4 192.0.2.2 198.51.100.2 50001 17017\r\n";
    assert_eq!(proxied_caller(&hub, other).await.calls("/nobody/uri", b"").await.status, 503);
}

#[tokio::test]
async fn a_header_from_a_stranger_is_malformed_input() {
    let hub = hub().start().await;
    for header in [LINE, BINARY] {
        let mut caller = hub.caller().await;
        caller.sends(&[header, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"].concat()).await;
        let answer = caller.is_closed().await;
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", answer.escape_ascii());
        let mut peer = hub.peer().await;
        peer.tries_to_send(header).await;
        peer.is_closed().await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_must_say_whose_connection_it_is() {
    let hub = behind_a_proxy().start().await;
    let v2_of_three = b"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x51\x42\x79";
    for wrong in [
        &request("POST", "/dev/uri", &[], b"x")[..],
        b"\x10\x00\x01\x00\x08\x00dev:s3\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0\0",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n",
        v2_of_three,
    ] {
        let mut caller = hub.caller().await;
        caller.tries_to_send(wrong).await;
        assert_eq!(caller.is_closed().await, b"", "{}", wrong.escape_ascii());
        let mut peer = hub.peer().await;
        peer.tries_to_send(wrong).await;
        peer.is_closed().await;
    }
    let metrics = hub.metrics();
    for port in ["callers", "devices"] {
        let line = format!("rtio_connections_refused_total{{port=\"{port}\",cause=\"proxy_header\"}} 6");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn an_endless_header_ends_by_size() {
    let hub = behind_a_proxy().start().await;
    let mut caller = proxied_caller(&hub, b"PROXY UNKNOWN ").await;
    let mut sent = 0;
    while caller.tries_to_send(&[b'x'; 64]).await {
        sent += 1;
        assert!(sent < 1_000_000, "the hub takes a header without end");
        tokio::task::yield_now().await;
    }
    // 65,535 bytes are announced: refused before the first of them.
    let mut caller = proxied_caller(&hub, b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff").await;
    assert_eq!(caller.is_closed().await, b"");
}

#[tokio::test]
async fn a_slow_or_half_header_ends_by_time() {
    let clock = Clock::stopped();
    let hub = behind_a_proxy().start().await;
    let (mut silent, mut half) = (hub.caller().await, proxied_caller(&hub, &BINARY[..20]).await);
    let (mut device, mut slow) = (hub.peer().await, proxied_caller(&hub, b"PROXY UNKNOWN ").await);
    for _ in 0..4 {
        clock.passes(Duration::from_secs(1)).await;
        slow.sends(b"x").await;
    }
    for caller in [&silent, &half, &slow] {
        caller.has_received_nothing();
    }
    clock.passes(Duration::from_secs(2)).await;
    for caller in [&mut silent, &mut half, &mut slow] {
        assert_eq!(caller.is_closed().await, b"");
    }
    device.is_closed().await;
}

#[tokio::test]
async fn a_proxy_that_leaves_in_the_middle_leaves_nothing_behind() {
    let hub = behind_a_proxy().with(|config| config.http.max_connections = 2).start().await;
    for cut in 0..LINE.len() {
        drop(proxied_caller(&hub, &LINE[..cut]).await);
    }
    assert_eq!(proxied_caller(&hub, LINE).await.calls("/nobody/uri", b"").await.status, 503);
}
