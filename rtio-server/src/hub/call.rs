//! Caller → device → caller: one CoPOST and its honest outcome.

use std::pin::Pin;
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
        let mut lookout = Lookout::new(&link, &parts, self.limits.ack_timeout);
        let timer = lookout.timer();
        tokio::pin!(timer);
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => {
                    guard.call = None;
                    return outcome.unwrap_or(Err(CallError::DeviceGone { delivery: Delivery::SentUnanswered }));
                }
                () = &mut timer => lookout.look(timer.as_mut()),
            }
        }
    }
}

/// When the one who waits for a device looks what has become of it: once to doubt a device that is silent, then from the deadline
/// on.
pub(super) struct Lookout<'a> {
    link: &'a Arc<dyn DeviceLink>,
    asked: Instant,
    deadline: Instant,
    doubt: Option<Instant>,
}

impl<'a> Lookout<'a> {
    /// Doubts after `ack_timeout`, unless the deadline comes first: so short a silence says nothing.
    pub(super) fn new(link: &'a Arc<dyn DeviceLink>, request: &RequestParts<'_>, ack_timeout: Duration) -> Self {
        let doubt = Some(request.started + ack_timeout).filter(|&doubt| doubt <= request.deadline);
        Self { link, asked: request.started, deadline: request.deadline, doubt }
    }

    /// The timer of the looks, set to the first.
    pub(super) fn timer(&self) -> Sleep {
        tokio::time::sleep_until(self.doubt.unwrap_or(self.deadline))
    }

    /// Has the look for which `timer` fired, and sets it to the next.
    pub(super) fn look(&mut self, timer: Pin<&mut Sleep>) {
        if self.doubt.take().is_some() {
            self.link.doubt(self.asked);
            timer.reset(self.deadline);
            return;
        }
        // The deadline has come by this task's clock. Whether it has by the session's, which counts whole milliseconds, it
        // says itself, with the outcome; if not, it is asked again in the next millisecond.
        self.link.check_deadlines();
        timer.reset(Instant::now() + Duration::from_millis(1));
    }
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
