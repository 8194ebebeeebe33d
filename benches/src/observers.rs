//! Callers that observe: each asks one device for a number of frames and checks that every one arrives, in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::error::RunError;
use crate::http_answer::{ChunkedLines, Framing, Head, Unreadable};
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
            let lines = ChunkedLines::default();
            observers.push(Observer { stream, device, lines, frames: 0, received: Arc::clone(&received) });
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
    lines: ChunkedLines,
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
        let mut buffer = Vec::with_capacity(READ_BYTES);
        self.read_head(&mut buffer).await?;
        loop {
            self.take_lines(&buffer, tally).map_err(|Unreadable| unreadable(&buffer))?;
            if self.lines.has_ended() {
                return Ok(());
            }
            buffer.clear();
            if self.stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads up to the body; what was read of it stays in `buffer`.
    async fn read_head(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        loop {
            if self.stream.read_buf(buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(head) = Head::decode(buffer).map_err(|Unreadable| unreadable(buffer))? else { continue };
            if (head.status, head.framing) != (200, Framing::Chunked) {
                return Err(unreadable(buffer));
            }
            buffer.drain(..head.length);
            return Ok(());
        }
    }

    fn take_lines(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<(), Unreadable> {
        let (device, frames, received) = (self.device, &mut self.frames, &self.received);
        self.lines.feed(bytes, |line| {
            if is_end(line) {
                return;
            }
            if !is_frame(line, device, *frames) {
                tally.cross(|| format!("frame {frames} of device {device}: {}", line.escape_ascii()));
            }
            *frames += 1;
            received.fetch_add(1, Ordering::Relaxed);
        })
    }
}

fn unreadable(bytes: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unreadable answer {}", bytes.escape_ascii()))
}

/// Some thirty lines of frames at once.
const READ_BYTES: usize = 2_048;
