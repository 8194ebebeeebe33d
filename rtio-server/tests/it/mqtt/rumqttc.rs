//! The hub's MQTT with a client that nobody here wrote, rumqttc, in both versions. `make mqtt-clients` has more, with clients that are no Rust.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on, or hears what it did not expect, shall panic"
)]

use rumqttc::{self as v3, v5};
use serde_json::{Value, json};

use crate::support::mqtt::credential_for;
use crate::support::realer::{ControlDevice, control_device_with};
use crate::support::{TestHub, hub, within};

use v3::QoS::{self, AtLeastOnce, AtMostOnce};
use v5::mqttbytes::v5 as packets;

/// A control device with its catalog and a credential.
struct Device {
    hub: TestHub,
    it: ControlDevice,
    credential: String,
    catalog: Value,
}

impl Device {
    async fn new() -> Self {
        let hub = hub().with_realer().with_mqtt().start().await;
        let it = control_device_with(&hub, |settings| settings.protocols.mqtt = true).await;
        let credential = credential_for(&hub, &it, SCOPES).await;
        let catalog = it.gets(&hub, &it.token(&hub).await, "/mqtt").await.json();
        Self { hub, it, credential, catalog }
    }

    fn acks(&self) -> &str {
        self.catalog["feed_data_ack_topic"].as_str().unwrap()
    }

    /// A topic of the route of its relay or thermistor.
    fn topic(&self, source: &str, name: &str) -> &str {
        let routes = self.catalog["routes"].as_array().unwrap();
        routes.iter().find(|route| route["source_type"] == source).unwrap()[name].as_str().unwrap()
    }

    fn readings(&self) -> &str {
        self.topic("sensor", "feed_data_topic")
    }

    fn wishes(&self) -> &str {
        self.topic("command", "desired_topic")
    }

    /// The same topic, but of somebody else.
    fn foreign(&self, topic: &str) -> String {
        topic.replace(self.it.id.as_str(), &format!("cdv_{}", "0".repeat(26)))
    }
}

/// An item for a route's topic.
fn item(message_id: &str, value: &str) -> Value {
    json!({"message_id": message_id, "value": value, "value_received_at": "2026-05-12T08:31:10Z"})
}

/// rumqttc in 3.1.1.
struct Client3 {
    client: v3::AsyncClient,
    events: v3::EventLoop,
}

impl Client3 {
    /// Connects; whether it found its earlier session.
    async fn connect(device: &Device, password: &str, clean: bool) -> Result<(Self, bool), v3::ConnectionError> {
        let (id, addr) = (device.it.id.as_str(), device.hub.mqtt_addr());
        let mut options = v3::MqttOptions::new(id, addr.ip().to_string(), addr.port());
        options.set_credentials(id, password).set_clean_session(clean);
        let (client, events) = v3::AsyncClient::new(options, 16);
        let mut client = Self { client, events };
        match within("CONNACK", client.events.poll()).await? {
            v3::Event::Incoming(v3::Packet::ConnAck(answer)) => Ok((client, answer.session_present)),
            other => panic!("{other:?}"),
        }
    }

    async fn subscribe(&mut self, topics: &[&str]) -> Vec<v3::SubscribeReasonCode> {
        let filters = topics.iter().map(|topic| v3::SubscribeFilter::new((*topic).to_owned(), AtLeastOnce));
        self.client.subscribe_many(filters).await.unwrap();
        loop {
            if let v3::Packet::SubAck(answer) = self.next().await.unwrap() {
                return answer.return_codes;
            }
        }
    }

    async fn publish(&self, topic: &str, payload: &[u8], qos: QoS) {
        self.client.publish(topic, qos, false, payload).await.unwrap();
    }

    /// What the hub sends next.
    async fn next(&mut self) -> Result<v3::Packet, v3::ConnectionError> {
        loop {
            if let v3::Event::Incoming(packet) = within("a packet", self.events.poll()).await? {
                return Ok(packet);
            }
        }
    }

    /// The next message, which is on this topic.
    async fn message(&mut self, topic: &str) -> Vec<u8> {
        loop {
            if let v3::Packet::Publish(message) = self.next().await.unwrap() {
                assert_eq!(message.topic, topic);
                return message.payload.to_vec();
            }
        }
    }

    async fn document(&mut self, topic: &str) -> Value {
        serde_json::from_slice(&self.message(topic).await).unwrap()
    }
}

/// rumqttc in 5.
struct Client5 {
    client: v5::AsyncClient,
    events: v5::EventLoop,
}

