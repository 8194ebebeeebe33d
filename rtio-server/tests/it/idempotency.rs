//! `Idempotency-Key`: a call that is made again gets the first answer, and the device is not asked again (docs/caller-http.md §6).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use rtio_server::admin::Guard;
use serde_json::{Value, json};

use crate::support::caller::request;
use crate::support::h2::{H2Caller, whole};
use crate::support::tls::Ca;
use crate::support::{Clock, Device, Issuer, Reply, TestHub, eventually, hub};

const KEY: &str = "8e03978e-40d5-43e8-bc93-6894a57f9324";

async fn calls_with(hub: &TestHub, key: &str, path: &str, data: &[u8]) -> Reply {
    hub.asks("POST", path, &[("idempotency-key", key)], data).await
}

/// Calls, has the device answer, and waits for the answer.
async fn first_call(hub: &TestHub, device: &mut Device, answer: &[u8]) -> Reply {
    let call = hub.is_asked("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data");
    device.answers_next(answer).await;
    call.await.unwrap()
}

fn is_replayed(reply: &Reply) -> bool {
    let value = reply.header("idempotency-replayed");
    assert!(matches!(value, None | Some("true")), "{reply:?}");
    value.is_some()
}

/// The next call that reaches the device is this one, so that no other did before.
async fn is_reached_next(hub: &TestHub, device: &mut Device) {
    let call = hub.is_called("/dev/next", b"next");
    let request = device.receives_request().await;
    assert!(request.body.ends_with(b"next"), "another call came before: {request:?}");
    device.answers_request(request.message_id, b"\x22").await;
    assert_eq!(call.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_without_the_device() {
    let hub = hub().with_operators(Guard::Closed).start().await;
    let mut device = hub.device("dev").await;
    let reply = first_call(&hub, &mut device, b"\x22done").await;
    assert_eq!((reply.status, reply.text(), is_replayed(&reply)), (200, "done".to_owned(), false));
    let quoted = format!("\"{KEY}\"");
    for key in [KEY, &quoted] {
        let reply = hub.asks("POST", "/dev/uri", &[("idempotency-key", key), ("prefer", "wait=1")], b"data").await;
        assert_eq!((reply.status, reply.text(), is_replayed(&reply)), (200, "done".to_owned(), true));
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        assert_eq!(reply.header("preference-applied"), Some("wait=1"));
        assert!(reply.header("access-control-expose-headers").unwrap().contains("Idempotency-Replayed"));
    }
    is_reached_next(&hub, &mut device).await;
    assert_eq!((hub.counts("idempotency_replays_total"), hub.counts("idempotency_keys")), (2, 1));
}

#[tokio::test]
async fn the_compatible_form_repeats_the_result_with_the_new_id() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let body = |id: u32| json!({"method": "copost", "id": id, "uri": "/uri", "data": "ZGF0YQ=="}).to_string();
    let (first, path) = (body(1), "/dev");
    let call = hub.is_asked("POST", path, &[("idempotency-key", KEY)], first.as_bytes());
    device.answers_next(b"\x22done").await;
    let reply = call.await.unwrap();
    assert_eq!((reply.envelope(), is_replayed(&reply)), (("OK".to_owned(), b"done".to_vec()), false));
    let reply = calls_with(&hub, KEY, path, body(2).as_bytes()).await;
    assert_eq!(reply.json(), json!({"id": 2, "fid": 0, "code": "OK", "data": "ZG9uZQ=="}));
    assert!(is_replayed(&reply));
    // The same bytes for the device in the other form are another request.
    assert_eq!(calls_with(&hub, KEY, "/dev/uri", b"data").await.status, 422);
    is_reached_next(&hub, &mut device).await;
}

#[tokio::test]
async fn a_failure_that_the_device_may_know_of_is_repeated_like_an_answer() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let reply = first_call(&hub, &mut device, b"\x25").await;
    assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned(), "answered".to_owned()));
    let again = calls_with(&hub, KEY, "/dev/uri", b"data").await;
    assert_eq!((again.body, again.status), (reply.body, 404));
    // A device that was lost after it got the request.
    let call = hub.is_asked("POST", "/dev/uri", &[("idempotency-key", "lost")], b"data");
    device.receives_request().await;
    drop(device);
    let lost = call.await.unwrap();
    assert_eq!(lost.field("delivery"), "sent_unanswered");
    let mut device = hub.device("dev").await;
    let again = calls_with(&hub, "lost", "/dev/uri", b"data").await;
    assert_eq!((again.problem(), is_replayed(&again)), (lost.problem(), true));
    is_reached_next(&hub, &mut device).await;
}

