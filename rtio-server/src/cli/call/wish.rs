//! Whom to call and what to ask, out of arguments whose places depend on `--all` (pure).

use std::str::FromStr;

use super::super::target::{DeviceId, DeviceUri, TargetError};
use super::data::Data;

/// The first argument: a device, or with `--all` the URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum First {
    Device(DeviceId),
    Uri(DeviceUri),
}

/// What shall be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    One { device: DeviceId, uri: DeviceUri, data: Option<Data> },
    Group { uri: DeviceUri, data: Option<Data> },
}

/// Arguments that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WishError {
    #[error("<URI> is missing: rtio call DEVICE URI [DATA], or rtio call --all PATTERN URI [DATA]")]
    NoUri,
    #[error("invalid value '{0}' for '<URI>': {1}")]
    Uri(String, TargetError),
    #[error("invalid value '{0}' for '<DEVICE>': {error}; without one, say which devices with --all", error = TargetError::DeviceId)]
    NoDevice(String),
    #[error("a group call has no --idempotency-key: the hub remembers single calls")]
    KeyAndAll,
    #[error("--all says which devices: rtio call --all PATTERN URI [DATA], without a DEVICE")]
    DeviceAndAll,
}

impl First {
    pub(super) fn parse(text: &str) -> Result<Self, TargetError> {
        if text.starts_with('/') {
            DeviceUri::parse(text).map(Self::Uri)
        } else {
            DeviceId::parse(text).map(Self::Device)
        }
    }
}

impl Wish {
    /// What the arguments say; `has_all` is whether there is an `--all`.
    pub(super) fn new(
        has_all: bool,
        first: First,
        second: Option<&str>,
        third: Option<Data>,
    ) -> Result<Self, WishError> {
        match (first, has_all) {
            (First::Device(device), false) => {
                let text = second.ok_or(WishError::NoUri)?;
                let uri = DeviceUri::parse(text).map_err(|error| WishError::Uri(text.to_owned(), error))?;
                Ok(Self::One { device, uri, data: third })
            }
            (First::Uri(uri), true) if third.is_none() => {
                let Ok(data) = second.map(Data::from_str).transpose();
                Ok(Self::Group { uri, data })
            }
            (First::Uri(uri), false) => Err(WishError::NoDevice(uri.as_str().to_owned())),
            (First::Uri(_) | First::Device(_), true) => Err(WishError::DeviceAndAll),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(has_all: bool, arguments: &[&str]) -> Result<Wish, WishError> {
        let first = First::parse(arguments[0]).unwrap();
        let third = arguments.get(2).map(|text| text.parse().unwrap());
        Wish::new(has_all, first, arguments.get(1).copied(), third)
    }

    fn text(text: &str) -> Option<Data> {
        Some(Data::Text(text.to_owned()))
    }

    #[test]
    fn with_all_there_is_no_device_and_the_rest_moves_up() {
        let (device, uri) = (DeviceId::parse("d").unwrap(), DeviceUri::parse("/ab").unwrap());
        let one = |data| Wish::One { device: device.clone(), uri: uri.clone(), data };
        let group = |data| Wish::Group { uri: uri.clone(), data };
        assert_eq!(wish(false, &["d", "/ab"]), Ok(one(None)));
        assert_eq!(wish(false, &["d", "/ab", "now"]), Ok(one(text("now"))));
        assert_eq!(wish(true, &["/ab"]), Ok(group(None)));
        assert_eq!(wish(true, &["/ab", "-"]), Ok(group(Some(Data::StandardInput))));
        assert_eq!(wish(true, &["/ab", "/cd"]), Ok(group(text("/cd"))));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert_eq!(wish(false, &["d"]), Err(WishError::NoUri));
        assert_eq!(wish(false, &["d", "ab"]), Err(WishError::Uri("ab".into(), TargetError::Uri)));
        assert_eq!(wish(false, &["/ab", "now"]), Err(WishError::NoDevice("/ab".into())));
        assert_eq!(wish(true, &["d", "/ab"]), Err(WishError::DeviceAndAll));
        assert_eq!(wish(true, &["/ab", "now", "more"]), Err(WishError::DeviceAndAll));
    }
}
