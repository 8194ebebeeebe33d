//! The topics of a device at the broker, as text and as what they mean (pure): the MQTT catalog writes them, and who publishes or
//! subscribes has them read here, so that both always agree. (Contract §7.1, §7.3.)

use super::{CommandId, ResourceId, Scope, Scopes, SensorId, SourceId};
use crate::hub::DeviceId;

/// A source, for one of its resources.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// Of which resource.
    pub resource: ResourceId,
    /// The command or the sensor.
    pub source: SourceId,
}

/// What a topic of a device is for. That there is such a source, and that it belongs to the resource, is not said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The hub tells what became of what the device published.
    Acks,
    /// The device tells a reading, or what an actuator is.
    FeedData(Route),
    /// The hub tells what a command shall be.
    Desired {
        /// For which of its resources.
        resource: ResourceId,
        /// Which command.
        command: CommandId,
    },
    /// The hub hands on what callers ask the device. Beyond the contract.
    Requests,
    /// The device answers that.
    Responses,
}

impl Topic {
    /// Reads a topic of this device. `None`: it is none, or another device's, or it has a wildcard.
    pub fn parse(device: &DeviceId, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(DEVICES)?.strip_prefix(device.as_str())?.strip_prefix('/')?;
        match rest {
            ACKS => return Some(Self::Acks),
            REQUESTS => return Some(Self::Requests),
            RESPONSES => return Some(Self::Responses),
            _ => {}
        }
        let mut levels = rest.split('/');
        let shape = [levels.next()?, levels.next()?, levels.next()?, levels.next()?, levels.next()?];
        if levels.next().is_some() {
            return None;
        }
        match shape {
            ["resources", resource, "sensors", sensor, FEED_DATA] => {
                let source = SourceId::Sensor(SensorId::parse(sensor).ok()?);
                Some(Self::FeedData(Route { resource: ResourceId::parse(resource).ok()?, source }))
            }
            ["resources", resource, "commands", command, FEED_DATA] => {
                let source = SourceId::Command(CommandId::parse(command).ok()?);
                Some(Self::FeedData(Route { resource: ResourceId::parse(resource).ok()?, source }))
            }
            ["resources", resource, "commands", command, DESIRED] => {
                let resource = ResourceId::parse(resource).ok()?;
                Some(Self::Desired { resource, command: CommandId::parse(command).ok()? })
            }
            _ => None,
        }
    }

    /// The one text of this topic of the device.
    pub fn write(&self, device: &DeviceId) -> String {
        match self {
            Self::Acks => format!("{DEVICES}{device}/{ACKS}"),
            Self::FeedData(Route { resource, source: SourceId::Sensor(sensor) }) => {
                format!("{DEVICES}{device}/resources/{resource}/sensors/{sensor}/{FEED_DATA}")
            }
            Self::FeedData(Route { resource, source: SourceId::Command(command) }) => {
                format!("{DEVICES}{device}/resources/{resource}/commands/{command}/{FEED_DATA}")
            }
            Self::Desired { resource, command } => {
                format!("{DEVICES}{device}/resources/{resource}/commands/{command}/{DESIRED}")
            }
            Self::Requests => format!("{DEVICES}{device}/{REQUESTS}"),
            Self::Responses => format!("{DEVICES}{device}/{RESPONSES}"),
        }
    }

    /// Whether who has these rights may publish here.
    pub const fn may_publish(&self, scopes: Scopes) -> bool {
        match self {
            Self::FeedData(_) => scopes.has(Scope::MqttFeedDataWrite),
            Self::Responses => scopes.has(Scope::MqttDesiredRead),
            Self::Acks | Self::Desired { .. } | Self::Requests => false,
        }
    }

    /// Whether who has these rights may subscribe here.
    pub const fn may_subscribe(&self, scopes: Scopes) -> bool {
        match self {
            Self::Acks => scopes.has(Scope::MqttAckRead),
            Self::Desired { .. } | Self::Requests => scopes.has(Scope::MqttDesiredRead),
            Self::FeedData(_) | Self::Responses => false,
        }
    }
}

/// What all topics begin with; the device's name comes next.
const DEVICES: &str = "iot/v1/devices/";

