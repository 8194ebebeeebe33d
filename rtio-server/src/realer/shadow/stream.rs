//! What all streams of changes share: an observation as a loop that reads the store, polled by whoever has room for a frame. So nothing
//! is queued for a caller that is slow, and one that reads nothing costs nothing.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Shadow;
use super::follow::{FollowFeedData, FollowState};
use super::place::{NO_EVENT, resumed};
use super::uri::Uri;
use crate::hub::ports::{BoxFuture, ShadowFeed};
use crate::hub::{CallRequest, DeviceId, FeedEnd, ObservationItem, ShadowRefusal, StatusCode};
use crate::realer::{Refusal, Watcher};

/// Gives one frame after the other.
pub(super) trait Follow: Send + Sized + 'static {
    /// The next frame or the end, and itself for the one after.
    fn next(self) -> impl Future<Output = (Self, ObservationItem)> + Send;
}

/// An observation of what `F` follows.
pub(super) struct Stream<F> {
    /// What gives the next frame.
    next: BoxFuture<'static, (F, ObservationItem)>,
}

impl<F: Follow> Stream<F> {
    pub(super) fn new(follow: F) -> Self {
        Self { next: Box::pin(follow.next()) }
    }
}

impl<F: Follow> ShadowFeed for Stream<F> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<ObservationItem> {
        self.next.as_mut().poll(cx).map(|(follow, item)| {
            self.next = Box::pin(follow.next());
            item
        })
    }
}

impl<F> fmt::Debug for Stream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Shadow {
    /// Begins an observation.
    pub(super) async fn stream(
        &self,
        device: &DeviceId,
        request: CallRequest<'_>,
    ) -> Result<Box<dyn ShadowFeed>, ShadowRefusal> {
        let uri = Uri::parse(request.uri).ok_or(NO_URI)?;
        let after = resumed(&request)?;
        match uri {
            Uri::State => Ok(Box::new(Stream::new(self.follow_state(device, after).await?))),
            Uri::FeedData => Ok(Box::new(Stream::new(self.follow_feed_data(device, after).await?))),
            Uri::Bootstrap | Uri::Commands | Uri::Sensors | Uri::Desired => Err(ONLY_CALLED),
        }
    }

    async fn follow_state(&self, device: &DeviceId, after: Option<u64>) -> Result<FollowState, ShadowRefusal> {
        let realer = &self.realer;
        // Before the store is read: what changes after that wakes.
        let changes = realer.changes.watch(device);
        let state = realer.there(device, realer.store.state(device, after.unwrap_or(0)).await).map_err(refused)?;
        if after.is_some_and(|after| after > state.change) {
            return Err(NO_EVENT);
        }
        let follow = FollowState::new(self.clone(), device.clone(), changes);
        Ok(follow.beginning_with(state, after))
    }

    async fn follow_feed_data(&self, device: &DeviceId, after: Option<u64>) -> Result<FollowFeedData, ShadowRefusal> {
        let realer = &self.realer;
        let changes = realer.changes.watch(device);
        realer.there(device, realer.store.control_device(device).await).map_err(refused)?;
        let last = realer.stored(device, realer.store.last_feed_data(device).await).map_err(refused)?;
        let after = after.unwrap_or(last);
        if after > last {
            return Err(NO_EVENT);
        }
        Ok(FollowFeedData::new(self.clone(), device.clone(), changes, after))
    }
}

/// Waits for a change, or for the time when it is looked for what nobody tells of. Whether it was a change.
pub(super) async fn has_changed(changes: &mut Watcher) -> bool {
    tokio::time::timeout(LOOK, changes.changed()).await.is_ok()
}

/// How an observation ends that cannot go on.
pub(super) fn end(refusal: Refusal) -> FeedEnd {
    Err(refused(refusal).into())
}

/// A refusal as those of observations are told.
pub(super) fn refused(refusal: Refusal) -> ShadowRefusal {
    match refusal {
        Refusal::NotFound(_) => NO_DEVICE,
        Refusal::Malformed(_)
        | Refusal::NoCredentials
        | Refusal::BadToken
        | Refusal::SubscriptionInactive
        | Refusal::Forbidden(_)
        | Refusal::LacksScope(_)
        | Refusal::WrongMethod
        | Refusal::Conflict
        | Refusal::TooLarge { .. }
        | Refusal::NotJson
        | Refusal::Invalid(_)
        | Refusal::TooSoon { .. }
        | Refusal::Bug
        | Refusal::Unavailable => UNAVAILABLE,
    }
}

const NO_URI: ShadowRefusal = ShadowRefusal {
    status: StatusCode::NotFound,
    why: "a control device has no such URI; state and feed-data can be observed",
};

const ONLY_CALLED: ShadowRefusal = ShadowRefusal {
    status: StatusCode::MethodNotAllowed,
    why: "this URI is called, not observed; state and feed-data can be observed",
};

const NO_DEVICE: ShadowRefusal = ShadowRefusal { status: StatusCode::NotFound, why: "there is no such control device" };

const UNAVAILABLE: ShadowRefusal =
    ShadowRefusal { status: StatusCode::InternalError, why: "the hub cannot read its store now" };

/// How often it is looked whether the device is still there and online, of which no change need tell. It is also what an observation
/// costs while nothing happens: the store reads one row.
const LOOK: Duration = Duration::from_secs(30);