#[tokio::test]
async fn what_never_left_the_hub_is_tried_again() {
    let hub = hub().start().await;
    for _ in 0..2 {
        let reply = calls_with(&hub, KEY, "/dev/uri", b"data").await;
        assert_eq!((reply.field("delivery"), is_replayed(&reply)), ("not_sent".to_owned(), false));
    }
    assert_eq!(hub.counts("idempotency_keys"), 0);
    let mut device = hub.device("dev").await;
    assert_eq!(first_call(&hub, &mut device, b"\x22done").await.text(), "done");
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    first_call(&hub, &mut device, b"\x22done").await;
    for (path, data) in [("/dev/uri", b"other"), ("/dev/url", b"data ")] {
        let reply = calls_with(&hub, KEY, path, data).await;
        assert_eq!(reply.problem(), (422, "BAD_REQUEST".to_owned(), "not_sent".to_owned()));
        assert!(reply.field("detail").contains("Idempotency-Key"), "{reply:?}");
    }
    let compatible = br#"{"method":"copost","uri":"/uri","data":"ZGF0YQ=="}"#;
    let reply = calls_with(&hub, KEY, "/dev", compatible).await;
    assert_eq!((reply.status, reply.header("content-type")), (422, Some("text/plain; charset=utf-8")));
    assert_eq!(hub.counts("idempotency_conflicts_total"), 3);
    // For another device it is another key.
    assert_eq!(calls_with(&hub, KEY, "/other/uri", b"data").await.status, 503);
    is_reached_next(&hub, &mut device).await;
}

#[tokio::test]
async fn two_at_once_share_one_call() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let ask = || hub.is_asked("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data");
    let first = ask();
    let at_device = device.receives_request().await;
    let others = [ask(), ask()];
    eventually("both wait", || hub.counts("idempotency_shared_total") == 2).await;
    assert_eq!(calls_with(&hub, KEY, "/dev/uri", b"other").await.status, 422, "in flight as well");
    device.answers_request(at_device.message_id, b"\x22done").await;
    let reply = first.await.unwrap();
    assert_eq!((reply.text(), is_replayed(&reply)), ("done".to_owned(), false));
    for other in others {
        let reply = other.await.unwrap();
        assert_eq!((reply.text(), is_replayed(&reply)), ("done".to_owned(), true));
    }
    is_reached_next(&hub, &mut device).await;
}

#[tokio::test]
async fn a_caller_that_left_finds_the_answer() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data")).await;
    let at_device = device.receives_request().await;
    drop(caller);
    let repeat = hub.is_asked("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data");
    eventually("the repeat waits", || hub.counts("idempotency_shared_total") == 1).await;
    device.answers_request(at_device.message_id, b"\x22done").await;
    assert_eq!(repeat.await.unwrap().text(), "done");
    assert_eq!(calls_with(&hub, KEY, "/dev/uri", b"data").await.text(), "done");
    is_reached_next(&hub, &mut device).await;
    assert!(hub.metrics().contains("rtio_calls_total{outcome=\"left\"} 0"));
}

#[tokio::test]
async fn a_call_whose_caller_left_keeps_its_place() {
    let hub = hub().with_flags(&["--max-calls-per-caller", "1"]).start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data")).await;
    let at_device = device.receives_request().await;
    drop(caller);
    assert_eq!(hub.calls("/dev/other", b"").await.status, 429);
    device.answers_request(at_device.message_id, b"\x22done").await;
    eventually("the call has ended", || hub.metrics().contains("rtio_calls_in_flight 0")).await;
    assert_eq!(calls_with(&hub, KEY, "/dev/uri", b"data").await.text(), "done");
}

