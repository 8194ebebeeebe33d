//! The device URIs that callers find below `/iot/v1/` of a control device (pure).

use crate::hub::UriDigest;
use crate::realer::push;

/// What all of them begin with.
const PREFIX: &str = "/iot/v1/";

/// Whether the hub answers at this URI of a control device, so that no caller reaches the device by it: what is below the prefix, and
/// what a device would take for the URI where the hub tells it desired states. Devices know URIs by a digest, and everybody can find
/// another one with the same.
pub(super) fn is_of_hub(uri: &str) -> bool {
    uri.starts_with(PREFIX) || UriDigest::of(uri) == UriDigest::of(push::URI)
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uri {
    /// What the device reads first.
    Bootstrap,
    /// Its commands.
    Commands,
    /// Its sensors.
    Sensors,
    /// What is desired and what is reported.
    State,
    /// Where a desired state is set.
    Desired,
    /// What the device told, one record after the other.
    FeedData,
}

impl Uri {
    /// All there are.
    const ALL: [Self; 6] = [Self::Bootstrap, Self::Commands, Self::Sensors, Self::State, Self::Desired, Self::FeedData];

    /// Reads a device URI.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let name = uri.strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|uri| uri.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Commands => "commands",
            Self::Sensors => "sensors",
            Self::State => "state",
            Self::Desired => "desired",
            Self::FeedData => "feed-data",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_one_of_six_and_nothing_beside() {
        for uri in Uri::ALL {
            assert_eq!(Uri::parse(&format!("/iot/v1/{}", uri.name())), Some(uri));
        }
        for other in ["/iot/v1/", "/iot/v1/state/", "/iot/v1/State", "/iot/v2/state", "/iot/v1/desired-states", "state"]
        {
            assert_eq!(Uri::parse(other), None, "{other}");
        }
    }
}
