//! The operator's verifier over real HTTP and HTTPS: right answers, wrong ones, none, and what each costs the others.

use std::time::Duration;

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::backend::Trust;

use crate::support::device::verify_body;
use crate::support::verifier::{FakeVerifier, Style};
use crate::support::{Clock, Peer, TestHub, eventually, hub};

/// What the hub answers a device that verifies with `secret`.
async fn verdict(hub: &TestHub, id: &str, secret: &str) -> FrameCode {
    let mut peer = asks_in(hub, id, secret).await;
    peer.receives().await.code
}

/// A device whose verification is under way.
async fn asks_in(hub: &TestHub, id: &str, secret: &str) -> Peer {
    let mut peer = hub.peer().await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, id, secret)).await;
    peer
}

async fn hub_asking(verifier: &FakeVerifier) -> TestHub {
    hub().with_verifier_at(&verifier.url(), |_, _| ()).start().await
}

#[tokio::test]
async fn the_services_answer_decides() {
    let verifier = FakeVerifier::start().await;
    let hub = hub_asking(&verifier).await;
    assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Success);
    assert_eq!(verdict(&hub, "dev", "VERIFICATION_FAILED").await, FrameCode::VerificationFailed);
    assert_eq!(verdict(&hub, "dev2", "NOT_FOUND").await, FrameCode::VerificationFailed);
    for code in ["BAD_REQUEST", "METHOD_NOT_ALLOWED", "INTERNAL_SERVER_ERROR", "WHAT"] {
        assert_eq!(verdict(&hub, "dev3", code).await, FrameCode::Unknown, "{code}");
    }
    let question = verifier.questions()[0].clone();
    assert_eq!(
        (question["method"].as_str(), question["deviceid"].as_str(), question["devicesecret"].as_str()),
        (Some("verify"), Some("dev"), Some("good"))
    );
    assert_eq!(question.as_object().unwrap().len(), 4, "{question}");
}

#[tokio::test]
async fn bad_answers_are_no_answers_and_end_nobodys_session() {
    for style in [
        Style::Garbage,
        Style::OtherId,
        Style::Status(500),
        Style::Status(404),
        Style::Status(204),
        Style::TenMegabytes,
        Style::Half,
        Style::Closes,
    ] {
        let verifier = FakeVerifier::start().await;
        let hub = hub_asking(&verifier).await;
        let _live = hub.device("live").await.answers("/uri", b"here");
        verifier.becomes(style);
        assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Unknown, "{style:?}");
        assert_eq!(hub.core.devices_online(), 1, "{style:?}");
        assert_eq!(hub.calls("/live/uri", b"").await.body, b"here", "{style:?}");
    }
}

#[tokio::test]
async fn a_service_that_hangs_has_5_seconds_and_delays_nobody_who_is_connected() {
    let verifier = FakeVerifier::start().await;
    let hub = hub_asking(&verifier).await;
    let _live = hub.device("live").await.answers("/uri", b"here");
    verifier.becomes(Style::Hangs);
    let clock = Clock::stopped();
    let mut waiting = asks_in(&hub, "dev", "good").await;
    eventually("the service is asked", || verifier.questions().len() == 2).await;
    assert_eq!(hub.calls("/live/uri", b"").await.body, b"here");
    clock.passes(Duration::from_millis(4_900)).await;
    waiting.has_received_nothing();
    clock.passes(Duration::from_millis(200)).await;
    assert_eq!(waiting.receives().await.code, FrameCode::Unknown);
}

#[tokio::test]
async fn a_dead_service_is_not_asked_any_more_until_it_is_back() {
    let verifier = FakeVerifier::start().await;
    let hub = hub_asking(&verifier).await;
    verifier.becomes(Style::Status(503));
    for _ in 0..5 {
        assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Unknown);
    }
    assert_eq!(verifier.questions().len(), 5);
    assert_eq!(hub.readiness.missing(), ["verifier: it does not answer"]);
    let clock = Clock::stopped();
    for _ in 0..20 {
        assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Unknown);
    }
    assert_eq!(verifier.questions().len(), 5, "the breaker is open");
    verifier.becomes(Style::Sound);
    clock.passes(Duration::from_secs(5)).await;
    assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Success);
    assert_eq!(verdict(&hub, "dev2", "good").await, FrameCode::Success);
    assert_eq!(verifier.questions().len(), 7);
    assert!(hub.readiness.missing().is_empty());
}

#[tokio::test]
async fn a_service_that_is_not_there_is_code_0() {
    let gone = FakeVerifier::start().await.stops();
    let hub = hub().with_verifier_at(&gone, |_, _| ()).start().await;
    assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Unknown);
}

#[tokio::test]
async fn questions_over_the_cap_wait_for_a_place() {
    let verifier = FakeVerifier::start().await;
    verifier.becomes(Style::Hangs);
    let hub = hub().with_verifier_at(&verifier.url(), |config, _| config.max_in_flight = 2).start().await;
    let mut waiting = Vec::new();
    for number in 0..5 {
        waiting.push(asks_in(&hub, &format!("dev-{number}"), "good").await);
    }
    eventually("two questions arrive", || verifier.questions().len() == 2).await;
    waiting[4].receives_nothing().await;
    assert_eq!(verifier.questions().len(), 2, "no third one while both are open");
    verifier.becomes(Style::Sound);
    verifier.lets_go();
    for peer in &mut waiting {
        assert_eq!(peer.receives().await.code, FrameCode::Success);
    }
    assert_eq!(verifier.most_at_once(), 2);
}

#[tokio::test]
async fn a_good_answer_counts_for_as_long_as_the_operator_says() {
    let verifier = FakeVerifier::start().await;
    let ttl = Duration::from_secs(60);
    let hub = hub().with_verifier_at(&verifier.url(), |config, _| config.cache_ttl = ttl).start().await;
    let clock = Clock::stopped();
    for _ in 0..3 {
        assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Success);
    }
    assert_eq!(verifier.questions().len(), 1);
    assert_eq!(verdict(&hub, "dev", "NOT_FOUND").await, FrameCode::VerificationFailed);
    assert_eq!(verdict(&hub, "dev", "NOT_FOUND").await, FrameCode::VerificationFailed);
    assert_eq!(verifier.questions().len(), 3, "refusals are not remembered");
    clock.passes(ttl).await;
    assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Success);
    assert_eq!(verifier.questions().len(), 4);
}

#[tokio::test]
async fn without_a_wish_nothing_is_remembered() {
    let verifier = FakeVerifier::start().await;
    let hub = hub_asking(&verifier).await;
    for asked in 1..4 {
        assert_eq!(verdict(&hub, "dev", "good").await, FrameCode::Success);
        assert_eq!(verifier.questions().len(), asked);
    }
}

#[tokio::test]
async fn over_https_the_services_certificate_counts() {
    let (verifier, ca) = FakeVerifier::start_with_tls().await;
    let trusting = hub().with_verifier_at(&verifier.url(), |_, trust| *trust = Trust::CaFile(ca.path().to_owned()));
    assert_eq!(verdict(&trusting.start().await, "dev", "good").await, FrameCode::Success);
    let wary = hub().with_verifier_at(&verifier.url(), |_, _| ()).start().await;
    assert_eq!(verdict(&wary, "dev", "good").await, FrameCode::Unknown);
    let careless = hub().with_verifier_at(&verifier.url(), |_, trust| *trust = Trust::Anyone).start().await;
    assert_eq!(verdict(&careless, "dev", "good").await, FrameCode::Success);
    assert_eq!(verifier.questions().len(), 2, "the wary one told no secret");
}
