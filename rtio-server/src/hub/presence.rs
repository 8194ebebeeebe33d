//! Online, offline, take-over: the newest connection of a device is the device.

// A value, unlike the sockets that the hub does not know.
use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::registry::{SHARDS, Session};
use super::{Change, DeviceId, DeviceLink, Ending, Epoch, Hub, LinkInfo, OfflineCause, Slowed};

/// A device that is online as long as this lives, unless a newer connection takes it over. Dropping it never touches that one.
///
/// Its link is in the registry alone: there may be a million of these.
#[derive(Debug)]
pub struct Presence {
    hub: Arc<Hub>,
    device: DeviceId,
    epoch: Epoch,
}

impl Presence {
    /// Whose presence it is.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let session = self.hub.registry.session(&self.device).filter(|session| session.epoch == self.epoch);
        let Some(Session { link, .. }) = session else { return };
        // A connection's task that is dropped ends the session, too: the hub's end.
        let cause = link.ended().unwrap_or(OfflineCause::Drained);
        let peer = link.peer();
        let tell = || self.hub.tell(&self.device, self.epoch, peer, Change::Offline { cause });
        self.hub.registry.remove(&self.device, self.epoch, tell);
        self.hub.events.wake();
    }
}

/// As many newcomers wait because of disputed ids as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many newcomers wait for disputed ids")]
pub struct TooManyDisputes;

impl Hub {
    /// Before a verified device is put online: waits where its id is disputed, so that two devices of the same id do not throw each
    /// other out without a pause. `tell` gets who has the id, once in a while.
    ///
    /// # Errors
    ///
    /// [`TooManyDisputes`]: as many newcomers wait as may.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the newcomer up; the take-over stays noted.
    pub async fn settle(&self, device: &DeviceId, tell: impl FnOnce(LinkInfo, Slowed)) -> Result<(), TooManyDisputes> {
        let Some(present) = self.registry.get(device) else { return Ok(()) };
        let Some(slowed) = self.disputes.lock().note(device, Instant::now()) else { return Ok(()) };
        self.metrics.take_overs_slowed.inc();
        if slowed.tell {
            tell(present.info(), slowed);
        }
        drop(present);
        let _place = self.slowed.try_acquire().map_err(|_| TooManyDisputes)?;
        tokio::time::sleep(slowed.delay).await;
        Ok(())
    }

    /// Puts a verified device online. A link that it had is closed: its calls end as gone.
    pub fn attach(self: &Arc<Self>, device: DeviceId, link: Arc<dyn DeviceLink>) -> Presence {
        let (epoch, old) = self.registry.insert(device.clone(), &link, |old| self.begin(&device, &*link, old));
        self.events.wake();
        if let Some(old) = old {
            self.metrics.take_overs.inc();
            old.close(Ending::Replaced);
        }
        Presence { hub: Arc::clone(self), device, epoch }
    }

    /// The number of a session that begins, which is told as the registry changes: so numbers and events of one device are in order.
    fn begin(&self, device: &DeviceId, link: &dyn DeviceLink, old: Option<&Session>) -> Epoch {
        let (epoch, protocol) = (self.events.begin_epoch(), link.protocol());
        let change = old.map_or(Change::Online { protocol }, |old| {
            let cause = OfflineCause::Replaced;
            self.tell(device, old.epoch, old.link.peer(), Change::Offline { cause });
            Change::Replaced { protocol, previous: old.epoch }
        });
        self.tell(device, epoch, link.peer(), change);
        epoch
    }

    /// Keeps and counts an event, under the registry's lock. Whoever waits for it is woken after that.
    fn tell(&self, device: &DeviceId, epoch: Epoch, peer: SocketAddr, change: Change) {
        self.metrics.events.count(change.kind());
        self.events.push(device, epoch, peer, change);
    }

    /// Devices online now.
    pub fn devices_online(&self) -> usize {
        self.registry.len()
    }

    /// Whether the device has a live session now.
    pub fn is_online(&self, device: &DeviceId) -> bool {
        self.registry.get(device).is_some()
    }

    /// Ends the session of one device. Says whether it had one.
    pub fn disconnect(&self, device: &DeviceId) -> bool {
        let link = self.registry.get(device);
        link.inspect(|link| link.close(Ending::Disconnected)).is_some()
    }

    /// Ends a session of a device that may not go on with it, unless the device has another by now. Says whether it was there.
    pub fn revoke_session(&self, device: &DeviceId, epoch: Epoch) -> bool {
        let session = self.registry.session(device).filter(|session| session.epoch == epoch);
        session.inspect(|session| session.link.close(Ending::Revoked)).is_some()
    }

    /// Closes every session.
    pub fn close_all(&self) {
        for shard in 0..SHARDS {
            self.registry.links_in_shard(shard).iter().for_each(|link| link.close(Ending::Shutdown));
        }
    }

    /// Watches all sessions for deadlines, for ever. A pass over all of them takes [`SWEEP_PASS`], so that a silent device is
    /// noticed that much late at most, and no session needs a timer.
    ///
    /// # Cancel safety
    ///
    /// Safe: the next run begins at the first shard.
    pub async fn sweep(&self) {
        let ticks = (SWEEP_PASS.as_millis() / SWEEP_TICK.as_millis()) as usize;
        let mut tick = tokio::time::interval(SWEEP_TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut shards = (0..SHARDS).cycle();
        loop {
            tick.tick().await;
            for shard in shards.by_ref().take(SHARDS.div_ceil(ticks)) {
                self.registry.links_in_shard(shard).iter().for_each(|link| link.check_deadlines());
            }
        }
    }
}

/// How long it takes to look at every session once: short against the 45 s after which the most eager device counts as silent.
const SWEEP_PASS: Duration = Duration::from_secs(4);

/// How often a part of the sessions is looked at. Being shorter than any usual time limit it has a second use: the runtime
/// always has an earlier timer than a new call's, so starting one never wakes the thread that waits for the network.
const SWEEP_TICK: Duration = Duration::from_millis(250);
