//! Who gets in: what the documents say is what connects, and nothing else. (Contract §7.1, §7.2.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use serde_json::{Value, json};

use crate::support::mqtt::{
    ALL_SCOPES, CONNACK, Connect, MqttClient, MqttDevice, PUBACK, SUBACK, Version, item, mqtt_device, packet, text,
};
use crate::support::realer::{FORM, bearer, control_device_with};
use crate::support::tls::TlsClient;
use crate::support::{Ca, Caller, TestHub, hub};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// What CONNACK says.
async fn refusal(device: &MqttDevice<'_>, connect: Connect) -> u8 {
    let (mut client, connack) = device.tries(connect).await;
    assert_eq!(connack.body[0], 0, "no session is there for who is refused");
    assert_ne!(connack.body[1], 0, "it is refused");
    assert_eq!(client.rest().await, [], "and that is the end");
    connack.body[1]
}

/// A device that knows its id and secret, and the hub's certificate, and nothing else.
struct Firmware {
    ca: TlsClient,
    hub: Caller,
}

impl Firmware {
    async fn new(hub: &TestHub, ca: &Ca) -> Self {
        Self { ca: ca.trusted(), hub: hub.tls_caller(&ca.trusted()).await }
    }

    async fn gets(&mut self, token: &str, path: &str) -> Value {
        let reply = self.hub.asks("GET", path, &[("authorization", &bearer(token))], b"").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    async fn posts(&mut self, authorization: &str, path: &str, (kind, body): (&str, &str)) -> Value {
        let headers = [("authorization", authorization), ("content-type", kind)];
        let reply = self.hub.asks("POST", path, &headers, body.as_bytes()).await;
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        reply.json()
    }

    /// Connects to where `broker_url` says.
    async fn dials(&self, broker_url: &str) -> MqttClient {
        let addr = broker_url.strip_prefix("mqtts://").unwrap().parse().unwrap();
        MqttClient::over(self.ca.connects(addr).await, Version::V3)
    }
}

fn words(list: &Value) -> String {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_the_documents_say_is_all_that_firmware_needs_10() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).with_realer().with_mqtt_tls(&ca).start().await;
    let it = control_device_with(&hub, |settings| settings.protocols.mqtt = true).await;
    let mut firmware = Firmware::new(&hub, &ca).await;
    let form = "grant_type=client_credentials&scope=iot:catalog:read";
    let token = firmware.posts(&it.basic(), "/oauth/token", (FORM, form)).await["access_token"].clone();
    let token = token.as_str().unwrap();
    let bootstrap = firmware.gets(token, &it.path("/bootstrap")).await;
    assert!(bootstrap["available_protocols"].as_array().unwrap().contains(&json!("mqtt")), "{bootstrap}");
    let catalog = firmware.gets(token, &it.path("/mqtt")).await;
    let form = format!("grant_type=client_credentials&scope={}", words(&catalog["scopes"]).replace(' ', "%20"));
    let token = firmware.posts(&it.basic(), "/oauth/token", (FORM, &form)).await["access_token"].clone();
    let endpoint = catalog["credential_endpoint"].as_str().unwrap();
    let body = ("application/json", &*catalog["credential_request"].to_string());
    let tuple = firmware.posts(&bearer(token.as_str().unwrap()), endpoint, body).await;
    let of_tuple = |name: &str| tuple[name].as_str().unwrap().to_owned();
    assert_eq!(
        (tuple["mqtt_client_id"].clone(), &catalog["protocol_version"]),
        (catalog["mqtt_client_id"].clone(), &json!("3.1.1"))
    );
    let connect = Connect {
        version: Version::V3,
        id: of_tuple("mqtt_client_id"),
        name: of_tuple("mqtt_username"),
        password: of_tuple("mqtt_credential"),
        starts_clean: true,
        keep_alive: catalog["limits"]["keep_alive"].as_u64().unwrap().try_into().unwrap(),
        session_expiry: 0,
    };
    let mut client = firmware.dials(catalog["broker_url"].as_str().unwrap()).await;
    client.sends(&connect.bytes()).await;
    assert_eq!(client.packet_of(CONNACK).await.body, [0, 0]);
    let routes = catalog["routes"].as_array().unwrap();
    let acks = catalog["feed_data_ack_topic"].as_str().unwrap();
    let mut topics = vec![acks];
    topics.extend(routes.iter().filter_map(|route| route["desired_topic"].as_str()));
    assert_eq!(client.subscribes(&topics).await, [1, 1]);
    for route in routes {
        client.publishes(route["feed_data_topic"].as_str().unwrap(), &item("m", "1.0")).await;
        let (ack, source) = (client.message().await, format!("{}_id", route["source_type"].as_str().unwrap()));
        assert_eq!((ack.topic.as_str(), &ack.json()["status"]), (acks, &json!("created")));
        assert_eq!(ack.json()[&source], route[&source]);
    }
    let wished = it.is_wished(&hub, "1.0").await;
    // Set behind the hub's back, so it is told with the next subscription.
    client.subscribes(&topics[1..]).await;
    assert_eq!(client.message().await.json()["desired_id"], wished.id.as_str());
}

