//! What the device answers, read from a message of either version.
//!
//! ```text
//! 5       correlation data, user property `status`; the payload is the device's data
//! 3.1.1   payload: CORRELATION ' ' STATUS '\n' and the device's data
//! ```
//!
//! Without a status it is `ok`.

use super::correlation::{Correlation, DIGITS};
use crate::hub::StatusCode;
use crate::mqtt::packet::{Publish, Version};

/// One message of the device about one request.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Answer {
    pub(super) correlation: Correlation,
    /// `None`: none that there is.
    pub(super) status: Option<StatusCode>,
    pub(super) data: Vec<u8>,
}

impl Answer {
    /// `None`: it does not say what it answers, or nothing that was asked.
    pub(in crate::mqtt) fn read(version: Version, publish: Publish) -> Option<Self> {
        match version {
            Version::V3 => Self::with_header(publish.payload),
            Version::V5 => {
                let correlation = Correlation::parse(&publish.correlation?)?;
                let status = status_named(publish.status.unwrap_or_default().as_bytes());
                Some(Self { correlation, status, data: publish.payload })
            }
        }
    }

    /// The same, which makes no sense if its data has more bytes than the device may send: its caller shall not wait in vain.
    pub(in crate::mqtt) fn within(self, max_bytes: usize) -> Self {
        if self.data.len() <= max_bytes { self } else { Self { status: None, data: Vec::new(), ..self } }
    }

