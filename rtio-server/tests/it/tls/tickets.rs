//! Clients that come back take their session up again, also after a restart of the hub.

use std::path::Path;

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

use crate::support::tls::TlsClient;
use crate::support::{Ca, Device, Peer, TestHub, hub};

async fn hub_with_keys_in(folder: &Path, ca: &Ca) -> TestHub {
    let folder = folder.to_owned();
    hub().with_device_tls(ca).with_http_tls(ca).with(|config| config.data_dir = Some(folder)).start().await
}

/// Connects a device, which also reads its ticket.
async fn handshake(hub: &TestHub, client: &TlsClient) -> HandshakeKind {
    let stream = client.connects(hub.device_addr).await;
    let kind = stream.get_ref().1.handshake_kind().expect("it is done");
    Device::verify(Peer::over(stream), "dev", 0).await;
    kind
}

#[tokio::test]
async fn a_session_is_taken_up_again_after_a_restart() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    for version in [&TLS12, &TLS13] {
        let client = ca.trusted_over(&[version]);
        let hub = hub_with_keys_in(folder.path(), &ca).await;
        assert_eq!(handshake(&hub, &client).await, HandshakeKind::Full, "{version:?}");
        assert_eq!(handshake(&hub, &client).await, HandshakeKind::Resumed, "{version:?}");
        hub.stops().await;
        let hub = hub_with_keys_in(folder.path(), &ca).await;
        assert_eq!(handshake(&hub, &client).await, HandshakeKind::Resumed, "{version:?}");
    }
}

#[tokio::test]
async fn without_the_data_folder_a_restart_costs_one_full_handshake() {
    let ca = Ca::new();
    let client = ca.trusted();
    let first = hub().with_device_tls(&ca).start().await;
    handshake(&first, &client).await;
    assert_eq!(handshake(&first, &client).await, HandshakeKind::Resumed);
    let second = hub().with_device_tls(&ca).start().await;
    assert_eq!(handshake(&second, &client).await, HandshakeKind::Full);
    assert_eq!(handshake(&second, &client).await, HandshakeKind::Resumed);
}

#[tokio::test]
async fn a_port_that_asks_for_certificates_asks_each_time() {
    let ca = Ca::new();
    let hub = hub().with_device_client_certificates(&ca).start().await;
    let client = ca.trusted_by(&ca.client("dev", vec![]));
    for _ in 0..3 {
        assert_eq!(handshake(&hub, &client).await, HandshakeKind::Full);
    }
}

#[tokio::test]
async fn a_ticket_of_the_callers_port_is_none_at_the_devices_port() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let hub = hub_with_keys_in(folder.path(), &ca).await;
    let client = ca.trusted();
    let mut caller = crate::support::Caller::over(client.connects(hub.http_addr).await);
    assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
    assert_eq!(handshake(&hub, &client).await, HandshakeKind::Full);
}
