//! Whether a device may do what it asks for over HTTP, in the contract's order: whose token, for which device, with which scope, whether
//! it is served, how soon after the last time. (Contract §1.6, §1.7.)

use std::time::Duration;

use tokio::time::Instant;

use super::ports::{StoreError, TokenHolder};
use super::spacing::{Family, Pace};
use super::{ControlDevice, Limits, Protocols, Realer, Refusal, Scope, Scopes, Subscription};
use crate::hub::{Credential, DeviceId, Protocol};
use crate::telemetry;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errand<'a> {
    /// The device that the path names, as it stands there. `None`: the token's own.
    pub device: Option<&'a str>,
    /// What the token must be for.
    pub scope: Scope,
    /// What it is counted with.
    pub family: Family,
}

/// A device that may do what it asks for.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// As it is now.
    pub device: Box<ControlDevice>,
    /// The secret that its token was issued for.
    pub credential: Credential,
    /// What its token is for.
    pub scopes: Scopes,
    /// What it may bring.
    pub limits: Limits,
}

impl Realer {
    /// Lets a device do what it asks for, once. What comes with it is checked afterwards.
    ///
    /// # Errors
    ///
    /// [`Refusal`], the first in the contract's order.
    pub async fn admit(&self, token: &str, errand: Errand<'_>) -> Result<Admitted, Refusal> {
        let holder = self.store.token(token, self.now_ms()).await;
        let holder = holder.map_err(|error| unavailable_to_tokens(&error))?;
        let admitted = self.check(holder.ok_or(Refusal::BadToken)?, errand)?;
        self.space(&admitted.device, errand.family, ONE)?;
        Ok(admitted)
    }

    /// All but the cadence.
    fn check(&self, holder: TokenHolder, errand: Errand<'_>) -> Result<Admitted, Refusal> {
        let TokenHolder::Device { device, credential, scopes, .. } = holder else {
            return Err(Refusal::NotFound("device"));
        };
        // Whether or not there is a device of another name, so that nobody finds out.
        if errand.device.is_some_and(|named| named != device.id.as_str()) {
            return Err(Refusal::Forbidden("the token is another device's"));
        }
        if !scopes.has(errand.scope) {
            return Err(Refusal::LacksScope(errand.scope));
        }
        self.has_way(&device, errand.family)?;
        if device.settings.subscription == Subscription::Inactive {
            return Err(Refusal::SubscriptionInactive);
        }
        let limits = device.settings.plan.limits(&self.config);
        Ok(Admitted { device, credential, scopes, limits })
    }

    /// Whether the device may exchange data in this way; bootstrap and catalogs are for all.
    fn has_way(&self, device: &ControlDevice, family: Family) -> Result<(), Refusal> {
        let protocols = self.config.protocols_of(device);
        match family {
            Family::Catalog => Ok(()),
            Family::DesiredStates | Family::FeedData if protocols.https => Ok(()),
            Family::Credentials if protocols.mqtt => Ok(()),
            Family::DesiredStates | Family::FeedData => Err(Refusal::Forbidden("https is no protocol of this device")),
            Family::Credentials => Err(Refusal::Forbidden("mqtt is no protocol of this device")),
        }
    }

    /// Counts a request of a device, which comes not sooner than its plan allows, or at most `burst` at once after a pause.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooSoon`]; it counts for nothing.
    pub fn space(&self, device: &ControlDevice, family: Family, burst: u32) -> Result<(), Refusal> {
        let interval = device.settings.plan.cadence(&self.config).minimum(family);
        let at = (Instant::now(), self.now_ms());
        let taken = self.spacing.lock().take(&device.id, family, Pace { interval, burst }, at);
        taken.map_err(|too_soon| Refusal::TooSoon { retry_after: too_soon.retry_after })
    }

    /// When a device was here last, other than too soon, in milliseconds since 1970. `None`: not since the hub's start, or so long
    /// ago that others took its place in memory.
    pub fn last_contact(&self, device: &DeviceId) -> Option<i64> {
        self.spacing.lock().last_contact(device)
    }

    /// Whether a device that polls counts as online: it was here within three of its expected intervals. (§12)
    pub fn polls(&self, device: &DeviceId) -> bool {
        let silence = self.last_contact(device).map(|last| self.now_ms().saturating_sub(last).max(0).cast_unsigned());
        silence.is_some_and(|silence| Duration::from_millis(silence) < self.config.offline_after())
    }
}

impl super::Config {
    /// The ways in which a device may exchange data: those of its own that the hub has.
    pub fn protocols_of(&self, device: &ControlDevice) -> Protocols {
        let own = device.settings.protocols;
        Protocols { mqtt: own.mqtt && self.broker_url.get().is_some(), ..own }
    }

    /// Whether the device is served over a connection of this kind.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`], [`Refusal::SubscriptionInactive`].
    pub fn may_serve(&self, device: &ControlDevice, protocol: Protocol) -> Result<(), Refusal> {
        let protocols = self.protocols_of(device);
        match protocol {
            Protocol::Rtio if !protocols.rtio => return Err(Refusal::Forbidden("this device may not use rtio")),
            Protocol::Mqtt if !protocols.mqtt => return Err(Refusal::Forbidden("this device may not use mqtt")),
            Protocol::Rtio | Protocol::Mqtt => {}
        }
        match device.settings.subscription {
            Subscription::Active => Ok(()),
            Subscription::Inactive => Err(Refusal::SubscriptionInactive),
        }
    }

    /// How long a device that polls may be silent before it counts as offline: three times the most frequent contact that is
    /// expected of all devices. (§12)
    pub fn offline_after(&self) -> Duration {
        self.cadence.desired_states.expected.min(self.cadence.feed_data.expected) * 3
    }
}

/// Whose token it is is not known yet.
fn unavailable_to_tokens(error: &StoreError) -> Refusal {
    tracing::error!(error = %telemetry::chain(error), "the runtime cannot look a token up");
    Refusal::Unavailable
}

/// Over HTTP, the spacing is strict.
const ONE: u32 = 1;
