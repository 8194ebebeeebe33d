//! What a caller's headers ask for (pure): `Prefer: wait=SECONDS` (RFC 7240), and events instead of lines.

use std::time::Duration;

use hyper::header::{ACCEPT, HeaderMap, HeaderName};

use super::trail::Trail;

/// What the headers of one request ask for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// All of them.
    pub(super) headers: &'a HeaderMap,
    /// What is written down about the request.
    pub(super) trail: Trail,
    /// The time limit of the call, if any, within the operator's maximum.
    pub(super) wait: Option<Duration>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(headers: &'a HeaderMap, max_wait: Duration) -> Self {
        Self { headers, trail: Trail::default(), wait: wait(headers, max_wait) }
    }

    /// The same with what is to be written down.
    pub(super) fn with_trail(self, trail: Trail) -> Self {
        Self { trail, ..self }
    }

    /// After which event an observation shall go on, as whoever reads events says when it comes back.
    pub(super) fn last_event(&self) -> Option<&'a str> {
        // What is no text is no event's id either; it is refused by whoever knows events.
        let id = self.headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
        id.filter(|id| !id.is_empty())
    }

    /// Whether an observation shall come as server-sent events.
    pub(super) fn wants_events(&self) -> bool {
        let accepted = self.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut ranges = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        ranges.any(|range| range.trim().eq_ignore_ascii_case(EVENT_STREAM))
    }
}

/// Media type of server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Where a reader of events says which it had last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The header's name.
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The time limit that the request asks for, cut to `max`. `None` where it asks for none, or for none that can be understood:
/// a preference that is not understood is to be ignored (RFC 7240 §2).
fn wait(headers: &HeaderMap, max: Duration) -> Option<Duration> {
    let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let seconds = preferences.flat_map(|value| value.split([',', ';'])).find_map(wait_seconds)?;
    Some(Duration::from_secs(seconds).min(max))
}

fn wait_seconds(preference: &str) -> Option<u64> {
    let (name, value) = preference.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let digits = value.trim().trim_matches('"');
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are still a number, and cut like one.
    number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        assert_eq!(wait(&headers, Duration::from_secs(120)), expected.map(Duration::from_secs), "{values:?}");
    }

    #[test]
    fn the_wait_preference_is_found_and_cut() {
        check(&[], None);
        check(&["wait=5"], Some(5));
        check(&["wait=0"], Some(0));
        check(&["respond-async, wait = 7"], Some(7));
        check(&["respond-async", "Wait=\"9\""], Some(9));
        check(&["wait=120"], Some(120));
        check(&["wait=121"], Some(120));
        check(&["wait=99999999999999999999999"], Some(120));
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for value in ["wait", "wait=", "wait=-1", "wait=soon", "wait=1.5", "await=5", "return=minimal"] {
            check(&[value], None);
        }
    }

    #[test]
    fn events_are_asked_for_by_media_type() {
        let cases = [
            ("text/event-stream", true),
            ("Text/Event-Stream; q=0.9", true),
            ("text/html, text/event-stream", true),
            ("*/*", false),
            ("application/x-ndjson", false),
        ];
        for (accept, expected) in cases {
            let headers = HeaderMap::from_iter([(ACCEPT, hyper::header::HeaderValue::from_static(accept))]);
            assert_eq!(Asked::new(&headers, Duration::ZERO).wants_events(), expected, "{accept}");
        }
        assert!(!Asked::new(&HeaderMap::new(), Duration::ZERO).wants_events());
    }
}
