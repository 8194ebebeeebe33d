//! The fleet: many devices that are connected and answer until it is dropped.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use super::device::{Answers, Device};
use super::link::{Identity, connect, connect_all};
use crate::error::RunError;
use crate::port::{Port, Stream};
use crate::realer::ControlDevice;

/// Devices that are connected and answer until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    counts: Arc<FleetCounts>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
pub(super) struct FleetCounts {
    /// CoPOSTs that reached a device.
    pub(super) calls: AtomicU64,
    /// Devices that were disconnected.
    ended: AtomicU64,
}

impl FleetCounts {
    /// CoPOSTs that reached a device so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Fleet {
    /// Devices with these indexes, all verified.
    pub(crate) async fn connect(hub: impl Into<Port>, indexes: Range<u64>) -> Result<Self, RunError> {
        let mut fleet = Self::default();
        fleet.grow(hub, indexes).await?;
        Ok(fleet)
    }

    /// Adds devices with these indexes.
    pub(crate) async fn grow(&mut self, hub: impl Into<Port>, indexes: Range<u64>) -> Result<(), RunError> {
        for stream in connect_all(hub, indexes).await? {
            self.adopt(stream, Answers::Echo);
        }
        Ok(())
    }

    /// Control devices that do at once what is desired of them, and say so.
    pub(crate) async fn connect_control(hub: &Port, devices: &[ControlDevice]) -> Result<Self, RunError> {
        let mut fleet = Self::default();
        for device in devices {
            let identity = Identity { id: &device.id(), secret: device.secret.as_bytes() };
            fleet.adopt(connect(hub, device.index, identity).await?, Answers::Report);
        }
        Ok(fleet)
    }

    /// Calls that reached a device so far.
    pub(crate) fn calls(&self) -> u64 {
        self.counts.calls()
    }

    /// Fails when the hub has let go of a device.
    pub(crate) fn check_complete(&self) -> Result<(), RunError> {
        match self.counts.ended.load(Ordering::Relaxed) {
            0 => Ok(()),
            ended => Err(RunError::DevicesGone { ended }),
        }
    }

    /// Lets a device answer on a connection that is verified.
    fn adopt(&mut self, stream: Stream, answers: Answers) {
        let counts = Arc::clone(&self.counts);
        self.tasks.spawn(async move {
            // How it ended does not matter: while the fleet lives, no device may end.
            let _ = Device::new(Arc::clone(&counts), answers).serve(stream).await;
            counts.ended.fetch_add(1, Ordering::Relaxed);
        });
    }
}
