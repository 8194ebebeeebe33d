//! Callers reach a device that speaks MQTT as any other: CoPOST and ObGET over HTTP on one side, messages on the other. (docs/mqtt.md)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use serde_json::json;

use crate::support::caller::request;
use crate::support::mqtt::{Connect, Message, MqttClient, MqttDevice, Version, item, mqtt_device, packet, text};
use crate::support::tokens::Issuer;
use crate::support::{Caller, Clock, Reply, TestHub, hub, within};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// A client that takes requests.
async fn serves(device: &MqttDevice<'_>, version: Version) -> MqttClient {
    let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
    assert_eq!(client.subscribes(&[&device.requests()]).await, [1]);
    client
}

fn path(device: &MqttDevice<'_>, uri: &str) -> String {
    format!("/{}{uri}", device.it.id)
}

/// What a device is asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    correlation: String,
    method: String,
    uri: String,
    data: Vec<u8>,
}

/// The next request, which comes at most once.
async fn is_asked(client: &mut MqttClient, device: &MqttDevice<'_>, version: Version) -> Asked {
    let message = client.message().await;
    assert_eq!((message.topic.clone(), message.id, message.dup), (device.requests(), None, false));
    match version {
        Version::V3 => of_line(message),
        Version::V5 => of_properties(&message, device),
    }
}

fn of_line(message: Message) -> Asked {
    let end = message.payload.iter().position(|&byte| byte == b'\n').unwrap();
    let line = std::str::from_utf8(&message.payload[..end]).unwrap();
    let mut words = line.splitn(3, ' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    Asked { correlation: word(), method: word(), uri: word(), data: message.payload[end + 1..].to_vec() }
}

fn of_properties(message: &Message, device: &MqttDevice<'_>) -> Asked {
    let (mut rest, mut correlation, mut topic) = (&message.properties[..], String::new(), String::new());
    let mut user = std::collections::BTreeMap::new();
    while let [id, more @ ..] = rest {
        let (first, more) = string(more);
        rest = more;
        match id {
            0x08 => topic = first,
            0x09 => correlation = first,
            0x26 => {
                let (value, more) = string(more);
                user.insert(first, value);
                rest = more;
            }
            other => panic!("{other} is no property of a request"),
        }
    }
    assert_eq!(topic, device.responses());
    let mut word = |name: &str| user.remove(name).unwrap_or_default();
    Asked { correlation, method: word("method"), uri: word("uri"), data: message.payload.clone() }
}

fn string(bytes: &[u8]) -> (String, &[u8]) {
    let len = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    (String::from_utf8(bytes[2..2 + len].to_vec()).unwrap(), &bytes[2 + len..])
}

/// The device answers; `None` is no status.
async fn answers(
    client: &mut MqttClient,
    (device, version): (&MqttDevice<'_>, Version),
    correlation: &str,
    (status, data): (Option<&str>, &[u8]),
) {
    let bytes = match version {
        Version::V3 => {
            let line = status.map_or_else(|| correlation.to_owned(), |status| format!("{correlation} {status}"));
            client.publish(0x30, 0, &device.responses(), &[line.as_bytes(), b"\n", data].concat())
        }
        Version::V5 => {
            let mut properties = [&[0x09][..], &text(correlation)].concat();
            if let Some(status) = status {
                properties.extend([&[0x26][..], &text("status"), &text(status)].concat());
            }
            let len = vec![u8::try_from(properties.len()).unwrap()];
            packet(0x30, &[text(&device.responses()), len, properties, data.to_vec()].concat())
        }
    };
    client.sends(&bytes).await;
}

#[tokio::test]
async fn a_call_is_answered_byte_for_byte() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for version in BOTH {
        let mut client = serves(&device, version).await;
        for (status, sent, back) in
            [(Some("ok"), &every_byte[..], &every_byte[..]), (None, b"", b""), (Some("ok"), b"\n", b"\n\n")]
        {
            let caller = hub.is_called(&path(&device, "/fan%20two/speed"), sent);
            let asked = is_asked(&mut client, &device, version).await;
            assert_eq!((&*asked.method, &*asked.uri, &*asked.data), ("copost", "/fan two/speed", sent));
            assert_eq!(asked.correlation.len(), 12);
            answers(&mut client, (&device, version), &asked.correlation, (status, back)).await;
            let reply = caller.await.unwrap();
            assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/octet-stream")));
            assert_eq!(reply.body, back);
        }
    }
}

#[tokio::test]
async fn each_status_is_that_of_any_device() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        for (status, http, code) in [
            ("not_found", 404, "NOT_FOUND"),
            ("bad_request", 400, "BAD_REQUEST"),
            ("method_not_allowed", 405, "METHOD_NOT_ALLOWED"),
            ("too_many_requests", 429, "TOO_MANY_REQUESTS"),
            ("internal_error", 502, "INTERNAL_SERVER_ERROR"),
            ("unknown", 502, "INTERNAL_SERVER_ERROR"),
            ("continue", 502, "INTERNAL_SERVER_ERROR"),
            ("Fine!", 502, "INTERNAL_SERVER_ERROR"),
        ] {
            let caller = hub.is_called(&path(&device, "/fan"), b"");
            let asked = is_asked(&mut client, &device, version).await;
            answers(&mut client, (&device, version), &asked.correlation, (Some(status), b"not for the caller")).await;
            let reply = caller.await.unwrap();
            assert_eq!(reply.problem(), (http, code.to_owned(), "answered".to_owned()), "{status}");
        }
    }
}

