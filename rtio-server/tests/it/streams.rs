//! How observations look to callers, and what a slow reader costs (docs/caller-http.md §1 and §2).

use std::time::Duration;

use rtio_proto::StatusCode;

use crate::support::caller::request;
use crate::support::{Caller, Clock, Device, TestHub, hub};

#[tokio::test]
async fn the_compatible_form_streams_lines_with_the_request_id() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    let body = br#"{"method":"obget","id":12667,"uri":"/aa/bb","data":"aGk="}"#;
    caller.sends(&request("POST", "/dev", &[], body)).await;
    let establishment = device.receives_request().await;
    assert_eq!(establishment.body, b"\x30\x00\x01\xa7\x96\xd0\x57hi");
    device.answers_request(establishment.message_id, b"\x33\x00\x01").await;
    let head = caller.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/x-ndjson")));
    device.notifies(StatusCode::Continue, 1, b"world").await;
    let expected = r#"{"id":12667,"fid":0,"code":"CONTINUE","data":"d29ybGQ="}"#;
    assert_eq!(caller.line().await.as_deref(), Some(expected), "flushed as it comes");
    device.notifies(StatusCode::Terminate, 1, b"").await;
    assert_eq!(caller.lines().await, [r#"{"id":12667,"fid":1,"code":"TERMINATE","data":""}"#]);
}

#[tokio::test]
async fn a_refused_observation_of_the_compatible_form_is_one_line() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let body = br#"{"method":"obget","id":7,"uri":"/uri"}"#;
    let reply = hub.is_asked("POST", "/dev", &[], body);
    let establishment = device.receives_request().await;
    device.answers_request(establishment.message_id, b"\x35\x00\x01").await;
    let reply = reply.await.unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/x-ndjson")));
    assert_eq!(reply.text(), "{\"id\":7,\"fid\":0,\"code\":\"NOT_FOUND\",\"data\":\"\"}\n");
    let reply = hub.asks("POST", "/nobody", &[], body).await;
    assert_eq!(reply.text(), "{\"id\":7,\"fid\":0,\"code\":\"DEVICEID_OFFLINE\",\"data\":\"\"}\n");
}

#[tokio::test]
async fn browsers_get_server_sent_events() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/uri", &[("accept", "text/event-stream")], b"")).await;
    device.begins_observation().await;
    let head = caller.head().await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    device.notifies(StatusCode::Continue, 1, b"a").await;
    assert_eq!(caller.line().await.as_deref(), Some("id: 0"));
    device.notifies(StatusCode::Terminate, 1, b"").await;
    let rest = [
        r#"data: {"id":0,"fid":0,"code":"CONTINUE","data":"YQ=="}"#,
        "",
        "event: end",
        "id: 1",
        r#"data: {"id":0,"fid":1,"code":"TERMINATE","data":""}"#,
        "",
    ];
    assert_eq!(caller.lines().await, rest);
}

#[tokio::test]
async fn the_connection_is_good_for_more_after_a_stream() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (mut caller, observer) = hub.observes(&mut device, "/dev/uri").await;
    device.notifies(StatusCode::Terminate, observer, b"").await;
    assert_eq!(caller.lines().await.len(), 1);
    device.receives().await;
    let _device = device.answers("/uri", b"call");
    assert_eq!(caller.calls("/dev/uri", b"").await.body, b"call");
}

/// A caller that observes and never reads, until the device gets no answer to a notification. Returns the notification.
async fn stall(hub: &TestHub, device: &mut Device) -> (Caller, u16, u16) {
    let mut caller = Caller::connect_with_small_buffer(hub.http_addr).await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let observer = device.begins_observation().await;
    for _ in 0..100_000 {
        let notify = device.notifies(StatusCode::Continue, observer, &[b'x'; 500]).await;
        let answer = tokio::time::timeout(crate::support::wait::STALL, device.receives()).await;
        if answer.is_err() {
            return (caller, observer, notify);
        }
    }
    panic!("the hub keeps all frames of a caller that does not read");
}

#[tokio::test]
async fn a_stalled_reader_holds_its_own_device_stream_back_and_nothing_else() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (_stalled, _, _) = stall(&hub, &mut device).await;
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
    let (mut other, observer) = hub.observes(&mut device, "/dev/uri").await;
    for _ in 0..100 {
        let notify = device.notifies(StatusCode::Continue, observer, b"x").await;
        let [high, low] = observer.to_be_bytes();
        device.receives_answer(notify, &[0x33, high, low]).await;
        assert!(other.line().await.is_some());
    }
}

#[tokio::test]
async fn a_reader_that_goes_on_lets_the_device_go_on() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (mut caller, observer, owed) = stall(&hub, &mut device).await;
    assert_eq!(caller.head().await.status, 200);
    let [high, low] = observer.to_be_bytes();
    let reader = tokio::spawn(async move { caller.lines().await });
    device.receives_answer(owed, &[0x33, high, low]).await;
    let last = device.notifies(StatusCode::Terminate, observer, b"").await;
    device.receives_answer(last, &[0x34, high, low]).await;
    let lines = reader.await.unwrap();
    for (frame, line) in lines.iter().enumerate() {
        assert!(line.contains(&format!("\"fid\":{frame},")), "no frame is lost: {line}");
    }
    assert!(lines.last().unwrap().contains("TERMINATE"));
}

#[tokio::test]
async fn a_reader_that_stalls_for_15_seconds_loses_the_observation() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (mut caller, observer, owed) = stall(&hub, &mut device).await;
    let clock = Clock::stopped();
    // It has stalled for some seconds already.
    clock.passes(Duration::from_secs(10)).await;
    device.has_received_nothing();
    clock.passes(Duration::from_secs(10)).await;
    let [high, low] = observer.to_be_bytes();
    device.receives_answer(owed, &[0x34, high, low]).await;
    assert_eq!(caller.head().await.status, 200);
    assert!(caller.lines().await.last().unwrap().contains("TERMINATE"));
}

#[tokio::test]
async fn a_stalled_reader_that_leaves_ends_its_observation() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (caller, observer, owed) = stall(&hub, &mut device).await;
    drop(caller);
    let [high, low] = observer.to_be_bytes();
    device.receives_answer(owed, &[0x34, high, low]).await;
}

#[tokio::test]
async fn a_device_that_does_not_wait_for_the_answer_loses_the_observation() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (_caller, observer, owed) = stall(&hub, &mut device).await;
    let too_early = device.notifies(StatusCode::Continue, observer, b"x").await;
    let [high, low] = observer.to_be_bytes();
    let answers = [device.receives().await, device.receives().await];
    for message_id in [owed, too_early] {
        let answer = answers.iter().find(|answer| answer.message_id == message_id).expect("each is answered");
        assert_eq!(answer.body, [0x34, high, low]);
    }
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
}
