//! What the handle, the pushes and the driver of one runtime share.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtio_proto::Capacity;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::descriptor::Descriptor;
use super::desired::{Answer, Desired};
use super::item::Item;
use super::journal::Journal;
use super::memory::{Memory, Now};
use super::time::Clock;
use crate::client::Device;

/// What is shared.
pub(super) struct Shared {
    /// Locked for a change at a time; where there is a file, only by threads that may wait for the disk.
    kept: Arc<Mutex<Kept>>,
    writes: Writes,
    clock: Arc<dyn Clock>,
    handlers: Mutex<HashMap<String, Handler>>,
    busy: Mutex<HashMap<String, Asked>>,
    /// Answers to pushes, the newest last: nobody says whether they arrived.
    unsure: Mutex<VecDeque<(Instant, Item)>>,
    device: watch::Sender<Option<Device>>,
    state: watch::Sender<State>,
    /// Of this run, for waits.
    pub(super) seed: u64,
}

/// What is kept, and where.
pub(super) struct Kept {
    memory: Memory,
    journal: Option<Journal>,
}

/// Whether a change waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    Nothing,
    ToFile,
}

/// What the driver and the waiting handles look at.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Items in the queue.
    pub(super) waiting: usize,
    /// The descriptor that counts, until something shows that it does not.
    pub(super) descriptor: Option<Arc<Descriptor>>,
    /// How often desired states were asked to be asked for.
    pub(super) refreshes: u64,
    /// How often the hub has shown that it serves the device.
    pub(super) served: u64,
}

/// Acts on desired states of one command.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) act: Act,
    /// One at a time, or an older one could be the last to act.
    pub(super) turn: Arc<Semaphore>,
}

pub(super) type Act = Arc<dyn Fn(Desired) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// Whether a desired state that is being acted on has come again meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Once,
    Again,
}

/// A desired state is being acted on, until this is dropped.
pub(super) struct Busy {
    shared: Arc<Shared>,
    /// `None` once it is over.
    desired_id: Option<String>,
}

impl Shared {
    pub(super) fn new(kept: Kept, clock: Arc<dyn Clock>) -> Self {
        let writes = if kept.journal.is_some() { Writes::ToFile } else { Writes::Nothing };
        let state = State { waiting: kept.memory.waiting(), ..State::default() };
        Self {
            kept: Arc::new(Mutex::new(kept)),
            writes,
            clock,
            handlers: Mutex::default(),
            busy: Mutex::default(),
            unsure: Mutex::default(),
            device: watch::Sender::new(None),
            state: watch::Sender::new(state),
            seed: RandomState::new().hash_one("pace"),
        }
    }

