//! What a client listens to.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::super::packet::{Qos, SubscribeRefusal};
use crate::hub::DeviceId;
use crate::realer::{MAX_RESOURCES, MAX_SOURCES, Scopes, Topic};

/// What a client listens to. Without subscriptions it owns no heap.
#[derive(Debug, Default)]
pub(in crate::mqtt) struct Subscriptions {
    acks: Option<Qos>,
    requests: Option<Qos>,
    /// The topics of desired states, as they are written; their cap is [`MAX_DESIRED`].
    desired: HashMap<Box<str>, Qos, RandomState>,
}

impl Subscriptions {
    /// Adds one, or changes its quality. Refused where it is one too many, or nothing that is ever published to the client.
    pub(super) fn insert(&mut self, topic: &Topic, text: &str, qos: Qos) -> Result<Qos, SubscribeRefusal> {
        match topic {
            Topic::Acks => self.acks = Some(qos),
            Topic::Requests => self.requests = Some(qos),
            Topic::Desired { .. } if self.desired.len() < MAX_DESIRED || self.desired.contains_key(text) => {
                self.desired.insert(text.into(), qos);
            }
            Topic::Desired { .. } => return Err(SubscribeRefusal::TooMany),
            Topic::FeedData(_) | Topic::Responses => return Err(SubscribeRefusal::NotAuthorized),
        }
        Ok(qos)
    }

    /// Takes one away. Says whether it was there.
    pub(super) fn remove(&mut self, topic: &Topic, text: &str) -> bool {
        match topic {
            Topic::Acks => self.acks.take().is_some(),
            Topic::Requests => self.requests.take().is_some(),
            Topic::Desired { .. } => {
                let existed = self.desired.remove(text).is_some();
                if self.desired.is_empty() {
                    self.desired = HashMap::default();
                }
                existed
            }
            Topic::FeedData(_) | Topic::Responses => false,
        }
    }

    /// Forgets those for which there is no right any more.
    pub(super) fn retain_allowed(&mut self, scopes: Scopes) {
        self.acks = self.acks.filter(|_| Topic::Acks.may_subscribe(scopes));
        self.requests = self.requests.filter(|_| Topic::Requests.may_subscribe(scopes));
        // One scope is for all of them.
        if !Topic::Requests.may_subscribe(scopes) {
            self.desired = HashMap::default();
        }
    }

    /// How the client wants acknowledgements, if it does.
    pub(super) const fn acks(&self) -> Option<Qos> {
        self.acks
    }

    /// Whether the client takes requests.
    pub(super) const fn takes_requests(&self) -> bool {
        self.requests.is_some()
    }

    /// How the client wants the desired states of a topic, if it does.
    pub(super) fn desired(&self, topic: &str) -> Option<Qos> {
        self.desired.get(topic).copied()
    }

    /// Says of a topic of messages that last whether the client listens to it.
    pub(super) fn wanted(&self, device: &DeviceId) -> impl Fn(&str) -> bool {
        let acks = self.acks.map(|_| Topic::Acks.write(device));
        move |topic| self.desired.contains_key(topic) || acks.as_deref() == Some(topic)
    }

    /// Bytes that this may take.
    pub(super) fn weight(&self) -> usize {
        self.desired.keys().map(|topic| topic.len() + ENTRY_BYTES).sum()
    }
}

/// Topics of desired states of one client: as many as a device can have routes; one more is refused.
pub(super) const MAX_DESIRED: usize = MAX_SOURCES * MAX_RESOURCES;

/// What an entry costs beside its text.
const ENTRY_BYTES: usize = 32;
