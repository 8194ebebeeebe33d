//! Which device, and which of its URIs: what `rtio observe` and `rtio call` are aimed at.

use std::fmt;

use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rtio_proto::limits::DEVICE_ID_BYTES;
use rtio_proto::verify::DeviceIdRef;

use super::hub::HubArguments;

/// A URI of a device, behind a hub.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// Id of the device
    #[arg(value_parser = DeviceId::parse)]
    device: DeviceId,

    /// URI on the device, such as /printer/status
    #[arg(value_parser = DeviceUri::parse)]
    uri: DeviceUri,

    #[command(flatten)]
    pub(super) hub: HubArguments,
}

impl Target {
    /// Path of the direct form: `/PRINTER-001/printer/status`. What means something else in a path is percent-encoded.
    pub(super) fn path(&self) -> String {
        path(&self.device, &self.uri)
    }
}

/// Path of a device's URI in the direct form.
pub(super) fn path(device: &DeviceId, uri: &DeviceUri) -> String {
    format!("/{device}{}", utf8_percent_encode(&uri.0, ENCODED))
}

/// An id that a device can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeviceId(String);

impl DeviceId {
    pub(super) fn parse(text: &str) -> Result<Self, TargetError> {
        DeviceIdRef::parse(text.as_bytes()).map(|id| Self(id.as_str().to_owned())).ok_or(TargetError::DeviceId)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A URI that begins with a slash. How long it may be is the hub's business.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DeviceUri(String);

impl DeviceUri {
    pub(super) fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > 1 && text.starts_with('/') { Ok(Self(text.to_owned())) } else { Err(TargetError::Uri) }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an argument should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("expected {} to {} characters of A-Z a-z 0-9 . _ ~ -", DEVICE_ID_BYTES.start(), DEVICE_ID_BYTES.end())]
    DeviceId,
    #[error("expected a URI that begins with a slash, such as /printer/status")]
    Uri,
}

/// All but the unreserved characters of RFC 3986 and the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_path_is_encoded() {
        for (uri, expected) in [
            ("/printer/status", "/d/printer/status"),
            ("/a?b=c#d", "/d/a%3Fb%3Dc%23d"),
            ("/100%", "/d/100%25"),
            ("/ü x", "/d/%C3%BC%20x"),
        ] {
            assert_eq!(path(&DeviceId::parse("d").unwrap(), &DeviceUri::parse(uri).unwrap()), expected);
        }
    }

    #[test]
    fn ids_and_uris_that_cannot_be_are_refused() {
        for id in ["", "a b", "ü", &"x".repeat(65)] {
            assert_eq!(DeviceId::parse(id), Err(TargetError::DeviceId));
        }
        for uri in ["", "/", "a/b"] {
            assert_eq!(DeviceUri::parse(uri), Err(TargetError::Uri));
        }
    }
}
