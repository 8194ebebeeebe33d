//! HTTP/2: requests beside each other, streams that end alone, and what a connection may take (docs/caller-http.md §4).

use std::time::Duration;

use rtio_proto::StatusCode;

use crate::support::caller::request;
use crate::support::h2::{
    ACK, DATA, END_STREAM, GOAWAY, H2Caller, H2Frames, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, post,
    reset,
};
use crate::support::wait::STALL;
use crate::support::{Ca, Clock, Device, TestHub, eventually, hub, within};

/// A hub with HTTPS, and a caller's connection of HTTP/2.
async fn connected() -> (TestHub, Ca, H2Caller) {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    (hub, ca, caller)
}

#[tokio::test]
async fn calls_are_answered_and_counted_by_version() {
    let (hub, ca, caller) = connected().await;
    let _device = hub.device("dev").await.echoes();
    for number in 0..50_u32 {
        assert_eq!(caller.calls("/dev/uri", &number.to_be_bytes()).await.body, number.to_be_bytes());
    }
    let compatible = caller.calls("/dev", br#"{"method":"copost","id":7,"uri":"/uri","data":"aGk="}"#).await;
    assert_eq!(compatible.body, br#"{"id":7,"fid":0,"code":"OK","data":"aGk="}"#);
    assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
    assert_eq!(caller.calls("/dev/uri", &[0; 505]).await.status, 413);
    hub.tls_caller(&ca.trusted()).await.calls("/dev/uri", b"").await;
    let metrics = hub.metrics();
    for line in ["rtio_http_requests_total{version=\"2\"} 53", "rtio_http_requests_total{version=\"1\"} 1"] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn requests_of_one_connection_run_beside_each_other() {
    let (hub, _ca, caller) = connected().await;
    let mut device = hub.device("dev").await;
    let first = caller.is_called("/dev/uri", b"1");
    let waits = device.receives_request().await;
    for number in 2..10 {
        let next = caller.is_called("/dev/uri", &[number]);
        device.answers_next(&[0x22, number]).await;
        assert_eq!(next.await.unwrap().body, [number]);
    }
    device.answers_request(waits.message_id, b"\x22late").await;
    assert_eq!(first.await.unwrap().body, b"late");
}

#[tokio::test]
async fn observations_are_streams() {
    let (hub, _ca, caller) = connected().await;
    let mut device = hub.device("dev").await;
    let (mut stream, observer) = caller.observes(&mut device, "/dev/uri").await;
    device.notifies(StatusCode::Continue, observer, b"a").await;
    let line = "{\"id\":0,\"fid\":0,\"code\":\"CONTINUE\",\"data\":\"YQ==\"}\n";
    assert_eq!(stream.piece().await.as_deref(), Some(line), "sent as it comes");
    device.notifies(StatusCode::Terminate, observer, b"").await;
    assert_eq!(stream.rest().await, "{\"id\":0,\"fid\":1,\"code\":\"TERMINATE\",\"data\":\"\"}\n");
}

#[tokio::test]
async fn a_reset_ends_its_call_and_no_other() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.device.session.max_calls = 2).with_http_tls(&ca).start().await;
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    let mut device = hub.device("dev").await;
    let stays = caller.is_called("/dev/uri", b"stays");
    let kept = device.receives_request().await;
    for _ in 0..10 {
        let leaves = tokio::spawn(caller.sends("POST", "/dev/uri", b"leaves"));
        device.receives_request().await;
        leaves.abort();
        // Its place is free as soon as the hub has heard of it.
        one_more_call_gets_through(&caller, &mut device).await;
    }
    device.answers_request(kept.message_id, b"\x22kept").await;
    assert_eq!(stays.await.unwrap().body, b"kept");
}

async fn one_more_call_gets_through(caller: &H2Caller, device: &mut Device) {
    within("a place for one more call", async { while caller_is_refused(caller, device).await {} }).await;
}

/// Makes one more call, which the device answers if it gets it.
async fn caller_is_refused(caller: &H2Caller, device: &mut Device) -> bool {
    let mut call = caller.is_called("/dev/uri", b"more");
    tokio::select! {
        refused = &mut call => {
            assert_eq!(refused.expect("no panic").status, 429);
            true
        }
        more = device.receives_request() => {
            device.answers_request(more.message_id, b"\x22").await;
            assert_eq!(call.await.expect("no panic").status, 200);
            false
        }
    }
}

#[tokio::test]
async fn a_reset_ends_its_observation_and_no_other() {
    let (hub, _ca, caller) = connected().await;
    let mut device = hub.device("dev").await;
    let (mut stays, kept) = caller.observes(&mut device, "/dev/uri").await;
    let (leaves, left) = caller.observes(&mut device, "/dev/uri").await;
    drop(leaves);
    let over = async { while goes_on(&mut device, left).await {} };
    within("the device hears that the observation is over", over).await;
    device.notifies(StatusCode::Continue, kept, b"a").await;
    assert!(stays.piece().await.unwrap().contains("CONTINUE"));
}

/// Sends a frame of an observation; whether the hub wants more.
async fn goes_on(device: &mut Device, observer: u16) -> bool {
    let [high, low] = observer.to_be_bytes();
    let notify = device.notifies(StatusCode::Continue, observer, b"x").await;
    let answer = device.receives().await;
    assert_eq!(answer.message_id, notify);
    answer.body != [0x34, high, low]
}

#[tokio::test]
async fn a_connection_that_breaks_ends_all_its_calls() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.device.session.max_calls = 20).with_http_tls(&ca).start().await;
    let mut device = hub.device("dev").await;
    for _ in 0..3 {
        let mut caller = H2Frames::connect(&hub, &ca.trusted()).await;
        for stream in 0..20 {
            caller.sends(&post(stream * 2 + 1, "/dev/uri")).await;
            device.receives_request().await;
        }
        assert_eq!(hub.core.devices_online(), 1);
        drop(caller);
        let other = H2Caller::connect(&hub, &ca.trusted()).await;
        one_more_call_gets_through(&other, &mut device).await;
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_blocks_only_itself() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let caller = H2Caller::connect_with_window(&hub, &ca.trusted(), 4096).await;
    let (mut deaf_end, mut device) = (hub.device("deaf").await, hub.device("dev").await);
    let (deaf, observer) = caller.observes(&mut deaf_end, "/deaf/uri").await;
    let mut frames = 0;
    loop {
        deaf_end.notifies(StatusCode::Continue, observer, &[b'x'; 500]).await;
        if tokio::time::timeout(STALL, deaf_end.receives()).await.is_err() {
            break;
        }
        frames += 1;
        assert!(frames < 200, "the hub keeps all frames of a stream that is not read");
    }
    let (mut other, observer) = caller.observes(&mut device, "/dev/uri").await;
    for _ in 0..100 {
        device.notifies(StatusCode::Continue, observer, &[b'y'; 500]).await;
        assert!(other.piece().await.is_some());
        device.receives().await;
    }
    let _device = device.echoes();
    assert_eq!(caller.calls("/dev/uri", b"beside").await.body, b"beside");
    drop(deaf);
    let [high, low] = 1_u16.to_be_bytes();
    assert_eq!(deaf_end.receives().await.body, [0x34, high, low], "the answer that was owed");
}