#[tokio::test]
async fn a_stream_of_http2_that_is_reset_does_not_end_its_call() {
    let ca = Ca::new();
    let (hub, client) = (hub().with_http_tls(&ca).start().await, ca.trusted());
    let mut device = hub.device("dev").await;
    let caller = H2Caller::connect(&hub, &client).await;
    let headers = [("idempotency-key".to_owned(), KEY.to_owned())];
    let call = tokio::spawn(caller.sends_with("POST", "/dev/uri", &headers, b"data"));
    let at_device = device.receives_request().await;
    call.abort();
    let repeat = tokio::spawn(whole(caller.sends_with("POST", "/dev/uri", &headers, b"data")));
    eventually("the repeat waits", || hub.counts("idempotency_shared_total") == 1).await;
    device.answers_request(at_device.message_id, b"\x22done").await;
    assert_eq!(repeat.await.unwrap().body, b"done");
    let answer = caller.sends_with("POST", "/dev/uri", &headers, b"data").await.unwrap();
    assert_eq!(answer.headers()["idempotency-replayed"], "true");
}

#[tokio::test]
async fn the_window_ends() {
    let clock = Clock::stopped();
    let hub = hub().with_flags(&["--idempotency-window", "30s"]).start().await;
    let mut device = hub.device("dev").await;
    first_call(&hub, &mut device, b"\x22first").await;
    clock.passes(Duration::from_millis(29_900)).await;
    assert_eq!(calls_with(&hub, KEY, "/dev/uri", b"data").await.text(), "first");
    clock.passes(Duration::from_millis(200)).await;
    assert_eq!(first_call(&hub, &mut device, b"\x22second").await.text(), "second");
}

