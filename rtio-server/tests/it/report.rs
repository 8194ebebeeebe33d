//! CoPOST from a device to a service behind the hub (docs/protocol.md §4 and §5).

use std::time::Duration;

use rtio_proto::UriDigest;
use rtio_server::hub::StatusCode;

use crate::support::backends::{Answers, Counts, Echo, Panics, Silent};
use crate::support::{Clock, hub};

/// Body of a CoPOST.
fn copost(uri: &str, data: &[u8]) -> Vec<u8> {
    [&[0x20], &UriDigest::of(uri).to_wire()[..], data].concat()
}

#[tokio::test]
async fn a_uri_that_nobody_serves_is_not_found() {
    let hub = hub().with_service("/known", Echo).start().await;
    let mut device = hub.device("dev").await;
    let report = device.reports(&copost("/unknown", b"x")).await;
    device.receives_answer(report, b"\x25").await;
}

#[tokio::test]
async fn a_service_is_told_who_sends_what_and_its_data_comes_back() {
    let hub = hub().with_service("/known", Echo).start().await;
    let mut device = hub.device("dev").await;
    let report = device.reports(&copost("/known", b"21.5")).await;
    device.receives_answer(report, b"\x22dev:21.5").await;
}

#[tokio::test]
async fn a_report_may_fill_the_agreed_capacity() {
    let hub = hub().with_service("/count", Counts).start().await;
    for (level, capacity) in [(0, 512), (1, 1024), (2, 2048), (3, 4096)] {
        let mut device = hub.device_at_level("dev", level).await;
        let report = device.reports(&copost("/count", &vec![b'x'; capacity - 5])).await;
        device.receives_answer(report, format!("\x22{}", capacity - 5).as_bytes()).await;
    }
}

#[tokio::test]
async fn what_a_service_refuses_goes_back_without_data() {
    for status in [StatusCode::InternalError, StatusCode::BadRequest, StatusCode::TooManyRequests] {
        let hub = hub().with_service("/known", Answers(status, b"secret detail".to_vec())).start().await;
        let mut device = hub.device("dev").await;
        let report = device.reports(&copost("/known", b"")).await;
        device.receives_answer(report, &[0x20 | status.to_wire()]).await;
    }
}

#[tokio::test]
async fn data_that_does_not_fit_a_message_is_an_internal_error() {
    for (bytes, expected) in [(504, 0x22), (505, 0x21)] {
        let hub = hub().with_service("/known", Answers(StatusCode::Ok, vec![b'x'; bytes])).start().await;
        let mut device = hub.device("dev").await;
        device.reports(&copost("/known", b"")).await;
        let answer = device.receives().await;
        assert_eq!(answer.body[0], expected, "{bytes}");
        assert_eq!(answer.body.len(), if expected == 0x22 { 1 + bytes } else { 1 });
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_within_5_seconds_is_an_internal_error() {
    let clock = Clock::stopped();
    let hub = hub().with_service("/silent", Silent).start().await;
    let mut device = hub.device("dev").await;
    let report = device.reports(&copost("/silent", b"")).await;
    clock.passes(Duration::from_millis(4_990)).await;
    device.has_received_nothing();
    clock.passes(Duration::from_millis(20)).await;
    device.receives_answer(report, b"\x21").await;
}

#[tokio::test]
async fn a_slow_service_delays_nothing_else_of_its_device() {
    let hub = hub().with_service("/silent", Silent).with_service("/known", Echo).start().await;
    let mut device = hub.device("dev").await;
    device.reports(&copost("/silent", b"")).await;
    let report = device.reports(&copost("/known", b"x")).await;
    device.receives_answer(report, b"\x22dev:x").await;
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
}

#[tokio::test]
async fn more_reports_than_allowed_at_once_are_too_many_requests() {
    let hub = hub().with_service("/silent", Silent).start().await;
    let mut device = hub.device("dev").await;
    for _ in 0..64 {
        device.reports(&copost("/silent", b"")).await;
    }
    let report = device.reports(&copost("/silent", b"")).await;
    device.receives_answer(report, b"\x28").await;
}

#[tokio::test]
async fn a_service_that_panics_has_failed_and_keeps_no_place() {
    let hub = hub().with_service("/panics", Panics).start().await;
    let mut device = hub.device("dev").await;
    for _ in 0..65 {
        let report = device.reports(&copost("/panics", b"")).await;
        device.receives_answer(report, b"\x21").await;
    }
}

#[tokio::test]
async fn methods_that_a_device_may_not_use_are_not_allowed() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for method in [0, 1, 4, 9, 15] {
        let report = device.reports(&[method << 4, 1, 2, 3, 4]).await;
        device.receives_answer(report, &[method << 4 | 7]).await;
    }
}

#[tokio::test]
async fn a_body_too_short_for_its_method_is_a_protocol_error() {
    let hub = hub().start().await;
    for (round, body) in (0..).zip([&b""[..], b"\x20", b"\x20\x01\x02\x03", b"\x33", b"\x33\x00"]) {
        let mut device = hub.device("dev").await;
        device.reports(body).await;
        device.is_closed().await;
        hub.ends_session("body_too_short", round).await;
    }
}

#[tokio::test]
async fn any_frame_code_is_accepted_in_a_request() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for code in 0..8 {
        device.sends(&[&[0x50 | code, 0, 9, 0, 5], &b"\x20\x00\x00\x00\x00"[..]].concat()).await;
        device.receives_answer(9, b"\x25").await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_the_protocol_is_closed_while_a_service_still_works() {
    let hub = hub().with_service("/silent", Silent).start().await;
    let mut device = hub.device("dev").await;
    device.reports(&copost("/silent", b"")).await;
    device.sends(b"\x0f\x00\x01\x00\x00").await;
    tokio::time::timeout(Duration::from_secs(2), device.is_closed()).await.expect("not after the service's 5 s");
}
