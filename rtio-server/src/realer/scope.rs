//! What a token is for. (Contract §2.1.)

use std::fmt;

/// One thing that a token may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Bootstrap and catalogs.
    CatalogRead,
    /// Desired states over HTTPS.
    DesiredStateRead,
    /// Feed data over HTTPS.
    FeedDataWrite,
    /// A credential for MQTT.
    MqttConnect,
    /// Acknowledgements over MQTT.
    MqttAckRead,
    /// Feed data over MQTT.
    MqttFeedDataWrite,
    /// Desired states over MQTT.
    MqttDesiredRead,
}

impl Scope {
    /// All there are, in the order in which they are written.
    pub const ALL: [Self; 7] = [
        Self::CatalogRead,
        Self::DesiredStateRead,
        Self::FeedDataWrite,
        Self::MqttConnect,
        Self::MqttAckRead,
        Self::MqttFeedDataWrite,
        Self::MqttDesiredRead,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CatalogRead => "iot:catalog:read",
            Self::DesiredStateRead => "iot:desired-state:read",
            Self::FeedDataWrite => "iot:feed-data:write",
            Self::MqttConnect => "iot:mqtt:connect",
            Self::MqttAckRead => "iot:mqtt:ack:read",
            Self::MqttFeedDataWrite => "iot:mqtt:feed-data:write",
            Self::MqttDesiredRead => "iot:mqtt:desired:read",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// What a token gets whose request names none: the three of HTTPS.
    pub const DEFAULT: Self =
        Self(Scope::CatalogRead.bit() | Scope::DesiredStateRead.bit() | Scope::FeedDataWrite.bit());

    /// Reads names with spaces between them. `None` if one is unknown, or there is none.
    pub fn parse(text: &str) -> Option<Self> {
        let scope = |name| Scope::ALL.into_iter().find(|scope| scope.name() == name);
        let names = text.split(' ').filter(|name| !name.is_empty());
        let all = names.map(scope).try_fold(0, |bits, scope| Some(bits | scope?.bit()))?;
        (all != 0).then_some(Self(all))
    }

    /// The set as a number, for the store.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of such a number.
    pub const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Whether it is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether one of them is for MQTT.
    pub fn has_mqtt(self) -> bool {
        Scope::ALL[3..].iter().any(|&scope| self.has(scope))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Scope::ALL.into_iter().filter(|&scope| self.has(scope)).map(Scope::name);
        f.write_str(&names.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_written_as_names() {
        assert_eq!(Scopes::DEFAULT.to_string(), "iot:catalog:read iot:desired-state:read iot:feed-data:write");
        assert_eq!(Scopes::parse(&Scopes::DEFAULT.to_string()), Some(Scopes::DEFAULT));
        let all = Scope::ALL.map(Scope::name).join("  ");
        assert!(Scopes::parse(&all).is_some_and(|all| Scope::ALL.into_iter().all(|scope| all.has(scope))));
        for wrong in
            ["", " ", "iot:catalog:read iot:everything", "IOT:CATALOG:READ", "iot:catalog:read\tiot:mqtt:connect"]
        {
            assert_eq!(Scopes::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn none_is_for_mqtt_unless_asked_for() {
        assert!(!Scopes::DEFAULT.has_mqtt());
        assert!(Scope::ALL[3..].iter().all(|scope| Scopes::parse(scope.name()).is_some_and(Scopes::has_mqtt)));
    }
}