#[tokio::test]
async fn more_streams_than_the_cap_are_refused_one_by_one() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.http.max_h2_streams = 2).with_http_tls(&ca).start().await;
    let mut device = hub.device("dev").await;
    let mut caller = H2Frames::connect(&hub, &ca.trusted()).await;
    let settings = caller.next_of(SETTINGS).await.payload;
    let announced = settings.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 2]);
    assert!(announced, "SETTINGS_MAX_CONCURRENT_STREAMS is 2 in {settings:?}");
    caller.sends(&frame(SETTINGS, 1, 0, b"")).await;
    for stream in [1, 3, 5] {
        caller.sends(&post(stream, "/dev/uri")).await;
    }
    let refusal = caller.next_of(RST_STREAM).await;
    assert_eq!((refusal.stream, refusal.payload.as_slice()), (5, &[0, 0, 0, 7][..]), "REFUSED_STREAM");
    device.answers_next(b"\x22").await;
    assert_eq!(caller.next_of(HEADERS).await.stream, 1);
    caller.sends(&post(7, "/dev/uri")).await;
    device.answers_next(b"\x22").await;
    device.answers_next(b"\x22").await;
    assert_eq!(caller.next_of(HEADERS).await.stream, 3);
    assert_eq!(caller.next_of(HEADERS).await.stream, 7);
}

