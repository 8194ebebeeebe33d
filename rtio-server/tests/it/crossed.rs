//! No answer ever reaches another caller: many callers of few devices at once, every answer checked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::caller::request;
use crate::support::{Caller, TestHub, hub};

/// Calls from `callers` connections, `calls` in all, to `devices` echoing devices. Every payload is a number of its own.
async fn calls_do_not_cross(hub: &TestHub, devices: u32, callers: u32, calls: u32) {
    let mut serving = Vec::new();
    for device in 0..devices {
        serving.push(hub.device(&format!("dev-{device}")).await.echoes());
    }
    let next = Arc::new(AtomicU32::new(0));
    let one = || tokio::spawn(call_until(hub.http_addr, Arc::clone(&next), devices, calls));
    let tasks: Vec<_> = (0..callers).map(|_| one()).collect();
    for task in tasks {
        task.await.expect("no caller fails");
    }
    assert_eq!(hub.core.metrics().answers_dropped.get(), 0);
}

/// Takes numbers until they reach `end`, and calls with each.
pub(crate) async fn call_until(addr: SocketAddr, next: Arc<AtomicU32>, devices: u32, end: u32) {
    let mut caller = Caller::connect(addr).await;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return;
        }
        let reply = caller.calls(&format!("/dev-{}/uri", number % devices), &number.to_be_bytes()).await;
        assert_eq!((reply.status, reply.body), (200, number.to_be_bytes().to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_calls_of_64_callers_to_one_device() {
    let hub = hub().start().await;
    calls_do_not_cross(&hub, 1, 64, 20_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_64_callers_to_three_devices() {
    let hub = hub().start().await;
    calls_do_not_cross(&hub, 3, 64, 6_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_leave_do_not_hand_their_answers_to_others() {
    let hub = hub().start().await;
    let _device = hub.device("dev-0").await.echoes();
    let addr = hub.http_addr;
    let leavers = tokio::spawn(call_and_leave(addr, 1_000));
    let stayers: Vec<_> = (0..16).map(|caller| tokio::spawn(call_with_own_numbers(addr, caller))).collect();
    leavers.await.unwrap();
    for stayer in stayers {
        stayer.await.unwrap();
    }
}

async fn call_and_leave(addr: SocketAddr, calls: u32) {
    for number in 0..calls {
        let mut caller = Caller::connect(addr).await;
        let bytes = (number | 0x8000_0000).to_be_bytes();
        caller.sends(&request("POST", "/dev-0/uri", &[], &bytes)).await;
    }
}

async fn call_with_own_numbers(addr: SocketAddr, caller: u32) {
    let mut connection = Caller::connect(addr).await;
    for number in 0..200 {
        let bytes = (caller << 16 | number).to_be_bytes();
        assert_eq!(connection.calls("/dev-0/uri", &bytes).await.body, bytes);
    }
}
