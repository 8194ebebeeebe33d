//! What can be wrong with bytes, as data. Text is made in `Display` only.

use core::fmt;

use crate::header::FrameKind;
use crate::limits::HEADER_BYTES;

/// A header or body that no sound peer sends. `raw` is the offending header as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The version bit is 1.
    UnsupportedVersion {
        /// The header.
        raw: [u8; HEADER_BYTES],
    },
    /// The type is none of 1..=8.
    UnknownType {
        /// The header.
        raw: [u8; HEADER_BYTES],
    },
    /// The body is longer than `max`: 4096 at first, the agreed capacity once there is one.
    BodyTooLong {
        /// The header.
        raw: [u8; HEADER_BYTES],
        /// Most bytes that are allowed here.
        max: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedVersion { raw } => write!(f, "protocol version 1 in header {raw:02x?}, expected 0"),
            Self::UnknownType { raw } => write!(f, "unknown frame type {} in header {raw:02x?}", raw[0] >> 4),
            Self::BodyTooLong { raw, max } => {
                let len = u16::from_be_bytes([raw[3], raw[4]]);
                write!(f, "body of {len} bytes in header {raw:02x?}, at most {max} allowed")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// A message that does not fit the wire, or the buffer it should go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The body would be longer than a frame may carry.
    BodyTooLong {
        /// Bytes of the body.
        len: usize,
        /// Most bytes that are allowed.
        max: usize,
    },
    /// The output buffer does not hold the frame.
    BufferTooSmall {
        /// Bytes of the frame.
        need: usize,
        /// Bytes of the buffer.
        have: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BodyTooLong { len, max } => write!(f, "body of {len} bytes, at most {max} allowed"),
            Self::BufferTooSmall { need, have } => write!(f, "frame of {need} bytes does not fit a buffer of {have}"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// The peer broke the protocol; the connection must be closed without an answer (§1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// A frame that does not decode.
    Decode(DecodeError),
    /// A frame that has no place in the session's state.
    UnexpectedFrame {
        /// State of the session, by name.
        state: &'static str,
        /// What came.
        got: FrameKind,
        /// The header.
        raw: [u8; HEADER_BYTES],
    },
    /// Message id 0 outside a DeviceVerifyReq.
    ZeroMessageId {
        /// The header.
        raw: [u8; HEADER_BYTES],
    },
    /// A body too short for its method.
    BodyTooShort {
        /// The header.
        raw: [u8; HEADER_BYTES],
        /// Fewest bytes that the method needs.
        need: usize,
    },
}

impl ProtocolError {
    /// Name of the cause, for counters.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Decode(DecodeError::UnsupportedVersion { .. }) => "unsupported_version",
            Self::Decode(DecodeError::UnknownType { .. }) => "unknown_type",
            Self::Decode(DecodeError::BodyTooLong { .. }) => "body_too_long",
            Self::UnexpectedFrame { .. } => "unexpected_frame",
            Self::ZeroMessageId { .. } => "zero_message_id",
            Self::BodyTooShort { .. } => "body_too_short",
        }
    }
}

impl From<DecodeError> for ProtocolError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::UnexpectedFrame { state, got, raw } => {
                write!(f, "{got:?} has no place in state {state}, header {raw:02x?}")
            }
            Self::ZeroMessageId { raw } => write!(f, "message id 0 in header {raw:02x?}"),
            Self::BodyTooShort { raw, need } => {
                write!(f, "body too short for its method in header {raw:02x?}, at least {need} bytes needed")
            }
        }
    }
}

impl core::error::Error for ProtocolError {}
