//! The trace that a caller's request belongs to (pure): the header `traceparent` of W3C Trace Context.

use hyper::header::{HeaderMap, HeaderName};

/// The trace's id: 32 lower-case hexadecimal digits. `None` where the header is not there, there twice, or means nothing: then it is
/// to be ignored (W3C Trace Context §3.2.2).
pub(super) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { parse(value) }
}

/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. Later versions may have more behind it.
fn parse(value: &str) -> Option<&str> {
    let mut parts = value.splitn(5, '-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_first_version = version == "00";
    let sound = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && !(is_first_version && parts.next().is_some());
    let is_named = |id: &str| id.bytes().any(|digit| digit != b'0');
    (sound && is_named(trace) && is_named(parent)).then_some(trace)
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_sound_header_names_its_trace() {
        assert_eq!(parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")), Some(TRACE));
        assert_eq!(parse(&format!("cc-{TRACE}-00f067aa0ba902b7-01-what-comes")), Some(TRACE), "a later version");
    }

    #[test]
    fn what_means_nothing_is_ignored() {
        for value in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}0-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-0x"),
        ] {
            assert_eq!(parse(&value), None, "{value}");
        }
    }

    #[test]
    fn two_headers_are_none() {
        let value: hyper::header::HeaderValue = format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, value.clone());
        assert_eq!(trace_id(&headers), Some(TRACE));
        headers.append(TRACEPARENT, value);
        assert_eq!(trace_id(&headers), None);
    }
}
