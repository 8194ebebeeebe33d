//! The published form: what a service is sent and what its answer means, as JSON (docs/backends.md §2). Pure.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::hub::{DeviceId, ReportAnswer, StatusCode};

/// What a device sent, as a document.
pub(super) fn question(id: u32, device: &DeviceId, data: &[u8]) -> Vec<u8> {
    let question = Question { id, method: "copost", deviceid: device.as_str(), data: STANDARD.encode(data) };
    serde_json::to_vec(&question).expect("text and numbers can be written")
}

#[derive(Serialize)]
struct Question<'a> {
    id: u32,
    method: &'static str,
    deviceid: &'a str,
    data: String,
}

/// What the answer to question `id` means for the device. `None`: it is no answer to this question.
pub(super) fn meaning(id: u32, answer: &[u8]) -> Option<ReportAnswer> {
    let answer: RawAnswer<'_> = serde_json::from_slice(answer).ok()?;
    if answer.id != i64::from(id) {
        return None;
    }
    match &*answer.code {
        "OK" => {
            let data = STANDARD.decode(answer.data.unwrap_or_default().as_bytes()).ok()?;
            Some(ReportAnswer { status: StatusCode::Ok, data })
        }
        "BAD_REQUEST" => Some(ReportAnswer::empty(StatusCode::BadRequest)),
        _ => Some(ReportAnswer::empty(StatusCode::InternalError)),
    }
}

#[derive(Deserialize)]
struct RawAnswer<'a> {
    id: i64,
    #[serde(borrow)]
    code: Cow<'a, str>,
    /// Absent and null mean the same.
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
}

/// Three times the 5,452 characters of base64 that the longest data has: an escape may double them (PHP writes `\/`), and what
/// stands around them is small.
pub(super) const MAX_ANSWER_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u32 = 182_274_021;

    #[test]
    fn the_question_is_as_published() {
        let device = DeviceId::parse("PRINTER-001").unwrap();
        let check = |data: &[u8], expected: &str| {
            let expected = format!(r#"{{"id":{ID},"method":"copost","deviceid":"PRINTER-001","data":"{expected}"}}"#);
            assert_eq!(String::from_utf8(question(ID, &device, data)).unwrap(), expected);
        };
        check(b"", "");
        check(b"hello", "aGVsbG8=");
        check(&[0xFF, 0x00, 0xFB], "/wD7");
    }

    #[test]
    fn an_answer_is_for_this_question_and_says_how_it_went() {
        let check = |rest: &str, status, data: &[u8]| {
            let answer = meaning(ID, format!(r#"{{"id":{ID},{rest}}}"#).as_bytes());
            assert_eq!(answer, Some(ReportAnswer { status, data: data.to_vec() }), "{rest}");
        };
        check(r#""code":"OK","data":"aGVsbG8=""#, StatusCode::Ok, b"hello");
        check(r#""data":"\/wD7","more":[1],"code":"OK""#, StatusCode::Ok, &[0xFF, 0x00, 0xFB]);
        for empty in [r#""code":"OK""#, r#""code":"OK","data":null"#, r#""code":"OK","data":"""#] {
            check(empty, StatusCode::Ok, b"");
        }
        check(r#""code":"BAD_REQUEST""#, StatusCode::BadRequest, b"");
        check(r#""code":"BAD_REQUEST","data":"?""#, StatusCode::BadRequest, b"");
        for code in ["INTERNAL_SERVER_ERROR", "NOT_FOUND", "METHOD_NOT_ALLOWED", "ok", ""] {
            check(&format!(r#""code":"{code}","data":"aGVsbG8=""#), StatusCode::InternalError, b"");
        }
    }

    #[test]
    fn anything_else_is_no_answer() {
        for nonsense in [
            "",
            "OK",
            "null",
            "{}",
            r#"{"code":"OK"}"#,
            r#"{"id":182274021}"#,
            r#"{"id":182274022,"code":"OK"}"#,
            r#"{"id":"182274021","code":"OK"}"#,
            r#"{"id":182274021,"code":0}"#,
            r#"{"id":182274021,"code":"OK","data":5}"#,
            r#"{"id":182274021,"code":"OK","data":"aGVsbG8"}"#,
            r#"{"id":182274021,"code":"OK","data":"_wD7"}"#,
            r#"{"id":182274021,"code":"OK","data":"aGVs bG8="}"#,
            r#"{"id":182274021,"code":"OK""#,
            r#"{"id":182274021,"code":"OK"}{"#,
            r#"{"id":1,"id":182274021,"code":"OK"}"#,
            r#"[{"id":182274021,"code":"OK"}]"#,
        ] {
            assert_eq!(meaning(ID, nonsense.as_bytes()), None, "{nonsense}");
        }
    }
}
