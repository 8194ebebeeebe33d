//! The memory as all callers of the hub share it, and a call that owes it an outcome.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::memory::{Begun, Bounds, Memory};
use super::metrics::KeyMetrics;
use super::scope::{Fingerprint, Scope};
use super::{KeyConfig, Outcome};
use crate::hub::{CallError, Delivery};

/// Where a waiting caller hears the outcome.
pub(super) type Waiting = watch::Receiver<Option<Outcome>>;

/// The keys of all callers.
#[derive(Debug)]
pub(in crate::http) struct Keys {
    memory: Mutex<Memory<Waiting>>,
    metrics: KeyMetrics,
}

/// What a call with a key is.
#[derive(Debug)]
pub(super) enum Turn {
    /// The first: it is to be made.
    First(Job, Waiting),
    /// One beside the first.
    Shared(Waiting),
    /// One after the first.
    Replay(Outcome),
    /// The key was used for another request.
    Conflict,
    /// Not now.
    Full,
}

/// A call that is to be made. Dropped without an outcome, nobody knows how far it got, and that is what is remembered.
#[derive(Debug)]
pub(super) struct Job {
    keys: Arc<Keys>,
    scope: Arc<Scope>,
    heard: watch::Sender<Option<Outcome>>,
}

impl Keys {
    /// No key is known yet. `None` where the operator wants none.
    pub(in crate::http) fn new(config: KeyConfig, metrics: KeyMetrics) -> Option<Arc<Self>> {
        let KeyConfig { window, max_keys } = config;
        let memory = Mutex::new(Memory::new(Bounds { window, max_keys, max_bytes: MAX_BYTES }));
        (max_keys > 0).then(|| Arc::new(Self { memory, metrics }))
    }

    /// What a call with this key is.
    pub(super) fn begin(self: &Arc<Self>, scope: Scope, request: Fingerprint) -> Turn {
        let (heard, waiting) = watch::channel(None);
        let mut memory = self.memory.lock();
        let begun = memory.begin(scope, request, waiting.clone(), Instant::now());
        self.show(&memory);
        drop(memory);
        match begun {
            Begun::First(scope) => Turn::First(Job { keys: Arc::clone(self), scope, heard }, waiting),
            Begun::Shared(waiting) => {
                self.metrics.shared.inc();
                Turn::Shared(waiting)
            }
            Begun::Replay(outcome) => {
                self.metrics.replays.inc();
                Turn::Replay(outcome)
            }
            Begun::Conflict => {
                self.metrics.conflicts.inc();
                Turn::Conflict
            }
            Begun::Full => {
                self.metrics.refused.inc();
                Turn::Full
            }
        }
    }

    fn end(&self, scope: &Arc<Scope>, outcome: &Outcome) {
        let mut memory = self.memory.lock();
        memory.end(scope, outcome, Instant::now());
        self.show(&memory);
    }

    fn show(&self, memory: &Memory<Waiting>) {
        self.metrics.remembered.set(memory.len().try_into().unwrap_or(i64::MAX));
        self.metrics.crowded_out.inc_by(memory.crowded_out().saturating_sub(self.metrics.crowded_out.get()));
    }
}

impl Job {
    /// The outcome is known.
    pub(super) fn ended(self, outcome: Outcome) {
        self.tell(outcome);
    }

    /// Remembered first, so that who has heard it and asks again gets it again.
    fn tell(&self, outcome: Outcome) {
        self.keys.end(&self.scope, &outcome);
        self.heard.send_replace(Some(outcome));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.heard.borrow().is_none() {
            self.tell(unknown());
        }
    }
}

/// Waits for the outcome of a call that another request makes, or has made.
///
/// # Cancel safety
///
/// Safe: the call goes on.
pub(super) async fn heard(mut waiting: Waiting) -> Outcome {
    match waiting.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(unknown),
        // Whoever makes the call tells its outcome before it goes.
        Err(_) => unknown(),
    }
}

/// The outcome of a call of which nobody knows how it ended.
fn unknown() -> Outcome {
    Err(CallError::DeviceGone { delivery: Delivery::SentUnanswered })
}

/// Of all keys and their answers: 130,000 with short answers, or 14,000 calls in flight, each with room for the longest answer.
const MAX_BYTES: usize = 64 * 1024 * 1024;