#[tokio::test]
async fn callers_at_once_get_each_its_own_answer_in_any_order() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let callers: Vec<_> = (0..20).map(|nth: u8| hub.is_called(&path(&device, "/echo"), &[nth])).collect();
        let mut asked = Vec::new();
        while asked.len() < callers.len() {
            asked.push(is_asked(&mut client, &device, version).await);
        }
        for asked in asked.iter().rev() {
            answers(&mut client, (&device, version), &asked.correlation, (None, &asked.data)).await;
            // Again, as QoS 1 may do: it is for nobody.
            answers(&mut client, (&device, version), &asked.correlation, (None, b"twice")).await;
        }
        for (nth, caller) in (0u8..).zip(callers) {
            assert_eq!(caller.await.unwrap().body, [nth]);
        }
    }
}

#[tokio::test]
async fn a_device_that_does_not_answer_is_waited_for_as_long_as_the_caller_says() {
    let clock = Clock::stopped();
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let mut client = serves(&device, version).await;
        let path = path(&device, "/fan");
        let mut caller = hub.caller().await;
        caller.sends(&request("POST", &path, &[("prefer", "wait=3")], b"")).await;
        let asked = is_asked(&mut client, &device, version).await;
        clock.passes(Duration::from_millis(2_900)).await;
        caller.has_received_nothing();
        // Silence of calls is looked for with the sessions, every four seconds at the latest.
        clock.passes(Duration::from_secs(5)).await;
        let silent = (504, "REQUEST_TIMEOUT".to_owned(), "sent_unanswered".to_owned());
        assert_eq!(caller.reply().await.problem(), silent);
        answers(&mut client, (&device, version), &asked.correlation, (None, b"late")).await;
        // It is for nobody, and the session goes on.
        let next = hub.is_called(&path, b"next");
        let asked = is_asked(&mut client, &device, version).await;
        assert_eq!(asked.data, b"next");
        answers(&mut client, (&device, version), &asked.correlation, (None, b"on time")).await;
        assert_eq!(next.await.unwrap().body, b"on time");
    }
}

#[tokio::test]
async fn a_device_that_takes_no_requests_is_not_asked() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let body = json!({"method": "copost", "id": 7, "uri": "/fan"}).to_string();
    for version in BOTH {
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        let reply = hub.calls(&path(&device, "/fan"), b"").await;
        assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned(), "not_sent".to_owned()));
        let reply = hub.asks("POST", &path(&device, ""), &[], body.as_bytes()).await;
        assert_eq!(reply.envelope().0, "NOT_FOUND");
        assert_eq!(hub.asks("GET", &path(&device, "/fan"), &[], b"").await.field("code"), "NOT_FOUND");
        assert_eq!(client.subscribes(&[&device.requests()]).await, [1]);
        client.hears_nothing().await;
        let unsubscribe = client.unsubscribe(9, &[&device.requests()]);
        client.sends(&unsubscribe).await;
        client.packet_of(crate::support::mqtt::UNSUBACK).await;
        assert_eq!(hub.calls(&path(&device, "/fan"), b"").await.status, 404);
    }
    drop(hub.caller().await);
}

#[tokio::test]
async fn who_is_not_there_or_leaves_meanwhile_is_offline() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let offline = |delivery: &str| (503, "DEVICEID_OFFLINE".to_owned(), delivery.to_owned());
    assert_eq!(hub.calls(&path(&device, "/fan"), b"").await.problem(), offline("not_sent"));
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let caller = hub.is_called(&path(&device, "/fan"), b"");
        is_asked(&mut client, &device, version).await;
        drop(client);
        assert_eq!(caller.await.unwrap().problem(), offline("sent_unanswered"));
    }
}

