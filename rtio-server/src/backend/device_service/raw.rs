//! The raw form: an ordinary web handler is a device service (docs/backends.md §2). Pure.

use hyper::StatusCode as HttpStatus;
use hyper::header::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::hub::StatusCode;

/// The URI as a header's value: visible ASCII stands for itself, everything else and `%` as percent and two digits, so that
/// decoding gives the URI back.
pub(super) fn uri_value(uri: &str) -> HeaderValue {
    let encoded = utf8_percent_encode(uri, ENCODED).to_string();
    HeaderValue::try_from(encoded).expect("visible ASCII is a header's value")
}

const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// What the device gets for a status that says whose fault it is. `None`: the service failed.
pub(super) fn refusal(status: HttpStatus) -> Option<StatusCode> {
    match status.as_u16() {
        400 | 413 | 422 => Some(StatusCode::BadRequest),
        404 => Some(StatusCode::NotFound),
        405 => Some(StatusCode::MethodNotAllowed),
        429 => Some(StatusCode::TooManyRequests),
        _ => None,
    }
}

/// What fits into one message of a device with the largest capacity (docs/protocol.md §4).
pub(super) const MAX_ANSWER_BYTES: usize = 4088;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_comes_back_by_decoding() {
        for (uri, expected) in [
            ("/printer/status", "/printer/status"),
            ("/a b", "/a%20b"),
            ("/100%", "/100%25"),
            ("/100%20", "/100%2520"),
            ("/tür\r\nX: y", "/t%C3%BCr%0D%0AX:%20y"),
            ("/\u{7f}?a=\"b\"", "/%7F?a=\"b\""),
        ] {
            assert_eq!(uri_value(uri), expected);
            assert_eq!(percent_encoding::percent_decode_str(expected).decode_utf8().unwrap(), uri);
        }
    }

    #[test]
    fn a_status_says_whose_fault_it_is() {
        let check = |status: u16, expected| assert_eq!(refusal(HttpStatus::from_u16(status).unwrap()), expected);
        [400, 413, 422].into_iter().for_each(|status| check(status, Some(StatusCode::BadRequest)));
        check(404, Some(StatusCode::NotFound));
        check(405, Some(StatusCode::MethodNotAllowed));
        check(429, Some(StatusCode::TooManyRequests));
        for status in [100, 301, 304, 401, 403, 408, 409, 410, 415, 499, 500, 501, 502, 503, 504, 599, 999] {
            check(status, None);
        }
    }
}
