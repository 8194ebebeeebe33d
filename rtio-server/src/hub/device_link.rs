//! A connected device, as the hub sees it. The device edge implements it; so do the tests' fakes.

// A value, unlike the sockets that the hub does not know.
use core::net::SocketAddr;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{CallError, CallId, Credential, Feed, ObservationId, OfflineCause, UriDigest};

/// Where the outcome of a call goes: the answer's data, or why there is none.
pub type CallReply = oneshot::Sender<Result<Vec<u8>, CallError>>;

/// What a request says to a device.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// Which URI, for devices that are told it.
    pub uri: &'a str,
    /// The same as devices with a session of this protocol know it.
    pub digest: UriDigest,
    /// What for it.
    pub data: &'a [u8],
    /// When it was asked, so that an error can say how long it waited.
    pub started: Instant,
    /// The answer counts until then.
    pub deadline: Instant,
}

/// A live session of one device. All methods return at once.
pub trait DeviceLink: Debug + Send + Sync {
    /// Sends a call. `reply` gets its outcome, unless it is cancelled.
    ///
    /// # Errors
    ///
    /// Why nothing was sent; `reply` is dropped.
    fn start_call(&self, request: RequestParts<'_>, reply: CallReply) -> Result<CallId, CallError>;

    /// Nobody waits for the call any more. Does nothing for a call that has ended.
    fn cancel_call(&self, call: CallId);

    /// Asks to observe. `feed` gets what comes of it.
    ///
    /// # Errors
    ///
    /// Why nothing was sent.
    fn start_observation(&self, request: RequestParts<'_>, feed: Arc<Feed>) -> Result<ObservationId, CallError>;

    /// The caller's side took a frame out of the feed.
    fn grant_frame(&self, observation: ObservationId);

    /// The caller has left. Does nothing for an observation that has ended.
    fn leave_observation(&self, observation: ObservationId);

    /// Hands over what needs no answer and has a topic instead of a URI. What the session takes it delivers as long as it lives.
    ///
    /// # Errors
    ///
    /// [`CallError::NotListening`]: the device does not listen to this topic now; [`CallError::DeviceRefused`] with `MethodNotAllowed`: its
    /// protocol has no topics. [`CallError::Busy`], [`CallError::DeviceOffline`], [`CallError::TooLarge`].
    fn tell(&self, topic: &str, data: &[u8]) -> Result<(), CallError>;

    /// A request that was sent at `asked` has no answer yet. If the device has been silent since, and its transport does not
    /// acknowledge either, the session ends. A device that is only slow is not touched.
    fn doubt(&self, asked: Instant);

    /// Acts on every deadline of the session that has come.
    fn check_deadlines(&self);

    /// What the device speaks. Takes no lock.
    fn protocol(&self) -> Protocol;

    /// Where the device connects from. Takes no lock.
    fn peer(&self) -> SocketAddr;

    /// With which of the registry's secrets it began, if with one of them.
    fn credential(&self) -> Option<Credential>;

    /// How the session stands.
    fn info(&self) -> LinkInfo;

    /// Why the session has ended, if it has.
    fn ended(&self) -> Option<OfflineCause>;

    /// Ends the session; what is in flight ends as gone.
    fn close(&self, ending: Ending);
}

/// How a session stands, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkInfo {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where the device connects from.
    pub peer: SocketAddr,
    /// When the connection was accepted.
    pub connected: Instant,
    /// When its last whole frame came.
    pub last_heard: Instant,
    /// After one and a half of these without a frame it counts as gone; zero where it promised none.
    pub heartbeat: Duration,
    /// Bytes of a message's body that device and hub agreed on; with MQTT, of data that fit a packet which the device takes.
    pub capacity: usize,
    /// Most bytes of data in one message towards the device: what is left of the capacity, or less where the operator says so.
    pub max_data: usize,
    /// Calls, and observations that are not accepted yet.
    pub calls_in_flight: usize,
    /// Observations, accepted or not.
    pub observations: usize,
}

/// What a device speaks over its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// This project's own.
    Rtio,
    /// MQTT, in either version.
    Mqtt,
}

impl Protocol {
    /// The name that operators see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rtio => "rtio",
            Self::Mqtt => "mqtt",
        }
    }
}

/// Why the hub ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A newer connection of the same device took over.
    Replaced,
    /// An operator ended it.
    Disconnected,
    /// The device may not connect any more.
    Revoked,
    /// The hub shuts down.
    Shutdown,
}
