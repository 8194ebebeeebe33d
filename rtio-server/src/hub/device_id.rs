//! The name of a device, as every part of the hub uses it.

use std::fmt;
use std::sync::Arc;

use rtio_proto::verify::DeviceIdRef;

/// A device id that a device can have: the wire's characters and length, and no name that the hub keeps for itself.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(Arc<str>);

/// No device can have this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeviceId {
    /// Wrong length or characters.
    #[error("a device id is 1 to 64 characters of A-Z a-z 0-9 . _ ~ -")]
    Malformed,
    /// The first path segment of one of the hub's own pages.
    #[error("this name belongs to the hub")]
    Reserved,
}

impl DeviceId {
    /// Reads an id.
    ///
    /// # Errors
    ///
    /// [`InvalidDeviceId`].
    pub fn parse(id: &str) -> Result<Self, InvalidDeviceId> {
        let id = DeviceIdRef::parse(id.as_bytes()).ok_or(InvalidDeviceId::Malformed)?;
        if RESERVED.contains(&id.as_str()) {
            return Err(InvalidDeviceId::Reserved);
        }
        Ok(Self(id.as_str().into()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// First path segments of the caller listener that belong to the hub (docs/caller-http.md §2).
const RESERVED: [&str; 8] = ["oauth", "iot", "v1", "openapi.json", "console", "healthz", "metrics", ".well-known"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_a_device_can_have() {
        for id in ["PRINTER-001", "a", "a._~-Z9", "cfa09baa-4913-4ad7-a936-3e26f9671b09", "v1x", &"x".repeat(64)] {
            assert_eq!(DeviceId::parse(id).map(|id| id.to_string()), Ok(id.to_owned()));
        }
        for id in ["", "a b", "a/b", "ä", "a%20", &"x".repeat(65)] {
            assert_eq!(DeviceId::parse(id), Err(InvalidDeviceId::Malformed), "{id}");
        }
        for id in RESERVED {
            assert_eq!(DeviceId::parse(id), Err(InvalidDeviceId::Reserved), "{id}");
        }
    }
}