#[tokio::test]
async fn a_full_memory_forgets_the_oldest_and_then_refuses() {
    let hub = hub().with_flags(&["--max-idempotency-keys", "1"]).start().await;
    let mut device = hub.device("dev").await;
    first_call(&hub, &mut device, b"\x22first").await;
    let call = hub.is_asked("POST", "/dev/uri", &[("idempotency-key", "second")], b"data");
    let at_device = device.receives_request().await;
    assert_eq!(hub.counts("idempotency_crowded_out_total"), 1);
    let reply = calls_with(&hub, KEY, "/dev/uri", b"data").await;
    assert_eq!(reply.problem(), (429, "TOO_MANY_REQUESTS".to_owned(), "not_sent".to_owned()));
    assert_eq!(reply.header("retry-after"), Some("1"));
    let reply = calls_with(&hub, KEY, "/dev", br#"{"method":"copost","id":7,"uri":"/uri"}"#).await;
    assert_eq!((reply.status, reply.field("id"), reply.field("code")), (429, "7".into(), "TOO_MANY_REQUESTS".into()));
    assert_eq!(hub.counts("idempotency_refused_total"), 2);
    device.answers_request(at_device.message_id, b"\x22second").await;
    assert_eq!(call.await.unwrap().text(), "second");
    assert_eq!(first_call(&hub, &mut device, b"\x22first again").await.text(), "first again");
}

#[tokio::test]
async fn a_hub_without_keys_takes_no_notice_of_them() {
    let hub = hub().with_flags(&["--max-idempotency-keys", "0"]).start().await;
    let mut device = hub.device("dev").await;
    for answer in [b"\x22one", b"\x22two"] {
        assert_eq!(first_call(&hub, &mut device, answer).await.body, answer[1..]);
    }
    let _device = device.answers("/uri", b"three");
    assert_eq!(calls_with(&hub, "no key", "/dev/uri", b"data").await.text(), "three");
}

#[tokio::test]
async fn what_is_no_key_is_refused_with_what_was_expected() {
    let hub = hub().start().await;
    let long = "k".repeat(129);
    for keys in [&["no key"][..], &[""], &["\"open"], &[&long], &[KEY, KEY]] {
        let headers: Vec<_> = keys.iter().map(|key| ("idempotency-key", *key)).collect();
        let reply = hub.asks("POST", "/dev/uri", &headers, b"data").await;
        assert_eq!(reply.problem(), (400, "BAD_REQUEST".to_owned(), "not_sent".to_owned()), "{keys:?}");
        assert!(reply.field("detail").contains("1 to 128 visible ASCII characters"), "{reply:?}");
        let reply = hub.asks("POST", "/dev", &headers, br#"{"method":"copost","uri":"/uri"}"#).await;
        assert_eq!((reply.status, reply.header("content-type")), (400, Some("text/plain; charset=utf-8")), "{keys:?}");
    }
}

#[tokio::test]
async fn observations_have_no_keys() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for (method, path, body) in [("GET", "/dev/uri", &b""[..]), ("POST", "/dev", br#"{"method":"obget","uri":"/uri"}"#)]
    {
        for key in [KEY, KEY, "no key"] {
            let mut caller = hub.caller().await;
            caller.sends(&request(method, path, &[("idempotency-key", key)], body)).await;
            device.begins_observation().await;
            assert_eq!(caller.head().await.status, 200);
        }
    }
}

/// A hub with tokens, and one call with the token of these claims that the device answers.
async fn called_as(hub: &TestHub, issuer: &Issuer, claims: Value, path: &str) -> Reply {
    let bearer = format!("Bearer {}", issuer.token(claims));
    hub.asks("POST", path, &[("authorization", &bearer), ("idempotency-key", KEY)], b"data").await
}

#[tokio::test]
async fn a_key_is_its_subjects_and_a_right_that_is_lost_counts_first() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"done");
    let grant = |uri: &str| json!([{"devices": ["dev"], "uris": [uri]}]);
    let one = json!({"sub": "one", "rtio": grant("/uri")});
    assert!(!is_replayed(&called_as(&hub, &issuer, one, "/dev/uri").await));
    // A newer token of the same subject, such as after the old one has expired.
    let newer = json!({"sub": "one", "iat": 1, "rtio": grant("/*")});
    assert!(is_replayed(&called_as(&hub, &issuer, newer, "/dev/uri").await));
    let other = json!({"sub": "two", "rtio": grant("/uri")});
    assert!(!is_replayed(&called_as(&hub, &issuer, other, "/dev/uri").await), "another subject's key is another");
    let nobody = json!({"rtio": grant("/uri")});
    assert!(!is_replayed(&called_as(&hub, &issuer, nobody.clone(), "/dev/uri").await));
    assert!(is_replayed(&called_as(&hub, &issuer, nobody, "/dev/uri").await));
    let without_right = json!({"sub": "one", "rtio": grant("/other")});
    assert_eq!(called_as(&hub, &issuer, without_right, "/dev/uri").await.status, 403);
    let other_device = json!({"sub": "one", "rtio": [{"devices": ["door"]}]});
    assert_eq!(called_as(&hub, &issuer, other_device, "/dev/uri").await.status, 403);
}

#[tokio::test]
async fn the_audit_log_tells_a_repeat_from_a_call() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let hub = hub().with_flags(&["--audit-log", path.to_str().unwrap()]).start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data")).await;
    let at_device = device.receives_request().await;
    drop(caller);
    device.answers_request(at_device.message_id, b"\x22done").await;
    eventually("the call is written", || std::fs::read_to_string(&path).unwrap().contains("\"call\"")).await;
    calls_with(&hub, KEY, "/dev/uri", b"data").await;
    calls_with(&hub, KEY, "/dev/uri", b"other").await;
    hub.stops().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        lines.iter().map(|line| (line["event"].as_str().unwrap(), line["code"].as_str().unwrap())).collect();
    assert_eq!(told, [("call", "OK"), ("replay", "OK"), ("refused", "BAD_REQUEST")]);
    assert_eq!(lines[2]["status"], 422);
    assert!(!text.contains(KEY), "{text}");
}

#[tokio::test]
async fn a_shutdown_lets_a_call_end_whose_caller_left() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("idempotency-key", KEY)], b"data")).await;
    let at_device = device.receives_request().await;
    drop(caller);
    eventually("the caller is gone", || hub.metrics().contains("rtio_connections_open{port=\"callers\"} 0")).await;
    hub.shutdown.trigger();
    device.receives_nothing().await;
    device.answers_request(at_device.message_id, b"\x22done").await;
    eventually("the call is answered", || hub.metrics().contains("rtio_calls_total{outcome=\"ok\"} 1")).await;
    hub.has_stopped().await;
}
