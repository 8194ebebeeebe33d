//! Devices with certificates: the id in the certificate and the id that the device verifies with are one.

use rcgen::SanType;
use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::hub::ports::Verification;

use crate::support::backends::Says;
use crate::support::device::verify_body;
use crate::support::{Ca, Frame, TestHub, hub};

/// What a device with this certificate, that says it is `id`, is told.
async fn verdict(hub: &TestHub, ca: &Ca, (common_name, others): (&str, Vec<SanType>), id: &str) -> FrameCode {
    let mut peer = hub.tls_peer(&ca.trusted_by(&ca.client(common_name, others))).await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, id, "secret")).await;
    let frame: Frame = peer.receives().await;
    assert_eq!(frame.kind, FrameKind::DeviceVerifyResp);
    frame.code
}

#[tokio::test]
async fn a_device_is_who_its_certificate_says() {
    let ca = Ca::new();
    let hub = hub().with_device_client_certificates(&ca).start().await;
    let urn = || vec![SanType::URI("urn:rtio:device:PRINTER-002".try_into().unwrap())];
    let dns = || vec![SanType::DnsName("PRINTER-003".try_into().unwrap())];
    for (certificate, id, expected) in [
        (("PRINTER-001", vec![]), "PRINTER-001", FrameCode::Success),
        (("PRINTER-001", vec![]), "PRINTER-002", FrameCode::VerificationFailed),
        (("printers", urn()), "PRINTER-002", FrameCode::Success),
        (("printers", urn()), "PRINTER-003", FrameCode::VerificationFailed),
        (("printers", dns()), "PRINTER-003", FrameCode::Success),
    ] {
        assert_eq!(verdict(&hub, &ca, certificate, id).await, expected, "{id}");
    }
}

#[tokio::test]
async fn a_certificate_does_not_stand_for_the_secret() {
    let ca = Ca::new();
    let hub = hub().with_device_client_certificates(&ca).with_verifier(Says(Verification::Refused)).start().await;
    assert_eq!(verdict(&hub, &ca, ("dev", vec![]), "dev").await, FrameCode::VerificationFailed);
}

#[tokio::test]
async fn a_certificate_of_another_device_takes_nothing_over() {
    let ca = Ca::new();
    let hub = hub().with_device_client_certificates(&ca).start().await;
    let client = ca.trusted_by(&ca.client("dev", vec![]));
    let _device = hub.tls_device(&client, "dev").await.answers("/status", b"idle");
    assert_eq!(verdict(&hub, &ca, ("other", vec![]), "dev").await, FrameCode::VerificationFailed);
    assert_eq!(hub.calls("/dev/status", b"").await.body, b"idle");
}
