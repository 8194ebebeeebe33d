//! What strangers and devices try: odd requests, races, edges of numbers and texts. (Contract §1.3 to §1.7, §2, §6.1.)

use serde_json::json;

use super::https_admission::is_refused;
use crate::support::caller::request;
use crate::support::realer::{FORM, basic, bearer, control_device, control_device_with};
use crate::support::{Clock, hub};

#[tokio::test]
async fn a_time_is_one_of_the_calendar_1_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    for (nth, (time, status)) in [
        ("2026-05-12t08:31:10z", 201),
        ("2026-05-12T08:31:10-00:00", 201),
        ("2026-05-12T08:31:10+0200", 201),
        ("2016-12-31T23:59:60Z", 201),
        ("0000-01-01T00:00:00Z", 201),
        ("9999-12-31T23:59:59.999999999Z", 201),
        ("2026-05-12T24:00:00Z", 422),
        ("2026-05-12T08:60:10Z", 422),
        ("2026-13-12T08:31:10Z", 422),
        ("2026-05-12T08:31:10Z ", 422),
        (" 2026-05-12T08:31:10Z", 422),
        ("2026-05-12T08:31:10ZZ", 422),
        ("2026-05-12T08:31:10Z\u{0}", 422),
        ("-2026-05-12T08:31:10Z", 422),
        ("9999-12-31T23:59:59-01:00", 422),
        ("2026-05-12T08:31:10+", 422),
        ("2026-W20-2T08:31:10Z", 422),
    ]
    .into_iter()
    .enumerate()
    {
        let mut reading = device.reading(&format!("m{nth}"), "20");
        reading["value_received_at"] = json!(time);
        let reply = device.posts(&hub, &token, "/feed-data", &reading).await;
        assert_eq!(reply.status, status, "{time:?}: {reply:?}");
    }
}

#[tokio::test]
async fn numbers_at_their_edges_are_kept_or_refused_6_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    for (nth, (number, status)) in [
        ("0", 201),
        ("9223372036854775807", 201),
        ("9223372036854775808", 422),
        ("18446744073709551615", 422),
        ("18446744073709551616", 422),
        ("-1", 422),
        ("1e400", 400),
        ("0.5", 422),
        ("\"1\"", 422),
    ]
    .into_iter()
    .enumerate()
    {
        let reading = device.reading(&format!("m{nth}"), "20").to_string();
        let body = reading.replacen('{', &format!("{{\"sequence_number\":{number},"), 1);
        let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
        let reply = hub.asks("POST", &device.path("/feed-data"), &headers, body.as_bytes()).await;
        assert_eq!(reply.status, status, "{number}: {reply:?}");
    }
}

#[tokio::test]
async fn json_that_nests_deep_is_refused_1_6() {
    let hub = hub().with(|config| config.realer.limits.max_request_bytes = 200_000).with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
    for deep in ["[".repeat(10_000), format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), "{\"a\":".repeat(10_000)]
    {
        for path in ["/feed-data", "/feed-data/batches"] {
            let reply = hub.asks("POST", &device.path(path), &headers, deep.as_bytes()).await;
            is_refused(&reply, 400, 4000, "bad_request");
        }
        let item = format!("{{\"items\":[{deep}]}}");
        let reply = hub.asks("POST", &device.path("/feed-data/batches"), &headers, item.as_bytes()).await;
        is_refused(&reply, 400, 4000, "bad_request");
    }
}

#[tokio::test]
async fn requests_at_once_are_spaced_as_if_one_came_after_the_other_1_7() {
    let _clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let device = control_device_with(&hub, |it| it.plan.minimum_interval_ms = Some(5000)).await;
    let (one, other) = (device.token(&hub).await, device.token(&hub).await);
    let values = [bearer(&one), format!("bearer {other}")];
    let mut callers = Vec::new();
    for nth in 0..20 {
        let mut caller = hub.caller().await;
        let headers = [("authorization", &*values[nth % 2])];
        caller.sends(&request("GET", &device.path("/bootstrap"), &headers, b"")).await;
        callers.push(caller);
    }
    let mut statuses = Vec::new();
    for mut caller in callers {
        statuses.push(caller.reply().await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[429; 19]].concat());
}

#[tokio::test]
async fn who_prefers_to_wait_is_not_told_that_the_hub_does_5() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = bearer(&device.token(&hub).await);
    let reply =
        hub.asks("GET", &device.path("/desired-states"), &[("authorization", &token), ("prefer", "wait=5")], b"").await;
    assert_eq!((reply.status, reply.header("preference-applied")), (200, None));
}

