//! What devices send to services of the operator's, over real HTTP: right answers, wrong ones, none, and what each costs the others
//! (docs/backends.md §2).

use std::sync::Arc;
use std::time::Duration;

use rtio_proto::UriDigest;
use rtio_server::backend::{Form, Repeat, ServiceDefinition, Target};
use uuid::Uuid;

use crate::support::h2_service::{H2Service, TOGETHER};
use crate::support::service::{Does, FakeService, answer, definition, nobody};
use crate::support::{Ca, Clock, Device, TestHub, eventually, hub, within};

const OK: Does = Does::Echoes("OK");

/// Sends a CoPOST; its message id.
async fn sends(device: &mut Device, uri: &str, data: &[u8]) -> u16 {
    device.reports(&[&[0x20], &UriDigest::of(uri).to_wire()[..], data].concat()).await
}

/// Sends a CoPOST; the body of its answer.
async fn asks(device: &mut Device, uri: &str, data: &[u8]) -> Vec<u8> {
    let report = sends(device, uri, data).await;
    let answer = device.receives().await;
    assert_eq!(answer.message_id, report);
    answer.body
}

async fn hub_with(definition: ServiceDefinition) -> TestHub {
    hub().with_backend("/svc", definition).start().await
}

fn hangs() -> Does {
    Does::Hangs(Box::new(OK))
}

#[tokio::test]
async fn a_service_gets_the_published_document_and_its_data_comes_back() {
    let service = FakeService::that(OK).await;
    let hub = hub_with(service.definition(Form::Json)).await;
    let mut device = hub.device("PRINTER-001").await;
    assert_eq!(asks(&mut device, "/svc", b"hello").await, b"\x22hello");
    assert_eq!(asks(&mut device, "/svc", b"").await, b"\x22");
    let posted = service.posted();
    assert_eq!(posted[0].line, "POST /service?from=hub HTTP/1.1");
    assert_eq!(posted[0].header("content-type"), Some("application/json"));
    assert_eq!(posted[0].header("rtio-device-id"), None);
    let document = posted[0].json();
    let expected =
        format!(r#"{{"id":{},"method":"copost","deviceid":"PRINTER-001","data":"aGVsbG8="}}"#, document["id"]);
    assert_eq!(String::from_utf8_lossy(&posted[0].body), expected);
    assert_ne!(posted[1].json()["id"], document["id"]);
    let keys: Vec<_> = posted.iter().map(|posted| Uuid::parse_str(posted.header("idempotency-key").unwrap())).collect();
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| key.as_ref().unwrap().get_version_num() == 7), "{keys:?}");
}

#[tokio::test]
async fn a_code_says_how_it_went() {
    let service = FakeService::that(OK).await;
    let hub = hub_with(service.definition(Form::Json)).await;
    let mut device = hub.device("dev").await;
    for (code, expected) in [
        ("OK", &b"\x22data"[..]),
        ("BAD_REQUEST", b"\x26"),
        ("NOT_FOUND", b"\x21"),
        ("METHOD_NOT_ALLOWED", b"\x21"),
        ("INTERNAL_SERVER_ERROR", b"\x21"),
    ] {
        service.becomes(Does::Echoes(code));
        assert_eq!(asks(&mut device, "/svc", b"data").await, expected, "{code}");
    }
    assert_eq!(asks(&mut device, "/other", b"data").await, b"\x25", "no service has it");
}

