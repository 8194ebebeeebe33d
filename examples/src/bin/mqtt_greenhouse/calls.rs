//! What callers ask the device, and what it answers. Pure. (docs/mqtt.md: in MQTT 3.1.1 a line is in front of the data.)

/// The answer to a request, as it is published; `None` where there is nothing to be said.
pub(crate) fn answer(request: &[u8], fan: &str) -> Option<Vec<u8>> {
    let header = request.split(|&byte| byte == b'\n').next()?;
    let mut words = std::str::from_utf8(header).ok()?.splitn(3, ' ');
    let (correlation, method, uri) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let answer = match (method, uri) {
        ("copost", "/fan/speed") => format!("{correlation} ok\n{}", if fan == "1" { "1450 rpm" } else { "0 rpm" }),
        ("copost", _) => format!("{correlation} not_found\n"),
        // It has nothing that can be observed, so that nothing is to be stopped either.
        ("obget", _) => format!("{correlation} method_not_allowed\n"),
        _ => return None,
    };
    Some(answer.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_answered_under_its_correlation() {
        for (request, expected) in [
            ("1a2b3c4d5e6f copost /fan/speed\nnow", Some("1a2b3c4d5e6f ok\n1450 rpm")),
            ("1a2b3c4d5e6f copost /fan/noise\n", Some("1a2b3c4d5e6f not_found\n")),
            ("1a2b3c4d5e6f obget /fan/speed\n", Some("1a2b3c4d5e6f method_not_allowed\n")),
            ("1a2b3c4d5e6f stop\n", None),
            ("", None),
        ] {
            assert_eq!(answer(request.as_bytes(), "1").as_deref(), expected.map(str::as_bytes), "{request}");
        }
    }
}