/// What is wrong about a CONNECT, with somebody else and a token at hand.
type Wrong = Box<dyn Fn(&mut Connect, &MqttDevice<'_>, &str)>;

fn the(wrong: impl Fn(&mut Connect, &MqttDevice<'_>, &str) + 'static) -> Wrong {
    Box::new(wrong)
}

#[tokio::test]
async fn only_the_tuple_that_was_issued_connects_7_2() {
    for version in BOTH {
        let (bad_credential, bad_id) = if version == Version::V3 { (4, 2) } else { (0x86, 0x85) };
        for (wrong, code) in [
            (the(|it, other, _| it.password = other.credential.clone()), bad_credential),
            (the(|it, _, token| it.password = token.to_owned()), bad_credential),
            (the(|it, other, _| it.password = other.it.secret.clone()), bad_credential),
            (the(|it, _, _| it.password.clear()), bad_credential),
            (the(|it, _, _| it.password.push(' ')), bad_credential),
            (the(|it, other, _| it.name = other.it.id.to_string()), bad_credential),
            (the(|it, _, _| it.name.clear()), bad_credential),
            (the(|it, other, _| it.id = other.it.id.to_string()), bad_credential),
            (the(|it, other, _| (it.id, it.name) = (other.it.id.to_string(), other.it.id.to_string())), bad_credential),
            (the(|it, _, _| (it.id, it.name) = ("printer".to_owned(), "printer".to_owned())), bad_id),
            (the(|it, _, _| it.id = it.id.to_uppercase()), bad_id),
            (the(|it, _, _| it.id.clear()), bad_id),
        ] {
            // Failures make the next attempts wait, so each has a hub of its own.
            let hub = hub_with_mqtt().await;
            let (device, other) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
            let token = device.it.token_for(&hub, ALL_SCOPES).await;
            let right = Connect { version, ..device.connect() };
            let mut connect = right.clone();
            wrong(&mut connect, &other, &token);
            assert_eq!(refusal(&device, connect.clone()).await, code, "{connect:?}");
            device.connects_as(right).await;
        }
    }
}

#[tokio::test]
async fn who_shows_nothing_is_refused_7_2() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for (version, level, code) in [(Version::V3, 4, 4), (Version::V5, 5, 0x86)] {
        let properties = if version == Version::V5 { vec![0] } else { Vec::new() };
        let head = [text("MQTT"), vec![level, 2, 0, 60], properties].concat();
        let mut client = MqttClient::dials(&hub, version).await;
        client.sends(&packet(0x10, &[head, text(device.it.id.as_str())].concat())).await;
        assert_eq!(client.packet_of(CONNACK).await.body[1], code);
        assert_eq!(client.rest().await, []);
    }
}

#[tokio::test]
async fn a_device_that_lost_mqtt_is_not_let_in_until_it_has_it_again_7_1() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    device.it.is_changed(&hub, |settings| settings.protocols.mqtt = false).await;
    assert_eq!(refusal(&device, device.connect()).await, 5);
    assert_eq!(refusal(&device, device.connect5()).await, 0x87);
    device.it.is_changed(&hub, |settings| settings.protocols.mqtt = true).await;
    device.connects().await;
}

#[tokio::test]
async fn what_a_client_says_before_it_hears_that_it_is_in_is_heard_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = MqttClient::dials(&hub, version).await;
        let connect = Connect { version, ..device.connect() };
        let subscribe = client.subscribe(1, &[&device.acks()]);
        let publish = client.publish(0x32, 2, &device.readings(), item("early", "20").as_bytes());
        client.sends(&[connect.bytes(), subscribe, publish].concat()).await;
        assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
        client.packet_of(SUBACK).await;
        assert_eq!(client.packet_of(PUBACK).await.body, [0, 2]);
        assert_eq!(client.message().await.json()["message_id"], "early");
    }
}