impl Client5 {
    async fn connect(device: &Device) -> (Self, packets::ConnAck) {
        let (id, addr) = (device.it.id.as_str(), device.hub.mqtt_addr());
        let mut options = v5::MqttOptions::new(id, addr.ip().to_string(), addr.port());
        options.set_credentials(id, &*device.credential);
        let (client, events) = v5::AsyncClient::new(options, 16);
        let mut client = Self { client, events };
        match client.next().await.unwrap() {
            packets::Packet::ConnAck(answer) => (client, answer),
            other => panic!("{other:?}"),
        }
    }

    async fn next(&mut self) -> Result<packets::Packet, v5::ConnectionError> {
        loop {
            if let v5::Event::Incoming(packet) = within("a packet", self.events.poll()).await? {
                return Ok(packet);
            }
        }
    }

    async fn subscribe(&mut self, topic: &str) -> Vec<packets::SubscribeReasonCode> {
        self.client.subscribe(topic, v5::mqttbytes::QoS::AtLeastOnce).await.unwrap();
        loop {
            if let packets::Packet::SubAck(answer) = self.next().await.unwrap() {
                return answer.return_codes;
            }
        }
    }

    async fn publish(&mut self, topic: &str, payload: &Value) -> packets::PubAckReason {
        let payload = payload.to_string();
        self.client.publish(topic, v5::mqttbytes::QoS::AtLeastOnce, false, payload).await.unwrap();
        loop {
            if let packets::Packet::PubAck(answer) = self.next().await.unwrap() {
                return answer.reason;
            }
        }
    }

    async fn message(&mut self, topic: &str) -> packets::Publish {
        loop {
            if let packets::Packet::Publish(message) = self.next().await.unwrap() {
                assert_eq!(message.topic, topic);
                return message;
            }
        }
    }
}

#[tokio::test]
async fn in_3_1_1_items_are_stored_once_and_acknowledged_7_4_7_5() {
    let device = Device::new().await;
    let (mut client, present) = Client3::connect(&device, &device.credential, true).await.unwrap();
    assert!(!present);
    let granted = v3::SubscribeReasonCode::Success(AtLeastOnce);
    assert_eq!(client.subscribe(&[device.acks()]).await, [granted]);
    let (once, bad) = (item("m1", "20.5").to_string(), json!({"message_id": "m2"}).to_string());
    for (payload, qos, status) in
        [(&once, AtLeastOnce, "created"), (&once, AtMostOnce, "replayed"), (&bad, AtLeastOnce, "rejected")]
    {
        client.publish(device.readings(), payload.as_bytes(), qos).await;
        let ack = client.document(device.acks()).await;
        assert_eq!((&ack["status"], &ack["sensor_id"]), (&json!(status), &json!(device.it.thermistor.as_str())));
        assert_eq!(ack["retryable"], json!(false));
        assert_eq!(ack["error"]["type"], if status == "rejected" { json!("validation_failed") } else { Value::Null });
    }
}

#[tokio::test]
async fn in_3_1_1_another_password_is_refused_and_so_are_topics_of_others_7_3() {
    let device = Device::new().await;
    for wrong in ["", "mqc_of_somebody_else", &*device.it.secret] {
        match Client3::connect(&device, wrong, true).await {
            Err(v3::ConnectionError::ConnectionRefused(
                v3::ConnectReturnCode::BadUserNamePassword | v3::ConnectReturnCode::NotAuthorized,
            )) => {}
            other => panic!("{:?}", other.err()),
        }
    }
    let (mut client, _) = Client3::connect(&device, &device.credential, true).await.unwrap();
    let topics = ["#", &*device.foreign(device.acks()), device.acks()];
    let (refused, granted) = (v3::SubscribeReasonCode::Failure, v3::SubscribeReasonCode::Success(AtLeastOnce));
    assert_eq!(client.subscribe(&topics).await, [refused, refused, granted]);
    client.publish(&device.foreign(device.readings()), b"{}", AtLeastOnce).await;
    let ended = loop {
        match client.next().await {
            Ok(v3::Packet::PubAck(_)) => panic!("it was taken"),
            Ok(_) => {}
            Err(ended) => break ended,
        }
    };
    assert!(matches!(ended, v3::ConnectionError::MqttState(_) | v3::ConnectionError::Io(_)), "{ended:?}");
}

