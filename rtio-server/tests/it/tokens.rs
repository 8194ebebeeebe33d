//! Tokens of callers: who is let in, what each refusal says, where keys come from, and how much one caller may do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::num::NonZeroU32;
use std::time::Duration;

use rtio_proto::StatusCode;
use rtio_server::http::CallerRate;
use rtio_server::token::unix_now;
use serde_json::json;

use crate::support::caller::request;
use crate::support::tokens::KeyServer;
use crate::support::{Clock, Issuer, Reply, TestHub, eventually, hub};

const COPOST: &[u8] = br#"{"method":"copost","id":7,"uri":"/uri"}"#;

/// Asks in both forms with these `Authorization` headers.
async fn asks(hub: &TestHub, device: &str, headers: &[&str]) -> (Reply, Reply) {
    let headers: Vec<(&str, &str)> = headers.iter().map(|value| ("authorization", *value)).collect();
    let compatible = hub.asks("POST", &format!("/{device}"), &headers, COPOST).await;
    (compatible, hub.asks("POST", &format!("/{device}/uri"), &headers, b"").await)
}

/// Both forms refuse: with this status, text and the beginning of the challenge.
async fn refuses(hub: &TestHub, headers: &[&str], status: u16, text: &str, challenge: &str) {
    let (compatible, direct) = asks(hub, "dev", headers).await;
    assert_eq!((compatible.status, compatible.text().as_str()), (status, text), "{headers:?}");
    assert_eq!(compatible.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(direct.problem(), (status, "BAD_REQUEST".to_owned(), "not_sent".to_owned()), "{headers:?}");
    assert_eq!(direct.field("detail"), text);
    for reply in [compatible, direct] {
        assert!(reply.header("www-authenticate").unwrap().starts_with(challenge), "{reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    }
}

const MISSING: &str = "Missing or malformed Authorization header";
const INVALID_HEADER: &str = "Invalid Authorization header";
const INVALID: &str = "Invalid or expired JWT";
const PLAIN: &str = r#"Bearer realm="rtio""#;
const INVALID_TOKEN: &str = r#"Bearer realm="rtio", error="invalid_token""#;

#[tokio::test]
async fn a_token_for_a_device_calls_and_observes_it() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"yes");
    let bearer = issuer.bearer("dev");
    for header in [bearer.as_str(), &bearer.replace("Bearer", "bearer"), &bearer.replace("Bearer ", "BEARER  ")] {
        let (compatible, direct) = asks(&hub, "dev", &[header]).await;
        assert_eq!(compatible.envelope(), ("OK".to_owned(), b"yes".to_vec()), "{header}");
        assert_eq!((direct.status, direct.body), (200, b"yes".to_vec()));
    }
    let preflight = hub.asks("OPTIONS", "/dev/uri", &[], b"").await;
    assert_eq!(preflight.status, 204, "a browser sends no token with its preflight");
}

#[tokio::test]
async fn each_bad_token_is_refused_with_its_text() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let good = issuer.bearer("dev");
    let now = unix_now().as_secs();
    refuses(&hub, &[], 401, MISSING, PLAIN).await;
    refuses(&hub, &[&good, &good], 401, MISSING, r#"Bearer realm="rtio", error="invalid_request""#).await;
    refuses(&hub, &["Bearer"], 401, MISSING, r#"Bearer realm="rtio", error="invalid_request""#).await;
    refuses(&hub, &["Basic dXNlcjpwYXNz"], 401, INVALID_HEADER, PLAIN).await;
    refuses(&hub, &[&format!("Bearer {}", "x".repeat(8193))], 401, INVALID_HEADER, INVALID_TOKEN).await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let stranger = Issuer::new().bearer("dev");
    let tokens = [
        format!("Bearer {}", issuer.token(json!({"sub": "dev", "exp": now - 11}))),
        format!("Bearer {}", issuer.token(json!({"sub": "dev", "nbf": now + 60}))),
        format!("Bearer {}", issuer.token(json!({"sub": "dev", "rtio": "all"}))),
        format!("Bearer {}", issuer.token(json!({}))),
        // {"alg":"none"} and {"alg":"HS256"}, each with claims.
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZXYiLCJleHAiOjQxMDI0NDQ4MDB9.".to_owned(),
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkZXYiLCJleHAiOjQxMDI0NDQ4MDB9.AAAA".to_owned(),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        format!("{good}x.y"),
        head.to_owned(),
        "Bearer ?.?.?".to_owned(),
        stranger,
    ];
    for token in &tokens {
        refuses(&hub, &[token], 401, INVALID, INVALID_TOKEN).await;
    }
    refuses(&hub, &[&issuer.bearer("other")], 401, "JWT subject invalid", INVALID_TOKEN).await;
}

#[tokio::test]
async fn the_device_id_is_checked_before_the_token_and_the_token_before_the_body() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    assert_eq!(hub.asks("POST", "/a%20b", &[], b"no json").await.status, 403);
    assert_eq!(hub.asks("POST", "/dev", &[], b"no json").await.text(), MISSING);
    let bearer = issuer.bearer("dev");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(hub.asks("POST", "/dev", &headers, b"no json").await.status, 400);
    assert_eq!(hub.asks("POST", "/dev", &headers, COPOST).await.envelope().0, "DEVICEID_OFFLINE");
}

#[tokio::test]
async fn grants_allow_what_they_say_and_the_rest_is_403() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"yes");
    let grant = |grant| format!("Bearer {}", issuer.token(json!({"sub": "guest", "rtio": [grant]})));
    let good = grant(json!({"devices": ["d*"], "methods": ["copost"], "uris": ["/u*"]}));
    let (compatible, direct) = asks(&hub, "dev", &[&good]).await;
    assert_eq!((compatible.envelope().0.as_str(), direct.status), ("OK", 200));
    for (grant, missing) in [
        (grant(json!({"devices": ["other"]})), "device"),
        (grant(json!({"devices": ["dev"], "methods": ["obget"]})), "method"),
        (grant(json!({"devices": ["dev"], "uris": ["/other"]})), "URI"),
    ] {
        let text = match missing {
            "device" => "the token does not grant this device".to_owned(),
            _ => format!(
                "the token does not grant this {missing} {} the device",
                if missing == "URI" { "of" } else { "on" }
            ),
        };
        refuses(&hub, &[&grant], 403, &text, r#"Bearer realm="rtio", error="insufficient_scope""#).await;
        let (_, direct) = asks(&hub, "dev", &[&grant]).await;
        assert_eq!(direct.field("missing"), missing.to_lowercase());
    }
}

