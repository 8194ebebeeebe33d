//! The cap on the connections of one peer, at both ports.

use crate::support::caller::request;
use crate::support::{TestHub, eventually, hub, within};

#[tokio::test]
async fn one_caller_too_many_from_an_address_is_closed_and_its_place_comes_back() {
    let hub = hub().with(|config| config.http.max_connections_per_peer = 3).start().await;
    let mut callers = Vec::new();
    for _ in 0..3 {
        let mut caller = hub.caller().await;
        assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
        callers.push(caller);
    }
    for _ in 0..20 {
        assert_eq!(hub.caller().await.is_closed().await, b"");
    }
    for caller in &mut callers {
        assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503, "those that are in stay");
    }
    let metrics = hub.metrics();
    for line in [
        "rtio_connections_refused_total{port=\"callers\",cause=\"per_peer\"} 20",
        "rtio_connections_accepted_total{port=\"callers\"} 23",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let open = "rtio_connections_open{port=\"callers\"} 3";
    eventually("those that were closed are not open", || hub.metrics().contains(open)).await;
    callers.pop();
    // The hub sees the end of a connection when it sees it.
    within("a place", async { while !is_served(&hub).await {} }).await;
}

/// Whether a new caller is let in.
async fn is_served(hub: &TestHub) -> bool {
    let mut caller = hub.caller().await;
    caller.tries_to_send(&request("POST", "/nobody/uri", &[], b"")).await;
    caller.tries_to_read_head().await.is_some_and(|reply| reply.status == 503)
}

#[tokio::test]
async fn one_device_too_many_from_an_address_is_closed() {
    let hub = hub().with(|config| config.device.max_connections_per_peer = 2).start().await;
    let first = hub.device("dev1").await;
    let _second = hub.device("dev2").await;
    hub.peer().await.is_closed().await;
    drop(first);
    eventually("the first is gone", || hub.core.devices_online() == 1).await;
    let _third = hub.device("dev3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_at_the_devices_port_does_not_hold_back_callers() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let addr = hub.device_addr;
    let storm: Vec<_> = (0..4).map(|_| tokio::spawn(knock_for_ever(addr))).collect();
    let accepted = || {
        let metrics = hub.metrics();
        let line = metrics.lines().find(|line| line.starts_with("rtio_connections_accepted_total{port=\"devices\"}"));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse::<u64>().ok()).unwrap_or_default()
    };
    let mut calls = 0;
    while accepted() < 2000 || calls < 50 {
        assert_eq!(hub.calls("/dev/uri", b"x").await.body, b"x", "each within the bound of a wait");
        calls += 1;
    }
    for task in storm {
        task.abort();
    }
}

/// Connects and leaves, as fast as it goes.
async fn knock_for_ever(addr: std::net::SocketAddr) {
    loop {
        drop(tokio::net::TcpStream::connect(addr).await);
    }
}
