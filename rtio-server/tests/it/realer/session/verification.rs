//! Who may hold a session as a control device: whom the registry knows, whoever is asked about other devices.

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::hub::{Access, DeviceSecret, NewDevice, OldSecret};
use rtio_server::realer::new_control_device;

use super::{connects, posts};
use crate::support::device::verify_body;
use crate::support::realer::{control_device, control_device_with};
use crate::support::{Device, TestHub, hub};

/// Whether the hub lets it in.
async fn is_let_in(hub: &TestHub, id: &str, secret: &str) -> bool {
    let mut peer = hub.peer().await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, id, secret)).await;
    peer.receives().await.code == FrameCode::Success
}

#[tokio::test]
async fn the_registry_is_asked_about_control_devices_whoever_is_about_others() {
    // This hub lets any other device in.
    let hub = hub().with_realer().start().await;
    let (control, other) = (control_device(&hub).await, control_device(&hub).await);
    assert!(is_let_in(&hub, "PRINTER-001", "anything").await);
    assert!(is_let_in(&hub, control.id.as_str(), &control.secret).await);
    assert!(!is_let_in(&hub, control.id.as_str(), "anything").await);
    assert!(!is_let_in(&hub, control.id.as_str(), &other.secret).await);
    let stranger = new_control_device(1).unwrap();
    assert!(!is_let_in(&hub, stranger.as_str(), &control.secret).await, "nobody has such a device");
}

#[tokio::test]
async fn a_device_that_may_not_use_rtio_holds_no_session() {
    let hub = hub().with_realer().start().await;
    let control = control_device_with(&hub, |settings| settings.protocols.rtio = false).await;
    assert!(!is_let_in(&hub, control.id.as_str(), &control.secret).await);
    control.is_changed(&hub, |settings| settings.protocols.rtio = true).await;
    assert!(is_let_in(&hub, control.id.as_str(), &control.secret).await);
}

#[tokio::test]
async fn a_session_ends_with_the_right_to_it() {
    let hub = hub().with_realer().start().await;
    let (control, other) = (control_device(&hub).await, control_device(&hub).await);
    let (mut device, mut neighbour) = (connects(&hub, &control).await, connects(&hub, &other).await);
    let devices = hub.core.device_manager().unwrap();
    devices.set_access(&control.id, Access::Disabled).await.unwrap();
    device.is_closed().await;
    assert!(!is_let_in(&hub, control.id.as_str(), &control.secret).await);
    let secret = DeviceSecret::random().unwrap();
    let new = secret.reveal().to_owned();
    devices.rotate(&other.id, secret, OldSecret::Drop).await.unwrap();
    neighbour.is_closed().await;
    assert!(is_let_in(&hub, other.id.as_str(), &new).await);
}

/// A device of the registry that merely has such a name, and one that has another: nobody is there for them.
#[tokio::test]
async fn there_is_no_runtime_for_who_is_no_control_device() {
    let hub = hub().with_realer().start().await;
    let (id, secret) = (new_control_device(1).unwrap(), DeviceSecret::random().unwrap());
    let revealed = secret.reveal().to_owned();
    hub.core.device_manager().unwrap().add(vec![NewDevice { id: id.clone(), secret }]).await.unwrap();
    let mut devices =
        [Device::verify_with(hub.peer().await, id.as_str(), &revealed, 0).await, hub.device("PRINTER-001").await];
    for device in &mut devices {
        for name in ["bootstrap", "commands", "sensors", "desired-states", "feed-data"] {
            assert_eq!(posts(device, &format!("/iot/v1/{name}"), b"").await, (0x25, Vec::new()), "{name}");
        }
    }
}

#[tokio::test]
async fn without_a_data_folder_there_is_no_runtime() {
    let hub = hub().start().await;
    let mut device = hub.device("cdv_01jv3k8q2m5n7p9r1s4t6v8w0x").await;
    assert_eq!(posts(&mut device, "/iot/v1/bootstrap", b"").await, (0x25, Vec::new()));
}
