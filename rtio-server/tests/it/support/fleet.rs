//! Thousands of devices that are online without a socket each: they answer every call at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::net::SocketAddr;
use std::sync::Arc;

use rtio_proto::UriDigest;
use rtio_proto::session::{CallRequest, HubSession, SessionLimits, Verdict};
use rtio_proto::time::Instant;
use rtio_server::hub::{
    CallError, CallId, CallReply, Credential, DeviceId, DeviceLink, Ending, Feed, LinkInfo, ObservationId,
    OfflineCause, Presence, Protocol, RequestParts,
};

use super::device::verify_body;
use super::{Frame, TestHub};

/// Puts devices with these ids online, as long as what is returned lives. They answer with what they were sent.
pub(crate) fn puts_online(hub: &TestHub, names: impl IntoIterator<Item = String>) -> Vec<Presence> {
    let link: Arc<dyn DeviceLink> = Arc::new(EchoLink { call: any_call() });
    let attach = |name: String| hub.core.attach(DeviceId::parse(&name).unwrap(), Arc::clone(&link));
    names.into_iter().map(attach).collect()
}

#[derive(Debug)]
struct EchoLink {
    call: CallId,
}

/// Only a session makes names of calls.
fn any_call() -> CallId {
    let now = Instant::START;
    let mut session = HubSession::<(), ()>::new(SessionLimits::default(), now);
    let kind = rtio_proto::FrameKind::DeviceVerifyReq;
    let frame = Frame::new(kind, rtio_proto::header::FrameCode::Success, 1, &verify_body(0, "any", "secret"));
    session.handle_bytes(now, &frame.bytes()).unwrap();
    session.answer_verify(now, Verdict::Accepted);
    let request = CallRequest { digest: UriDigest::of("/uri"), data: b"", deadline: now };
    session.start_call(now, request, ()).unwrap()
}

impl DeviceLink for EchoLink {
    fn start_call(&self, request: RequestParts<'_>, reply: CallReply) -> Result<CallId, CallError> {
        // Whoever has left does not matter.
        let _ = reply.send(Ok(request.data.to_vec()));
        Ok(self.call)
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

    fn doubt(&self, _: tokio::time::Instant) {}

    fn check_deadlines(&self) {}

    fn protocol(&self) -> Protocol {
        Protocol::Rtio
    }

    fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    fn credential(&self) -> Option<Credential> {
        None
    }

    fn info(&self) -> LinkInfo {
        unreachable!("nobody asks for it")
    }

    fn ended(&self) -> Option<OfflineCause> {
        Some(OfflineCause::ClosedByDevice)
    }

    fn close(&self, _: Ending) {}
}
