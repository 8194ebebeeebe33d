//! What comes in on the caller port.

use std::time::Duration;

use rtio_proto::StatusCode;

use super::{with_bystander, with_bystander_on};
use crate::support::caller::request;
use crate::support::wait::STALL;
use crate::support::{Caller, Clock, hub};

#[tokio::test]
async fn a_caller_that_never_reads_is_held_back_and_then_closed() {
    let short = Duration::from_millis(300);
    let hub = with_bystander_on(hub().with(|config| config.http.idle_timeout = short)).await;
    let _device = hub.device("dev").await.answers("/uri", &[b'x'; 500]);
    let mut caller = Caller::connect_with_small_buffer(hub.http_addr).await;
    let calls = request("POST", "/dev/uri", &[], b"").repeat(100);
    let mut sent = 0;
    while caller.tries_to_send(&calls).await {
        sent += calls.len();
        assert!(sent < 64 << 20, "the hub takes all that a caller sends who reads nothing");
    }
    hub.stays_undisturbed().await;
}

#[tokio::test]
async fn a_stalled_reader_of_an_observation_leaves_its_device_free() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    let mut caller = Caller::connect_with_small_buffer(hub.http_addr).await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let observer = device.begins_observation().await;
    let mut frames = 0;
    loop {
        device.notifies(StatusCode::Continue, observer, &[b'x'; 500]).await;
        if tokio::time::timeout(STALL, device.receives()).await.is_err() {
            break;
        }
        frames += 1;
        assert!(frames < 20_000, "the hub keeps all frames of a caller that does not read");
    }
    for number in 0..100 {
        let call = hub.is_called("/dev/uri", &[number]);
        device.answers_next(&[0x22, number]).await;
        assert_eq!(call.await.unwrap().body, [number]);
    }
    drop(caller);
    hub.stays_undisturbed().await;
}

#[tokio::test]
async fn headers_for_ever_end_by_size() {
    let hub = with_bystander().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\nx: ").await;
    let mut sent = 0;
    while caller.tries_to_send(&[b'v'; 1024]).await {
        sent += 1;
        assert!(sent < 64 * 1024, "the hub takes headers without end");
        tokio::task::yield_now().await;
    }
    hub.stays_undisturbed().await;
}

#[tokio::test]
async fn headers_for_ever_end_by_count() {
    let hub = with_bystander().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\n").await;
    let mut sent = 0;
    while caller.tries_to_send(b"a: b\r\n").await {
        sent += 1;
        assert!(sent < 1_000_000, "the hub takes headers without end");
        tokio::task::yield_now().await;
    }
    hub.stays_undisturbed().await;
}

#[tokio::test]
async fn headers_for_ever_end_by_time() {
    let clock = Clock::stopped();
    let hub = with_bystander().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\n").await;
    for _ in 0..14 {
        caller.tries_to_send(b"a: b\r\n").await;
        clock.passes(Duration::from_secs(1)).await;
    }
    caller.is_closed().await;
    hub.stays_undisturbed().await;
}

#[tokio::test]
async fn hundreds_of_callers_that_say_nothing_are_closed_in_time() {
    let clock = Clock::stopped();
    let hub = with_bystander().await;
    let mut callers = Vec::new();
    for _ in 0..300 {
        callers.push(hub.caller().await);
    }
    clock.passes(Duration::from_secs(13)).await;
    for mut caller in callers {
        caller.is_closed().await;
    }
    hub.stays_undisturbed().await;
}

#[tokio::test]
async fn callers_that_break_off_anywhere_leave_nothing_behind() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    let whole = request("POST", "/dev/uri", &[], b"0123456789");
    for cut in 0..whole.len() {
        let mut caller = hub.caller().await;
        caller.sends(&whole[..cut]).await;
    }
    device.receives_nothing().await;
    hub.stays_undisturbed().await;
}
