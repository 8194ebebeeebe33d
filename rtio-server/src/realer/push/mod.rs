//! Desired states on their way to devices that hold a session: each is sent to the device's URI `/iot/v1/desired-states` as soon as it
//! is set, and all open ones when a device connects (docs/realer.md, "Over the session"). The answer may be the report, so that one round
//! trip closes it. Over MQTT each goes to the topic of its route, if the device listens there; what was open before that, the session
//! itself asks for. A device that may not use MQTT any more loses its session here, since this is who hears of both.
//!
//! What is told is read from the store each time, so nothing is queued but the names of devices, and what a newer wish has
//! superseded is never told. Pure are [`wanted`] (who is next), [`told`] (what is next for one), [`outcome`] and [`payload`].

mod metrics;
mod outcome;
mod payload;
mod told;
mod wanted;
mod wishes;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::document::DesiredItem;
use super::ports::StoreError;
use super::{DesiredState, Realer, Refusal, Topic, is_control_device};
use crate::hub::{
    CallRequest, DeviceId, Epoch, Event, EventId, EventKind, Hub, IdPattern, LinkInfo, ListRequest, Protocol,
};
use outcome::Outcome;
use payload::payload;
use told::{Next, Sessions, Told};
use wanted::Full;

pub(super) use wishes::Wishes;

/// Tells devices what they shall be.
#[derive(Debug)]
pub struct Pusher {
    realer: Arc<Realer>,
    hub: Arc<Hub>,
    sessions: Mutex<Sessions>,
    /// The last event of which it has taken notice.
    seen: EventId,
}

impl Pusher {
    /// One that knows of all sessions that begin from now on. `registry` shows what it counts.
    pub fn new(realer: Arc<Realer>, hub: Arc<Hub>, registry: &mut Registry) -> Self {
        realer.wishes.metrics.show(registry);
        let seen = hub.events().newest();
        Self { realer, hub, sessions: Mutex::new(Sessions::new()), seen }
    }

    /// Works for ever.
    ///
    /// # Cancel safety
    ///
    /// What is under way is given up; a device may have been told something whose answer is lost. It is told again in its next session.
    pub async fn run(self) {
        let (mut seen, pusher) = (self.seen, Arc::new(self));
        let wishes = &pusher.realer.wishes;
        let mut tasks = JoinSet::new();
        loop {
            let is_up_to_date = pusher.note_sessions(&mut seen).await;
            while tasks.len() < MAX_AT_ONCE
                && let Some(device) = wishes.take()
            {
                tasks.spawn(Arc::clone(&pusher).work_for(device));
            }
            let has_room = tasks.len() < MAX_AT_ONCE;
            let rested = wishes.next_at().filter(|_| has_room);
            tokio::select! {
                () = wishes.noted(), if has_room => {}
                () = pusher.hub.events().grown_beyond(seen), if is_up_to_date => {}
                Some(_) = tasks.join_next() => {}
                () = tokio::time::sleep_until(rested.unwrap_or_else(Instant::now)), if rested.is_some() => {}
            }
        }
    }

    /// Notes the control devices that have come online. Says whether it is through; if there is no room, the events wait.
    async fn note_sessions(&self, seen: &mut EventId) -> bool {
        loop {
            let page = self.hub.events().after(*seen, EVENTS_AT_ONCE);
            if page.gap.is_some() {
                self.note_all_online().await;
            }
            let noted = page.events.iter().take_while(|event| self.note_session(event).is_ok()).count();
            *seen = page.events[..noted].last().map_or(*seen, |event| event.id);
            if noted < page.events.len() {
                return false;
            }
            if noted < EVENTS_AT_ONCE {
                *seen = page.seen;
                return true;
            }
        }
    }

    fn note_session(&self, event: &Event) -> Result<(), Full> {
        let begins = matches!(event.change.kind(), EventKind::Online | EventKind::Replaced);
        if begins && is_control_device(&event.device) { self.realer.wishes.wake(&event.device) } else { Ok(()) }
    }

    /// Events were forgotten before they were read here.
    async fn note_all_online(&self) {
        let pattern = IdPattern::parse("cdv_*").expect("a pattern");
        let mut request = ListRequest { pattern, after: None, limit: EVENTS_AT_ONCE };
        loop {
            let page = self.hub.list(&request).await;
            let devices = page.iter().map(|(device, ..)| device).filter(|device| is_control_device(device));
            devices.for_each(|device| self.realer.wishes.note(device));
            request.after = page.last().map(|(device, ..)| device.clone());
            if page.len() < EVENTS_AT_ONCE {
                return;
            }
        }
    }

    async fn work_for(self: Arc<Self>, device: DeviceId) {
        let mut work = Work { realer: Arc::clone(&self.realer), device, rest_until: None };
        let pause = self.tell_session(&work.device).await;
        work.rest_until = pause.map(|pause| Instant::now() + pause);
    }

