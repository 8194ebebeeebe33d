//! Caller → device → caller: one CoPOST and its honest outcome.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::{CallError, CallId, Delivery, DeviceId, DeviceLink, Hub, RequestParts, UriDigest};

/// What a caller asks of a device.
#[derive(Debug, Clone, Copy)]
pub struct CallRequest<'a> {
    /// The URI on the device.
    pub uri: &'a str,
    /// What for it.
    pub data: &'a [u8],
    /// How long the answer counts.
    pub wait: Duration,
}

impl CallRequest<'_> {
    pub(super) fn parts(&self) -> RequestParts<'_> {
        let started = Instant::now();
        let deadline = started + self.wait;
        RequestParts { digest: UriDigest::of(self.uri), data: self.data, started, deadline }
    }
}

impl Hub {
    /// Calls a device and waits for its answer's data.
    ///
    /// # Errors
    ///
    /// [`CallError`]; its `delivery` says whether the device may have acted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the call: if it has not left the hub it never will, and its answer is dropped.
    pub async fn call(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Vec<u8>, CallError> {
        let meter = self.metrics.calls.begin();
        let result = self.call_unmetered(device, request).await;
        meter.end(&result);
        result
    }

    async fn call_unmetered(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Vec<u8>, CallError> {
        let link = self.registry.get(device).ok_or(CallError::DeviceOffline)?;
        let parts = request.parts();
        let (reply, mut outcome) = oneshot::channel();
        let call = link.start_call(parts, reply)?;
        let mut guard = CancelOnDrop { link: &link, call: Some(call) };
        let deadline = tokio::time::sleep_until(parts.deadline);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => {
                    guard.call = None;
                    return outcome.unwrap_or(Err(CallError::DeviceGone { delivery: Delivery::SentUnanswered }));
                }
                () = &mut deadline => let_session_decide(&link, deadline.as_mut()),
            }
        }
    }
}

/// The deadline has come by this task's clock. Whether it has by the session's, which counts whole milliseconds, it says
/// itself, with the outcome; if not, it is asked again in the next millisecond.
pub(super) fn let_session_decide(link: &Arc<dyn DeviceLink>, deadline: std::pin::Pin<&mut Sleep>) {
    link.check_deadlines();
    deadline.reset(Instant::now() + Duration::from_millis(1));
}

/// Ends the call when its caller goes away.
struct CancelOnDrop<'a> {
    link: &'a Arc<dyn DeviceLink>,
    call: Option<CallId>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            self.link.cancel_call(call);
        }
    }
}
