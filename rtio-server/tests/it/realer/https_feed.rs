//! Feed data over HTTPS: bodies, budgets, items and batches. (Contract §6.)

use serde_json::{Value, json};

use super::https_admission::is_refused;
use crate::support::caller::request;
use crate::support::realer::{ControlDevice, bearer, control_device, control_device_with};
use crate::support::{Clock, Reply, TestHub, hub};

async fn posts_raw(hub: &TestHub, device: &ControlDevice, kind: &str, body: &[u8]) -> Reply {
    let token = device.token(hub).await;
    let headers = [("authorization", &*bearer(&token)), ("content-type", kind)];
    hub.asks("POST", &device.path("/feed-data"), &headers, body).await
}

#[tokio::test]
async fn an_item_is_created_once_and_replayed_after_that_6_2_6_4() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let reading = device.reading("boot7-temp-000113", "20.75");
    let first = device.posts(&hub, &token, "/feed-data", &reading).await;
    let id = first.json()["feed_data_id"].clone();
    assert!(id.is_u64());
    let document = |code: u16, status: &str| json!({"code": code, "status": status, "feed_data_id": id, "message_id": "boot7-temp-000113", "warnings": []});
    assert_eq!((first.status, first.json()), (201, document(2001, "created")));
    let mut again = reading.clone();
    again["value_received_at"] = json!("2026-05-12T10:31:10.000+02:00");
    for same in [&reading, &again] {
        let reply = device.posts(&hub, &token, "/feed-data", same).await;
        assert_eq!((reply.status, reply.json()), (200, document(2000, "replayed")));
    }
    let other = device.reading("boot7-temp-000113", "20.76");
    is_refused(&device.posts(&hub, &token, "/feed-data", &other).await, 409, 4009, "message_conflict");
    assert_eq!(device.posts(&hub, &token, "/feed-data", &reading).await.json(), document(2000, "replayed"));
}

