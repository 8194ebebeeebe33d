//! Callers that observe: each asks one device for a number of frames and checks that every one arrives, in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use crate::error::RunError;
use crate::line_answer::read_lines;
use crate::port::{Port, Stream};
use crate::request::{device_id, is_end, is_frame, write_observe};
use crate::stall::join_unless_stalled;
use crate::tally::Tally;

/// Observers that are connected and have not asked yet.
#[derive(Debug)]
pub(crate) struct Observers {
    observers: Vec<Observer>,
    /// Frames received by all together.
    received: Arc<AtomicU64>,
    count: u32,
}

impl Observers {
    /// Observers of devices 0..`devices`, for `count` frames each.
    pub(crate) async fn connect(hub: impl Into<Port>, devices: u64, count: u32) -> Result<Self, RunError> {
        let hub = hub.into();
        let received = Arc::new(AtomicU64::new(0));
        let mut observers = Vec::new();
        for device in 0..devices {
            let stream = hub.connect().await.map_err(RunError::io("connect an observer"))?;
            observers.push(Observer { stream, device, frames: 0, received: Arc::clone(&received) });
        }
        Ok(Self { observers, received, count })
    }

    /// Observes to the end. `sent` of the tally is the number of frames asked for.
    pub(crate) async fn run(self) -> Tally {
        let count = self.count;
        let total = u64::from(count) * self.observers.len() as u64;
        let tasks: JoinSet<_> = self.observers.into_iter().map(|observer| observer.run(count)).collect();
        let (tallies, stuck) = join_unless_stalled(tasks, &self.received).await;
        let mut all = Tally::default();
        tallies.into_iter().for_each(|tally| all.add(tally));
        if stuck > 0 {
            all.lose(|| format!("{stuck} observations stood still"));
        }
        all.sent = total;
        all.lost = all.lost.max(total.saturating_sub(self.received.load(Ordering::Relaxed)));
        all
    }
}

#[derive(Debug)]
struct Observer {
    stream: Stream,
    /// Also the `id` of its request.
    device: u64,
    /// Frames received.
    frames: u64,
    received: Arc<AtomicU64>,
}

impl Observer {
    async fn run(mut self, count: u32) -> Tally {
        let mut tally = Tally::default();
        if let Err(error) = self.observe(count, &mut tally).await {
            tally.lose(|| format!("observer of device {}: {error}", self.device));
        }
        let missing = u64::from(count).saturating_sub(self.frames);
        if missing > tally.lost {
            tally.lose(|| format!("observer of device {} misses {missing} frames", self.device));
            tally.lost = missing;
        }
        tally
    }

    async fn observe(&mut self, count: u32, tally: &mut Tally) -> io::Result<()> {
        let mut request = Vec::new();
        write_observe(&device_id(self.device), self.device, count, &mut request);
        self.stream.write_all(&request).await?;
        let Self { stream, device, frames, received } = self;
        read_lines(stream, |line| {
            if is_end(line) {
                return;
            }
            if !is_frame(line, *device, *frames) {
                tally.cross(|| format!("frame {frames} of device {device}: {}", line.escape_ascii()));
            }
            *frames += 1;
            received.fetch_add(1, Ordering::Relaxed);
        })
        .await
    }
}
