//! What is written down of an MQTT client's secrets: nothing, however much is logged. (Contract §2.)

use rustix::process::Signal;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::program::{Running, rtio, run};
use crate::support::Caller;
use crate::support::mqtt::{ALL_SCOPES, CONNACK, Connect, MqttClient, Version, packet, text};
use crate::support::realer::{FORM, basic, bearer};

/// The program, and a device of its with a credential.
struct Scene {
    hub: Running,
    mqtt: String,
    connect: Connect,
}

impl Scene {
    async fn new(data: &std::path::Path) -> Self {
        let ports =
            "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 --mqtt-addr 127.0.0.1:0";
        let mut hub =
            Running::start(&mut rtio(&format!("serve --dev --log-level trace {ports} --data-dir {}", data.display())));
        hub.value_of("devices");
        let mqtt = hub.value_of("mqtt mqtt://");
        let callers = hub.value_of("callers http://");
        let callers = callers.parse().expect("an address");
        let (code, out, err) =
            run(&mut rtio(&format!("realer device add a --protocol mqtt --json --data-dir {}", data.display())));
        assert_eq!(code, Some(0), "{err}");
        let new: Value = serde_json::from_str(&out).expect("JSON");
        let field = |name: &str| new[name].as_str().expect("a text").to_owned();
        let asks = async |path: &str, authorization: &str, kind: &str, body: &str| {
            let headers = [("authorization", authorization), ("content-type", kind)];
            Caller::connect(callers).await.asks("POST", path, &headers, body.as_bytes()).await
        };
        let form = format!("grant_type=client_credentials&scope={}", ALL_SCOPES.replace(' ', "+"));
        let token =
            asks("/oauth/token", &basic(&field("id"), &field("secret")), FORM, &form).await.field("access_token");
        let reply = asks("/iot/v1/mqtt-credentials", &bearer(&token), "application/json", "{}").await;
        let connect = Connect {
            version: Version::V3,
            id: field("id"),
            name: field("id"),
            password: reply.field("mqtt_credential"),
            starts_clean: true,
            keep_alive: 60,
            session_expiry: 0,
        };
        Self { hub, mqtt, connect }
    }

    /// Sends a CONNECT and what comes with it, and listens to the end.
    async fn says(&self, connect: &Connect, more: &[u8]) -> u8 {
        let stream = TcpStream::connect(&self.mqtt).await.expect("the port accepts");
        let mut client = MqttClient::over(stream, connect.version);
        client.tries_to_send(&[&connect.bytes(), more].concat()).await;
        client.says_no_more().await;
        let heard = client.rest().await;
        heard.first().filter(|packet| packet.kind() == CONNACK).map_or(0xff, |packet| packet.body[1])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_is_in_the_log_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(folder.path()).await;
    let guess = format!("mqc_{}", "guessed-by-a-stranger".repeat(2));
    for version in [Version::V3, Version::V5] {
        let right = Connect { version, ..scene.connect.clone() };
        let (id, password) = (right.id.clone(), right.password.clone());
        let none: &[u8] = if version == Version::V5 { &[0] } else { &[] };
        let topic = text(&format!("iot/v1/devices/{id}/{password}"));
        for more in [
            vec![0xe0, 0],
            right.bytes(),
            packet(0x30, &[&topic, none, password.as_bytes()].concat()),
            packet(0x82, &[&[0, 1], none, &topic, &[1]].concat()),
            [&[0xf0, 60][..], password.as_bytes()].concat(),
        ] {
            assert_eq!(scene.says(&right, &more).await, 0);
        }
        for wrong in [
            Connect { password: guess.clone(), ..right.clone() },
            Connect { name: password.clone(), ..right.clone() },
            Connect { id: "cdv_00000000000000000000000000".to_owned(), ..right.clone() },
        ] {
            assert_ne!(scene.says(&wrong, &[]).await, 0);
        }
        // Not whole, and with flags that it must not have.
        let mut bytes = right.bytes();
        bytes[if version == Version::V5 { 10 } else { 9 }] |= 1;
        for bytes in [&bytes[..], &bytes[..bytes.len() - 3]] {
            let mut client = MqttClient::over(TcpStream::connect(&scene.mqtt).await.expect("it accepts"), version);
            client.tries_to_send(bytes).await;
            client.says_no_more().await;
            client.rest().await;
        }
    }
    let Scene { hub, connect, .. } = scene;
    let (code, log) = hub.end_by(Signal::TERM);
    assert!(code == Some(0) && log.contains(&connect.id) && !log.contains("panicked"), "{log}");
    for secret in [connect.password, guess] {
        assert!(secret.len() > 20 && !log.contains(&secret), "{log}");
    }
}
