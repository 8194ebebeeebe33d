//! A device as its program sees it: [`Device`], the handle, and [`Runner`], which keeps it connected.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use rtio_proto::session::CloseReason;
use rtio_proto::{Capacity, FrameCode, UriDigest};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, Growth};
use crate::builder::Builder;
use crate::connection::{Context, serve};
use crate::dial::{Dial, Tcp, log_failure};
use crate::error::ClientError;
use crate::link::{MAX_REPORTS, Report};
use crate::tables::ReportWaiter;

/// A handle of a running device: cheap to clone, usable from any task.
#[derive(Debug, Clone)]
pub struct Device {
    reports: mpsc::Sender<Report>,
    pub(crate) presence: watch::Receiver<Presence>,
    capacity: Capacity,
    shutdown: CancellationToken,
}

/// Whether the hub knows the device as connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Offline,
    Online,
}

/// Keeps a device connected for as long as [`run`](Self::run) is awaited.
#[must_use = "a device is offline until it is run"]
pub struct Runner<D = Tcp> {
    dial: D,
    context: Context,
    reports: mpsc::Receiver<Report>,
    backoff: Backoff,
    companions: Vec<Companion>,
    device: Device,
}

/// What runs beside a device.
pub(crate) type Companion = Box<dyn FnOnce(Device) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Device {
    /// Begins a device with this id: 1 to 64 of `A-Z a-z 0-9 . _ ~ -`.
    pub fn builder(id: impl Into<String>) -> Builder {
        Builder::new(id.into())
    }

    /// Sends a CoPOST to the hub and waits for its answer, `patience` at most, which includes the wait for a connection if
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`ClientError::Offline`], [`ClientError::TooLarge`] (over capacity − 5 bytes) and [`ClientError::TooManyReports`]: it
    /// was not sent. [`ClientError::TimedOut`] and [`ClientError::ConnectionLost`]: the hub may have acted on it.
    /// [`ClientError::ReportRefused`] and [`ClientError::MalformedAnswer`]: the hub's answer. [`ClientError::Stopped`].
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have been sent; its answer is ignored.
    pub async fn copost(&self, uri: &str, data: impl Into<Bytes>, patience: Duration) -> Result<Bytes, ClientError> {
        let deadline = Instant::now() + patience;
        let offline = ClientError::Offline { waited: patience };
        timeout_at(deadline, self.online()).await.map_err(|_| offline.clone())??;
        let (answered, answer) = oneshot::channel();
        let waiter = ReportWaiter { answered, waited: patience };
        let report = Report { digest: UriDigest::of(uri), data: data.into(), deadline, waiter };
        match timeout_at(deadline, self.reports.send(report)).await {
            Ok(Ok(())) => {}
            Ok(Err(_closed)) => return Err(ClientError::Stopped),
            Err(_elapsed) => return Err(offline),
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_dropped)) => Err(ClientError::ConnectionLost),
            Err(_elapsed) => Err(ClientError::TimedOut { waited: patience }),
        }
    }

    /// Waits until the hub has let the device in; returns at once while it is connected.
    ///
    /// # Errors
    ///
    /// [`ClientError::Stopped`].
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub async fn online(&self) -> Result<(), ClientError> {
        let mut presence = self.presence.clone();
        let online = presence.wait_for(|presence| *presence == Presence::Online).await;
        online.map(drop).map_err(|_| ClientError::Stopped)
    }

    /// Longest body of a message.
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Ends the device cleanly: no new work is taken, observations end, calls in flight have 5 s to be answered, then
    /// [`Runner::run`] returns.
    pub fn shutdown(&self) {
        self.shutdown.cancel();
    }
}

impl<D: Dial> Runner<D> {
    pub(crate) fn new(dial: D, parts: Parts) -> Self {
        let (reports, incoming) = mpsc::channel(MAX_REPORTS);
        let presence = parts.context.presence.subscribe();
        let (capacity, shutdown) = (parts.context.config.capacity, parts.context.shutdown.clone());
        let device = Device { reports, presence, capacity, shutdown };
        let growth = Growth { base: parts.base_delay, factor: 2, cap: parts.max_delay };
        let backoff = Backoff::new(growth, RandomState::new().hash_one("backoff"));
        let companions = parts.companions;
        Self { dial, context: parts.context, reports: incoming, backoff, companions, device }
    }

    /// A handle of the device, to be kept before it runs.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// Connects, serves, and connects again whenever the connection is lost, until [`Device::shutdown`].
    ///
    /// Everything is tried again, with growing delays of up to a minute: a hub that cannot be reached, that does not answer,
    /// that breaks the protocol, that cannot ask its verifier, or where a newer connection of the same id took over. Only a
    /// refusal of the device itself is final.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] when the hub says that id and secret are wrong, or that no device can have the id.
    ///
    /// # Cancel safety
    ///
    /// Dropping it closes the connection at once; handlers of calls run to their end, those of observations are dropped.
    pub async fn run(mut self) -> Result<(), ClientError> {
        let shutdown = self.context.shutdown.clone();
        // Ends with this future.
        let mut companions = JoinSet::new();
        for companion in self.companions.drain(..) {
            companions.spawn(companion(self.device.clone()));
        }
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                stream = timeout(DIAL_TIMEOUT, self.dial.dial()) => match stream {
                    Ok(Ok(stream)) => return_if_final(self.serve(stream).await)?,
                    Ok(Err(error)) => log_failure(&error, "no connection to the hub"),
                    Err(_elapsed) => tracing::debug!("no connection to the hub in time"),
                },
            }
            let delay = self.backoff.next_delay();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = sleep(delay) => {}
            }
        }
    }

    async fn serve(&mut self, stream: D::Stream) -> CloseReason {
        let began = Instant::now();
        let reason = serve(stream, &self.context, &mut self.reports).await;
        tracing::info!(device = self.context.id, reason = reason.name(), "connection ended");
        if began.elapsed() >= GOOD_CONNECTION {
            self.backoff.reset();
        }
        reason
    }
}

/// What the builder hands over.
pub(crate) struct Parts {
    pub(crate) context: Context,
    pub(crate) base_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) companions: Vec<Companion>,
}

/// Whether a connection's end is the end of the device.
fn return_if_final(reason: CloseReason) -> Result<(), ClientError> {
    match reason {
        CloseReason::Refused(code @ (FrameCode::VerificationFailed | FrameCode::InvalidParameter)) => {
            Err(ClientError::Refused { code })
        }
        CloseReason::Refused(
            FrameCode::Unknown | FrameCode::Success | FrameCode::MessageType | FrameCode::BodyLength,
        )
        | CloseReason::Protocol(_)
        | CloseReason::VerifyTimeout
        | CloseReason::VerifiedTwice
        | CloseReason::Silent
        | CloseReason::Replaced
        | CloseReason::Disconnected
        | CloseReason::Revoked
        | CloseReason::Shutdown
        | CloseReason::PeerGone
        | CloseReason::Vanished => Ok(()),
    }
}

impl<D> std::fmt::Debug for Runner<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("id", &self.context.id).finish_non_exhaustive()
    }
}

/// Time to make a connection.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that lived this long was a good one: after it the delays begin anew. Longer than the longest delay, so that two
/// devices with one id, which take over from each other, slow down.
const GOOD_CONNECTION: Duration = Duration::from_secs(120);
