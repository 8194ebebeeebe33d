//! The runtime as its edges see it: [`Realer`]. What it does is in files of its own, one for each use.

use std::error::Error;
use std::sync::Arc;

use parking_lot::Mutex;

use super::connected_spacing::ConnectedSpacing;
use super::oauth_limits::OauthLimits;
use super::ports::{Store, StoreError};
use super::push::Wishes;
use super::spacing::Spacing;
use super::{Changes, Clock, Config, Refusal};
use crate::hub::DeviceId;
use crate::telemetry;

/// The runtime. One per hub, shared by all edges.
#[derive(Debug)]
pub struct Realer {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Config,
    pub(super) changes: Changes,
    pub(super) spacing: Mutex<Spacing>,
    /// What comes over MQTT. Requests over HTTPS are counted by themselves, and so is the session.
    pub(super) published: ConnectedSpacing,
    pub(super) oauth_limits: Mutex<OauthLimits>,
    pub(super) wishes: Wishes,
}

impl Realer {
    /// A runtime that keeps in `store` what it must not forget.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: Config) -> Self {
        let (changes, wishes) = (Changes::default(), Wishes::default());
        let (spacing, oauth_limits) = (Mutex::default(), Mutex::default());
        Self { store, clock, config, changes, spacing, published: ConnectedSpacing::default(), oauth_limits, wishes }
    }

    /// Its numbers.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Devices find their MQTT broker at `url`, unless the operator has said where.
    pub fn announce_broker(&self, url: String) {
        // The error says that it is known already.
        let _ = self.config.broker_url.set(url);
    }

    /// What it keeps, for who reads history.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// What time it is, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Who waits for what changes.
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// What the store gave for a device; that it could not is logged once, here.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub(super) fn stored<T>(&self, device: &DeviceId, answer: Result<T, StoreError>) -> Result<T, Refusal> {
        answer.map_err(|error| unavailable(device, &error))
    }

    /// The same of something that every device has.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`], [`Refusal::NotFound`]: the device is not there.
    pub(super) fn there<T>(&self, device: &DeviceId, answer: Result<Option<T>, StoreError>) -> Result<T, Refusal> {
        self.stored(device, answer)?.ok_or(Refusal::NotFound("device"))
    }

    /// Something about the device has changed, and the store knows it: who watches it is told.
    pub(super) fn has_changed(&self, device: &DeviceId) {
        self.changes.tell(device);
    }

    /// A desired state was set, and the store knows it: who watches the device is told, and the device, if it has a session.
    pub(super) fn is_wished(&self, device: &DeviceId) {
        self.has_changed(device);
        self.wishes.note(device);
    }
}

/// Something that the runtime stands on fails: the device hears that, the log says why.
pub(super) fn unavailable(device: &DeviceId, error: &dyn Error) -> Refusal {
    tracing::error!(%device, error = %telemetry::chain(error), "the runtime cannot serve a device");
    Refusal::Unavailable
}