#[tokio::test]
async fn in_3_1_1_a_kept_session_hears_what_was_wished_meanwhile_and_answers_7_6() {
    let device = Device::new().await;
    let (mut client, _) = Client3::connect(&device, &device.credential, false).await.unwrap();
    client.subscribe(&[device.acks(), device.wishes()]).await;
    client.client.disconnect().await.unwrap();
    while client.events.poll().await.is_ok() {}
    let wish = json!({"command_id": device.it.relay.as_str(), "value": "1.0"}).to_string();
    let path = format!("/{}/iot/v1/desired", device.it.id);
    let caller = device.hub.is_asked("POST", &path, &[("prefer", "wait=15")], wish.as_bytes());
    let (mut client, present) = Client3::connect(&device, &device.credential, false).await.unwrap();
    assert!(present);
    let desired = client.document(device.wishes()).await;
    assert_eq!(desired["value"], "1.0");
    let mut report = item("m1", "1.0");
    report["desired_id"] = desired["desired_id"].clone();
    client.publish(device.topic("command", "feed_data_topic"), report.to_string().as_bytes(), AtLeastOnce).await;
    assert_eq!(client.document(device.acks()).await["status"], "created");
    let outcome = within("the outcome", caller).await.unwrap();
    assert_eq!((outcome.status, &outcome.json()["status"]), (200, &json!("applied")));
}

#[tokio::test]
async fn in_3_1_1_a_call_has_a_line_in_front_of_its_data() {
    let device = Device::new().await;
    let (mut client, _) = Client3::connect(&device, &device.credential, true).await.unwrap();
    let rtio = format!("iot/v1/devices/{}/rtio", device.it.id);
    client.subscribe(&[&format!("{rtio}/requests")]).await;
    let caller = device.hub.is_called(&format!("/{}/fan/speed", device.it.id), b"now\n\0");
    let request = client.message(&format!("{rtio}/requests")).await;
    let (correlation, rest) = request.split_at(request.iter().position(|&byte| byte == b' ').unwrap());
    assert_eq!(rest, b" copost /fan/speed\nnow\n\0");
    client.publish(&format!("{rtio}/responses"), &[correlation, b" ok\n1450\xff"].concat(), AtMostOnce).await;
    let polling = async { while client.events.poll().await.is_ok() {} };
    let answer = tokio::select! {
        answer = within("the answer", caller) => answer.unwrap(),
        () = polling => panic!("the connection has ended"),
    };
    assert_eq!((answer.status, &*answer.body), (200, &b"1450\xff"[..]));
}

#[tokio::test]
async fn in_5_reasons_say_what_is_not_served_7_3() {
    let device = Device::new().await;
    let (mut client, answer) = Client5::connect(&device).await;
    let told = answer.properties.unwrap();
    assert_eq!(
        (answer.code, told.retain_available, told.max_qos),
        (packets::ConnectReturnCode::Success, Some(0), Some(1))
    );
    for topic in ["#", &*device.foreign(device.wishes()), device.readings()] {
        assert_eq!(client.subscribe(topic).await, [packets::SubscribeReasonCode::NotAuthorized], "{topic}");
    }
    let foreign = device.foreign(device.readings());
    assert_eq!(client.publish(&foreign, &item("m1", "66")).await, packets::PubAckReason::NotAuthorized);
    // It goes on.
    assert_eq!(client.publish(device.readings(), &item("m1", "20.5")).await, packets::PubAckReason::Success);
    let (_newer, _) = Client5::connect(&device).await;
    match client.next().await.unwrap_err() {
        v5::ConnectionError::MqttState(v5::StateError::ServerDisconnect { reason_code, .. }) => {
            assert_eq!(reason_code, packets::DisconnectReasonCode::SessionTakenOver);
        }
        // rumqttc 0.25 does not read the reason of a DISCONNECT without properties.
        v5::ConnectionError::MqttState(v5::StateError::ConnectionAborted) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn in_5_a_call_has_a_response_topic_and_correlation_data() {
    let device = Device::new().await;
    let (mut client, _) = Client5::connect(&device).await;
    let rtio = format!("iot/v1/devices/{}/rtio", device.it.id);
    client.subscribe(&format!("{rtio}/requests")).await;
    let caller = device.hub.is_called(&format!("/{}/fan/speed", device.it.id), b"now");
    let request = client.message(&format!("{rtio}/requests")).await;
    let told = request.properties.unwrap();
    assert_eq!((&*request.payload, told.response_topic.as_deref()), (&b"now"[..], Some(&*format!("{rtio}/responses"))));
    let words = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(told.user_properties, [words("method", "copost"), words("uri", "/fan/speed")]);
    let answer = packets::PublishProperties {
        correlation_data: told.correlation_data,
        user_properties: vec![words("status", "not_found")],
        ..packets::PublishProperties::default()
    };
    let at_most_once = v5::mqttbytes::QoS::AtMostOnce;
    client.client.publish_with_properties(format!("{rtio}/responses"), at_most_once, false, "", answer).await.unwrap();
    let polling = async { while client.events.poll().await.is_ok() {} };
    let answer = tokio::select! {
        answer = within("the answer", caller) => answer.unwrap(),
        () = polling => panic!("the connection has ended"),
    };
    assert_eq!(answer.status, 404);
}

const SCOPES: &str = "iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write iot:mqtt:desired:read";
