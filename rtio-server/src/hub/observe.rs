//! A caller watches a device: from the establishment of an ObGET to its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::OwnedSemaphorePermit;

use super::call::Lookout;
use super::call_metrics::ObservationMetrics;
use super::{CallError, CallRequest, Cap, DeviceId, DeviceLink, Feed, FeedEnd, Hub, ObservationId};

/// A live observation. Dropping it tells the device, with its next notification, that its caller left.
#[derive(Debug)]
pub struct Watch {
    link: Arc<dyn DeviceLink>,
    observation: ObservationId,
    feed: Arc<Feed>,
    /// Counts it among those of all devices.
    _permit: OwnedSemaphorePermit,
    metrics: Arc<ObservationMetrics>,
}

/// What an observation gives.
#[derive(Debug, PartialEq, Eq)]
pub enum ObservationItem {
    /// A frame's data.
    Frame(Vec<u8>),
    /// The end; nothing comes after it.
    End(FeedEnd),
}

impl Hub {
    /// Asks a device to be observed and waits for it to begin.
    ///
    /// # Errors
    ///
    /// [`CallError`], as for a call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the observation.
    pub async fn observe(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Watch, CallError> {
        let mut asked = Asked { metrics: &self.metrics.observations, is_answered: false };
        let result = self.observe_unmetered(device, request).await;
        asked.is_answered = true;
        asked.metrics.asked(&result);
        result
    }

    async fn observe_unmetered(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Watch, CallError> {
        let link = self.registry.get(device).ok_or(CallError::DeviceOffline)?;
        let max = self.limits.max_observations;
        let permit = Arc::clone(&self.observations).try_acquire_owned();
        let permit = permit.map_err(|_| CallError::Busy(Cap::ObservationsInAll { max }))?;
        let parts = request.parts();
        let feed = Arc::new(Feed::default());
        let observation = link.start_observation(parts, Arc::clone(&feed))?;
        let metrics = Arc::clone(&self.metrics.observations);
        metrics.opened();
        let watch = Watch { link, observation, feed, metrics, _permit: permit };
        let link = Arc::clone(&watch.link);
        let mut lookout = Lookout::new(&link, &parts, self.limits.ack_timeout);
        let timer = lookout.timer();
        tokio::pin!(timer);
        loop {
            tokio::select! {
                biased;
                started = poll_fn(|cx| watch.feed.poll_started(cx)) => return started.map(|()| watch),
                () = &mut timer => lookout.look(timer.as_mut()),
            }
        }
    }
}

impl Hub {
    /// Live observations of all devices.
    pub fn observations(&self) -> usize {
        self.limits.max_observations.saturating_sub(self.observations.available_permits())
    }
}

/// A caller that asked to observe. Dropped without an answer, it has left.
struct Asked<'a> {
    metrics: &'a ObservationMetrics,
    is_answered: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.metrics.left();
        }
    }
}

impl Watch {
    /// The next frame or the end. Taking a frame is what makes room for another.
    pub fn poll_next(&mut self, cx: &Context<'_>) -> Poll<ObservationItem> {
        self.feed.poll_frame(cx).map(|frame| match frame {
            Ok(data) => {
                self.link.grant_frame(self.observation);
                self.metrics.frame();
                ObservationItem::Frame(data)
            }
            Err(end) => ObservationItem::End(end),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.link.leave_observation(self.observation);
        self.metrics.closed();
    }
}
