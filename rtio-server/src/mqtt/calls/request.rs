//! What the device is asked, as a message of either version.
//!
//! ```text
//! 5       response topic, correlation data, user properties `method` and `uri`; the payload is the caller's data
//! 3.1.1   payload: CORRELATION ' ' METHOD ' ' URI '\n' and the caller's data
//! ```

use super::correlation::Correlation;
use crate::hub::DeviceId;
use crate::mqtt::packet::{Message, RequestProperties, Version};
use crate::realer::Topic;

/// One request on its way to the device.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Request {
    correlation: Correlation,
    method: Method,
    /// Empty if it is to stop.
    uri: Box<str>,
    /// Empty if it is to stop.
    data: Box<[u8]>,
}

/// What the device shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Answer once.
    CoPost,
    /// Begin an observation.
    ObGet,
    /// End the observation that has the same correlation; without an answer.
    Stop,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::CoPost => "copost",
            Self::ObGet => "obget",
            Self::Stop => "stop",
        }
    }
}

/// Whether messages can carry this URI. One with a control character would end the header's line in 3.1.1 or its client's connection
/// in 5, where such characters and those that are none (U+FFFE and its like) may count as malformed (MQTT 5 §1.5.4).
pub(super) fn can_carry(uri: &str) -> bool {
    uri.len() <= MAX_URI_BYTES && !uri.chars().any(|character| character.is_control() || is_no_character(character))
}

const fn is_no_character(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || character as u32 & 0xfffe == 0xfffe
}

/// Bytes of a URI. Callers may send fewer, so that nobody meets it: it bounds the header whoever asks.
const MAX_URI_BYTES: usize = 512;

impl Request {
    pub(super) fn new(correlation: Correlation, method: Method, uri: &str, data: &[u8]) -> Self {
        Self { correlation, method, uri: uri.into(), data: data.into() }
    }

    pub(super) fn stop(correlation: Correlation) -> Self {
        Self::new(correlation, Method::Stop, "", &[])
    }

    pub(super) const fn correlation(&self) -> Correlation {
        self.correlation
    }

    /// Bytes of the caller's that wait with it.
    pub(super) const fn len(&self) -> usize {
        self.uri.len() + self.data.len()
    }

    /// What is published to the device.
    pub(in crate::mqtt) fn message(&self, version: Version, device: &DeviceId) -> Message {
        let topic = Topic::Requests.write(device).into();
        match version {
            Version::V3 => Message { topic, payload: self.with_header(), request: None },
            Version::V5 => {
                Message { topic, payload: self.data.clone(), request: Some(Box::new(self.properties(device))) }
            }
        }
    }

    fn with_header(&self) -> Box<[u8]> {
        let mut payload = self.correlation.to_text().into_bytes();
        payload.reserve_exact(self.method.name().len() + self.len() + 3);
        payload.push(b' ');
        payload.extend_from_slice(self.method.name().as_bytes());
        if self.method != Method::Stop {
            payload.push(b' ');
            payload.extend_from_slice(self.uri.as_bytes());
        }
        payload.push(b'\n');
        payload.extend_from_slice(&self.data);
        payload.into()
    }

    fn properties(&self, device: &DeviceId) -> RequestProperties {
        let mut user = vec![("method", self.method.name().to_owned())];
        if self.method != Method::Stop {
            user.push(("uri", self.uri.to_string()));
        }
        RequestProperties {
            response_topic: Topic::Responses.write(device),
            correlation: self.correlation.to_text().into_bytes(),
            user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> DeviceId {
        DeviceId::parse("cdv_1").unwrap()
    }

    fn request(method: Method, uri: &str, data: &[u8]) -> Request {
        Request::new(Correlation::numbered(0x1a2b_3c4d_5e6f), method, uri, data)
    }

    #[test]
    fn in_3_1_1_a_line_is_in_front_of_the_data() {
        let cases: [(Method, &str, &[u8], &[u8]); 6] = [
            (Method::CoPost, "/valve", b"open", b"1a2b3c4d5e6f copost /valve\nopen"),
            (Method::CoPost, "/valve", b"", b"1a2b3c4d5e6f copost /valve\n"),
            (Method::CoPost, "/v", b"\n\0\xff\r\n", b"1a2b3c4d5e6f copost /v\n\n\0\xff\r\n"),
            (Method::CoPost, "/two words/%0A", b"x", b"1a2b3c4d5e6f copost /two words/%0A\nx"),
            (Method::CoPost, "/gr\u{fc}n", b"x", b"1a2b3c4d5e6f copost /gr\xc3\xbcn\nx"),
            (Method::ObGet, "/temperature", b"5 s", b"1a2b3c4d5e6f obget /temperature\n5 s"),
        ];
        for (method, uri, data, payload) in cases {
            let message = request(method, uri, data).message(Version::V3, &device());
            assert_eq!(&*message.topic, "iot/v1/devices/cdv_1/rtio/requests");
            assert_eq!(&*message.payload, payload, "{uri}");
            assert_eq!(message.request, None);
        }
        let stop = Request::stop(Correlation::numbered(0x1a2b_3c4d_5e6f)).message(Version::V3, &device());
        assert_eq!(&*stop.payload, b"1a2b3c4d5e6f stop\n");
    }

    #[test]
    fn in_5_the_payload_is_the_data_and_properties_say_the_rest() {
        for (method, name) in [(Method::CoPost, "copost"), (Method::ObGet, "obget")] {
            let message = request(method, "/two words", b"\n\0\xff").message(Version::V5, &device());
            assert_eq!(&*message.topic, "iot/v1/devices/cdv_1/rtio/requests");
            assert_eq!(&*message.payload, b"\n\0\xff");
            let properties = message.request.unwrap();
            assert_eq!(properties.response_topic, "iot/v1/devices/cdv_1/rtio/responses");
            assert_eq!(properties.correlation, b"1a2b3c4d5e6f");
            assert_eq!(properties.user, [("method", name.to_owned()), ("uri", "/two words".to_owned())]);
        }
        let stop = Request::stop(Correlation::numbered(0xbeef)).message(Version::V5, &device());
        let properties = stop.request.unwrap();
        assert_eq!(&*stop.payload, b"");
        assert_eq!(
            (&*properties.correlation, &*properties.user),
            (&b"00000000beef"[..], &[("method", "stop".to_owned())][..])
        );
    }

    #[test]
    fn a_uri_that_would_break_a_header_or_a_connection_is_not_carried() {
        for uri in ["/a", "/a b", "", "/%0a", "/\u{20ac}", "/\u{1f600}", "?&#", &"x".repeat(MAX_URI_BYTES)] {
            assert!(can_carry(uri), "{uri:?}");
        }
        let long = "x".repeat(MAX_URI_BYTES + 1);
        let hostile =
            ["\n", "/a\nb", "/a\r", "/a\0", "/\t", "/\u{7f}", "/\u{85}", "/\u{fffe}", "/\u{1ffff}", "/\u{fdd0}", &long];
        for uri in hostile {
            assert!(!can_carry(uri), "{uri:?}");
        }
    }
}
