//! Asks the hub, and waits: the descriptor, desired states, what is told. Decides nothing that [`memory`](super::memory) or
//! [`pace`](super::pace) could.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtio_proto::Capacity;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use super::descriptor::{Descriptor, Limits};
use super::desired::{Answer, Desired};
use super::error::RealerError;
use super::handle::MAX_VALUE;
use super::item::{Item, Told};
use super::memory::{Begin, Hint};
use super::outcome::{Then, outcome};
use super::pace::Pace;
use super::pages::{Pages, Step};
use super::queue::{Next, Room};
use super::shared::{Asked, Handler, Shared, State};
use crate::client::{Device, Presence};
use crate::error::{ClientError, HandlerError};

/// Serves one device for as long as it runs.
pub(super) async fn run(shared: Arc<Shared>, device: Device) {
    shared.set_device(device.clone());
    let (mut presence, mut state) = (device.presence.clone(), shared.watch());
    let mut driver = Driver::new(Arc::clone(&shared), device);
    presence.mark_changed();
    state.mark_changed();
    loop {
        tokio::select! {
            changed = presence.changed() => match changed {
                Ok(()) => {
                    let now = *presence.borrow_and_update();
                    driver.handle_presence(now).await;
                }
                Err(_stopped) => return,
            },
            changed = state.changed() => match changed {
                Ok(()) => driver.handle_state(&state.borrow_and_update()),
                Err(_gone) => return,
            },
            () = sleep_until(driver.not_before), if driver.has_work() => driver.work().await,
        }
    }
}

/// Asks for the whole descriptor, which counts from then on.
pub(super) async fn bootstrap(shared: &Shared) -> Result<Descriptor, RealerError> {
    let device = timeout(PATIENCE, shared.device()).await.map_err(|_| RealerError::NoDevice)?;
    let descriptor = Descriptor::of(&document(&device, BOOTSTRAP).await?)?;
    shared.describe(&descriptor);
    Ok(descriptor)
}

/// Answers a push: with the report, or with nothing where there is none now.
pub(super) async fn pushed(shared: Arc<Shared>, body: Bytes) -> Result<Bytes, HandlerError> {
    let desired: Desired = serde_json::from_slice(&body).map_err(|_| HandlerError::BadRequest)?;
    shared.is_served();
    let began = Instant::now();
    let Some(done) = handle(&shared, desired).await? else { return Ok(Bytes::new()) };
    // The hub may not wait any more, or the answer would not fit: then it comes as feed data, with the same message id.
    let told = serde_json::to_vec(&Told { desired_id: None, ..done.report.told.clone() })?;
    let fits = told.len() < shared.capacity().body_bytes();
    if done.asked == Asked::Again || began.elapsed() >= PUSH_PATIENCE || !fits {
        queue(&shared, done.report).await;
    } else {
        shared.is_answered_with(done.report);
    }
    Ok(if fits { told.into() } else { Bytes::new() })
}

/// The driver's own state.
struct Driver {
    shared: Arc<Shared>,
    device: Device,
    pace: Pace,
    not_before: Instant,
    online: bool,
    /// Whether desired states are to be asked for, and up to which request for that they were.
    asks: bool,
    refreshes: u64,
    /// Whether the last request was not served, and how often the hub had shown then that it serves the device.
    is_unserved: bool,
    served: u64,
}

impl Driver {
    fn new(shared: Arc<Shared>, device: Device) -> Self {
        let pace = Pace::new(shared.seed);
        let not_before = Instant::now();
        let (online, asks, is_unserved) = (false, false, false);
        Self { shared, device, pace, not_before, online, asks, refreshes: 0, is_unserved, served: 0 }
    }

    /// A new connection: what was open before it is asked for, what may have been lost with the old one is told again, because what it
    /// answers may be open no more, and nothing waits any more for what the old one did.
    async fn handle_presence(&mut self, presence: Presence) {
        self.online = presence == Presence::Online;
        if self.online {
            for report in self.shared.take_unsure() {
                queue(&self.shared, report).await;
            }
            self.asks = true;
            self.not_before = Instant::now();
        }
    }

    /// Desired states are to be asked for, or the hub serves the device again: then the long wait for that is over.
    fn handle_state(&mut self, state: &State) {
        self.asks |= state.refreshes != self.refreshes;
        self.refreshes = state.refreshes;
        if self.is_unserved && state.served != self.served {
            self.is_unserved = false;
            self.not_before = Instant::now();
        }
        self.served = state.served;
    }

    fn has_work(&self) -> bool {
        self.online && (self.asks || self.shared.waiting() > 0)
    }

    /// One request.
    async fn work(&mut self) {
        if let Some(descriptor) = &self.shared.watch().borrow().descriptor {
            self.pace.follow(descriptor);
        }
        let (then, sent) = if self.asks { (self.ask().await, 0) } else { self.send().await };
        self.is_unserved = then == Then::NotServed;
        self.not_before = Instant::now() + self.pace.wait(then, sent);
    }

    /// Asks for the desired states that are open, and acts on them as if they were pushed.
    async fn ask(&mut self) -> Then {
        let document = match document(&self.device, DESIRED_STATES).await {
            Ok(document) => document,
            Err(error) => {
                tracing::warn!(%error, "no desired states");
                let then = after(&error);
                // Feed data is sent meanwhile, unless that would be refused alike; open ones are pushed anyway.
                self.asks = then != Then::GoOn;
                return then;
            }
        };
        self.asks = false;
        let revision = |name: &str| document.get(name).and_then(Value::as_str);
        self.shared.compare(revision("catalog_revision"), revision("runtime_revision"));
        let open = document.get("desired_states").and_then(Value::as_array).into_iter().flatten();
        for desired in open.filter_map(|item| Desired::deserialize(item).ok()) {
            // In a task of its own, whose panic harms nothing else.
            let acted = tokio::spawn(polled(Arc::clone(&self.shared), desired));
            if let Err(error) = acted.await {
                tracing::error!(%error, "handler of a desired state failed");
            }
        }
        Then::GoOn
    }

