//! What the operator's verifier is sent and what its answer means, as bytes (docs/backends.md §1). Pure.

use serde::{Deserialize, Serialize};

use crate::hub::DeviceId;
use crate::hub::ports::Verification;

/// The question about one device. `None`: JSON cannot carry this secret.
pub(super) fn question(id: u32, device: &DeviceId, secret: &[u8]) -> Option<Vec<u8>> {
    let devicesecret = std::str::from_utf8(secret).ok()?;
    let question = Question { id, method: "verify", deviceid: device.as_str(), devicesecret };
    Some(serde_json::to_vec(&question).expect("text and numbers can be written"))
}

#[derive(Serialize)]
struct Question<'a> {
    id: u32,
    method: &'static str,
    deviceid: &'a str,
    devicesecret: &'a str,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The backend decided, or said that it cannot.
    Understood(Verification),
    /// It is no answer to this question.
    Nonsense,
}

/// What the answer to question `id` means.
pub(super) fn meaning(id: u32, answer: &[u8]) -> Answer {
    let Ok(answer) = serde_json::from_slice::<RawAnswer>(answer) else { return Answer::Nonsense };
    if answer.id != i64::from(id) {
        return Answer::Nonsense;
    }
    Answer::Understood(match answer.code.as_str() {
        "OK" => Verification::Accepted,
        "VERIFICATION_FAILED" | "NOT_FOUND" => Verification::Refused,
        _ => Verification::Unavailable,
    })
}

#[derive(Deserialize)]
struct RawAnswer {
    id: i64,
    code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_as_published() {
        let device = DeviceId::parse("PRINTER-001").unwrap();
        let text = |secret: &[u8]| question(1999, &device, secret).map(|bytes| String::from_utf8(bytes).unwrap());
        let expected = r#"{"id":1999,"method":"verify","deviceid":"PRINTER-001","devicesecret":"a\"b:c"}"#;
        assert_eq!(text(b"a\"b:c").as_deref(), Some(expected));
        assert_eq!(text(b"\xff"), None);
    }

    #[test]
    fn only_ok_for_the_same_id_lets_a_device_in() {
        let check = |answer: &str, expected| assert_eq!(meaning(1999, answer.as_bytes()), expected, "{answer}");
        check(r#"{"id":1999,"code":"OK"}"#, Answer::Understood(Verification::Accepted));
        check(r#"{"code":"OK","more":[1],"id":1999}"#, Answer::Understood(Verification::Accepted));
        for code in ["VERIFICATION_FAILED", "NOT_FOUND"] {
            check(&format!(r#"{{"id":1999,"code":"{code}"}}"#), Answer::Understood(Verification::Refused));
        }
        for code in ["BAD_REQUEST", "METHOD_NOT_ALLOWED", "INTERNAL_SERVER_ERROR", "ok", "", "OK "] {
            check(&format!(r#"{{"id":1999,"code":"{code}"}}"#), Answer::Understood(Verification::Unavailable));
        }
        for nonsense in [
            "",
            "OK",
            "null",
            "{}",
            r#"{"id":1998,"code":"OK"}"#,
            r#"{"id":"1999","code":"OK"}"#,
            r#"{"code":"OK"}"#,
            r#"{"id":1999}"#,
            r#"{"id":1999,"code":0}"#,
            r#"{"id":1999,"code":"OK""#,
            r#"{"id":1999,"code":"OK"}{"#,
            r#"{"id":1998,"id":1999,"code":"OK"}"#,
            r#"[{"id":1999,"code":"OK"}]"#,
        ] {
            check(nonsense, Answer::Nonsense);
        }
    }
}