    /// Tells a device what is open, one after the other; how long to pause before going on, if that is needed.
    async fn tell_session(&self, device: &DeviceId) -> Option<Duration> {
        let (epoch, info) = self.hub.info(device)?;
        let session = Session { device, epoch, info };
        let mut told = self.sessions.lock().take(device, epoch);
        let pause = match info.protocol {
            Protocol::Rtio => self.tell_open(&session, &mut told).await,
            Protocol::Mqtt => self.publish_open(&session, &mut told).await,
        };
        self.sessions.lock().keep(device, told);
        pause
    }

    async fn tell_open(&self, session: &Session<'_>, told: &mut Told) -> Option<Duration> {
        let device = session.device;
        while !told.is_deaf() {
            // Read each time, so that what was superseded or has expired meanwhile is not told.
            let open = match self.open(session).await {
                Ok(open) => open,
                Err(error) => return Some(unreadable(device, &error)),
            };
            let desired = told.untold(open).next()?;
            let outcome = self.tell(device, &desired, session.info.max_data).await;
            match self.handle(device, &desired, told, outcome) {
                Next::Go => {}
                Next::Stop => return None,
                Next::Rest(pause) => return Some(pause),
            }
        }
        None
    }

    /// The same where nobody has to be waited for.
    async fn publish_open(&self, session: &Session<'_>, told: &mut Told) -> Option<Duration> {
        let device = session.device;
        let open = match self.open(session).await {
            Ok(open) => open,
            Err(error) => return Some(unreadable(device, &error)),
        };
        for desired in told.untold(open).collect::<Vec<_>>() {
            let outcome = self.publish(device, &desired);
            match self.handle(device, &desired, told, outcome) {
                Next::Go => {}
                Next::Stop => return None,
                Next::Rest(pause) => return Some(pause),
            }
        }
        None
    }

    fn handle(&self, device: &DeviceId, desired: &DesiredState, told: &mut Told, outcome: Outcome) -> Next {
        tracing::debug!(%device, desired = %desired.id, outcome = outcome.name(), "desired state pushed");
        self.realer.wishes.metrics.count(outcome.name());
        told.handle(&desired.id, outcome)
    }

    /// What is open; nothing for who may not be served any more.
    async fn open(&self, session: &Session<'_>) -> Result<Vec<DesiredState>, StoreError> {
        let (store, protocol) = (self.realer.store(), session.info.protocol);
        let control = store.control_device(session.device).await?.ok_or(Refusal::NotFound("device"));
        if let Err(refusal) = control.and_then(|control| self.realer.config().may_serve(&control, protocol)) {
            self.end(session, &refusal);
            return Ok(Vec::new());
        }
        store.open_desired(session.device, self.realer.now_ms()).await
    }

    /// Contract §7.2. Over its own protocol a device may go on with what the runtime has no part in.
    fn end(&self, session: &Session<'_>, refusal: &Refusal) {
        let device = session.device;
        match session.info.protocol {
            Protocol::Rtio => {}
            Protocol::Mqtt => {
                if self.hub.revoke_session(device, session.epoch) {
                    tracing::info!(%device, "session ended: {}", refusal.message());
                }
            }
        }
    }

    async fn tell(&self, device: &DeviceId, desired: &DesiredState, max_data: usize) -> Outcome {
        let Some(data) = payload(desired, max_data) else { return Outcome::TooLarge };
        let request = CallRequest::new(URI, &data, None, ANSWER_TIMEOUT);
        match self.hub.call_device(device, request).await {
            Err(error) => Outcome::of_call(&error),
            Ok(answer) if answer.is_empty() => Outcome::Delivered,
            Ok(answer) => match self.realer.report(device, desired, &answer).await {
                Ok(_) => Outcome::Answered,
                Err(refusal) => {
                    tracing::debug!(%device, desired = %desired.id, ?refusal, "the answer to a desired state is no report");
                    Outcome::of_refusal(&refusal)
                }
            },
        }
    }

    /// Hands it to the session, which delivers it. The report comes by itself.
    fn publish(&self, device: &DeviceId, desired: &DesiredState) -> Outcome {
        let Some(topic) = Topic::of_desired(desired) else { return Outcome::NotSubscribed };
        let told = self.hub.tell_device(device, &topic.write(device), &DesiredItem::of(desired).to_json());
        told.map_or_else(|error| Outcome::of_tell(&error), |()| Outcome::Delivered)
    }
}

fn unreadable(device: &DeviceId, error: &StoreError) -> Duration {
    tracing::error!(%device, %error, "desired states cannot be read");
    STORE_PAUSE
}

/// Who is told.
struct Session<'a> {
    device: &'a DeviceId,
    epoch: Epoch,
    info: LinkInfo,
}

/// One device is worked for; when this is dropped, somebody else may.
struct Work {
    realer: Arc<Realer>,
    device: DeviceId,
    rest_until: Option<Instant>,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.realer.wishes.give_back(&self.device, self.rest_until);
    }
}

/// Devices that are told something at the same time; more wait for their turn.
const MAX_AT_ONCE: usize = 256;

/// Events that are looked at before the work goes on.
const EVENTS_AT_ONCE: usize = 256;

/// Where a device takes what it is told.
pub(super) const URI: &str = "/iot/v1/desired-states";

/// A device's answer to a CoPOST (docs/protocol.md §5).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Before a store that cannot be read is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(5);
