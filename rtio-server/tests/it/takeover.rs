//! The newest connection of a device is the device (docs/protocol.md §2).

use std::time::Duration;

use rtio_proto::StatusCode;
use rtio_proto::header::{FrameCode, FrameKind};

use crate::support::caller::request;
use crate::support::{Caller, Clock, Device, eventually, hub};

#[tokio::test]
async fn a_newer_connection_takes_the_device_over() {
    let hub = hub().start().await;
    let mut old = hub.device("dev").await;
    let _new = hub.device("dev").await.answers("/uri", b"new");
    old.is_closed().await;
    assert_eq!(hub.calls("/dev/uri", b"").await.body, b"new");
    assert_eq!((hub.core.devices_online(), hub.core.metrics().take_overs.get()), (1, 1));
    hub.ends_session("replaced", 0).await;
}

#[tokio::test]
async fn calls_in_flight_on_the_old_connection_end_at_once() {
    let hub = hub().start().await;
    let mut old = hub.device("dev").await;
    let (mut observer, _) = hub.observes(&mut old, "/dev/uri").await;
    let call = hub.is_called("/dev/uri", b"");
    old.receives_request().await;
    let _new = hub.device("dev").await;
    let gone = (503, "DEVICEID_OFFLINE".to_owned(), "sent_unanswered".to_owned());
    assert_eq!(call.await.unwrap().problem(), gone);
    assert_eq!(observer.lines().await, [r#"{"id":0,"fid":0,"code":"DEVICEID_OFFLINE","data":""}"#]);
}

#[tokio::test]
async fn the_late_end_of_the_old_connection_does_not_touch_the_new_one() {
    let hub = hub().start().await;
    for round in 0..50 {
        // An id a round: one that is taken over again and again is slowed.
        let id = format!("dev-{round}");
        let old = hub.device(&id).await;
        let serving = hub.device(&id).await.answers("/uri", b"new");
        drop(old);
        hub.ends_session("replaced", round).await;
        assert_eq!(hub.calls(&format!("/{id}/uri"), b"").await.body, b"new");
        drop(serving);
        eventually("the device is offline", || hub.core.devices_online() == 0).await;
    }
}

#[tokio::test]
async fn an_answer_on_the_old_connection_is_for_nobody() {
    let hub = hub().start().await;
    let mut old = hub.device("dev").await;
    let first = hub.is_called("/dev/uri", b"");
    let request = old.receives_request().await;
    let mut new = hub.device("dev").await;
    assert_eq!(first.await.unwrap().status, 503);
    let second = hub.is_called("/dev/uri", b"");
    let same = new.receives_request().await;
    assert_eq!(same.message_id, request.message_id, "both connections count from 1");
    let late =
        crate::support::Frame::new(FrameKind::ServerSendResp, FrameCode::Success, request.message_id, b"\x22old");
    old.tries_to_send(&late.bytes()).await;
    new.answers_request(same.message_id, b"\x22new").await;
    assert_eq!(second.await.unwrap().body, b"new");
}

#[tokio::test]
async fn the_old_connection_is_closed_although_a_caller_of_it_does_not_read() {
    let hub = hub().start().await;
    let mut old = hub.device("dev").await;
    let mut caller = Caller::connect_with_small_buffer(hub.http_addr).await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let observer = old.begins_observation().await;
    loop {
        old.notifies(StatusCode::Continue, observer, &[b'x'; 500]).await;
        if tokio::time::timeout(crate::support::wait::STALL, old.receives()).await.is_err() {
            break;
        }
    }
    let _new = hub.device("dev").await;
    old.is_closed().await;
}

#[tokio::test]
async fn devices_that_dispute_an_id_are_slowed_and_a_device_that_comes_back_is_not() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut present = hub.device("dev").await;
    // A change of the network, four times in a row.
    for _ in 0..4 {
        present = hub.device("dev").await;
    }
    assert_eq!(hub.core.metrics().take_overs_slowed.get(), 0);
    for delay in [250, 500, 1000, 2000, 4000, 4000] {
        let mut newcomer = hub.peer().await;
        newcomer.sends_frame(FrameKind::DeviceVerifyReq, 1, b"\x00dev:secret").await;
        clock.passes(Duration::from_millis(delay - 10)).await;
        newcomer.has_received_nothing();
        present.has_received_nothing();
        clock.passes(Duration::from_millis(12)).await;
        assert_eq!(newcomer.receives().await.code, FrameCode::Success);
        present.is_closed().await;
        present = Device::verified(newcomer);
    }
    assert_eq!(hub.core.metrics().take_overs_slowed.get(), 6);
    let other = hub.device("other").await.answers("/uri", b"at once");
    assert_eq!(hub.calls("/other/uri", b"").await.body, b"at once");
    drop(other);
}
