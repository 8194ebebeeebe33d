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