    /// Changes what is kept, and returns when that is written.
    ///
    /// # Cancel safety
    ///
    /// The change is made, or not yet begun.
    pub(super) async fn change<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Memory, Now) -> R + Send + 'static,
    ) -> R {
        let now = Now { ms: self.clock.now_ms(), is_trusted: self.clock.is_trusted() };
        let kept = Arc::clone(&self.kept);
        let work = move || {
            let mut kept = lock(&kept);
            let result = change(&mut kept.memory, now);
            kept.write();
            (result, kept.memory.waiting())
        };
        let (result, waiting) = match self.writes {
            Writes::Nothing => work(),
            Writes::ToFile => tokio::task::spawn_blocking(work).await.expect("a change does not panic"),
        };
        self.state.send_if_modified(|state| std::mem::replace(&mut state.waiting, waiting) != waiting);
        result
    }

    /// There may be something to do.
    pub(super) fn wake(&self) {
        self.state.send_modify(|_| {});
    }

    /// Desired states are asked for.
    pub(super) fn refresh(&self) {
        self.state.send_modify(|state| state.refreshes += 1);
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(super) fn waiting(&self) -> usize {
        self.state.borrow().waiting
    }

    pub(super) async fn all_sent(&self) {
        // It lives as long as this.
        let _ = self.watch().wait_for(|state| state.waiting == 0).await;
    }

    /// This descriptor counts from now on.
    pub(super) fn describe(&self, descriptor: &Descriptor) {
        self.state.send_modify(|state| {
            state.descriptor = Some(Arc::new(descriptor.clone()));
            state.served += 1;
        });
    }

    /// The hub serves the device, whatever it said before.
    pub(super) fn is_served(&self) {
        self.state.send_modify(|state| state.served += 1);
    }

    /// The descriptor does not count any more.
    pub(super) fn outdate(&self) {
        self.state.send_if_modified(|state| state.descriptor.take().is_some());
    }

    /// Somebody tells the revisions that count.
    pub(super) fn compare(&self, catalog: Option<&str>, runtime: Option<&str>) {
        let differs = |known: &str, told: Option<&str>| told.is_some_and(|told| told != known);
        let is_outdated = self.state.borrow().descriptor.as_ref().is_some_and(|known| {
            differs(&known.catalog_revision, catalog) || differs(&known.runtime_revision, runtime)
        });
        if is_outdated {
            self.outdate();
        }
    }

    pub(super) async fn outdated(&self) {
        // It lives as long as this.
        let _ = self.watch().wait_for(|state| state.descriptor.is_none()).await;
    }

    pub(super) fn set_handler(&self, command: String, act: Act) {
        let mut handlers = lock(&self.handlers);
        // The one before may still be acting.
        let turn = handlers.get(&command).map(|before| Arc::clone(&before.turn));
        let turn = turn.unwrap_or_else(|| Arc::new(Semaphore::new(1)));
        handlers.insert(command, Handler { act, turn });
        drop(handlers);
        self.refresh();
    }

    pub(super) fn handler(&self, command: &str) -> Option<Handler> {
        lock(&self.handlers).get(command).cloned()
    }

    /// Begins to act on a desired state. `None`: somebody does already, and will tell.
    pub(super) fn begin(self: &Arc<Self>, desired_id: &str) -> Option<Busy> {
        let mut busy = lock(&self.busy);
        if let Some(asked) = busy.get_mut(desired_id) {
            *asked = Asked::Again;
            return None;
        }
        busy.insert(desired_id.to_owned(), Asked::Once);
        Some(Busy { shared: Arc::clone(self), desired_id: Some(desired_id.to_owned()) })
    }

    /// A push is answered with this report.
    pub(super) fn is_answered_with(&self, report: Item) {
        let mut unsure = lock(&self.unsure);
        if unsure.len() == MAX_UNSURE {
            unsure.pop_front();
        }
        unsure.push_back((Instant::now(), report));
    }

    /// The connection was lost, and with it perhaps these answers, oldest first.
    pub(super) fn take_unsure(&self) -> Vec<Item> {
        let recent = std::mem::take(&mut *lock(&self.unsure)).into_iter();
        recent.filter(|(at, _)| at.elapsed() < UNSURE_FOR).map(|(_, report)| report).collect()
    }

    pub(super) fn set_device(&self, device: Device) {
        self.device.send_replace(Some(device));
    }

    /// The device, once it runs.
    pub(super) async fn device(&self) -> Device {
        let mut device = self.device.subscribe();
        let device = device.wait_for(Option::is_some).await.ok().and_then(|device| device.clone());
        device.expect("it was waited for, and what tells it lives as long as this")
    }

    /// That of the device, or the one that every device has.
    pub(super) fn capacity(&self) -> Capacity {
        self.device.borrow().as_ref().map_or(Capacity::Bytes512, Device::capacity)
    }
}

impl Busy {
    /// It is over; says whether it has come again meanwhile.
    pub(super) fn end(mut self) -> Asked {
        self.leave()
    }

    fn leave(&mut self) -> Asked {
        let asked = self.desired_id.take().and_then(|desired_id| lock(&self.shared.busy).remove(&desired_id));
        asked.unwrap_or(Asked::Once)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Kept {
    pub(super) fn in_memory(cap: usize) -> Self {
        Self { memory: Memory::new(run(), cap), journal: None }
    }

    /// With all that the folder's file tells.
    pub(super) fn in_folder(folder: &Path, cap: usize) -> io::Result<Self> {
        let (journal, entries) = Journal::open(folder)?;
        let mut memory = Memory::new(run(), cap);
        for entry in entries {
            memory.restore(entry);
        }
        Ok(Self { memory, journal: Some(journal) })
    }

    fn write(&mut self) {
        let entries = self.memory.take_entries();
        let Some(journal) = &mut self.journal else { return };
        if let Err(error) = journal.append(&entries, || self.memory.snapshot()) {
            tracing::warn!(%error, "what must not be forgotten cannot be written, and is kept in memory");
        }
    }
}

/// Answers to pushes that are remembered; of more, the newest.
const MAX_UNSURE: usize = 64;

/// A connection that has died is known as dead before this.
const UNSURE_FOR: Duration = Duration::from_secs(300);

/// The name of this run of the program: 64 bits of chance, so that no message id is made twice.
fn run() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// What a panic left is whole: changes panic only by our bugs, and each leaves a table that can be read.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