    fn with_header(mut payload: Vec<u8>) -> Option<Self> {
        let head = &payload[..payload.len().min(MAX_HEADER_BYTES)];
        let (line, len) = match head.iter().position(|&byte| byte == b'\n') {
            Some(end) => (&head[..end], end + 1),
            None => (head, head.len()),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (correlation, status) = line.split_at_checked(DIGITS)?;
        let correlation = Correlation::parse(correlation)?;
        let status = match status {
            [] => status_named(&[]),
            [b' ', name @ ..] => status_named(name),
            _ => return None,
        };
        payload.drain(..len);
        Some(Self { correlation, status, data: payload })
    }

    /// Whether it is of an observation that lives, as the device sees it.
    pub(super) fn goes_on(&self) -> bool {
        self.status == Some(StatusCode::Continue)
    }
}

/// Bytes in which a header's line must end: all statuses there are fit.
const MAX_HEADER_BYTES: usize = 64;

fn status_named(name: &[u8]) -> Option<StatusCode> {
    Some(match name {
        b"" | b"ok" => StatusCode::Ok,
        b"continue" => StatusCode::Continue,
        b"terminate" => StatusCode::Terminate,
        b"not_found" => StatusCode::NotFound,
        b"bad_request" => StatusCode::BadRequest,
        b"internal_error" => StatusCode::InternalError,
        b"too_many_requests" => StatusCode::TooManyRequests,
        b"too_many_observers" => StatusCode::TooManyObservers,
        b"method_not_allowed" => StatusCode::MethodNotAllowed,
        b"unknown" => StatusCode::Unknown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(payload: &[u8]) -> Publish {
        Publish {
            id: None,
            retain: false,
            topic: "iot/v1/devices/cdv_1/rtio/responses".to_owned(),
            payload: payload.to_vec(),
            correlation: None,
            status: None,
        }
    }

    fn answer(status: Option<StatusCode>, data: &[u8]) -> Answer {
        Answer { correlation: Correlation::numbered(0x1a2b_3c4d_5e6f), status, data: data.to_vec() }
    }

    const NAMES: [(&str, StatusCode); 10] = [
        ("ok", StatusCode::Ok),
        ("continue", StatusCode::Continue),
        ("terminate", StatusCode::Terminate),
        ("not_found", StatusCode::NotFound),
        ("bad_request", StatusCode::BadRequest),
        ("internal_error", StatusCode::InternalError),
        ("too_many_requests", StatusCode::TooManyRequests),
        ("too_many_observers", StatusCode::TooManyObservers),
        ("method_not_allowed", StatusCode::MethodNotAllowed),
        ("unknown", StatusCode::Unknown),
    ];

    #[test]
    fn each_status_has_its_name_in_both_versions() {
        for (name, status) in NAMES {
            let v3 = Answer::read(Version::V3, publish(format!("1a2b3c4d5e6f {name}\ndata").as_bytes()));
            assert_eq!(v3, Some(answer(Some(status), b"data")), "{name}");
            let properties = Publish {
                correlation: Some(b"1a2b3c4d5e6f".to_vec()),
                status: Some(name.to_owned()),
                ..publish(b"data")
            };
            assert_eq!(Answer::read(Version::V5, properties), v3, "{name}");
        }
    }

    #[test]
    fn in_3_1_1_a_line_is_in_front_of_the_data() {
        let (ok, none) = (Some(StatusCode::Ok), None);
        let cases: [(&[u8], Option<Answer>); 20] = [
            (b"1a2b3c4d5e6f ok\n", Some(answer(ok, b""))),
            (b"1a2b3c4d5e6f\n21.5", Some(answer(ok, b"21.5"))),
            (b"1a2b3c4d5e6f \n21.5", Some(answer(ok, b"21.5"))),
            (b"1a2b3c4d5e6f ok\r\n21.5", Some(answer(ok, b"21.5"))),
            (b"1a2b3c4d5e6f\r\n\r\n", Some(answer(ok, b"\r\n"))),
            (b"1a2b3c4d5e6f ok\n\n\0\xff", Some(answer(ok, b"\n\0\xff"))),
            // Without a line's end it is all header.
            (b"1a2b3c4d5e6f", Some(answer(ok, b""))),
            (b"1a2b3c4d5e6f ok", Some(answer(ok, b""))),
            // A status that there is not.
            (b"1a2b3c4d5e6f OK\n", Some(answer(none, b""))),
            (b"1a2b3c4d5e6f okay\n", Some(answer(none, b""))),
            (b"1a2b3c4d5e6f ok \n", Some(answer(none, b""))),
            (b"1a2b3c4d5e6f  ok\n", Some(answer(none, b""))),
            (b"1a2b3c4d5e6f \xff\xfe\n1", Some(answer(none, b"1"))),
            (b"1a2b3c4d5e6f 21.5 degrees", Some(answer(none, b""))),
            // Nobody knows what it answers.
            (b"", None),
            (b"\n", None),
            (b"21.5", None),
            (b"1a2b3c4d5e6ff ok\n", None),
            (b" 1a2b3c4d5e6f ok\n", None),
            (b"1A2B3C4D5E6F ok\n", None),
        ];
        for (payload, expected) in cases {
            assert_eq!(Answer::read(Version::V3, publish(payload)), expected, "{}", payload.escape_ascii());
        }
    }

    #[test]
    fn a_header_without_an_end_is_not_searched_through() {
        let mut payload = b"1a2b3c4d5e6f ok".to_vec();
        payload.resize(100_000, b' ');
        let read = Answer::read(Version::V3, publish(&payload)).unwrap();
        assert_eq!((read.status, read.data.len()), (None, 100_000 - MAX_HEADER_BYTES));
        let longest = NAMES.iter().map(|(name, _)| DIGITS + name.len() + "  \r\n".len()).max();
        assert!(longest.unwrap() <= MAX_HEADER_BYTES);
    }

    #[test]
    fn in_5_properties_say_what_it_answers() {
        let with = |correlation: Option<&[u8]>, status: Option<&str>| {
            let (correlation, status) = (correlation.map(<[u8]>::to_vec), status.map(str::to_owned));
            Answer::read(Version::V5, Publish { correlation, status, ..publish(b"1a2b3c4d5e6f ok\n\0") })
        };
        let ours: &[u8] = b"1a2b3c4d5e6f";
        let data = b"1a2b3c4d5e6f ok\n\0";
        assert_eq!(with(Some(ours), None), Some(answer(Some(StatusCode::Ok), data)));
        assert_eq!(with(Some(ours), Some("")), Some(answer(Some(StatusCode::Ok), data)));
        assert_eq!(with(Some(ours), Some("no")), Some(answer(None, data)));
        assert_eq!(with(None, Some("ok")), None);
        assert_eq!(with(Some(b""), Some("ok")), None);
        assert_eq!(with(Some(b"\xff"), None), None);
    }
}
