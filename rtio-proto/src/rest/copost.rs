//! CoPOST bodies (§4), the same in both directions.
//!
//! ```text
//! request    2<<4 · digest u32 · data          response   2<<4|status · data
//! ```

use super::{Method, StatusCode, UriDigest, first_byte, split_first_byte};

/// Data sent to a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoPostRequest<'a> {
    /// Which URI.
    pub digest: UriDigest,
    /// What for it.
    pub data: &'a [u8],
}

impl<'a> CoPostRequest<'a> {
    /// Fewest bytes of a body.
    pub const MIN_BYTES: usize = 5;

    /// Reads a body whose method is known to be CoPOST; `None` where it is too short.
    pub fn decode(body: &'a [u8]) -> Option<Self> {
        let (digest, data) = body.get(1..)?.split_first_chunk()?;
        Some(Self { digest: UriDigest::from_wire(*digest), data })
    }

    /// What stands in front of the data.
    pub fn head(digest: UriDigest) -> [u8; 5] {
        let [a, b, c, d] = digest.to_wire();
        [first_byte(Method::CoPost, 0), a, b, c, d]
    }
}

/// Answer to a [`CoPostRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoPostResponse<'a> {
    /// How it went.
    pub status: StatusCode,
    /// What came of it.
    pub data: &'a [u8],
}

impl<'a> CoPostResponse<'a> {
    /// Bytes in front of the data.
    pub const HEAD_BYTES: usize = 1;

    /// Reads a body; `None` where it is no CoPOST answer. The reserved CoGET reads as CoPOST here.
    pub fn decode(body: &'a [u8]) -> Option<Self> {
        let (&first, data) = body.split_first()?;
        let (method, status) = split_first_byte(first);
        let known = method == Method::CoPost as u8 || method == Method::CoGet as u8;
        known.then_some(Self { status: StatusCode::from_wire(status), data })
    }

    /// What stands in front of the data.
    pub const fn head(status: StatusCode) -> [u8; 1] {
        [first_byte(Method::CoPost, status.to_wire())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_method_digest_and_data() {
        let digest = UriDigest::of("/aa/bb");
        assert_eq!(CoPostRequest::head(digest), *b"\x20\xa7\x96\xd0\x57");
        assert_eq!(CoPostRequest::decode(b"\x20\xa7\x96\xd0\x57hi"), Some(CoPostRequest { digest, data: b"hi" }));
        assert_eq!(CoPostRequest::decode(b"\x20\xa7\x96\xd0"), None);
        assert_eq!(CoPostRequest::decode(b""), None);
    }

    #[test]
    fn an_answer_is_method_status_and_data() {
        let answer = |status, data| Some(CoPostResponse { status, data });
        assert_eq!(CoPostResponse::decode(b"\x22world"), answer(StatusCode::Ok, &b"world"[..]));
        assert_eq!(CoPostResponse::decode(b"\x12world"), answer(StatusCode::Ok, &b"world"[..]));
        assert_eq!(CoPostResponse::decode(b"\x2f"), answer(StatusCode::InternalError, &[]));
        assert_eq!(CoPostResponse::decode(b"\x32world"), None);
        assert_eq!(CoPostResponse::decode(b""), None);
        assert_eq!(CoPostResponse::head(StatusCode::NotFound), [0x25]);
    }
}
