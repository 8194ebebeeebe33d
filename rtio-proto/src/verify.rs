//! DeviceVerifyReq body (§2): the capacity that the device wants, its id and its secret.

use core::fmt;

use crate::error::EncodeError;
use crate::header::{FrameCode, FrameKind, encode_frame};
use crate::limits::{DEVICE_ID_BYTES, MAX_SECRET_BYTES, MAX_VERIFY_BODY_BYTES};

/// Longest body of a connection's frames, chosen by the device when it verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Capacity {
    /// Level 0: 512 bytes. What constrained devices ask for.
    #[default]
    Bytes512 = 0,
    /// Level 1: 1024 bytes.
    Bytes1024 = 1,
    /// Level 2: 2048 bytes.
    Bytes2048 = 2,
    /// Level 3: 4096 bytes.
    Bytes4096 = 3,
}

impl Capacity {
    /// Most bytes of body in a frame.
    pub const fn body_bytes(self) -> usize {
        512 << (self as usize)
    }

    /// The largest level whose frames fit `frame_bytes`, header included; level 0 if none does.
    pub const fn fitting(frame_bytes: usize) -> Self {
        match frame_bytes.saturating_sub(crate::limits::HEADER_BYTES) {
            4096.. => Self::Bytes4096,
            2048.. => Self::Bytes2048,
            1024.. => Self::Bytes1024,
            _ => Self::Bytes512,
        }
    }

    fn from_wire(byte: u8) -> Self {
        match byte >> 6 {
            0 => Self::Bytes512,
            1 => Self::Bytes1024,
            2 => Self::Bytes2048,
            _ => Self::Bytes4096,
        }
    }
}

/// A device id: 1..=64 bytes of `A-Z a-z 0-9 . _ ~ -`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceIdRef<'a>(&'a str);

impl<'a> DeviceIdRef<'a> {
    /// Reads an id; `None` where no device can have it.
    pub fn parse(id: &'a [u8]) -> Option<Self> {
        let sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~-".contains(byte);
        if !DEVICE_ID_BYTES.contains(&id.len()) || !id.iter().all(sound) {
            return None;
        }
        core::str::from_utf8(id).ok().map(Self)
    }

    /// The id's text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// A device's secret, owned; its `Debug` does not show it.
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(alloc::vec::Vec<u8>);

#[cfg(feature = "alloc")]
impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(feature = "alloc")]
impl From<&[u8]> for Secret {
    fn from(secret: &[u8]) -> Self {
        Self(secret.into())
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MASKED")
    }
}

/// A well-formed DeviceVerifyReq body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verify<'a> {
    /// What the device wants to receive at most, and may send at most.
    pub capacity: Capacity,
    /// Who it says it is.
    pub id: DeviceIdRef<'a>,
    /// What shall prove it: 0..=256 bytes.
    pub secret: &'a [u8],
}

impl<'a> Verify<'a> {
    /// Reads a body. `None` where it is malformed, which is answered with [`FrameCode::InvalidParameter`].
    pub fn decode(body: &'a [u8]) -> Option<Self> {
        if body.len() > MAX_VERIFY_BODY_BYTES {
            return None;
        }
        let (&level, rest) = body.split_first()?;
        let colon = rest.iter().position(|&byte| byte == b':')?;
        let (id, secret) = (&rest[..colon], &rest[colon + 1..]);
        if secret.len() > MAX_SECRET_BYTES {
            return None;
        }
        Some(Self { capacity: Capacity::from_wire(level), id: DeviceIdRef::parse(id)?, secret })
    }

    /// Writes the whole request frame to `out`; returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`].
    pub fn encode(&self, raw_message_id: u16, out: &mut [u8]) -> Result<usize, EncodeError> {
        let level = [(self.capacity as u8) << 6];
        let body: [&[u8]; 4] = [&level, self.id.as_str().as_bytes(), b":", self.secret];
        encode_frame(FrameKind::DeviceVerifyReq, FrameCode::Unknown, raw_message_id, &body, out)
    }
}

impl fmt::Debug for Verify<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify")
            .field("capacity", &self.capacity)
            .field("id", &self.id)
            .field("secret", &"MASKED")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: Option<(Capacity, &str, &[u8])>) {
        let got = Verify::decode(body).map(|v| (v.capacity, v.id.as_str(), v.secret));
        assert_eq!(got, expected, "{body:?}");
    }

    #[test]
    fn a_body_is_level_id_and_secret_split_at_the_first_colon() {
        check(b"\x00PRINTER-001:s3:cret", Some((Capacity::Bytes512, "PRINTER-001", b"s3:cret")));
        check(b"\x40a._~-Z9:", Some((Capacity::Bytes1024, "a._~-Z9", b"")));
        check(b"\xbfa:\xff\x00", Some((Capacity::Bytes2048, "a", b"\xff\x00")));
        check(b"\xffa:b", Some((Capacity::Bytes4096, "a", b"b")));
    }

    #[test]
    fn malformed_bodies_are_refused() {
        for body in
            [&b""[..], b"\x00", b"\x00noseparator", b"\x00:secret", b"\x00a b:s", b"\x00a/b:s", b"\x00\xc3\xa4:s"]
        {
            check(body, None);
        }
    }

    #[test]
    fn ids_and_secrets_are_accepted_up_to_their_limits() {
        let body = |id: usize, secret: usize| {
            let mut buffer = [b'x'; 512];
            buffer[0] = 0;
            buffer[1 + id] = b':';
            (buffer, 2 + id + secret)
        };
        for (id, secret, sound) in [(64, 256, true), (65, 0, false), (1, 257, false), (1, 0, true)] {
            let (buffer, len) = body(id, secret);
            assert_eq!(Verify::decode(&buffer[..len]).is_some(), sound, "id {id}, secret {secret}");
        }
        assert_eq!(Verify::decode(&[b'x'; 513]), None);
    }

    #[test]
    fn a_request_survives_the_wire() {
        let verify = Verify { capacity: Capacity::Bytes2048, id: DeviceIdRef::parse(b"dev").unwrap(), secret: b"s" };
        let mut out = [0; 32];
        let len = verify.encode(0, &mut out).unwrap();
        assert_eq!(&out[..len], b"\x10\x00\x00\x00\x06\x80dev:s");
        assert_eq!(Verify::decode(&out[5..len]), Some(verify));
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        extern crate std;
        let verify = Verify::decode(b"\x00dev:s3cret").unwrap();
        assert!(!std::format!("{verify:?}").contains("s3cret"));
        #[cfg(feature = "alloc")]
        assert_eq!(std::format!("{:?}", Secret::from(verify.secret)), "MASKED");
    }
}
