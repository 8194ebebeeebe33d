//! Which topics there are, and what waits for one that a device subscribes to. (Contract §7.1, §7.3.)

use std::collections::HashSet;

use crate::hub::DeviceId;
use crate::realer::document::DesiredItem;
use crate::realer::{Catalog, DesiredState, Realer, Refusal, ResourceId, Route, SourceId, Topic};

impl Realer {
    /// For each of these topics, whether the device's MQTT catalog has it. Those that every device has, it has always.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device, [`Refusal::Unavailable`].
    pub async fn known_topics(&self, device: &DeviceId, topics: &[Topic]) -> Result<Vec<bool>, Refusal> {
        if topics.iter().all(is_of_every_device) {
            return Ok(vec![true; topics.len()]);
        }
        let catalog = self.there(device, self.store.catalog(device).await)?;
        Ok(topics.iter().map(|topic| catalog.has(topic)).collect())
    }

    /// The open desired states of those of these topics that are for them, by the time of their issue: each with its topic's text, as it
    /// is published.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`].
    pub async fn open_on(&self, device: &DeviceId, topics: &[Topic]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
        if topics.iter().all(is_of_every_device) {
            return Ok(Vec::new());
        }
        let open = self.stored(device, self.store.open_desired(device, self.now_ms()).await)?;
        let wanted: HashSet<&Topic> = topics.iter().collect();
        let asked_for = |desired| {
            let topic = Topic::of_desired(desired).filter(|topic| wanted.contains(topic))?;
            Some((topic.write(device), DesiredItem::of(desired).to_json()))
        };
        Ok(open.iter().filter_map(asked_for).collect())
    }
}

impl Topic {
    /// Where a desired state is published. `None`: its command belongs to no resource, so there is no route.
    pub fn of_desired(desired: &DesiredState) -> Option<Self> {
        let resource = desired.resource.clone()?;
        Some(Self::Desired { resource, command: desired.command.clone() })
    }
}

const fn is_of_every_device(topic: &Topic) -> bool {
    match topic {
        Topic::Acks | Topic::Requests | Topic::Responses => true,
        Topic::FeedData(_) | Topic::Desired { .. } => false,
    }
}

impl Catalog {
    /// Whether there is such a topic, as the MQTT catalog tells them.
    fn has(&self, topic: &Topic) -> bool {
        match topic {
            Topic::Acks | Topic::Requests | Topic::Responses => true,
            Topic::Desired { resource, command } => self.has_route(&SourceId::Command(command.clone()), resource),
            Topic::FeedData(Route { resource, source }) => self.has_route(source, resource),
        }
    }

    /// Ten thousand topics may be asked about at once; sources are in the order of their ids.
    fn has_route(&self, source: &SourceId, resource: &ResourceId) -> bool {
        match source {
            SourceId::Command(id) => {
                let place = self.commands.binary_search_by(|command| command.id.cmp(id));
                let command = place.ok().map(|place| &self.commands[place]).filter(|command| command.is_complete());
                command.is_some_and(|command| command.resources.contains(resource))
            }
            SourceId::Sensor(id) => {
                let place = self.sensors.binary_search_by(|sensor| sensor.id.cmp(id));
                let sensor = place.ok().map(|place| &self.sensors[place]).filter(|sensor| sensor.is_complete());
                sensor.is_some_and(|sensor| sensor.resources.contains(resource))
            }
        }
    }
}
