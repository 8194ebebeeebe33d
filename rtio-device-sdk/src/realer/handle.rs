//! The runtime as a device's program sees it: [`Realer`], and [`RealerBuilder`], which puts it together.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use rtio_proto::Capacity;

use super::descriptor::Descriptor;
use super::desired::{Answer, Desired};
use super::driver;
use super::error::RealerError;
use super::item::{Item, Source};
use super::shared::{Kept, Shared};
use super::time::{Clock, SystemClock};
use crate::builder::Builder;

/// The control-device runtime of one device: cheap to clone, usable from any task.
#[derive(Clone)]
pub struct Realer(Arc<Shared>);

/// Puts a runtime together.
#[must_use = "a builder does nothing until it is opened"]
pub struct RealerBuilder {
    folder: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    cap: usize,
}

impl Realer {
    /// Begins a runtime.
    pub fn builder() -> RealerBuilder {
        RealerBuilder { folder: None, clock: Arc::new(SystemClock), cap: QUEUE }
    }

    /// What the hub says of this device: asks for it, page by page, and waits for the device to be online, 30 s for each page.
    ///
    /// # Errors
    ///
    /// [`RealerError::NoDevice`], [`RealerError::NoAnswer`], [`RealerError::Refused`], [`RealerError::Malformed`],
    /// [`RealerError::Unsettled`].
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub async fn bootstrap(&self) -> Result<Descriptor, RealerError> {
        driver::bootstrap(&self.0).await
    }

    /// Waits until the descriptor that [`bootstrap`](Self::bootstrap) returned last is out of date, as far as the device has been told:
    /// a revision has changed, or something was named or refused that is not in it. Returns at once where none was returned.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub async fn outdated(&self) {
        self.0.outdated().await;
    }

    /// Acts on desired states of `command`, one at a time, in a task of their own; a handler that is there already gives way. What was
    /// desired before there was a handler is asked for now.
    ///
    /// The handler makes the command what is desired, reads back what is so, and says it in its [`Answer`]. It is called once for each
    /// desired state, also over restarts where the runtime is kept: then the answer is on the disk before it is sent. A program that
    /// ends between the two, or a handler that panics, has not answered, and will be called again.
    pub fn on_desired<F, R>(&self, command: impl Into<String>, handler: F)
    where
        F: Fn(Desired) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.0.set_handler(command.into(), Arc::new(move |desired| Box::pin(handler(desired))));
    }

    /// Tells the hub what a command is now, of itself: somebody has pressed the button, or the program has just started. It is queued,
    /// with the time of now, and sent when it can be.
    ///
    /// # Errors
    ///
    /// It was not queued: [`RealerError::BadValue`], [`RealerError::TooLarge`], [`RealerError::Full`].
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have queued it.
    pub async fn report(&self, command: &str, value: impl fmt::Display) -> Result<(), RealerError> {
        self.observed(Owned::Command(command.to_owned()), value.to_string()).await
    }

    /// Tells the hub what a sensor has measured: as [`report`](Self::report).
    ///
    /// # Errors
    ///
    /// As `report`.
    ///
    /// # Cancel safety
    ///
    /// As `report`.
    pub async fn reading(&self, sensor: &str, value: impl fmt::Display) -> Result<(), RealerError> {
        self.observed(Owned::Sensor(sensor.to_owned()), value.to_string()).await
    }

    /// Items that the hub does not have yet.
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }

    /// Waits until the hub has all that was told: what a device does before it sleeps.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub async fn all_sent(&self) {
        self.0.all_sent().await;
    }

    async fn observed(&self, source: Owned, value: String) -> Result<(), RealerError> {
        check(&source, &value, self.0.capacity())?;
        let queued = self.0.change(move |memory, now| memory.observe(source.as_source(), value, now)).await;
        self.0.wake();
        if queued { Ok(()) } else { Err(RealerError::Full) }
    }
}

impl RealerBuilder {
    /// Keeps what must not be forgotten in a file of this folder, which is made if there is none; without it, all is forgotten with the
    /// program. One folder is of one device. Each thing told and each answer is written through to the disk; one that cannot be written
    /// is logged, and kept in memory.
    pub fn keep_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Tells the time of observations, and whether a desired state's is over. Default: the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many items may wait, 1 at least; default 1024, with short values a quarter of a megabyte.
    pub fn queue(mut self, items: usize) -> Self {
        self.cap = items.max(1);
        self
    }

    /// A runtime, to be given to a device with [`Builder::realer`].
    ///
    /// # Errors
    ///
    /// [`RealerError::NotKept`]: the folder cannot be read or written, or is in use, or holds something else.
    pub fn open(self) -> Result<Realer, RealerError> {
        let kept = match self.folder {
            None => Kept::in_memory(self.cap),
            Some(folder) => Kept::in_folder(&folder, self.cap).map_err(|error| RealerError::NotKept {
                path: folder.display().to_string(),
                problem: error.to_string(),
            })?,
        };
        Ok(Realer(Arc::new(Shared::new(kept, self.clock))))
    }
}

impl Builder {
    /// The device is a control device: it takes desired states at `/iot/v1/desired-states`, and sends what `realer` is told. A runtime
    /// belongs to one device.
    pub fn realer(self, realer: &Realer) -> Self {
        let (pushed, shared) = (Arc::clone(&realer.0), Arc::clone(&realer.0));
        self.on_copost(driver::DESIRED_STATES, move |body| driver::pushed(Arc::clone(&pushed), body))
            .alongside(move |device| driver::run(shared, device))
    }
}

/// What an item is of.
enum Owned {
    Command(String),
    Sensor(String),
}

impl Owned {
    fn as_source(&self) -> Source<'_> {
        match self {
            Self::Command(id) => Source::Command(id),
            Self::Sensor(id) => Source::Sensor(id),
        }
    }
}

/// Whether it can be sent at all; with a message id that is longer than any.
fn check(source: &Owned, value: &str, capacity: Capacity) -> Result<(), RealerError> {
    let chars = value.chars().count();
    if !(1..=MAX_VALUE).contains(&chars) {
        return Err(RealerError::BadValue { chars });
    }
    let item = Item::observed(source.as_source(), "x".repeat(MESSAGE_ID), value.to_owned(), 0);
    let len = serde_json::to_vec(&item).expect("texts and numbers").len();
    let max = driver::max_data(capacity);
    if len > max { Err(RealerError::TooLarge { len, max }) } else { Ok(()) }
}

/// Contract §6.1, in characters.
pub(super) const MAX_VALUE: usize = 255;

/// Characters of the longest message id that is made: 16 of the run, and a number.
const MESSAGE_ID: usize = 16 + 1 + 20;

/// Items that may wait, unless the program says otherwise: a day of readings, one a minute and a half.
const QUEUE: usize = 1024;

/// Without what it keeps.
impl fmt::Debug for Realer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Realer").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RealerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealerBuilder").field("folder", &self.folder).field("queue", &self.cap).finish_non_exhaustive()
    }
}
