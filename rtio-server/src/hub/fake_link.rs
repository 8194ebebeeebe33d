//! Tests: a device that is in the registry and no more than that, and a hub for such devices.

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::ports::{BoxFuture, Verification, Verifier};
use super::{
    CallError, CallId, CallReply, Credential, DeviceId, DeviceLink, Ending, Feed, Hub, Limits, LinkInfo, Metrics,
    ObservationId, OfflineCause, Protocol, RequestParts, Services,
};

/// A hub whose devices are attached without a question.
pub(crate) fn fake_hub(max_events: usize) -> Arc<Hub> {
    let limits = Limits {
        ack_timeout: Duration::from_secs(1),
        max_observations: 1,
        max_verifications_per_second: 1,
        max_events,
    };
    Arc::new(Hub::new(limits, Arc::new(NobodyAsked), Services::default(), Metrics::default()))
}

/// Takes no call, and ends as it is told.
#[derive(Debug, Default)]
pub(crate) struct FakeLink {
    ended: Mutex<Option<OfflineCause>>,
}

impl FakeLink {
    /// The session has ended; the first cause counts.
    pub(crate) fn ends(&self, cause: OfflineCause) {
        self.ended.lock().get_or_insert(cause);
    }
}

impl DeviceLink for FakeLink {
    fn start_call(&self, _: RequestParts<'_>, _: CallReply) -> Result<CallId, CallError> {
        Err(CallError::DeviceOffline)
    }

    fn cancel_call(&self, _: CallId) {}

    fn start_observation(&self, _: RequestParts<'_>, _: Arc<Feed>) -> Result<ObservationId, CallError> {
        Err(CallError::DeviceOffline)
    }

    fn grant_frame(&self, _: ObservationId) {}

    fn leave_observation(&self, _: ObservationId) {}

    fn tell(&self, _: &str, _: &[u8]) -> Result<(), CallError> {
        Err(CallError::DeviceOffline)
    }

    fn doubt(&self, _: Instant) {}

    fn check_deadlines(&self) {}

    fn protocol(&self) -> Protocol {
        Protocol::Rtio
    }

    fn peer(&self) -> SocketAddr {
        ([127, 0, 0, 1], 1).into()
    }

    fn credential(&self) -> Option<Credential> {
        None
    }

    fn info(&self) -> LinkInfo {
        unreachable!("no test looks")
    }

    fn ended(&self) -> Option<OfflineCause> {
        *self.ended.lock()
    }

    fn close(&self, ending: Ending) {
        self.ends(match ending {
            Ending::Replaced => OfflineCause::Replaced,
            Ending::Disconnected => OfflineCause::Disconnected,
            Ending::Revoked => OfflineCause::Refused,
            Ending::Shutdown => OfflineCause::Drained,
        });
    }
}

#[derive(Debug)]
struct NobodyAsked;

impl Verifier for NobodyAsked {
    fn verify<'a>(&'a self, _: &'a DeviceId, _: &'a [u8]) -> BoxFuture<'a, Verification> {
        unreachable!("devices are attached without a question")
    }
}
