//! The five bytes in front of every frame (§1). Read by the decoder, written by every message's `encode`.

use crate::error::{DecodeError, EncodeError};
use crate::limits::{HEADER_BYTES, MAX_BODY_BYTES};
use crate::wire_id::wire_id;

/// What a frame is, and thereby who may send it (§1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Device to hub: id and secret.
    DeviceVerifyReq = 1,
    /// Hub to device: whether they are accepted.
    DeviceVerifyResp = 2,
    /// Device to hub: sign of life, maybe a new interval.
    DevicePingReq = 3,
    /// Hub to device: answer to a ping.
    DevicePingResp = 4,
    /// Device to hub: CoPOST, or an ObGET notification.
    DeviceSendReq = 5,
    /// Hub to device: answer to a DeviceSendReq.
    DeviceSendResp = 6,
    /// Hub to device: CoPOST, or the establishment of an ObGET.
    ServerSendReq = 7,
    /// Device to hub: answer to a ServerSendReq.
    ServerSendResp = 8,
}

impl FrameKind {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::DeviceVerifyReq,
            2 => Self::DeviceVerifyResp,
            3 => Self::DevicePingReq,
            4 => Self::DevicePingResp,
            5 => Self::DeviceSendReq,
            6 => Self::DeviceSendResp,
            7 => Self::ServerSendReq,
            8 => Self::ServerSendResp,
            _ => return None,
        })
    }
}

/// Outcome of a request at the level of frames (§1). Meaningful in responses; a request may carry any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameCode {
    /// Failure of unknown cause; also what requests carry.
    Unknown = 0,
    /// Done.
    Success = 1,
    /// The message type has no place here.
    MessageType = 2,
    /// Wrong id or secret.
    VerificationFailed = 3,
    /// A parameter is malformed or out of range.
    InvalidParameter = 4,
    /// The body has a wrong length.
    BodyLength = 5,
}

impl FrameCode {
    /// The code in the low three bits; 6 and 7, which the protocol does not name, read as [`FrameCode::Unknown`].
    fn from_bits(bits: u8) -> Self {
        match bits & 0b111 {
            1 => Self::Success,
            2 => Self::MessageType,
            3 => Self::VerificationFailed,
            4 => Self::InvalidParameter,
            5 => Self::BodyLength,
            _ => Self::Unknown,
        }
    }
}

wire_id! {
    /// Pairs a response with its request: 1..=65535 (§1).
    MessageId
}

/// A decoded frame header.
///
/// The message id is raw because the answer to a DeviceVerifyReq echoes whatever came, 0 included (§2); everywhere else
/// [`MessageId::new`] is the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// What the frame is.
    pub kind: FrameKind,
    /// Outcome, in a response.
    pub code: FrameCode,
    /// Message id as it is on the wire.
    pub raw_message_id: u16,
    /// Bytes of body that follow: at most [`MAX_BODY_BYTES`].
    pub body_bytes: u16,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for a version other than 0, an unknown type, or a body over [`MAX_BODY_BYTES`].
    pub fn decode(raw: [u8; HEADER_BYTES]) -> Result<Self, DecodeError> {
        let [first, id_high, id_low, length_high, length_low] = raw;
        if first & VERSION_BIT != 0 {
            return Err(DecodeError::UnsupportedVersion { raw });
        }
        let kind = FrameKind::from_bits(first >> 4).ok_or(DecodeError::UnknownType { raw })?;
        let body_bytes = u16::from_be_bytes([length_high, length_low]);
        if usize::from(body_bytes) > MAX_BODY_BYTES {
            return Err(DecodeError::BodyTooLong { raw, max: MAX_BODY_BYTES });
        }
        let raw_message_id = u16::from_be_bytes([id_high, id_low]);
        Ok(Self { kind, code: FrameCode::from_bits(first), raw_message_id, body_bytes })
    }

    /// The header's bytes, version 0.
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let [id_high, id_low] = self.raw_message_id.to_be_bytes();
        let [length_high, length_low] = self.body_bytes.to_be_bytes();
        [(self.kind as u8) << 4 | self.code as u8, id_high, id_low, length_high, length_low]
    }
}

/// Writes a whole frame, header and body parts, to the front of `out` and returns its length.
///
/// # Errors
///
/// [`EncodeError::BodyTooLong`] over [`MAX_BODY_BYTES`]; [`EncodeError::BufferTooSmall`] where `out` does not hold the
/// frame. Nothing useful is in `out` then.
pub fn encode_frame(
    kind: FrameKind,
    code: FrameCode,
    raw_message_id: u16,
    body: &[&[u8]],
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let header = header_of(kind, code, raw_message_id, body)?;
    let need = HEADER_BYTES + usize::from(header.body_bytes);
    let have = out.len();
    let Some((head, mut rest)) = out.get_mut(..need).and_then(|out| out.split_first_chunk_mut()) else {
        return Err(EncodeError::BufferTooSmall { need, have });
    };
    *head = header.encode();
    for part in body {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    Ok(need)
}

pub(crate) fn header_of(
    kind: FrameKind,
    code: FrameCode,
    raw_message_id: u16,
    body: &[&[u8]],
) -> Result<Header, EncodeError> {
    let len: usize = body.iter().map(|part| part.len()).sum();
    match u16::try_from(len) {
        Ok(body_bytes) if len <= MAX_BODY_BYTES => Ok(Header { kind, code, raw_message_id, body_bytes }),
        _ => Err(EncodeError::BodyTooLong { len, max: MAX_BODY_BYTES }),
    }
}

const VERSION_BIT: u8 = 0b1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_code_survives_the_wire() {
        for first in 0..=u8::MAX {
            let raw = [first, 0x12, 0x34, 0x10, 0x00];
            let Ok(header) = Header::decode(raw) else { continue };
            assert_eq!((header.raw_message_id, header.body_bytes), (0x1234, 0x1000));
            assert_eq!(Header::decode(header.encode()), Ok(header));
        }
    }

    #[test]
    fn version_one_unknown_types_and_long_bodies_are_refused() {
        let version_one = [0x18, 0, 1, 0, 0];
        assert_eq!(Header::decode(version_one), Err(DecodeError::UnsupportedVersion { raw: version_one }));
        for kind in [0u8, 9, 10, 11, 12, 13, 14, 15] {
            let raw = [kind << 4, 0, 1, 0, 0];
            assert_eq!(Header::decode(raw), Err(DecodeError::UnknownType { raw }));
        }
        let raw = [0x50, 0, 1, 0x10, 0x01];
        assert_eq!(Header::decode(raw), Err(DecodeError::BodyTooLong { raw, max: 4096 }));
    }
}