#[tokio::test]
async fn paths_have_one_spelling_1_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = bearer(&device.token(&hub).await);
    let id = device.id.as_str();
    for (path, status) in [
        (format!("/iot/v1/devices/{id}/bootstrap"), 200),
        (format!("/iot/v1/devices/{id}/bootstrap?device_id=cdv_x&access_token=y"), 200),
        (format!("/iot/v1/devices/{id}/bootstrap/"), 404),
        (format!("/iot/v1/devices//{id}/bootstrap"), 404),
        (format!("/iot/v1/devices/{id}//bootstrap"), 404),
        (format!("/iot/v1/devices/x/../{id}/bootstrap"), 404),
        (format!("/iot/v1/devices/%2e%2e/{id}/bootstrap"), 404),
        (format!("/iot/v1/devices/{id}%2Fbootstrap"), 404),
        (format!("/iot/v1/devices/{id}/bootstrap%00"), 404),
        (format!("/iot/v1/devices/{id}/Bootstrap"), 404),
        (format!("//iot/v1/devices/{id}/bootstrap"), 403),
        (format!("/iot/v1/devices/{id}%00/bootstrap"), 403),
        (format!("/iot/v1/devices/{}/bootstrap", id.to_uppercase()), 403),
        (format!("/iot/v1/devices/{id}/commands/{}%00", device.relay), 404),
        (format!("/iot/v1/devices/{id}/commands/{}", device.thermistor), 404),
    ] {
        let reply = hub.asks("GET", &path, &[("authorization", &token)], b"").await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn odd_credentials_are_no_credentials_2_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let good = device.basic();
    let id = device.id.as_str();
    let (secret, encoded) = (&device.secret, id.replace('_', "%5f"));
    for (headers, status) in [
        (vec![good.clone()], 200),
        (vec![good.replace("Basic", "BASIC")], 200),
        (vec![basic(&encoded, secret)], 200),
        (vec![good.clone(), good.clone()], 401),
        (vec![good.clone(), bearer("x")], 401),
        (vec![basic(id, &"x".repeat(5000))], 401),
        (vec![basic(&"x".repeat(5000), secret)], 401),
        (vec![basic(id, &format!("{secret}\0"))], 401),
        (vec![basic(id, &format!("{secret}:"))], 401),
        (vec![basic(&format!("{id}\0"), secret)], 401),
        (vec![basic(&id.to_uppercase(), secret)], 401),
        (vec![basic(id, &secret.to_uppercase())], 401),
        (vec![good[..good.len() - 1].to_owned()], 401),
    ] {
        let mut all = vec![("content-type", FORM)];
        all.extend(headers.iter().map(|value| ("authorization", &**value)));
        let reply = hub.asks("POST", "/oauth/token", &all, b"grant_type=client_credentials").await;
        assert_eq!(reply.status, status, "{headers:?}");
    }
    let huge = format!("Basic {}", "A".repeat(100_000));
    let mut caller = hub.caller().await;
    let sent = request("POST", "/oauth/token", &[("authorization", &huge), ("content-type", FORM)], b"");
    caller.tries_to_send(&sent).await;
    assert!(caller.tries_to_read_head().await.is_none_or(|head| head.status == 431));
    assert_eq!(device.asks_for_token(&hub, "grant_type=client_credentials").await.status, 200);
}

#[tokio::test]
async fn values_of_any_characters_come_back_6_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device_with(&hub, |_| {}).await;
    let mut command = device.command();
    command.value_type = "Customary".to_owned();
    hub.changes_catalog(vec![rtio_server::realer::ports::CatalogChange::PutCommand {
        device: device.id.clone(),
        command,
    }])
    .await;
    let token = device.token(&hub).await;
    let wide = "\u{1f321}".repeat(255);
    let longer = "\u{1f321}".repeat(256);
    for (nth, (value, status)) in
        [("\0", 201), ("\u{7f}\r\n\t\u{feff}", 201), (&*wide, 201), (&*longer, 422), ("\u{202e}", 201)]
            .into_iter()
            .enumerate()
    {
        let item = json!({"command_id": device.relay.as_str(), "message_id": format!("m{nth}"), "value": value,
            "value_received_at": format!("2026-05-12T08:31:1{nth}Z")});
        for again in [status, if status == 201 { 200 } else { status }] {
            let reply = device.posts(&hub, &token, "/feed-data", &item).await;
            assert_eq!(reply.status, again, "{value:?} {reply:?}");
        }
        if status == 201 {
            let state = hub.calls(&format!("/{}/iot/v1/state", device.id), b"").await.json();
            assert_eq!(state["commands"][0]["reported"]["value"], json!(value));
        }
    }
}
