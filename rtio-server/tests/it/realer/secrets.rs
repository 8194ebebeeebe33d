//! What is written down of secrets: nothing, however much is logged. (Contract §2.)

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Running, rtio, run};
use crate::support::realer::{FORM, basic, bearer};
use crate::support::{Caller, Device, Peer};

const ALL: &str = "grant_type=client_credentials&scope=iot:catalog:read+iot:feed-data:write+iot:mqtt:connect";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_the_audit_log_2() {
    let folder = tempfile::tempdir().unwrap();
    let (data, audit) = (folder.path().join("data"), folder.path().join("audit.jsonl"));
    let mut hub = Running::start(&mut rtio(&format!(
        "serve --dev --data-dir {} --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 \
         --realer-mqtt-url mqtts://broker.example:8883 --audit-log {} --log-level trace",
        data.display(),
        audit.display()
    )));
    let devices = hub.value_of("devices").parse().unwrap();
    let callers = hub.value_of("callers http://").parse().unwrap();
    let realer = |arguments: &str| -> Value {
        let (code, out, err) = run(&mut rtio(&format!("realer {arguments} --json --data-dir {}", data.display())));
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let new = realer("device add a --protocol https --protocol mqtt --protocol rtio --minimum-interval-ms 0");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, secret) = (text(&new["id"]), text(&new["secret"]));
    let client = basic(&id, &secret);
    let asks = async |method: &str, path: &str, authorization: &str, kind: &str, body: &str| {
        let headers = [("authorization", authorization), ("content-type", kind)];
        Caller::connect(callers).await.asks(method, path, &headers, body.as_bytes()).await
    };
    let token = asks("POST", "/oauth/token", &client, FORM, ALL).await.field("access_token");
    let mut secrets = vec![client.replace("Basic ", ""), secret.clone(), token.clone()];
    let (json, by_token, own) = ("application/json", bearer(&token), format!("/iot/v1/devices/{id}"));
    secrets.push(asks("POST", "/iot/v1/mqtt-credentials", &by_token, json, "{}").await.field("mqtt_credential"));
    for (method, path, authorization, kind, body) in [
        ("GET", format!("{own}/bootstrap?access_token={token}"), &by_token, "", String::new()),
        ("POST", format!("{own}/feed-data"), &by_token, json, format!("{{\"{secret}\":\"{token}\"")),
        ("POST", format!("{own}/feed-data"), &by_token, json, format!("{{\"value\":\"{token}\"}}")),
        ("GET", format!("/iot/v1/devices/{token}/bootstrap"), &by_token, "", String::new()),
        ("POST", "/oauth/token".to_owned(), &client, FORM, format!("{ALL}&client_secret={secret}")),
        ("POST", "/oauth/token".to_owned(), &by_token, FORM, ALL.to_owned()),
        ("POST", "/oauth/revoke".to_owned(), &client, FORM, format!("token={token}&token={secret}")),
        ("POST", "/oauth/revoke".to_owned(), &client, FORM, format!("token={token}")),
        ("POST", format!("/{id}/iot/v1/state"), &by_token, json, "{}".to_owned()),
    ] {
        asks(method, &path, authorization, kind, &body).await;
    }
    drop(Device::verify_with(Peer::connect(devices).await, &id, &secret, 0).await);
    secrets.push(text(&realer(&format!("device rotate {id}"))["secret"]));
    secrets.push(std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned());
    let (code, log) = hub.end_by(Signal::TERM);
    assert!(code == Some(0) && log.contains(&id), "{log}");
    let audit = std::fs::read_to_string(audit).unwrap();
    assert!(audit.contains(&id), "{audit}");
    for secret in secrets {
        assert!(secret.len() > 20 && !log.contains(&secret) && !audit.contains(&secret), "{secret}\n{log}\n{audit}");
    }
}