#[tokio::test]
async fn a_request_is_never_told_twice_whatever_the_session() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let connect = Connect { version, starts_clean: false, session_expiry: 60, ..device.connect() };
        let mut client = device.connects_as(connect.clone()).await;
        client.subscribes(&[&device.requests()]).await;
        let caller = hub.is_called(&path(&device, "/fan"), b"first");
        let first = is_asked(&mut client, &device, version).await;
        drop(client);
        assert_eq!(caller.await.unwrap().status, 503);
        let (mut client, connack) = device.tries(connect).await;
        assert_eq!(connack.body[..2], [1, 0], "its subscription is there");
        client.hears_nothing().await;
        answers(&mut client, (&device, version), &first.correlation, (None, b"late")).await;
        let caller = hub.is_called(&path(&device, "/fan"), b"second");
        let second = is_asked(&mut client, &device, version).await;
        assert_eq!(second.data, b"second");
        assert_ne!(second.correlation, first.correlation);
        answers(&mut client, (&device, version), &second.correlation, (None, b"yes")).await;
        assert_eq!(caller.await.unwrap().body, b"yes");
    }
}

#[tokio::test]
async fn too_much_data_and_uris_that_break_the_line_never_come() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let reply = hub.calls(&path(&device, "/fan"), &[b'x'; 505]).await;
        assert_eq!((reply.status, reply.field("delivery")), (413, "not_sent".to_owned()));
        for uri in ["/fan%0Aspeed", "/fan%00", "/fan%C2%85", "/fan%EF%BF%BF"] {
            let reply = hub.calls(&path(&device, uri), b"").await;
            assert_eq!((reply.status, reply.field("code")), (400, "BAD_REQUEST".to_owned()), "{uri}");
        }
        let long = format!("/{}", "u".repeat(127));
        let caller = hub.is_called(&path(&device, &long), &[b'x'; 504]);
        // Properties of this length are beyond what the client here reads, so it is looked at as bytes.
        let packet = client.packet_of(crate::support::mqtt::PUBLISH).await;
        assert!(packet.body.windows(128).any(|bytes| bytes == long.as_bytes()));
        assert!(packet.body.ends_with(&[b'x'; 504]));
        drop(client);
        assert_eq!(caller.await.unwrap().status, 503);
    }
}

#[tokio::test]
async fn a_device_is_not_asked_what_the_token_does_not_grant() {
    let issuer = Issuer::new();
    let hub = issuer.is_trusted_by(hub().with_realer().with_mqtt()).start().await;
    let device = mqtt_device(&hub).await;
    let id = device.it.id.as_str();
    let grant = json!([{"devices": [id], "methods": ["copost"], "uris": ["/fan"]}]);
    let may = format!("Bearer {}", issuer.token(json!({"sub": "one", "rtio": grant})));
    let elsewhere = format!("Bearer {}", issuer.token(json!({"sub": "cdv_other"})));
    let asks = async |method: &'static str, uri: &str, token: &str| {
        hub.asks(method, &path(&device, uri), &[("authorization", token)], b"").await.status
    };
    for version in BOTH {
        let mut client = serves(&device, version).await;
        assert_eq!(hub.calls(&path(&device, "/fan"), b"").await.status, 401);
        assert_eq!(asks("POST", "/fan", &elsewhere).await, 401);
        assert_eq!(asks("POST", "/valve", &may).await, 403);
        assert_eq!(asks("GET", "/fan", &may).await, 403);
        client.hears_nothing().await;
        let called = async {
            let asked = is_asked(&mut client, &device, version).await;
            answers(&mut client, (&device, version), &asked.correlation, (None, b"")).await;
        };
        assert_eq!(tokio::join!(asks("POST", "/fan", &may), called).0, 200);
    }
}

#[tokio::test]
async fn a_call_that_is_repeated_with_its_key_is_asked_once() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for (version, key) in [(Version::V3, "three"), (Version::V5, "five")] {
        let mut client = serves(&device, version).await;
        let asks = async || hub.asks("POST", &path(&device, "/fan"), &[("idempotency-key", key)], b"on").await;
        let called = async {
            let asked = is_asked(&mut client, &device, version).await;
            answers(&mut client, (&device, version), &asked.correlation, (None, b"done")).await;
        };
        let first = tokio::join!(asks(), called).0;
        assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
        let again = asks().await;
        assert_eq!((again.header("idempotency-replayed"), &*again.body), (Some("true"), &b"done"[..]));
        client.hears_nothing().await;
    }
}