    /// Sends what has waited longest.
    async fn send(&self) -> (Then, usize) {
        let limits =
            self.shared.watch().borrow().descriptor.as_ref().map_or_else(Limits::default, |known| known.limits);
        let bytes = max_data(self.device.capacity()).min(limits.max_request_bytes);
        let room = Room { bytes, items: self.pace.items().min(limits.max_batch_items) };
        let Next::Send(batch) = self.shared.change(move |memory, _| memory.next(room)).await else {
            return (Then::GoOn, 0);
        };
        let answer = self.device.copost(FEED_DATA, batch.body, PATIENCE).await;
        let sent = batch.ids.len();
        let told = outcome(sent, &answer);
        let then = told.then;
        if then != Then::GoOn {
            tracing::debug!(?answer, ?then, "feed data was not taken");
        }
        if self.shared.change(move |memory, _| memory.settle(&batch.ids, &told)).await == Hint::Outdated {
            self.shared.outdate();
        }
        (then, sent)
    }
}

/// Acts on a desired state that was asked for.
async fn polled(shared: Arc<Shared>, desired: Desired) {
    if let Ok(Some(done)) = handle(&shared, desired).await {
        queue(&shared, done.report).await;
    }
}

/// What was done about a desired state.
struct Done {
    report: Item,
    asked: Asked,
}

/// Does what is to be done about a desired state. `None`: there is nothing to tell about it now.
async fn handle(shared: &Arc<Shared>, desired: Desired) -> Result<Option<Done>, HandlerError> {
    let Some(handler) = shared.handler(&desired.command_id) else {
        tracing::debug!(command = desired.command_id, "a desired state of a command without a handler");
        // Only a command that the descriptor does not have says that there is a newer one.
        let known = shared.watch().borrow().descriptor.clone();
        if known.is_some_and(|known| known.commands.iter().all(|command| command.id != desired.command_id)) {
            shared.outdate();
        }
        return Ok(None);
    };
    let Some(busy) = shared.begin(&desired.desired_id) else { return Ok(None) };
    let _turn = handler.turn.acquire().await?;
    let asked_for = desired.clone();
    let report = match shared.change(move |memory, now| memory.begin(&asked_for, now)).await {
        Begin::Say(report) => report,
        Begin::Nothing => return Ok(None),
        Begin::Full => return Err(HandlerError::TooManyRequests),
        Begin::Act => act(shared, &handler, desired).await?,
    };
    Ok(Some(Done { report, asked: busy.end() }))
}

async fn act(shared: &Shared, handler: &Handler, desired: Desired) -> Result<Item, HandlerError> {
    let answer: Answer = (handler.act)(desired.clone()).await;
    let chars = answer.value.chars().count();
    if !(1..=MAX_VALUE).contains(&chars) {
        return Err(RealerError::BadValue { chars }.into());
    }
    Ok(shared.change(move |memory, now| memory.finish(&desired, answer, now)).await)
}

async fn queue(shared: &Shared, report: Item) {
    shared.change(move |memory, _| memory.queue_answer(report)).await;
    shared.wake();
}

/// Asks for all pages of a document.
async fn document(device: &Device, uri: &str) -> Result<Value, RealerError> {
    let mut pages = Pages::default();
    let mut asked = Pages::first();
    loop {
        let body = device.copost(uri, asked, PATIENCE).await?;
        match pages.add(&body)? {
            Step::Ask(next) => asked = next,
            Step::Whole(document) => return Ok(document),
        }
    }
}

/// What comes after a document was not to be had.
fn after(error: &RealerError) -> Then {
    match error {
        RealerError::Refused { code: 4001..=4003, .. } => Then::NotServed,
        RealerError::Refused { code: 4029, .. } => Then::TooSoon(None),
        RealerError::NoAnswer(ClientError::ReportRefused { status: rtio_proto::StatusCode::NotFound }) => {
            Then::NotServed
        }
        RealerError::NoAnswer(_) | RealerError::Refused { .. } | RealerError::Unsettled => Then::BackOff,
        RealerError::NoDevice
        | RealerError::Malformed { .. }
        | RealerError::BadValue { .. }
        | RealerError::TooLarge { .. }
        | RealerError::Full
        | RealerError::NotKept { .. } => Then::BackOff,
    }
}

/// Bytes of data that one report bears: a body without what stands before the data.
pub(super) fn max_data(capacity: Capacity) -> usize {
    capacity.body_bytes() - REPORT_HEAD_BYTES
}

const BOOTSTRAP: &str = "/iot/v1/bootstrap";
pub(super) const DESIRED_STATES: &str = "/iot/v1/desired-states";
const FEED_DATA: &str = "/iot/v1/feed-data";

/// A type and a digest (docs/protocol.md, CoPOST).
const REPORT_HEAD_BYTES: usize = 5;

/// How long the hub is waited for. (Contract §11: 30 s for a read.)
const PATIENCE: Duration = Duration::from_secs(30);

/// A push that took longer may not be waited for any more: half of what a hub waits by default.
const PUSH_PATIENCE: Duration = Duration::from_secs(5);
