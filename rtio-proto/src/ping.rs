//! DevicePingReq body (§3): empty, or two bytes of a new heartbeat interval in seconds.

use crate::header::FrameCode;
use crate::limits::PING_INTERVAL_SECONDS;
use crate::time::Duration;

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
            [high, low] => {
                let seconds = u16::from_be_bytes([high, low]);
                if !PING_INTERVAL_SECONDS.contains(&seconds) {
                    return Err(FrameCode::InvalidParameter);
                }
                Ok(Self::SetInterval(Duration::from_secs(seconds.into())))
            }
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