#[tokio::test]
async fn an_observation_ends_when_its_token_expires() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let mut device = hub.device("dev").await;
    let token = issuer.token(json!({"sub": "dev", "exp": unix_now().as_secs() + 60}));
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/uri", &[("authorization", &format!("Bearer {token}"))], b"")).await;
    let observer = device.begins_observation().await;
    assert_eq!(caller.head().await.status, 200);
    let clock = Clock::stopped();
    clock.passes(Duration::from_secs(45)).await;
    device.notifies(StatusCode::Continue, observer, b"x").await;
    assert!(caller.line().await.unwrap().contains("CONTINUE"));
    // The token's minute, 10 s of leeway, and the second that was cut off `exp`.
    clock.passes(Duration::from_secs(27)).await;
    assert!(caller.line().await.unwrap().contains(r#""fid":1,"code":"TERMINATE""#));
    assert_eq!(caller.line().await, None);
}

#[tokio::test]
async fn keys_are_read_again_at_a_reload_and_a_broken_file_keeps_the_old_ones() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let hub = old.hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"yes");
    let call = async |issuer: &Issuer| asks(&hub, "dev", &[&issuer.bearer("dev")]).await.1.status;
    assert_eq!((call(&old).await, call(&new).await), (200, 401));
    std::fs::write(old.public_file(), "broken").unwrap();
    hub.reload.trigger();
    eventually("the broken file is read", || hub.counts("token_keys_failed_total") == 1).await;
    assert_eq!(call(&old).await, 200);
    let remembered = old.bearer("dev");
    assert_eq!(asks(&hub, "dev", &[&remembered]).await.1.status, 200);
    std::fs::write(old.public_file(), new.key.public_pem()).unwrap();
    hub.reload.trigger();
    eventually("the new key is read", || hub.counts("token_keys_read_total") == 1).await;
    assert_eq!((call(&old).await, call(&new).await), (401, 200));
    assert_eq!(asks(&hub, "dev", &[&remembered]).await.1.status, 401, "what the old key vouched for is forgotten");
}

