//! The end of a hub: no new connections, calls in flight end, observations end in good order, everything is closed.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::caller::request;
use crate::support::{Clock, hub};

#[tokio::test]
async fn an_idle_hub_stops_at_once_and_closes_everything() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut unverified = hub.peer().await;
    let mut idle = hub.caller().await;
    assert_eq!(idle.calls("/nobody/uri", b"").await.status, 503);
    let (device_addr, http_addr) = (hub.device_addr, hub.http_addr);
    hub.stops().await;
    device.is_closed().await;
    unverified.is_closed().await;
    idle.is_closed().await;
    for addr in [device_addr, http_addr] {
        assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
    }
}

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_end() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[], b"")).await;
    let call = device.receives_request().await;
    hub.shutdown.trigger();
    caller.receives_nothing().await;
    device.answers_request(call.message_id, b"\x22done").await;
    assert_eq!(caller.reply().await.body, b"done");
    caller.is_closed().await;
    device.is_closed().await;
    hub.has_stopped().await;
}

#[tokio::test]
async fn an_observation_ends_with_terminate() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (mut caller, _observer) = hub.observes(&mut device, "/dev/uri").await;
    hub.stops().await;
    assert_eq!(caller.lines().await, [r#"{"id":0,"fid":0,"code":"TERMINATE","data":""}"#]);
    device.is_closed().await;
}

#[tokio::test]
async fn calls_that_outlast_the_drain_do_not_hold_the_hub() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("prefer", "wait=100")], b"")).await;
    device.receives_request().await;
    hub.shutdown.trigger();
    clock.passes(Duration::from_millis(9_900)).await;
    device.has_received_nothing();
    clock.passes(Duration::from_millis(200)).await;
    device.is_closed().await;
    let gone = (503, "DEVICEID_OFFLINE".to_owned(), "sent_unanswered".to_owned());
    assert_eq!(caller.reply().await.problem(), gone);
    hub.has_stopped().await;
}

#[tokio::test]
async fn half_a_request_does_not_hold_the_hub() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\nx: ").await;
    clock.passes(Duration::from_millis(100)).await;
    hub.stops().await;
}

#[tokio::test]
async fn a_verification_under_way_does_not_hold_the_hub() {
    let slow = crate::support::backends::SlowAboutSome { delay: Duration::from_secs(3600) };
    let hub = hub().with_verifier(slow).start().await;
    let mut peer = hub.peer().await;
    peer.sends_frame(rtio_proto::FrameKind::DeviceVerifyReq, 1, b"\x00slow:s").await;
    peer.receives_nothing().await;
    hub.stops().await;
    peer.is_closed().await;
}
