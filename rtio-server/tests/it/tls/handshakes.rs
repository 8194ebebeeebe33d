//! Handshakes: the versions, and what comes instead of one.

use std::time::Duration;

use rtio_server::net::tls::install_provider;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;

use crate::support::{Ca, Caller, Clock, Peer, eventually, hub};

#[tokio::test]
async fn callers_are_served_over_tls_1_2_and_1_3() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let _device = hub.device("d1").await.answers("/status", b"idle");
    for version in [&TLS12, &TLS13] {
        let mut caller = hub.tls_caller(&ca.trusted_over(&[version])).await;
        assert_eq!(caller.calls("/d1/status", b"").await.body, b"idle", "{version:?}");
    }
}

#[tokio::test]
async fn a_hub_that_nobody_trusts_is_refused_by_its_clients() {
    let hub = hub().with_http_tls(&Ca::new()).start().await;
    let error = Ca::new().trusted().tries_to_connect(hub.http_addr).await.unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn who_sends_no_hello_is_closed_at_once() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    for bytes in [&b"\x10\x00\x01\x00\x05\x00dev:"[..], b"GET / HTTP/1.1\r\n\r\n", &[0; 64], &[0xff; 600]] {
        let mut peer = hub.peer().await;
        peer.sends(bytes).await;
        peer.tries_to_receive_all().await;
    }
}

#[tokio::test]
async fn half_a_hello_has_the_handshakes_time() {
    install_provider();
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).with_http_tls(&ca).start().await;
    let clock = Clock::stopped();
    for addr in [hub.device_addr, hub.http_addr] {
        let mut peer = Peer::connect(addr).await;
        peer.sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
        clock.passes(Duration::from_millis(9_700)).await;
        peer.has_received_nothing();
        clock.passes(Duration::from_millis(600)).await;
        peer.is_closed().await;
    }
}

#[tokio::test]
async fn at_the_cap_a_handshake_waits_for_its_turn() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).with(|config| config.tls.max_handshakes = 1).start().await;
    let _device = hub.device("d1").await.answers("/status", b"idle");
    let mut slow = Peer::connect(hub.http_addr).await;
    slow.sends(b"\x16").await;
    let client = ca.trusted().with_alpn(&[b"http/1.1"]);
    let stream = TcpStream::connect(hub.http_addr).await.unwrap();
    let waits = tokio::spawn(async move { client.shakes_hands(stream).await });
    slow.receives_nothing().await;
    assert!(!waits.is_finished());
    drop(slow);
    let mut caller = Caller::over(waits.await.unwrap().unwrap());
    assert_eq!(caller.calls("/d1/status", b"").await.body, b"idle");
    eventually("the caller is served", || hub.core.devices_online() == 1).await;
}
