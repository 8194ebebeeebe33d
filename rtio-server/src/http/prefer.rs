//! `Prefer: wait=SECONDS` (RFC 7240): how long a caller wants to wait (pure).

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName};

/// The header's name.
pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The time limit that the request asks for, cut to `max`. `None` where it asks for none, or for none that can be understood:
/// a preference that is not understood is to be ignored (RFC 7240 §2).
pub(super) fn wait(headers: &HeaderMap, max: Duration) -> Option<Duration> {
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
}
