//! CoPOST from a caller to a device and back (docs/protocol.md §4), as both ends see it on the wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtio_proto::header::{FrameCode, FrameKind};

use crate::support::{Frame, hub};

#[tokio::test]
async fn a_call_is_a_copost_with_the_digest_of_its_uri() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/aa/bb", b"hello");
    let expected = Frame::new(FrameKind::ServerSendReq, FrameCode::Unknown, 1, b"\x20\xa7\x96\xd0\x57hello");
    assert_eq!(device.receives().await, expected);
    device.answers_request(1, b"\x22world").await;
    assert_eq!(call.await.unwrap().body, b"world");
}

#[tokio::test]
async fn message_ids_count_up() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    for expected in 1..=20 {
        caller.sends(&crate::support::caller::request("POST", "/dev/uri", &[], b"")).await;
        let request = device.receives_request().await;
        assert_eq!(request.message_id, expected);
        device.answers_request(expected, b"\x22").await;
        assert_eq!(caller.reply().await.status, 200);
    }
}

#[tokio::test]
async fn the_frame_code_of_an_answer_means_nothing() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for code in 0..8 {
        let call = hub.is_called("/dev/uri", b"");
        let id = device.receives_request().await.message_id.to_be_bytes();
        device.sends(&[0x80 | code, id[0], id[1], 0, 2, 0x22, b'x']).await;
        assert_eq!(call.await.unwrap().body, b"x", "{code}");
    }
}

#[tokio::test]
async fn an_answer_with_the_reserved_method_counts() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x12twin").await;
    assert_eq!(call.await.unwrap().body, b"twin");
}

#[tokio::test]
async fn data_of_an_answer_may_fill_the_agreed_capacity() {
    let hub = hub().start().await;
    for (level, capacity) in [(0, 512), (1, 1024), (2, 2048), (3, 4096)] {
        let mut device = hub.device_at_level("dev", level).await;
        let call = hub.is_called("/dev/uri", b"");
        let data: Vec<u8> = (0..capacity - 1).map(|at| (at % 251) as u8).collect();
        device.answers_next(&[b"\x22", &data[..]].concat()).await;
        assert_eq!(call.await.unwrap().body, data, "level {level}");
    }
}

#[tokio::test]
async fn a_body_over_the_agreed_capacity_is_a_protocol_error() {
    let hub = hub().start().await;
    for (round, (level, capacity)) in (0..).zip([(0, 512), (1, 1024), (2, 2048), (3, 4096_u16)]) {
        let mut device = hub.device_at_level("dev", level).await;
        let call = hub.is_called("/dev/uri", b"");
        device.receives_request().await;
        let [high, low] = (capacity + 1).to_be_bytes();
        // The header is enough: nothing waits for the body.
        device.sends(&[0x81, 0, 1, high, low]).await;
        device.is_closed().await;
        assert_eq!(call.await.unwrap().status, 503);
        hub.ends_session("body_too_long", round).await;
    }
}

#[tokio::test]
async fn at_most_504_bytes_go_to_a_device_whatever_its_level() {
    let hub = hub().start().await;
    for level in 0..4 {
        let mut device = hub.device_at_level("dev", level).await;
        let call = hub.is_called("/dev/uri", &[b'x'; 504]);
        assert_eq!(device.receives_request().await.body.len(), 5 + 504);
        device.answers_request(1, b"\x22").await;
        assert_eq!(call.await.unwrap().status, 200);
        let refused = (413, "BAD_REQUEST".to_owned(), "not_sent".to_owned());
        assert_eq!(hub.calls("/dev/uri", &[b'x'; 505]).await.problem(), refused);
    }
}

#[tokio::test]
async fn a_raised_payload_cap_goes_as_far_as_each_devices_capacity() {
    for (max_payload, most) in [(504, [504; 4]), (1500, [504, 1016, 1500, 1500]), (4088, [504, 1016, 2040, 4088])] {
        let hub = hub().with_flags(&["--max-payload", &max_payload.to_string()]).start().await;
        for (level, most) in (0..).zip(most) {
            let _device = hub.device_at_level("dev", level).await.echoes();
            let data = vec![b'x'; most];
            assert_eq!(hub.calls("/dev/uri", &data).await.body, data, "{max_payload} at level {level}");
            let refused = (413, "BAD_REQUEST".to_owned(), "not_sent".to_owned());
            assert_eq!(hub.calls("/dev/uri", &vec![b'x'; most + 1]).await.problem(), refused);
            let reply = hub.asks("POST", "/dev", &[], json(most).as_bytes()).await;
            assert_eq!(reply.envelope(), ("OK".to_owned(), data));
            let reply = hub.asks("POST", "/dev", &[], json(most + 1).as_bytes()).await;
            assert_eq!(reply.envelope().0, "BAD_REQUEST");
        }
    }
}

fn json(data_bytes: usize) -> String {
    let data = STANDARD.encode(vec![b'x'; data_bytes]);
    format!(r#"{{"method":"copost","uri":"/uri","data":"{data}"}}"#)
}

#[tokio::test]
async fn answers_in_any_order_find_their_callers() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut calls = Vec::new();
    for number in 0..30_u8 {
        calls.push(hub.is_called("/dev/uri", &[number]));
    }
    let mut requests = Vec::new();
    for _ in 0..30 {
        requests.push(device.receives_request().await);
    }
    for request in requests.iter().rev() {
        device.answers_request(request.message_id, &[0x22, request.body[5]]).await;
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(usize::from(call.await.unwrap().body[0]), number);
    }
}

#[tokio::test]
async fn an_answer_that_arrives_byte_by_byte_is_one() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    device.receives_request().await;
    for byte in Frame::new(FrameKind::ServerSendResp, FrameCode::Success, 1, b"\x22slow").bytes() {
        device.sends(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(call.await.unwrap().body, b"slow");
}