const ACKS: &str = "feed-data/acks";
const REQUESTS: &str = "rtio/requests";
const RESPONSES: &str = "rtio/responses";
const FEED_DATA: &str = "feed-data";
const DESIRED: &str = "desired";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realer::fake_store::greenhouse::{
        DEVICE, HEATER, NORTH, THERMOMETER, command, device, resource, sensor,
    };

    fn topics() -> [(Topic, String); 6] {
        let of = |source| Topic::FeedData(Route { resource: resource(NORTH), source });
        let north = format!("resources/{NORTH}");
        [
            (Topic::Acks, "feed-data/acks".to_owned()),
            (of(SourceId::Sensor(sensor(THERMOMETER))), format!("{north}/sensors/{THERMOMETER}/feed-data")),
            (of(SourceId::Command(command(HEATER))), format!("{north}/commands/{HEATER}/feed-data")),
            (
                Topic::Desired { resource: resource(NORTH), command: command(HEATER) },
                format!("{north}/commands/{HEATER}/desired"),
            ),
            (Topic::Requests, "rtio/requests".to_owned()),
            (Topic::Responses, "rtio/responses".to_owned()),
        ]
        .map(|(topic, rest)| (topic, format!("iot/v1/devices/{DEVICE}/{rest}")))
    }

    #[test]
    fn each_topic_has_one_text() {
        for (topic, text) in topics() {
            assert_eq!(topic.write(&device()), text);
            assert_eq!(Topic::parse(&device(), &text), Some(topic), "{text}");
        }
    }

    /// §7.3: no wildcards, and only what the catalog has.
    #[test]
    fn what_is_no_topic_of_this_device_is_none() {
        let of_device = |rest: &str| format!("iot/v1/devices/{DEVICE}/{rest}");
        let other = "iot/v1/devices/cdv_00000000000000000000000002/feed-data/acks";
        let mut wrong =
            vec!["", "/", "#", "+", "$SYS/broker", "iot/v1/devices/", "iot/v1/devices/+/feed-data/acks", other]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
        for (_, text) in topics() {
            wrong.extend([format!("/{text}"), format!("{text}/"), format!("{text}/x"), format!("$share/a/{text}")]);
            wrong.extend([text.to_uppercase(), text.replace('/', "//"), format!("{text}\0"), format!(" {text}")]);
            for (at, _) in text.match_indices('/') {
                wrong.extend([format!("{}/#", &text[..at]), format!("{}/+", &text[..at]), text[..at].to_owned()]);
            }
            for level in 0..text.split('/').count() {
                wrong.extend(["+", "#", ""].map(|other| with_level(&text, level, other)));
            }
        }
        wrong.extend([
            of_device(&format!("resources/{NORTH}/sensors/{HEATER}/feed-data")),
            of_device(&format!("resources/{NORTH}/commands/{THERMOMETER}/feed-data")),
            of_device(&format!("resources/{NORTH}/sensors/{THERMOMETER}/desired")),
            of_device(&format!("resources/{HEATER}/commands/{HEATER}/desired")),
            of_device("rtio/others"),
        ]);
        for text in wrong {
            assert_eq!(Topic::parse(&device(), &text), None, "{text:?}");
        }
    }

    fn with_level(text: &str, level: usize, other: &str) -> String {
        let mut levels: Vec<_> = text.split('/').collect();
        levels[level] = other;
        levels.join("/")
    }

    /// §2.1: each right is for its topics, and for no other.
    #[test]
    fn rights_are_those_of_the_scopes() {
        let (none, acks, write, desired) =
            (None, Some(Scope::MqttAckRead), Some(Scope::MqttFeedDataWrite), Some(Scope::MqttDesiredRead));
        let rights = [(none, acks), (write, none), (write, none), (none, desired), (none, desired), (desired, none)];
        for ((topic, text), (publish, subscribe)) in topics().into_iter().zip(rights) {
            for scope in Scope::ALL {
                let scopes = Scopes::parse(scope.name()).unwrap();
                assert_eq!(topic.may_publish(scopes), publish == Some(scope), "{text} {scope:?}");
                assert_eq!(topic.may_subscribe(scopes), subscribe == Some(scope), "{text} {scope:?}");
            }
        }
    }
}