#[tokio::test]
async fn data_may_be_absent_or_null() {
    for rest in ["", r#","data":null"#, r#","data":"""#] {
        let service = FakeService::scripted(move |posted| {
            Does::Answers(200, format!(r#"{{"id":{},"code":"OK"{rest}}}"#, posted.json()["id"]).into_bytes())
        })
        .await;
        let hub = hub_with(service.definition(Form::Json)).await;
        assert_eq!(asks(&mut hub.device("dev").await, "/svc", b"x").await, b"\x22", "{rest}");
    }
}

#[tokio::test]
async fn bad_answers_are_internal_errors_and_cost_nobody_else_anything() {
    let service = FakeService::that(OK).await;
    let healthy = FakeService::that(OK).await;
    let hub = hub().with_backend("/svc", service.definition(Form::Json));
    let hub = hub.with_backend("/healthy", healthy.definition(Form::Json)).start().await;
    let mut device = hub.device("dev").await;
    let _other = hub.device("other").await.answers("/uri", b"here");
    let ok = |data: &str| format!(r#"{{"id":ID,"code":"OK","data":"{data}"}}"#);
    for (status, document) in [
        (500, ok("")),
        (404, ok("")),
        (204, String::new()),
        (201, ok("")),
        (302, ok("")),
        (200, String::new()),
        (200, "<html>OK</html>".to_owned()),
        (200, r#"{"id":0,"code":"OK"}"#.to_owned()),
        (200, ok("a")),
        (200, ok("_-__")),
        (200, ok(&"A".repeat(676))),
        (200, format!("{}{}", ok(""), " ".repeat(10_000_000))),
    ] {
        let script = move |id: String| document.replace("ID", &id).into_bytes();
        service.follows(move |posted| Does::Answers(status, script(posted.json()["id"].to_string())));
        assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x21", "{status}");
        assert_eq!(asks(&mut device, "/healthy", b"x").await, b"\x22x");
        assert_eq!(hub.calls("/other/uri", b"").await.body, b"here");
    }
    service.becomes(OK);
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x22x", "no wrong answer has opened the breaker");
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for does in [Does::Half(br#"{"id":1,"code":"OK"}"#.to_vec()), Does::Closes] {
        let service = FakeService::that(does).await;
        let hub = hub_with(service.definition(Form::Json)).await;
        assert_eq!(asks(&mut hub.device("dev").await, "/svc", b"x").await, b"\x21");
        assert_eq!(service.posted().len(), 1, "it may have acted");
    }
}

#[tokio::test]
async fn an_ordinary_web_handler_is_a_service() {
    let service = FakeService::that(Does::Answers(200, b"\x00answer\xff".to_vec())).await;
    let hub = hub().with_backend("/a b%", service.definition(Form::Raw)).start().await;
    let mut device = hub.device("PRINTER-001").await;
    assert_eq!(asks(&mut device, "/a b%", b"\x00\xff").await, b"\x22\x00answer\xff");
    let posted = &service.posted()[0];
    assert_eq!(posted.body, b"\x00\xff");
    assert_eq!(posted.header("rtio-device-id"), Some("PRINTER-001"));
    assert_eq!(posted.header("rtio-uri"), Some("/a%20b%25"));
    assert_eq!(posted.header("content-type"), Some("application/octet-stream"));
    assert!(Uuid::parse_str(posted.header("idempotency-key").unwrap()).is_ok());
    service.becomes(Does::Answers(204, Vec::new()));
    assert_eq!(asks(&mut device, "/a b%", b"").await, b"\x22");
}

#[tokio::test]
async fn a_web_handlers_status_says_how_it_went() {
    let service = FakeService::that(OK).await;
    let hub = hub_with(service.definition(Form::Raw)).await;
    let mut device = hub.device("dev").await;
    for (status, expected) in [
        (201, &b"\x22text"[..]),
        (400, b"\x26"),
        (413, b"\x26"),
        (422, b"\x26"),
        (404, b"\x25"),
        (405, b"\x27"),
        (429, b"\x28"),
        (302, b"\x21"),
        (401, b"\x21"),
        (403, b"\x21"),
        (500, b"\x21"),
        (503, b"\x21"),
    ] {
        service.becomes(Does::Answers(status, b"text".to_vec()));
        assert_eq!(asks(&mut device, "/svc", b"x").await, expected, "{status}");
    }
}

#[tokio::test]
async fn an_answer_has_to_fit_one_message() {
    for form in [Form::Json, Form::Raw] {
        let service = FakeService::scripted(move |posted| match form {
            Form::Json => Does::Answers(200, answer(posted, "OK")),
            Form::Raw => Does::Answers(200, posted.body.clone()),
        })
        .await;
        let hub = hub_with(service.definition(form)).await;
        let mut device = hub.device_at_level("dev", 3).await;
        for (bytes, status) in [(504, 0x22), (505, 0x21), (4091, 0x21)] {
            let answer = asks(&mut device, "/svc", &vec![b'x'; bytes]).await;
            assert_eq!(answer[0], status, "{bytes}");
        }
    }
}

#[tokio::test]
async fn a_service_has_its_time_and_no_more() {
    for timeout in [Duration::from_millis(300), Duration::from_secs(5)] {
        let service = FakeService::that(hangs()).await;
        let hub = hub_with(ServiceDefinition { timeout, ..service.definition(Form::Json) }).await;
        let mut device = hub.device("dev").await;
        let clock = Clock::stopped();
        let report = sends(&mut device, "/svc", b"x").await;
        eventually("the service is asked", || service.posted().len() == 1).await;
        clock.passes(timeout - Duration::from_millis(10)).await;
        device.has_received_nothing();
        clock.passes(Duration::from_millis(20)).await;
        device.receives_answer(report, b"\x21").await;
        assert_has(&hub, "rtio_service_posts_total{outcome=\"timed_out\"} 1");
        assert_has(&hub, "rtio_service_in_flight 0");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_service_that_hangs_costs_its_own_messages_only() {
    let (hung, healthy) = (FakeService::that(hangs()).await, FakeService::that(OK).await);
    let hub = hub().with_backend("/hung", hung.definition(Form::Json));
    let hub = hub.with_backend("/healthy", healthy.definition(Form::Json)).start().await;
    let (mut device, mut other) = (hub.device("dev").await, hub.device("other").await);
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.push(sends(&mut device, "/hung", b"x").await);
    }
    eventually("16 are asked", || hung.posted().len() == 16).await;
    assert_has(&hub, "rtio_service_in_flight 16");
    assert_eq!(asks(&mut device, "/hung", b"x").await, b"\x28", "one more than its share");
    for _ in 0..100 {
        assert_eq!(asks(&mut device, "/healthy", b"x").await, b"\x22x");
    }
    assert_eq!(asks(&mut other, "/healthy", b"x").await, b"\x22x");
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
    sends(&mut other, "/hung", b"y").await;
    eventually("another device has its share", || hung.posted().len() == 17).await;
    hung.lets_go();
    for _ in waiting {
        assert_eq!(device.receives().await.body, b"\x22x");
    }
    assert_eq!(other.receives().await.body, b"\x22y");
    assert_has(&hub, "rtio_service_posts_total{outcome=\"device_busy\"} 1");
    assert_has(&hub, "rtio_service_in_flight 0");
}

#[tokio::test]
async fn uris_of_one_target_share_its_places() {
    let service = FakeService::that(hangs()).await;
    let target = Arc::new(Target::new(ServiceDefinition { max_in_flight: 2, ..service.definition(Form::Json) }));
    let hub = hub().with_target("/one", &target).with_target("/other", &target).start().await;
    let mut device = hub.device("dev").await;
    sends(&mut device, "/one", b"1").await;
    sends(&mut device, "/other", b"2").await;
    eventually("both are asked", || service.posted().len() == 2).await;
    assert_eq!(asks(&mut device, "/one", b"3").await, b"\x21", "full");
    assert_has(&hub, "rtio_service_posts_total{outcome=\"busy\"} 1");
    service.lets_go();
    device.receives().await;
    device.receives().await;
    service.becomes(OK);
    assert_eq!(asks(&mut device, "/one", b"4").await, b"\x224");
}

#[tokio::test]
async fn a_device_that_leaves_gives_its_places_back() {
    let service = FakeService::that(hangs()).await;
    let target = Arc::new(Target::new(ServiceDefinition { max_in_flight: 1, ..service.definition(Form::Json) }));
    let hub = hub().with_target("/svc", &target).start().await;
    let mut device = hub.device("dev").await;
    sends(&mut device, "/svc", b"x").await;
    eventually("the service is asked", || service.posted().len() == 1).await;
    drop(device);
    service.lets_go();
    service.becomes(OK);
    eventually("nobody is there", || hub.metrics().contains("\nrtio_service_in_flight 0\n")).await;
    assert_eq!(asks(&mut hub.device("dev").await, "/svc", b"x").await, b"\x22x");
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent_so_it_is_tried_again() {
    let addr = nobody().await;
    let hub = hub_with(definition(addr, Form::Json)).await;
    let mut device = hub.device("dev").await;
    let clock = Clock::stopped();
    let report = sends(&mut device, "/svc", b"x").await;
    eventually("it is tried again", || hub.counts("service_retries_total") == 1).await;
    let service = FakeService::at(addr, OK).await;
    clock.passes(Duration::from_millis(60)).await;
    device.receives_answer(report, b"\x22x").await;
    assert_eq!((service.posted().len(), hub.counts("service_retries_total")), (1, 1));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_tried_three_times() {
    let hub = hub_with(definition(nobody().await, Form::Json)).await;
    let mut device = hub.device("dev").await;
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x21");
    assert_eq!(hub.counts("service_retries_total"), 2);
    assert_has(&hub, "rtio_service_posts_total{outcome=\"unreachable\"} 1");
}

#[tokio::test]
async fn no_pause_goes_beyond_the_time_limit() {
    let timeout = Duration::from_millis(40);
    let hub = hub_with(ServiceDefinition { timeout, ..definition(nobody().await, Form::Json) }).await;
    let mut device = hub.device("dev").await;
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x21");
    assert_eq!(hub.counts("service_retries_total"), 0);
}

#[tokio::test]
async fn what_may_have_run_is_repeated_only_where_that_makes_no_difference() {
    for (repeat, form, does, posts) in [
        (Repeat::Never, Form::Json, Does::Closes, 1),
        (Repeat::Never, Form::Raw, Does::Half(b"half".to_vec()), 1),
        (Repeat::Never, Form::Raw, Does::Answers(503, Vec::new()), 1),
        (Repeat::Idempotent, Form::Json, Does::Closes, 3),
        (Repeat::Idempotent, Form::Raw, Does::Half(b"half".to_vec()), 3),
        (Repeat::Idempotent, Form::Raw, Does::Answers(503, Vec::new()), 3),
        (Repeat::Idempotent, Form::Raw, Does::Answers(500, Vec::new()), 1),
        (Repeat::Idempotent, Form::Raw, Does::Answers(400, Vec::new()), 1),
    ] {
        let service = FakeService::that(does.clone()).await;
        let hub = hub_with(ServiceDefinition { repeat, ..service.definition(form) }).await;
        asks(&mut hub.device("dev").await, "/svc", b"x").await;
        let posted = service.posted();
        assert_eq!(posted.len(), posts, "{repeat:?} {does:?}");
        assert_eq!(hub.counts("service_retries_total"), posts as u64 - 1);
        let (key, body) = (posted[0].header("idempotency-key"), &posted[0].body);
        assert!(posted.iter().all(|posted| posted.header("idempotency-key") == key && posted.body == *body));
    }
}

/// A kept connection that the service closed meanwhile is no failure: the client takes another one as long as nothing of the request
/// was written. Once something was, it is the test above.
#[tokio::test]
async fn a_kept_connection_that_the_service_closed_costs_nothing() {
    let service = FakeService::scripted(|posted| Does::AnswersAndCloses(posted.body.clone())).await;
    let hub = hub_with(service.definition(Form::Raw)).await;
    let mut device = hub.device("dev").await;
    for round in 1..=10_usize {
        assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x22x");
        eventually("the service has closed", || service.closed() == round).await;
        // Long enough for the hub to hear of it.
        assert_eq!(asks(&mut device, "/rtio/time", b"").await[0], 0x22);
    }
    assert_eq!((service.posted().len(), hub.counts("service_retries_total")), (10, 0));
}

#[tokio::test]
async fn a_dead_service_is_not_asked_any_more_until_it_is_back() {
    let service = FakeService::that(Does::Closes).await;
    let healthy = FakeService::that(OK).await;
    let hub = hub().with_backend("/svc", service.definition(Form::Json));
    let hub = hub.with_backend("/healthy", healthy.definition(Form::Json)).start().await;
    let mut device = hub.device("dev").await;
    let clock = Clock::stopped();
    for _ in 0..20 {
        assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x21");
    }
    assert_eq!(service.posted().len(), 5, "the breaker is open");
    assert_has(&hub, "rtio_service_breakers_open 1");
    assert_has(&hub, "rtio_service_posts_total{outcome=\"breaker_open\"} 15");
    assert_eq!(asks(&mut device, "/healthy", b"x").await, b"\x22x");
    clock.passes(Duration::from_secs(5)).await;
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x21");
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x21");
    assert_eq!(service.posted().len(), 6, "one has tried it out");
    service.becomes(OK);
    clock.passes(Duration::from_secs(5)).await;
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x22x");
    assert_eq!(asks(&mut device, "/svc", b"x").await, b"\x22x");
    assert_has(&hub, "rtio_service_breakers_open 0");
}

#[tokio::test]
async fn a_service_that_hangs_is_dead_too() {
    let service = FakeService::that(hangs()).await;
    let hub = hub_with(service.definition(Form::Json)).await;
    let mut device = hub.device("dev").await;
    let clock = Clock::stopped();
    for _ in 0..5 {
        sends(&mut device, "/svc", b"x").await;
    }
    eventually("the service is asked", || service.posted().len() == 5).await;
    clock.passes(Duration::from_millis(5_010)).await;
    for _ in 0..5 {
        assert_eq!(device.receives().await.body, b"\x21");
    }
    assert_eq!(within("an answer at once", asks(&mut device, "/svc", b"x")).await, b"\x21");
    assert_eq!(service.posted().len(), 5);
}

#[tokio::test]
async fn what_a_service_does_not_like_is_a_sign_of_life() {
    for status in [400, 401, 404, 429, 499, 500] {
        let service = FakeService::that(Does::Answers(status, Vec::new())).await;
        let hub = hub_with(service.definition(Form::Raw)).await;
        let mut device = hub.device("dev").await;
        for _ in 0..12 {
            asks(&mut device, "/svc", b"x").await;
        }
        assert_eq!(service.posted().len(), 12, "{status}");
    }
}

fn assert_has(hub: &TestHub, line: &str) {
    let text = hub.metrics();
    assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
}

#[tokio::test]
async fn a_service_may_speak_http_2_over_tls_with_a_certificate_of_the_operators_own_authority() {
    let ca = Ca::new();
    let service = H2Service::start(&ca).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    let flags = ["--backend-ca", file.path().to_str().unwrap()];
    let hub = hub().with_flags(&flags).with_ports_of(|_| ()).with_backend("/json", service.definition(Form::Json));
    let hub = hub.with_backend("/raw", service.definition(Form::Raw)).start().await;
    let (mut one, mut other) = (hub.device("one").await, hub.device("other").await);
    assert_eq!(asks(&mut one, "/json", b"\x00hello").await, b"\x22\x00hello");
    assert_eq!(asks(&mut one, "/raw", b"\x00hello").await, b"\x22\x00hello");

    sends(&mut one, "/raw", TOGETHER).await;
    assert_eq!(asks(&mut other, "/raw", TOGETHER).await, b"\x22together");
    assert_eq!(one.receives().await.body, b"\x22together");
    assert_eq!(service.connections(), 1, "all go over one connection");
    let posted = service.posted();
    assert!(posted.iter().all(|posted| posted.line == "POST /service HTTP/2.0"), "{posted:?}");
    assert_eq!(posted[1].header("rtio-device-id"), Some("one"));
}

#[tokio::test]
async fn a_service_over_tls_that_is_not_trusted_gets_nothing() {
    let service = H2Service::start(&Ca::new()).await;
    let hub = hub_with(service.definition(Form::Json)).await;
    assert_eq!(asks(&mut hub.device("dev").await, "/svc", b"secret").await, b"\x21");
    assert!(service.posted().is_empty());
}
