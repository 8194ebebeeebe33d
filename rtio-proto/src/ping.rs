//! DevicePingReq body (§3): empty, or two bytes of a new heartbeat interval in seconds.

use crate::header::FrameCode;
use crate::limits::{DEFAULT_PING_INTERVAL, PING_INTERVAL_SECONDS};
use crate::time::Duration;

/// A heartbeat interval that the protocol allows: a whole number of seconds in [`PING_INTERVAL_SECONDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PingInterval(u16);

impl PingInterval {
    /// The interval until another is asked for: 300 s.
    pub const DEFAULT: Self = Self(300);

    /// `None` out of range.
    pub fn from_seconds(seconds: u16) -> Option<Self> {
        PING_INTERVAL_SECONDS.contains(&seconds).then_some(Self(seconds))
    }

    /// How long it is.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    /// The body of a DevicePingReq that asks for it.
    pub const fn to_wire(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

impl Default for PingInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const _: () = assert!(PingInterval::DEFAULT.duration().as_secs() == DEFAULT_PING_INTERVAL.as_secs());

/// What a ping asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// Keep the interval.
    Keep,
    /// Use this interval from now on: a whole number of seconds in [`PING_INTERVAL_SECONDS`].
    SetInterval(Duration),
}

impl Ping {
    /// Reads a ping's body.
    ///
    /// # Errors
    ///
    /// The frame code to answer with: [`FrameCode::InvalidParameter`] for an interval out of range,
    /// [`FrameCode::BodyLength`] for any other length.
    pub fn decode(body: &[u8]) -> Result<Self, FrameCode> {
        match *body {
            [] => Ok(Self::Keep),
            [high, low] => match PingInterval::from_seconds(u16::from_be_bytes([high, low])) {
                Some(interval) => Ok(Self::SetInterval(interval.duration())),
                None => Err(FrameCode::InvalidParameter),
            },
            _ => Err(FrameCode::BodyLength),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_body_is_empty_or_an_interval_in_range() {
        let seconds = |s: u16| Ok(Ping::SetInterval(Duration::from_secs(s.into())));
        let cases: [(&[u8], _); 8] = [
            (&[], Ok(Ping::Keep)),
            (&30u16.to_be_bytes(), seconds(30)),
            (&43_200u16.to_be_bytes(), seconds(43_200)),
            (&29u16.to_be_bytes(), Err(FrameCode::InvalidParameter)),
            (&43_201u16.to_be_bytes(), Err(FrameCode::InvalidParameter)),
            (&0u16.to_be_bytes(), Err(FrameCode::InvalidParameter)),
            (&[1], Err(FrameCode::BodyLength)),
            (&[0, 30, 0], Err(FrameCode::BodyLength)),
        ];
        for (body, expected) in cases {
            assert_eq!(Ping::decode(body), expected, "{body:?}");
        }
    }
}
