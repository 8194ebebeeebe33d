//! A caller watches a device: from the establishment of an ObGET to its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::OwnedSemaphorePermit;

use super::call::Lookout;
use super::call_metrics::ObservationMetrics;
use super::ports::{Shadow, ShadowFeed};
use super::{CallError, CallRequest, Cap, DeviceId, DeviceLink, Feed, FeedEnd, Hub, ObservationId};

/// A live observation. Dropping it tells the device, with its next notification, that its caller left.
#[derive(Debug)]
pub struct Watch {
    source: Source,
    /// Counts it among those of all devices.
    _permit: OwnedSemaphorePermit,
    metrics: Arc<ObservationMetrics>,
}

/// Whose frames they are.
#[derive(Debug)]
enum Source {
    Device(Observed),
    /// The hub's own, on the device's behalf.
    Shadow(Box<dyn ShadowFeed>),
}

/// A device that is observed. Dropped, it is no more.
#[derive(Debug)]
struct Observed {
    link: Arc<dyn DeviceLink>,
    observation: ObservationId,
    feed: Arc<Feed>,
}

/// What an observation gives.
#[derive(Debug, PartialEq, Eq)]
pub enum ObservationItem {
    /// A frame's data.
    Frame(Vec<u8>),
    /// A frame of the hub's own, after which another observation can go on.
    Event {
        /// Its place among those of its URI.
        id: u64,
        /// Its data.
        data: Vec<u8>,
    },
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
        if let Some(shadow) = self.shadow_of(device, request.uri) {
            let result = self.observe_shadow(shadow, device, request).await;
            asked.is_answered = true;
            match &result {
                Ok(_) => asked.metrics.begun_by_hub(),
                Err(_) => asked.metrics.asked(&result),
            }
            return result;
        }
        let result = self.observe_unmetered(device, request).await;
        asked.is_answered = true;
        asked.metrics.asked(&result);
        result
    }

    async fn observe_shadow(
        &self,
        shadow: &dyn Shadow,
        device: &DeviceId,
        request: CallRequest<'_>,
    ) -> Result<Watch, CallError> {
        let permit = self.observation_permit()?;
        let feed = shadow.observe(device, request).await?;
        Ok(self.watch(Source::Shadow(feed), permit))
    }

    /// Counts one more observation among those of all devices.
    fn observation_permit(&self) -> Result<OwnedSemaphorePermit, CallError> {
        let max = self.limits.max_observations;
        let permit = Arc::clone(&self.observations).try_acquire_owned();
        permit.map_err(|_| CallError::Busy(Cap::ObservationsInAll { max }))
    }

    fn watch(&self, source: Source, permit: OwnedSemaphorePermit) -> Watch {
        let metrics = Arc::clone(&self.metrics.observations);
        metrics.opened();
        Watch { source, metrics, _permit: permit }
    }

    async fn observe_unmetered(&self, device: &DeviceId, request: CallRequest<'_>) -> Result<Watch, CallError> {
        let link = self.registry.get(device).ok_or(CallError::DeviceOffline)?;
        let permit = self.observation_permit()?;
        let parts = request.parts();
        let feed = Arc::new(Feed::default());
        let observation = link.start_observation(parts, Arc::clone(&feed))?;
        let observed = Observed { link: Arc::clone(&link), observation, feed: Arc::clone(&feed) };
        let watch = self.watch(Source::Device(observed), permit);
        let mut lookout = Lookout::new(&link, &parts, self.limits.ack_timeout);
        let timer = lookout.timer();
        tokio::pin!(timer);
        loop {
            tokio::select! {
                biased;
                started = poll_fn(|cx| feed.poll_started(cx)) => return started.map(|()| watch),
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
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<ObservationItem> {
        let item = match &mut self.source {
            Source::Device(observed) => observed.poll_next(cx),
            Source::Shadow(feed) => feed.poll_next(cx),
        };
        if let Poll::Ready(ObservationItem::Frame(_) | ObservationItem::Event { .. }) = item {
            self.metrics.frame();
        }
        item
    }
}

impl Observed {
    fn poll_next(&self, cx: &Context<'_>) -> Poll<ObservationItem> {
        self.feed.poll_frame(cx).map(|frame| match frame {
            Ok(data) => {
                self.link.grant_frame(self.observation);
                ObservationItem::Frame(data)
            }
            Err(end) => ObservationItem::End(end),
        })
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.link.leave_observation(self.observation);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.metrics.closed();
    }
}