#[tokio::test]
async fn what_is_no_json_by_type_or_by_content_is_refused_1_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let reading = device.reading("m1", "20").to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "*/*", ""] {
        let reply = posts_raw(&hub, &device, kind, reading.as_bytes()).await;
        is_refused(&reply, 415, 4015, "unsupported_media_type");
    }
    for body in [&b""[..], b"{", b"{}x", b"\xff\xfe", b"{\"value\":\"\xff\"}", b"nan"] {
        is_refused(&posts_raw(&hub, &device, "application/json", body).await, 400, 4000, "bad_request");
    }
    let reply = posts_raw(&hub, &device, "application/json; charset=utf-8", reading.as_bytes()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

#[tokio::test]
async fn a_body_over_the_budget_is_refused_without_being_read_1_7() {
    let hub = hub().with_realer().start().await;
    let device = control_device_with(&hub, |settings| settings.plan.max_request_bytes = Some(600)).await;
    let token = device.token(&hub).await;
    let padded = |bytes: usize| {
        let text = device.reading(&format!("m{bytes}"), "20").to_string();
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
    let path = device.path("/feed-data");
    assert_eq!(hub.asks("POST", &path, &headers, padded(600).as_bytes()).await.status, 201);
    let reply = hub.asks("POST", &path, &headers, padded(601).as_bytes()).await;
    is_refused(&reply, 413, 4013, "payload_too_large");
    // It is answered by what the head says, before anything of the body was sent.
    let mut caller = hub.caller().await;
    let head = request("POST", &path, &[&headers[..], &[("content-length", "1000000")]].concat(), b"");
    let head = String::from_utf8(head).unwrap().replace("content-length: 0\r\n", "");
    caller.sends(head.as_bytes()).await;
    is_refused(&caller.reply().await, 413, 4013, "payload_too_large");
    // Without a length it is answered at the first byte too many.
    let mut caller = hub.caller().await;
    let chunked = head.replace("content-length: 1000000", "transfer-encoding: chunked");
    caller.sends(chunked.as_bytes()).await;
    caller.sends(format!("259\r\n{}\r\n", "x".repeat(601)).as_bytes()).await;
    is_refused(&caller.reply().await, 413, 4013, "payload_too_large");
}

#[tokio::test]
async fn a_megabyte_in_a_value_is_refused_wherever_it_is() {
    let hub = hub().with(|config| config.realer.limits.max_request_bytes = 2_000_000).with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let long = "7".repeat(1_000_000);
    for field in ["value", "message_id", "value_received_at", "sensor_id"] {
        let mut reading = device.reading("m1", "20");
        reading[field] = json!(long);
        let reply = device.posts(&hub, &token, "/feed-data", &reading).await;
        assert!([404, 422].contains(&reply.status), "{field}: {}", reply.status);
        assert!(reply.body.len() < 1000, "{field} is not repeated");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json"), ("content-length", "50")];
    let head = String::from_utf8(request("POST", &device.path("/feed-data"), &headers, b"")).unwrap();
    let mut caller = hub.caller().await;
    caller.sends(head.replace("content-length: 0\r\n", "").as_bytes()).await;
    caller.sends(b"{").await;
    clock.passes(std::time::Duration::from_secs(11)).await;
    is_refused(&caller.reply().await, 400, 4000, "bad_request");
}

#[tokio::test]
async fn each_field_that_makes_no_sense_is_named_6_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let wrong: [(&str, Value); 12] = [
        ("value", Value::Null),
        ("value", json!("")),
        ("value", json!({})),
        ("value", json!("x".repeat(256))),
        ("message_id", json!(7)),
        ("message_id", json!("x".repeat(129))),
        ("message_id", json!("\u{e4}")),
        ("value_received_at", json!("2026-05-12T08:31:10")),
        ("value_received_at", json!("yesterday")),
        ("value_received_at", json!(1_778_574_600)),
        ("sequence_number", json!(-1)),
        ("report_status", json!("done")),
    ];
    for (field, value) in wrong {
        let mut reading = device.reading("m1", "20");
        reading[field] = value.clone();
        let reply = device.posts(&hub, &token, "/feed-data", &reading).await;
        is_refused(&reply, 422, 4022, "validation_failed");
        let details = reply.json()["error"]["details"].clone();
        assert!(
            details.as_array().unwrap().iter().any(|detail| detail["field"] == field),
            "{field} {value}: {details}"
        );
    }
    assert_eq!(device.posts(&hub, &token, "/feed-data", &device.reading("m1", "20")).await.status, 201, "§6.4: no key");
}

#[tokio::test]
async fn times_of_the_far_future_and_past_are_taken_with_a_warning_6_5() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    for (nth, (time, warning)) in
        [("9999-12-31T23:59:59Z", "observed_in_future"), ("1970-01-01T00:00:00Z", "out_of_order")].iter().enumerate()
    {
        let mut reading = device.reading(&format!("m{nth}"), "20");
        reading["value_received_at"] = json!(time);
        let reply = device.posts(&hub, &token, "/feed-data", &reading).await;
        assert_eq!((reply.status, &reply.json()["warnings"][0]["type"]), (201, &json!(warning)), "{reply:?}");
    }
}

#[tokio::test]
async fn a_batch_is_taken_item_by_item_6_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let mut unknown = device.reading("m9", "20");
    unknown["sensor_id"] = json!("sns_01jv3k8q2m5n7p9r1s4t6v8w0x");
    let items = json!({"items": [
        device.reading("m1", "20"), device.reading("m1", "20"), device.reading("m1", "21"), 7, unknown,
    ]});
    let reply = device.posts(&hub, &token, "/feed-data/batches", &items).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["code"], &body["status"]), (200, &json!(2000), &json!("partial")), "{body}");
    let results: Vec<_> =
        body["results"].as_array().unwrap().iter().map(|it| (&it["index"], &it["code"], &it["status"])).collect();
    let expected = [(2001, "created"), (2000, "replayed"), (4009, "rejected"), (4022, "rejected"), (4004, "rejected")];
    for (nth, (result, (code, status))) in results.iter().zip(expected).enumerate() {
        assert_eq!(*result, (&json!(nth), &json!(code), &json!(status)), "{body}");
    }
    let good = json!({"items": [device.reading("m2", "20")]});
    assert_eq!(device.posts(&hub, &token, "/feed-data/batches", &good).await.field("status"), "completed");
    let bad = json!({"items": [device.reading("m2", "22")]});
    let reply = device.posts(&hub, &token, "/feed-data/batches", &bad).await;
    assert_eq!((reply.status, &*reply.field("status")), (200, "rejected"));
}

#[tokio::test]
async fn a_batch_has_as_many_items_as_the_device_may_bring_6_3() {
    let hub = hub().with(|config| config.realer.limits.max_request_bytes = 100_000).with_realer().start().await;
    let (device, small) =
        (control_device(&hub).await, control_device_with(&hub, |it| it.plan.max_batch_items = Some(2)).await);
    for (device, max) in [(&device, 100), (&small, 2)] {
        let token = device.token(&hub).await;
        let batch = |count: usize| {
            let items: Vec<_> = (0..count).map(|nth| device.reading(&format!("m{nth}"), "20")).collect();
            json!({ "items": items })
        };
        let reply = device.posts(&hub, &token, "/feed-data/batches", &batch(max)).await;
        assert_eq!((reply.status, reply.json()["results"].as_array().unwrap().len()), (200, max));
        for wrong in [batch(max + 1), json!({"items": []}), json!({}), json!({"items": {}}), json!([])] {
            let reply = device.posts(&hub, &token, "/feed-data/batches", &wrong).await;
            is_refused(&reply, 422, 4022, "validation_failed");
        }
    }
}

#[tokio::test]
async fn sources_of_other_devices_are_not_found_6_1() {
    let hub = hub().with_realer().start().await;
    let (device, other) = (control_device(&hub).await, control_device(&hub).await);
    let token = device.token(&hub).await;
    let mut reading = device.reading("m1", "20");
    reading["sensor_id"] = json!(other.thermistor.as_str());
    is_refused(&device.posts(&hub, &token, "/feed-data", &reading).await, 404, 4004, "resource_not_found");
}
