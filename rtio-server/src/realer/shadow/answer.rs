//! Calls of a control device's URIs, answered with the runtime's documents.

use serde::Serialize;

use super::history::FeedDataDocument;
use super::place::Page;
use super::state::{Look, ReportedItem, StateDocument};
use super::uri::Uri;
use super::{Shadow, WishDocument};
use crate::hub::{Answered, AnsweredBy, CallRequest, DeviceId};
use crate::realer::document::OK;
use crate::realer::{CommandId, DesiredState, Lifecycle, Refusal, SourceState, read};

/// A document before it is written, or why there is none.
type Written = Result<Answered, Refusal>;

impl Shadow {
    /// Answers a call: whatever comes of it is a document.
    pub(super) async fn answer(&self, device: &DeviceId, request: CallRequest<'_>) -> Answered {
        self.document(device, request).await.unwrap_or_else(|refusal| {
            written(&self.realer.error_document(&refusal), refusal.error_type().http_status())
        })
    }

    async fn document(&self, device: &DeviceId, request: CallRequest<'_>) -> Written {
        let realer = &self.realer;
        match Uri::parse(request.uri).ok_or(Refusal::NotFound("URI"))? {
            Uri::Bootstrap => self.read(request, realer.bootstrap(device)).await,
            Uri::Commands => self.read(request, realer.commands(device)).await,
            Uri::Sensors => self.read(request, realer.sensors(device)).await,
            Uri::State => self.read(request, self.state(device)).await,
            Uri::FeedData => self.feed_data(device, request.data).await,
            Uri::Desired => self.desire(device, request).await,
        }
    }

    /// A document that is asked for by nothing but its URI.
    async fn read<D: Serialize>(
        &self,
        request: CallRequest<'_>,
        document: impl Future<Output = Result<D, Refusal>>,
    ) -> Written {
        read::nothing(request.data)?;
        Ok(written(&document.await?, HTTP_OK))
    }

    async fn state(&self, device: &DeviceId) -> Result<StateDocument, Refusal> {
        let realer = &self.realer;
        let state = realer.there(device, realer.store.state(device, 0).await)?;
        Ok(StateDocument::of(state, self.look(self.is_online(device))))
    }

    /// How devices are looked at now.
    pub(super) fn look(&self, online: bool) -> Look<'_> {
        Look { config: &self.realer.config, now_ms: self.realer.now_ms(), online }
    }

    async fn feed_data(&self, device: &DeviceId, body: &[u8]) -> Written {
        let (realer, page) = (&self.realer, Page::read(body)?);
        realer.there(device, realer.store.control_device(device).await)?;
        // One more tells whether there is another page.
        let records = realer.store.feed_data(device, page.after, page.limit + 1).await;
        let records = realer.stored(device, records)?;
        Ok(written(&FeedDataDocument::of(&records, page.limit, &realer.config), HTTP_OK))
    }

    /// Sets a desired state. Whoever says how long it would wait is told the outcome that comes by then. A device that is offline, or
    /// whose subscription is not active, is wished to all the same: the wish waits, as long as it counts. (§5.1, §12)
    async fn desire(&self, device: &DeviceId, request: CallRequest<'_>) -> Written {
        let realer = &self.realer;
        let mut desired = realer.wish(device, request.data).await?;
        if request.is_wait_asked {
            // That it cannot be read how it stands changes nothing about that it was set, which is what must be told.
            desired = realer.outcome(device, &desired.id, request.wait).await.unwrap_or(desired);
        }
        let (code, status) = if desired.lifecycle.is_open() { (ACCEPTED, HTTP_ACCEPTED) } else { (OK, HTTP_OK) };
        let document = WishDocument {
            code: realer.config.codes.of(code),
            desired: realer.desired_document(&desired),
            reported: self.reported(device, &desired).await,
        };
        Ok(written(&document, status))
    }

    /// What the device reported with its answer, or since.
    async fn reported(&self, device: &DeviceId, desired: &DesiredState) -> Option<ReportedItem> {
        match desired.lifecycle {
            Lifecycle::Applied | Lifecycle::Rejected | Lifecycle::Stale => {}
            Lifecycle::Pending | Lifecycle::Superseded | Lifecycle::Expired => return None,
        }
        let state = self.realer.store.state(device, 0).await.ok()??;
        state.sources.iter().find_map(|source| reported_of(source, &desired.command))
    }
}

fn reported_of(source: &SourceState, command: &CommandId) -> Option<ReportedItem> {
    match source {
        SourceState::Command { id, reported, .. } if id == command => reported.as_ref().map(ReportedItem::of),
        SourceState::Command { .. } | SourceState::Sensor { .. } => None,
    }
}

fn written(document: &impl Serialize, status: u16) -> Answered {
    let data = serde_json::to_vec(document).expect("strings and numbers always serialize");
    Answered { data: data.into(), by: AnsweredBy::Hub { status } }
}

/// The pattern's code of something that was accepted, and is not done. (§1.6)
const ACCEPTED: u16 = 2002;

const HTTP_OK: u16 = 200;

const HTTP_ACCEPTED: u16 = 202;
