//! What the hub answers callers on behalf of control devices, online or not: their device URIs below `/iot/v1/`. Calls are answered
//! with the documents of the runtime, observations with its changes. (docs/caller-http.md §8; contract §5, §6.5, §12.)
//!
//! The hub asks it by its port [`ports::Shadow`]: who may call, how often and in which form is decided before. Pure are `uri.rs`,
//! `state.rs`, `history.rs` and `place.rs`; `answer.rs` is the calls, `stream.rs` what all streams share, `follow.rs` the two of them.

mod answer;
mod follow;
mod history;
mod place;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod uri;
mod wish_document;

use std::fmt;
use std::sync::{Arc, Weak};

use super::{Realer, is_control_device};
use crate::hub::ports::{self, BoxFuture, ShadowFeed};
use crate::hub::{Answered, CallRequest, DeviceId, Hub, ShadowRefusal};

pub use history::{FeedDataDocument, FeedItem};
pub use state::{Agreement, CommandState, ReportedItem, SensorState, StateDocument};
pub use wish_document::WishDocument;

/// Answers callers on behalf of control devices.
#[derive(Clone)]
pub struct Shadow {
    realer: Arc<Realer>,
    /// Knows who is connected. The hub has the shadow, so this is no more than a look at it.
    hub: Weak<Hub>,
}

impl Shadow {
    /// The shadow of all control devices of `realer`, in that hub.
    pub const fn new(realer: Arc<Realer>, hub: Weak<Hub>) -> Self {
        Self { realer, hub }
    }

    /// Whether the device counts as online: it holds a session, or was here within three of the expected intervals. (§12)
    fn is_online(&self, device: &DeviceId) -> bool {
        self.hub.upgrade().is_some_and(|hub| hub.is_online(device)) || self.realer.polls(device)
    }
}

impl ports::Shadow for Shadow {
    fn has(&self, device: &DeviceId, uri: &str) -> bool {
        is_control_device(device) && uri::is_of_hub(uri)
    }

    fn call<'a>(&'a self, device: &'a DeviceId, request: CallRequest<'a>) -> BoxFuture<'a, Answered> {
        Box::pin(self.answer(device, request))
    }

    fn observe<'a>(
        &'a self,
        device: &'a DeviceId,
        request: CallRequest<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn ShadowFeed>, ShadowRefusal>> {
        Box::pin(self.stream(device, request))
    }

    fn is_removed(&self, device: &DeviceId) {
        self.realer.changes.tell(device);
    }
}

/// Without the hub, which has this.
impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("realer", &self.realer).finish_non_exhaustive()
    }
}
