//! Certificates: read again when somebody asks or the files change, kept when the new ones are of no use, asked of devices.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;

use crate::support::tls::{Issued, PortFiles, TlsClient};
use crate::support::{Ca, TestHub, eventually, hub};

/// The certificate that a new connection sees.
async fn shown(addr: SocketAddr, client: &TlsClient) -> Vec<u8> {
    let stream = client.connects(addr).await;
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}

fn files(hub: &TestHub) -> &PortFiles {
    hub.http_tls.as_ref().expect("the callers' port has TLS")
}

/// Waits until new connections see another certificate than `before`.
async fn changes(addr: SocketAddr, client: &TlsClient, before: &[u8]) {
    let mut now = before.to_vec();
    while now == before {
        now = shown(addr, client).await;
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_a_reload_and_old_connections_live() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let _device = hub.device("d1").await.answers("/status", b"idle");
    // Tickets would take up the old session, with the old certificate.
    let client = ca.trusted().without_resumption();
    let mut caller = hub.tls_caller(&client).await;
    let before = shown(hub.http_addr, &client).await;
    files(&hub).hold(&ca.server());
    hub.reload.trigger();
    changes(hub.http_addr, &client, &before).await;
    assert_eq!(caller.calls("/d1/status", b"").await.body, b"idle");
}

#[tokio::test]
async fn a_certificate_that_changes_is_noticed_without_a_signal() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let client = ca.trusted().without_resumption();
    let before = shown(hub.device_addr, &client).await;
    hub.device_tls.as_ref().expect("the devices' port has TLS").hold(&ca.server());
    changes(hub.device_addr, &client, &before).await;
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let client = ca.trusted().without_resumption();
    let before = shown(hub.http_addr, &client).await;
    let foreign = Issued { key: ca.server().key, ..ca.server() };
    let broken = Issued { cert: "no certificate".to_owned(), ..ca.server() };
    for (nth, bad) in [foreign, broken].iter().enumerate() {
        files(&hub).hold(bad);
        hub.reload.trigger();
        let failures = format!("rtio_tls_reload_failures_total{{port=\"callers\"}} {}\n", nth + 1);
        eventually("the failure is counted", || hub.metrics().contains(&failures)).await;
        assert_eq!(shown(hub.http_addr, &client).await, before);
    }
    files(&hub).hold(&ca.server());
    hub.reload.trigger();
    changes(hub.http_addr, &client, &before).await;
    assert!(hub.metrics().contains("rtio_tls_reloads_total{port=\"callers\"} 1\n"));
}

#[tokio::test]
async fn an_expired_certificate_is_used_and_its_expiry_is_shown() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    files(&hub).hold(&ca.expired_server());
    hub.reload.trigger();
    let expiry = "rtio_tls_certificate_expiry_seconds{port=\"callers\"} 189302400\n";
    eventually("the expiry is shown", || hub.metrics().contains(expiry)).await;
    let error = ca.trusted().tries_to_connect(hub.http_addr).await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test]
async fn a_device_without_a_certificate_of_the_ca_is_refused_in_the_handshake() {
    let (ca, other) = (Ca::new(), Ca::new());
    let hub = hub().with_device_client_certificates(&ca).start().await;
    for client in [ca.trusted(), ca.trusted_by(&other.client("d1", vec![]))] {
        // In TLS 1.3 a client is done before the server has looked at its certificate, so the alert comes with the first read.
        let refused = match client.tries_to_connect(hub.device_addr).await {
            Ok(mut stream) => stream.read(&mut [0]).await.map(|_| ()).unwrap_err(),
            Err(error) => error,
        };
        assert!(refused.to_string().contains("alert"), "{refused}");
    }
    drop(hub.tls_peer(&ca.trusted_by(&ca.client("d1", vec![]))).await);
}
