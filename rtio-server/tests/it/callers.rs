//! HTTP connections as callers use them: kept, pipelined, left.

use crate::support::caller::request;
use crate::support::{Caller, Device, TestHub, hub, within};

#[tokio::test]
async fn a_connection_is_good_for_many_calls() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let mut caller = hub.caller().await;
    for number in 0..200_u32 {
        assert_eq!(caller.calls("/dev/uri", &number.to_be_bytes()).await.body, number.to_be_bytes());
        let refused = caller.calls("/nobody/uri", b"").await;
        assert_eq!(refused.status, 503, "an error keeps the connection as well");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let mut caller = hub.caller().await;
    let requests: Vec<u8> =
        (0..100_u32).flat_map(|number| request("POST", "/dev/uri", &[], &number.to_be_bytes())).collect();
    caller.sends(&requests).await;
    for number in 0..100_u32 {
        assert_eq!(caller.reply().await.body, number.to_be_bytes());
    }
}

#[tokio::test]
async fn a_request_that_arrives_byte_by_byte_is_one() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let mut caller = hub.caller().await;
    for byte in request("POST", "/dev/uri", &[], b"slow") {
        caller.sends(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.reply().await.body, b"slow");
}

#[tokio::test]
async fn a_caller_that_wants_to_close_is_answered_first() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"last");
    let mut caller = hub.caller().await;
    let reply = caller.asks("POST", "/dev/uri", &[("connection", "close")], b"").await;
    assert_eq!(reply.body, b"last");
    assert_eq!(caller.is_closed().await, b"");
    let mut old_caller = hub.caller().await;
    old_caller.sends(b"POST /dev/uri HTTP/1.0\r\ncontent-length: 0\r\n\r\n").await;
    assert!(old_caller.is_closed().await.ends_with(b"last"));
}

#[tokio::test]
async fn calls_of_callers_that_left_never_stay() {
    let hub = hub().with(|config| config.device.session.max_calls = 50).start().await;
    let mut device = hub.device("dev").await;
    for _ in 0..4 {
        let mut callers = Vec::new();
        for _ in 0..50 {
            callers.push(call_that_waits(&hub, &mut device).await);
        }
        assert_eq!(hub.calls("/dev/uri", b"").await.status, 429);
    }
}

/// A caller whose call the device has and does not answer, as soon as there is a place for one.
async fn call_that_waits(hub: &TestHub, device: &mut Device) -> Caller {
    let mut caller = hub.caller().await;
    let taken = async {
        loop {
            caller.sends(&request("POST", "/dev/uri", &[("prefer", "wait=100")], b"")).await;
            tokio::select! {
                _ = device.receives_request() => break,
                refused = caller.reply() => assert_eq!(refused.status, 429),
            }
        }
    };
    within("a place for one more call", taken).await;
    caller
}
