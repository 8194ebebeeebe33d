//! What a device publishes is taken or refused, and each message is answered by itself. (Contract §7.4, §7.5.)

use crate::hub::{DeviceId, Protocol};
use crate::realer::document::AckDocument;
use crate::realer::ports::Accepted;
use crate::realer::read::{self, ReadPublish};
use crate::realer::{ControlDevice, Detail, Family, Item, Realer, Refusal, Route, Topic};

/// A message on a topic for feed data of the device's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What the topic names.
    pub route: Route,
    /// One item.
    pub payload: Vec<u8>,
    /// Whether the broker is asked to keep it, which it does not.
    pub retain: bool,
}

/// What the device is told of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The payload for the topic of acknowledgements.
    pub payload: Vec<u8>,
    /// What became of it.
    pub outcome: AckOutcome,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckOutcome {
    /// It is kept.
    Created,
    /// It was kept before.
    Replayed,
    /// It is refused.
    Rejected,
}

impl AckOutcome {
    /// The name that metrics have.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Rejected => "rejected",
        }
    }
}

impl Realer {
    /// Takes what a device has published, one after the other; one that is refused does not undo others. Exactly one acknowledgement
    /// for each, in their order. What one of them says is created or replayed is durable.
    ///
    /// Each is checked in the contract's order (§1.6): whether the device is served, cadence, size, JSON, the route, the fields, what
    /// came before. What is enforced of the cadence is a tenth of `minimum_publish_interval`, with 32 at once: who keeps to that is
    /// never too soon.
    ///
    /// # Cancel safety
    ///
    /// What was handed to the store may be kept, and who watches the device is not told then; the device publishes again what it was
    /// told nothing of. So the connection's end is no reason to drop this future.
    pub async fn feed_published(&self, device: &DeviceId, published: Vec<Published>) -> Vec<Ack> {
        let known = self.there(device, self.store.control_device(device).await);
        let mut items = Vec::with_capacity(published.len());
        let mut entries = Vec::with_capacity(published.len());
        for published in published {
            let Published { route, payload, retain } = published;
            let checked = self.check_published(known.as_ref(), payload.len());
            let ReadPublish { message, item } = read::published(&payload, &route);
            let item = if retain { Err(refused_to_retain(item)) } else { item };
            let refusal = checked.and(item).map(|item| items.push(item)).err();
            entries.push(Entry { route, message, refusal });
        }
        self.look_for_routes(device, &mut entries).await;
        let mut outcomes = match self.accept(device, items).await {
            Ok(outcomes) => Outcomes::Each(outcomes.into_iter()),
            Err(refusal) => Outcomes::None(refusal),
        };
        let now_ms = self.now_ms();
        let acks = entries.into_iter().map(|entry| {
            let outcome = entry.refusal.map_or_else(|| outcomes.next(), Err);
            let document = AckDocument::of(entry.message, &entry.route.source, &outcome, (&self.config, now_ms));
            Ack { payload: document.to_json(), outcome: outcome_of(&outcome) }
        });
        acks.collect()
    }

    /// What can be told without reading it.
    fn check_published(&self, known: Result<&ControlDevice, &Refusal>, len: usize) -> Result<(), Refusal> {
        let device = known.map_err(Clone::clone)?;
        self.config.may_serve(device, Protocol::Mqtt)?;
        self.published.take(device, Family::FeedData, (&self.config, self.now_ms()))?;
        let max = device.settings.plan.limits(&self.config).max_request_bytes;
        if len > max { Err(Refusal::TooLarge { max }) } else { Ok(()) }
    }

    /// Of what has fields that make no sense, the route comes first: the store, which knows it, is not asked about such items.
    async fn look_for_routes(&self, device: &DeviceId, entries: &mut [Entry]) {
        let mut invalid: Vec<_> =
            entries.iter_mut().filter(|entry| matches!(entry.refusal, Some(Refusal::Invalid(_)))).collect();
        let topics: Vec<_> = invalid.iter().map(|entry| Topic::FeedData(entry.route.clone())).collect();
        if topics.is_empty() {
            return;
        }
        // Where the store fails, what is wrong with the fields is wrong in any case.
        let Ok(known) = self.known_topics(device, &topics).await else { return };
        for (entry, is_known) in invalid.iter_mut().zip(known) {
            if !is_known {
                entry.refusal = Some(Refusal::NotFound("route"));
            }
        }
    }
}

/// What an acknowledgement needs of a message.
struct Entry {
    route: Route,
    message: Option<String>,
    /// `None`: it is an item, and the store says what becomes of it.
    refusal: Option<Refusal>,
}

/// What the store says of the items, in their order.
enum Outcomes {
    Each(std::vec::IntoIter<Result<Accepted, Refusal>>),
    None(Refusal),
}

impl Outcomes {
    fn next(&mut self) -> Result<Accepted, Refusal> {
        match self {
            Self::Each(outcomes) => outcomes.next().unwrap_or(Err(Refusal::Bug)),
            Self::None(refusal) => Err(refusal.clone()),
        }
    }
}

/// As a field that is wrong beside the others; what cannot be read at all comes first.
fn refused_to_retain(item: Result<Item, Refusal>) -> Refusal {
    let retain = Detail::new("retain", "not off");
    match item {
        Ok(_) => Refusal::Invalid(vec![retain]),
        Err(Refusal::Invalid(mut details)) => {
            details.push(retain);
            Refusal::Invalid(details)
        }
        Err(refusal) => refusal,
    }
}

const fn outcome_of(outcome: &Result<Accepted, Refusal>) -> AckOutcome {
    match outcome {
        Ok(Accepted::Created { .. }) => AckOutcome::Created,
        Ok(Accepted::Replayed { .. }) => AckOutcome::Replayed,
        Err(_) => AckOutcome::Rejected,
    }
}
