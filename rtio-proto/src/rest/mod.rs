//! The REST-like layer inside the bodies of Send frames (§4). Byte 0 of each body is `method << 4 | status`.
//!
//! Used by both sessions; knows nothing of frames, ids of messages, or time.

mod copost;
mod obget;
mod status;
mod uri_digest;

pub use copost::{CoPostRequest, CoPostResponse};
pub use obget::{Establish, EstablishResponse, Notify, NotifyResponse, ObserverId};
pub use status::StatusCode;
pub use uri_digest::UriDigest;

/// What a Send body does (high four bits of its byte 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Method {
    /// Reserved; the twin of CoPOST in responses, never in requests.
    CoGet = 1,
    /// Call: data in, data out.
    CoPost = 2,
    /// Observe: establishment and notifications.
    ObGet = 3,
}

/// Byte 0 of a body, taken apart: the method's four bits, and the status'.
pub const fn split_first_byte(byte: u8) -> (u8, u8) {
    (byte >> 4, byte & 0x0f)
}

const fn first_byte(method: Method, status_bits: u8) -> u8 {
    (method as u8) << 4 | status_bits
}