#[tokio::test]
async fn a_flood_of_resets_leaves_nothing_behind() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.device.session.max_calls = 4).with_http_tls(&ca).start().await;
    let _device = hub.device("dev").await.echoes();
    let bystander = H2Caller::connect(&hub, &ca.trusted()).await;
    let mut flood = H2Frames::connect(&hub, &ca.trusted()).await;
    let mut stream = 1;
    for _ in 0..100 {
        let mut burst = Vec::new();
        for _ in 0..100 {
            burst.extend([post(stream, "/dev/uri"), reset(stream)].concat());
            stream += 2;
        }
        if !flood.tries_to_send(&burst).await {
            break;
        }
    }
    let codes = flood.is_dismissed().await;
    assert!(codes.is_empty() || codes.contains(&11), "ENHANCE_YOUR_CALM, unless it was lost: {codes:?}");
    for number in 0..20 {
        is_served(&bystander, number).await;
    }
}

/// The flood's calls may still be on their way to the device; then there is a place again.
async fn is_served(caller: &H2Caller, number: u8) {
    let served = async { while caller.calls("/dev/uri", &[number]).await.status != 200 {} };
    within("calls of others", served).await;
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_and_pings_do_not_keep_it() {
    let clock = Clock::stopped();
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let _device = hub.device("dev").await.echoes();
    let mut caller = H2Frames::connect(&hub, &ca.trusted()).await;
    caller.sends(&post(1, "/dev/uri")).await;
    caller.next_of(HEADERS).await;
    for _ in 0..11 {
        clock.passes(Duration::from_secs(5)).await;
        let ping = frame(PING, 0, 0, b"12345678");
        caller.sends(&[ping, frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())].concat()).await;
        caller.answers_pings_until(b"12345678").await;
    }
    clock.passes(Duration::from_secs(8)).await;
    assert_eq!(caller.next_of(GOAWAY).await.payload[4..8], [0; 4], "no error");
    // It does not answer the hub's last PING.
    clock.passes(Duration::from_secs(3)).await;
    caller.is_dismissed().await;
}

#[tokio::test]
async fn a_connection_with_an_observation_is_kept_as_long_as_it_answers() {
    let clock = Clock::stopped();
    let (hub, ca, caller) = connected().await;
    let mut device = hub.device("dev").await;
    let (mut stream, observer) = caller.observes(&mut device, "/dev/uri").await;
    let mut mute = H2Frames::connect(&hub, &ca.trusted()).await;
    mute.sends(&post(1, "/dev/uri")).await;
    device.receives_request().await;
    clock.passes(Duration::from_secs(90)).await;
    device.notifies(StatusCode::Continue, observer, b"a").await;
    assert!(stream.piece().await.is_some(), "hyper answers PINGs");
    mute.is_dismissed().await;
}

#[tokio::test]
async fn a_connection_without_a_first_request_has_10_seconds() {
    let clock = Clock::stopped();
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let mut silent = H2Frames::silent(&hub, &ca.trusted()).await;
    let mut half = H2Frames::silent(&hub, &ca.trusted()).await;
    half.sends(b"PRI * HTTP/2.0\r\n").await;
    let mut begun = H2Frames::connect(&hub, &ca.trusted()).await;
    // A head that never ends: no END_HEADERS.
    begun.sends(&frame(HEADERS, 0, 1, &[0x83])).await;
    clock.passes(Duration::from_secs(14)).await;
    for caller in [&mut silent, &mut half, &mut begun] {
        caller.is_dismissed().await;
    }
}