/// A caller that observes in lines, and what the device was asked.
async fn observes(client: &mut MqttClient, device: &MqttDevice<'_>, version: Version) -> (Caller, Asked) {
    let mut caller = device.hub.caller().await;
    caller.sends(&request("GET", &path(device, "/temperature"), &[], b"")).await;
    let asked = is_asked(client, device, version).await;
    assert_eq!((&*asked.method, &*asked.uri, &*asked.data), ("obget", "/temperature", &b""[..]));
    answers(client, (device, version), &asked.correlation, (Some("continue"), b"no frame yet")).await;
    let head: Reply = caller.head().await;
    assert_eq!(head.status, 200);
    (caller, asked)
}

#[tokio::test]
async fn an_observation_has_its_frames_and_its_end() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let (mut caller, asked) = observes(&mut client, &device, version).await;
        for data in [&b"21.5"[..], b"", b"21.7"] {
            answers(&mut client, (&device, version), &asked.correlation, (Some("continue"), data)).await;
        }
        let mut lines = Vec::new();
        while lines.len() < 3 {
            lines.push(caller.line().await.unwrap());
        }
        let codes = ["MjEuNQ==", "", "MjEuNw=="].iter().enumerate();
        let expected: Vec<_> =
            codes.map(|(fid, data)| format!(r#"{{"id":0,"fid":{fid},"code":"CONTINUE","data":"{data}"}}"#)).collect();
        assert_eq!(lines, expected);
        answers(&mut client, (&device, version), &asked.correlation, (Some("terminate"), b"")).await;
        let rest = caller.lines().await;
        assert_eq!(rest.len(), 1);
        assert!(rest[0].contains("TERMINATE"), "{rest:?}");
        client.hears_nothing().await;
        // Frames of an observation that is over are answered with the word to stop.
        answers(&mut client, (&device, version), &asked.correlation, (Some("continue"), b"22")).await;
        let stop = is_asked(&mut client, &device, version).await;
        assert_eq!((&*stop.method, &stop.correlation), ("stop", &asked.correlation));
    }
}

#[tokio::test]
async fn a_device_hears_that_its_observer_has_left() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let (caller, asked) = observes(&mut client, &device, version).await;
        drop(caller);
        let stop = is_asked(&mut client, &device, version).await;
        let expected =
            Asked { correlation: asked.correlation, method: "stop".to_owned(), uri: String::new(), data: Vec::new() };
        assert_eq!(stop, expected);
        client.hears_nothing().await;
    }
}

#[tokio::test]
async fn an_observation_is_refused_as_by_any_device_and_ends_with_the_connection() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let mut caller = hub.caller().await;
        caller.sends(&request("GET", &path(&device, "/temperature"), &[], b"")).await;
        let asked = is_asked(&mut client, &device, version).await;
        answers(&mut client, (&device, version), &asked.correlation, (Some("not_found"), b"")).await;
        assert_eq!(caller.reply().await.problem(), (404, "NOT_FOUND".to_owned(), "answered".to_owned()));
        let (mut caller, _) = observes(&mut client, &device, version).await;
        drop(client);
        let rest = within("the end of the observation", caller.lines()).await;
        assert_eq!(rest, [r#"{"id":0,"fid":0,"code":"DEVICEID_OFFLINE","data":""}"#]);
    }
}

#[tokio::test]
async fn calls_and_publishes_share_a_connection_and_each_has_its_answer_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = serves(&device, version).await;
        let caller = hub.is_called(&path(&device, "/fan"), b"");
        let asked = is_asked(&mut client, &device, version).await;
        // The answer at QoS 1 between two items: PUBACKs in their order.
        let one = client.publish(0x32, 1, &device.readings(), item(&format!("{version:?}1"), "1").as_bytes());
        let answer = match version {
            Version::V3 => {
                client.publish(0x32, 2, &device.responses(), format!("{}\nyes", asked.correlation).as_bytes())
            }
            Version::V5 => {
                let properties = [&[0x09][..], &text(&asked.correlation)].concat();
                let len = vec![u8::try_from(properties.len()).unwrap()];
                packet(0x32, &[text(&device.responses()), vec![0, 2], len, properties, b"yes".to_vec()].concat())
            }
        };
        let three = client.publish(0x32, 3, &device.readings(), item(&format!("{version:?}3"), "1").as_bytes());
        client.sends(&[one, answer, three].concat()).await;
        for id in 1..=3 {
            assert_eq!(client.packet_of(crate::support::mqtt::PUBACK).await.body, [0, id]);
        }
        assert_eq!(caller.await.unwrap().body, b"yes");
    }
}