#[tokio::test]
async fn a_key_set_that_is_down_at_the_start_is_503_until_it_comes() {
    let issuer = Issuer::new();
    let server = KeyServer::start(None).await;
    let hub = server.hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"yes");
    let bearer = format!("Bearer {}", issuer.token_named(Some("1"), json!({"sub": "dev"})));
    eventually("the hub has asked", || server.asked() > 0).await;
    let (compatible, direct) = asks(&hub, "dev", &[&bearer]).await;
    assert_eq!((compatible.status, direct.status), (503, 503));
    assert_eq!(direct.header("retry-after"), Some("5"));
    assert_eq!(asks(&hub, "dev", &[]).await.0.text(), MISSING, "what can be judged is");
    eventually("the hub is not ready", || !hub.readiness.missing().is_empty()).await;
    server.has(Some(issuer.key_set("1")));
    hub.reload.trigger();
    eventually("the hub is ready", || hub.readiness.missing().is_empty()).await;
    assert_eq!(asks(&hub, "dev", &[&bearer]).await.1.status, 200);
    server.has(None);
    hub.reload.trigger();
    eventually("the outage is noticed", || hub.counts("token_keys_failed_total") >= 2).await;
    assert_eq!(asks(&hub, "dev", &[&bearer]).await.1.status, 200, "the last good set outlives the outage");
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_and_the_caller_is_served() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let server = KeyServer::start(Some(old.key_set("old"))).await;
    let hub = server.hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"yes");
    eventually("the key set is there", || hub.counts("token_keys_read_total") == 1).await;
    server.has(Some(new.key_set("new")));
    let rotated = format!("Bearer {}", new.token_named(Some("new"), json!({"sub": "dev"})));
    let stranger = format!("Bearer {}", Issuer::new().token_named(Some("no"), json!({"sub": "dev"})));
    assert_eq!(asks(&hub, "dev", &[&rotated]).await.1.status, 200);
    let asked = server.asked();
    for _ in 0..20 {
        refuses(&hub, &[&stranger], 401, INVALID, INVALID_TOKEN).await;
    }
    assert_eq!(server.asked(), asked, "strangers do not make the hub ask again and again");
}

#[tokio::test]
async fn a_caller_in_a_hurry_is_told_when_to_come_back() {
    let issuer = Issuer::new();
    let two = NonZeroU32::new(2).unwrap();
    let rate = CallerRate { per_second: NonZeroU32::MIN, burst: two };
    let hub = issuer.hub().with(|config| config.http.limits.rate = Some(rate)).start().await;
    let _device = hub.device("dev").await.answers("/uri", b"yes");
    let _clock = Clock::stopped();
    let bearer = issuer.bearer("dev");
    let (compatible, direct) = asks(&hub, "dev", &[&bearer]).await;
    assert_eq!((compatible.status, direct.status), (200, 200));
    let (compatible, direct) = asks(&hub, "dev", &[&bearer]).await;
    assert_eq!((compatible.status, compatible.field("code").as_str()), (429, "TOO_MANY_REQUESTS"));
    assert_eq!((compatible.field("id").as_str(), compatible.header("content-type")), ("7", Some("application/json")));
    assert_eq!(direct.problem(), (429, "TOO_MANY_REQUESTS".to_owned(), "not_sent".to_owned()));
    for reply in [compatible, direct] {
        for (name, value) in
            [("retry-after", "1"), ("ratelimit-limit", "1"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "1")]
        {
            assert_eq!(reply.header(name), Some(value), "{name}");
        }
    }
    let another = format!("Bearer {}", issuer.token(json!({"sub": "dev", "jti": "2"})));
    assert_eq!(asks(&hub, "dev", &[&another]).await.1.status, 200, "another caller has a pace of its own");
    assert_eq!(hub.counts("caller_rate_refused_total"), 2);
}

#[tokio::test]
async fn calls_and_observations_of_a_caller_count_together() {
    let hub = hub().with(|config| config.http.limits.max_in_flight = 2).start().await;
    let mut device = hub.device("dev").await;
    let (watching, _) = hub.observes(&mut device, "/dev/uri").await;
    let first = hub.is_called("/dev/uri", b"");
    let request = device.receives_request().await;
    let refused = hub.calls("/dev/uri", b"").await;
    assert_eq!(refused.problem(), (429, "TOO_MANY_REQUESTS".to_owned(), "not_sent".to_owned()));
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit-limit")), (Some("1"), None));
    device.answers_request(request.message_id, &[0x22]).await;
    assert_eq!(first.await.unwrap().status, 200);
    drop(watching);
    let both = async {
        let (one, two) = (hub.is_called("/dev/uri", b""), hub.is_called("/dev/uri", b""));
        device.answers_next(&[0x22]).await;
        device.answers_next(&[0x22]).await;
        (one.await.unwrap().status, two.await.unwrap().status)
    };
    assert_eq!(both.await, (200, 200));
}