#[tokio::test]
async fn heads_are_bounded_by_bytes_and_by_fields() {
    let (hub, _ca, caller) = connected().await;
    let _device = hub.device("dev").await.echoes();
    let status = async |headers: Vec<(String, String)>| {
        let answer = caller.sends_with("POST", "/dev/uri", &headers, b"");
        within("an answer", answer).await.map(|response| response.status().as_u16())
    };
    let fields = |count: usize| (0..count).map(|number| (format!("x-{number}"), "v".to_owned())).collect();
    assert_eq!(status(fields(90)).await.unwrap(), 200);
    assert_eq!(status(fields(101)).await.unwrap(), 431);
    assert_eq!(status(vec![("x".to_owned(), "v".repeat(10_000))]).await.unwrap(), 200);
    // hyper's client keeps to the size that the hub announces, or the hub refuses: it is never answered with 200.
    let large = status(vec![("x".to_owned(), "v".repeat(20_000))]).await;
    assert!(large.is_err() || large.as_ref().is_ok_and(|status| *status == 431), "{large:?}");
    assert_eq!(caller.calls("/dev/uri", b"on").await.body, b"on");
}

#[tokio::test]
async fn what_is_no_http_2_ends_the_connection() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    for bytes in [
        &request("POST", "/dev/uri", &[], b"")[..],
        &[0xff; 100],
        &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(HEADERS, 4, 0, b"\x83")].concat(),
        &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, b""), &frame(0, 0, 9, b"data")].concat(),
        &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, b""), b"\xff\xff\xff\x00\x00\0\0\0\0"]
            .concat(),
    ] {
        let mut caller = H2Frames::silent(&hub, &ca.trusted()).await;
        caller.tries_to_send(bytes).await;
        caller.is_dismissed().await;
    }
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
}

#[tokio::test]
async fn at_the_shutdown_calls_are_answered_observations_end_and_idle_connections_go() {
    let (hub, ca, caller) = connected().await;
    let idle = H2Caller::connect(&hub, &ca.trusted()).await;
    assert_eq!(idle.calls("/nobody/uri", b"").await.status, 503);
    let mut device = hub.device("dev").await;
    let call = caller.is_called("/dev/uri", b"last");
    let request = device.receives_request().await;
    let (stream, _observer) = caller.observes(&mut device, "/dev/uri").await;
    hub.shutdown.trigger();
    assert!(stream.rest().await.contains("TERMINATE"));
    idle.ends().await;
    device.answers_request(request.message_id, b"\x22done").await;
    assert_eq!(call.await.unwrap().body, b"done");
    caller.ends().await;
    hub.has_stopped().await;
}

#[tokio::test]
async fn streams_that_leave_free_their_connection() {
    let (hub, _ca, caller) = connected().await;
    let mut device = hub.device("dev").await;
    for _ in 0..300 {
        let call = tokio::spawn(caller.sends("POST", "/dev/uri", b""));
        device.receives_request().await;
        call.abort();
        let _ = call.await;
    }
    let _device = device.echoes();
    eventually("the hub is at rest", || hub.core.devices_online() == 1).await;
    assert_eq!(caller.calls("/dev/uri", b"after").await.body, b"after", "more than the 128 that may be open");
}

/// There are callers that take an answer for a broken stream when it comes before they have sent all, and no caller knows what to do
/// with a reset instead of an answer.
#[tokio::test]
async fn what_is_refused_is_answered_once_its_body_has_come_and_not_reset() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let mut caller = H2Frames::connect(&hub, &ca.trusted()).await;
    let mut head = post(1, "/v1/x");
    head[4] &= !END_STREAM;
    caller.sends(&head).await;
    // Time in which an answer would have come.
    for _ in 0..20 {
        caller.sends(&frame(PING, 0, 0, b"12345678")).await;
        let mut seen = caller.next().await.expect("a frame, not the end");
        while (seen.kind, seen.flags & ACK) != (PING, ACK) {
            assert!(![HEADERS, RST_STREAM].contains(&seen.kind), "{seen:?}");
            seen = caller.next().await.expect("a frame, not the end");
        }
    }
    caller.sends(&frame(DATA, END_STREAM, 1, b"now")).await;
    let answer = loop {
        let frame = caller.next().await.expect("a frame, not the end");
        if [HEADERS, RST_STREAM].contains(&frame.kind) {
            break frame;
        }
    };
    assert_eq!((answer.kind, answer.stream), (HEADERS, 1));
}
