//! `Prefer: wait=SECONDS` sets a call's time limit, in both forms (docs/caller-http.md §2).

use std::time::Duration;

use crate::support::caller::request;
use crate::support::{Clock, hub};

/// A request with these `Prefer` headers to a device that never answers is given up after `seconds`, and says which wait it got.
async fn check(requests: &[(&str, &str, &[u8])], prefer: &[&str], applied: Option<&str>, seconds: u64) {
    for (method, path, body) in requests {
        let clock = Clock::stopped();
        let hub = hub().start().await;
        let mut device = hub.device("dev").await;
        let mut caller = hub.caller().await;
        let headers: Vec<_> = prefer.iter().map(|value| ("prefer", *value)).collect();
        caller.sends(&request(method, path, &headers, body)).await;
        device.receives_request().await;
        if seconds > 0 {
            clock.passes(Duration::from_millis(seconds * 1000 - 10)).await;
            caller.has_received_nothing();
        }
        clock.passes(Duration::from_millis(20)).await;
        let reply = caller.reply().await;
        assert_eq!(reply.header("preference-applied"), applied, "{method} {path} {prefer:?}");
        assert!(reply.field("code").ends_with("TIMEOUT"), "{reply:?}");
        tokio::time::resume();
    }
}

const CALLS: [(&str, &str, &[u8]); 2] =
    [("POST", "/dev/uri", b"x"), ("POST", "/dev", br#"{"method":"copost","uri":"/uri"}"#)];

const OBSERVATIONS: [(&str, &str, &[u8]); 2] =
    [("GET", "/dev/uri", b""), ("POST", "/dev", br#"{"method":"obget","uri":"/uri"}"#)];

#[tokio::test]
async fn a_caller_says_how_long_it_waits_for_a_call() {
    check(&CALLS, &["wait=3"], Some("wait=3"), 3).await;
    check(&CALLS, &["respond-async, wait=2"], Some("wait=2"), 2).await;
}

#[tokio::test]
async fn a_caller_says_how_long_it_waits_for_an_observation() {
    check(&OBSERVATIONS, &["wait=3"], Some("wait=3"), 3).await;
}

#[tokio::test]
async fn a_caller_may_not_wait_at_all() {
    check(&CALLS, &["wait=0"], Some("wait=0"), 0).await;
    check(&OBSERVATIONS, &["wait=0"], Some("wait=0"), 0).await;
}

#[tokio::test]
async fn more_than_the_maximum_is_cut_to_it() {
    check(&CALLS[..1], &["wait=121"], Some("wait=120"), 120).await;
    check(&CALLS[1..], &["wait=99999999999999999999"], Some("wait=120"), 120).await;
    check(&OBSERVATIONS[..1], &["wait=3600"], Some("wait=120"), 120).await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_ignored() {
    check(&CALLS[..1], &["wait=soon"], None, 10).await;
    check(&CALLS[1..], &["return=minimal", "wait=-1"], None, 10).await;
    check(&OBSERVATIONS[..1], &["wait"], None, 20).await;
}
