//! The example backends, asked as the hub asks them.

use std::net::SocketAddr;
use std::time::Duration;

use rtio_proto::UriDigest;
use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::backend::{BackendUrl, ConfigurerConfig};

use super::{Curl, Example, curl_lines};
use crate::support::device::verify_body;
use crate::support::{Caller, Issuer, Reply, TestHub, hub};

#[tokio::test]
async fn device_verifier_decides_who_comes_in() {
    let (mut example, addr) = Example::serve("device_verifier", &["--device", "mine=se=cret"]).await;
    let hub = hub().with_verifier_at(&format!("http://{addr}"), |_, _| ()).start().await;
    for (id, secret, code, line) in [
        ("PRINTER-001", "a-secret-of-24-characters", FrameCode::Success, "verify PRINTER-001: OK"),
        ("PRINTER-001", "guess", FrameCode::VerificationFailed, "verify PRINTER-001: VERIFICATION_FAILED"),
        ("mine", "se=cret", FrameCode::Success, "verify mine: OK"),
        ("nobody", "se=cret", FrameCode::VerificationFailed, "verify nobody: NOT_FOUND"),
    ] {
        assert_eq!(verdict(&hub, id, secret).await, code, "{id} {secret}");
        example.prints(line).await;
    }
    let curl = curl_lines(include_str!("../../../../examples/src/bin/device_verifier.rs"));
    assert_eq!(curl[0].asks(addr).await.text(), r#"{"code":"VERIFICATION_FAILED","id":1999}"#);
}

/// What the hub answers a device.
async fn verdict(hub: &TestHub, id: &str, secret: &str) -> FrameCode {
    let mut peer = hub.peer().await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, id, secret)).await;
    peer.receives().await.code
}

#[tokio::test]
async fn device_service_answers_both_forms() {
    let (mut example, addr) = Example::serve("device_service", &[]).await;
    let curl = curl_lines(include_str!("../../../../examples/src/bin/device_service.rs"));
    assert_eq!(curl[0].asks(addr).await.text(), r#"{"code":"OK","data":"Mi4xLjAgMi4wLjMgMS45Ljc=","id":7}"#);
    example.prints("PRINTER-001 asks for versions of printer").await;
    let raw = curl[1].asks(addr).await;
    assert_eq!((raw.status, raw.text().as_str()), (200, "2.1.0 2.0.3 1.9.7"));
    for data in ["dG9hc3Rlcg==", "not base64", ""] {
        let question = format!(r#"{{"id":7,"method":"copost","deviceid":"PRINTER-001","data":"{data}"}}"#);
        assert_eq!(asks(addr, "/versions", &question).await.text(), r#"{"code":"BAD_REQUEST","id":7}"#, "{data}");
    }
    let wrong = r#"{"id":7,"method":"call","deviceid":"PRINTER-001","data":""}"#;
    assert_eq!(asks(addr, "/versions", wrong).await.field("code"), "METHOD_NOT_ALLOWED");
    assert_eq!(asks(addr, "/raw/versions", "toaster").await.status, 400);
    assert_eq!(asks(addr, "/elsewhere", "printer").await.status, 404);
    assert_eq!(asks(addr, "/raw/versions", &"x".repeat(16 * 1024 + 1)).await.status, 413);
}

#[tokio::test]
async fn hub_configurer_reads_its_file_for_each_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("map.json");
    let (_example, addr) = Example::serve("hub_configurer", &["--map", file.to_str().expect("text")]).await;
    let curl = &curl_lines(include_str!("../../../../examples/src/bin/hub_configurer.rs"))[0];
    assert_eq!(curl.asks(addr).await.text(), r#"{"code":"INTERNAL_SERVER_ERROR","id":1999}"#, "no file yet");
    for map in [r#"{"deviceservicemap":{"/a":"http://127.0.0.1:1/a"}}"#, r#"{"deviceservicemap":{}}"#] {
        std::fs::write(&file, map).expect("the folder can be written");
        let reply = curl.asks(addr).await;
        let digest = u32::from_be_bytes(UriDigest::of(map).to_wire()).to_string();
        assert_eq!((reply.field("code"), reply.field("id")), ("OK".to_owned(), "1999".to_owned()));
        assert_eq!((reply.field("config"), reply.field("digest")), (map.to_owned(), digest));
    }
}

#[tokio::test]
async fn device_fetches_versions_from_where_the_configurer_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("map.json");
    let becomes = |uris: &str| {
        let (map, new) = (format!(r#"{{"deviceservicemap":{{{uris}}}}}"#), folder.path().join("new"));
        std::fs::write(&new, map).and_then(|()| std::fs::rename(&new, &file)).expect("the folder can be written");
    };
    let (mut service, service_addr) = Example::serve("device_service", &[]).await;
    becomes(&format!(r#""/versions":"http://{service_addr}/versions""#));
    let (_configurer, addr) = Example::serve("hub_configurer", &["--map", file.to_str().expect("text")]).await;
    let url = BackendUrl::parse(&format!("http://{addr}")).expect("a URL");
    let asked = ConfigurerConfig { url, interval: Duration::from_millis(100) };
    let hub = hub().with_ports_of(|config| config.backend.service_map.configurer = Some(asked)).start().await;
    let mut device = Example::start(&hub, "device_fetches_versions").await;
    device.prints("versions 2.1.0 2.0.3 1.9.7").await;
    service.prints("cfa09baa-4913-4ad7-a936-3e26f9671b09 asks for versions of printer").await;
    becomes(&format!(r#""/versions":{{"url":"http://{service_addr}/raw/nothing","form":"raw"}}"#));
    device.prints("no versions: report answered with NotFound").await;
    becomes(&format!(r#""/versions":{{"url":"http://{service_addr}/raw/versions","form":"raw"}}"#));
    device.prints("versions 2.1.0 2.0.3 1.9.7").await;
}

async fn asks(addr: SocketAddr, path: &str, body: &str) -> Reply {
    Curl { path: path.to_owned(), header: None, data: Some(body.to_owned()) }.asks(addr).await
}

#[tokio::test]
async fn tokens_of_jwt_issuer_are_accepted_by_a_hub() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let _device = hub.device("PRINTER-001").await.answers("/uri", b"yes");
    let key = issuer.private_file();
    let (_example, addr) = Example::serve("jwt_issuer", &["--key", key.to_str().expect("text")]).await;
    let mut caller = Caller::connect(addr).await;
    for (request, code) in [
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001"}"#, "OK"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":604800}"#, "OK"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":604801}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":0}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"a b"}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"jwtissuer"}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"verify","deviceid":"PRINTER-001"}"#, "METHOD_NOT_ALLOWED"),
        (r#"{"method":"jwtissuer","deviceid":"PRINTER-001"}"#, "BAD_REQUEST"),
        ("no json", "BAD_REQUEST"),
    ] {
        let reply = caller.asks("POST", "/", &[], request.as_bytes()).await;
        assert_eq!(reply.field("code"), code, "{request}");
        if code == "OK" {
            let bearer = format!("Bearer {}", reply.field("jwt"));
            let called = hub.asks("POST", "/PRINTER-001/uri", &[("authorization", &bearer)], b"").await;
            assert_eq!((called.status, called.body), (200, b"yes".to_vec()));
        }
    }
}
