//! Caller → device → caller: one CoPOST and its honest outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::{Answered, CallError, CallId, Delivery, DeviceId, DeviceLink, Hub, RequestParts, UriDigest};

/// What a caller asks of a device.
#[derive(Debug, Clone, Copy)]
pub struct CallRequest<'a> {
    /// The URI on the device.
    pub uri: &'a str,
    /// What for it.
    pub data: &'a [u8],
    /// How long the answer counts.
    pub wait: Duration,
    /// Whether the caller said so itself, and not only the operator.
    pub is_wait_asked: bool,
    /// After which event an observation shall go on, in the caller's words; devices know no events.
    pub after: Option<&'a str>,
}

impl<'a> CallRequest<'a> {
    /// A request whose answer counts for `default_wait`, unless the caller has asked for another time.
    pub fn new(uri: &'a str, data: &'a [u8], asked_wait: Option<Duration>, default_wait: Duration) -> Self {
        let wait = asked_wait.unwrap_or(default_wait);
        Self { uri, data, wait, is_wait_asked: asked_wait.is_some(), after: None }
    }

    /// The same for an observation that goes on after an event.
    #[must_use]
    pub const fn after(self, after: Option<&'a str>) -> Self {
        Self { after, ..self }
    }

    pub(super) fn parts(&self) -> RequestParts<'_> {
        let started = Instant::now();
        let deadline = started + self.wait;
        RequestParts { uri: self.uri, digest: UriDigest::of(self.uri), data: self.data, started, deadline }
    }
}

impl Hub {
    /// Calls a device and waits for its answer, or for the hub's where that answers on the device's behalf.
    ///
    /// # Errors
    ///
    /// [`CallError`]; its `delivery` says whether the device may have acted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the call: if it has not left the hub it never will, and its answer is dropped.
    pub async fn call(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Answered, CallError> {
        if let Some(shadow) = self.shadow_of(device, request.uri) {
            let meter = self.metrics.calls.begin();
            let answered = shadow.call(device, request).await;
            meter.end_by_hub();
            return Ok(answered);
        }
        self.call_device(device, request).await.map(Answered::by_device)
    }

    /// Calls the device itself, also where the hub answers callers on its behalf: for what the hub has to tell it.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn call_device(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Vec<u8>, CallError> {
        let meter = self.metrics.calls.begin();
        let result = self.call_unmetered(device, request).await;
        meter.end(&result);
        result
    }

    /// Hands over to a device what needs no answer and has a topic instead of a URI.
    ///
    /// # Errors
    ///
    /// As [`DeviceLink::tell`].
    pub fn tell_device(&self, device: &DeviceId, topic: &str, data: &[u8]) -> Result<(), CallError> {
        self.registry.get(device).ok_or(CallError::DeviceOffline)?.tell(topic, data)
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
