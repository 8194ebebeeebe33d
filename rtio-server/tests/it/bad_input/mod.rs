//! Peers that mean harm, or are broken. Each costs itself only: another device's session goes on answering, and the hub stops
//! in good order afterwards.

mod callers;
mod crowds;
mod devices;

use std::ops::Deref;

use crate::support::device::Serving;
use crate::support::hub::Builder;
use crate::support::{TestHub, hub};

/// A hub with a device that must not notice anything of what happens to others.
struct Bystander {
    hub: TestHub,
    _device: Serving,
}

/// A hub with all defaults and a bystander.
async fn with_bystander() -> Bystander {
    with_bystander_on(hub()).await
}

async fn with_bystander_on(builder: Builder) -> Bystander {
    let hub = builder.start().await;
    let device = hub.device("bystander").await.answers("/uri", b"undisturbed");
    Bystander { hub, _device: device }
}

impl Bystander {
    /// The other device answers, and the hub stops.
    async fn is_undisturbed(self) {
        assert_eq!(self.hub.calls("/bystander/uri", b"").await.body, b"undisturbed");
        self.hub.stops().await;
    }
}

impl Deref for Bystander {
    type Target = TestHub;

    fn deref(&self) -> &TestHub {
        &self.hub
    }
}
