//! The compatible form's JSON: a request's object, the answer's line (pure; docs/caller-http.md §1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::outcome::Code;
use crate::token::Method;

/// Most bytes of a request's body whose data has at most `max_data` bytes: 864 for 504.
pub(super) const fn max_body_bytes(max_data: usize) -> usize {
    BESIDE_DATA_BYTES + max_characters(max_data)
}

/// Most characters of base64 for `max_data` bytes: 672 for 504.
const fn max_characters(max_data: usize) -> usize {
    max_data.div_ceil(3) * 4
}

/// A request of the compatible form that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: u32,
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) data: Vec<u8>,
}

/// Why a body is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not a JSON object with fields of the right types: HTTP 400, in words.
    Unreadable(String),
    /// A sound object that asks for something that cannot be: answered in the envelope, with its id.
    Refused { id: u32, code: Code },
}

#[derive(Deserialize)]
struct RawRequest {
    #[serde(default)]
    id: Option<u32>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    data: Option<String>,
}

impl Request {
    /// Reads a body whose data may have `max_data` bytes, in the order of checks that the contract gives: JSON, method, URI and data length, base64.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub(super) fn from_json(body: &[u8], max_data: usize) -> Result<Self, Unfit> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            // Said here, because the deserializer would take an array of the fields as well.
            return Err(Unfit::Unreadable("the body is no JSON object".to_owned()));
        }
        let raw: RawRequest = serde_json::from_slice(body)
            .map_err(|error| Unfit::Unreadable(format!("the body is no request: {error}")))?;
        let id = raw.id.unwrap_or(0);
        let refused = |code| Unfit::Refused { id, code };
        let method = raw.method.as_deref().and_then(Method::parse).ok_or_else(|| refused(Code::MethodNotAllowed))?;
        let uri = raw.uri.filter(|uri| URI_BYTES.contains(&uri.len())).ok_or_else(|| refused(Code::BadRequest))?;
        let data = raw.data.unwrap_or_default();
        if data.len() > max_characters(max_data) {
            return Err(refused(Code::BadRequest));
        }
        let data = STANDARD.decode(data.as_bytes()).map_err(|_| refused(Code::BadRequest))?;
        if data.len() > max_data {
            return Err(refused(Code::BadRequest));
        }
        Ok(Self { id, method, uri, data })
    }
}

/// Appends one answer object: `{"id":12667,"fid":0,"code":"OK","data":"d29ybGQ="}`.
pub(super) fn write_answer(out: &mut Vec<u8>, id: u32, frame: u64, code: Code, data: &[u8]) {
    let encoded_bytes = data.len().div_ceil(3) * 4;
    out.reserve(ENVELOPE_BYTES + encoded_bytes);
    out.extend_from_slice(b"{\"id\":");
    write_number(out, id.into());
    out.extend_from_slice(b",\"fid\":");
    write_number(out, frame);
    out.extend_from_slice(b",\"code\":\"");
    out.extend_from_slice(code.as_str().as_bytes());
    out.extend_from_slice(b"\",\"data\":\"");
    let start = out.len();
    out.resize(start + encoded_bytes, 0);
    STANDARD.encode_slice(data, &mut out[start..]).expect("as many bytes as base64 takes");
    out.extend_from_slice(b"\"}");
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Lengths of a device URI: so that `/a` is refused as it always was.
pub(super) const URI_BYTES: std::ops::RangeInclusive<usize> = 3..=128;

/// What a body may have beside its data: names, URI, method, id and white space.
const BESIDE_DATA_BYTES: usize = 192;

/// An answer without its data: the longest code, id and frame number fit.
const ENVELOPE_BYTES: usize = 96;

// docs/caller-http.md §1
const _: () = assert!(max_body_bytes(504) == 864 && max_characters(504) == 672);

#[cfg(test)]
mod tests {
    use super::*;

    type Expected<'a> = Result<(u32, Method, &'a str, &'a [u8]), (u32, Code)>;

    fn check(body: &str, expected: Expected<'_>) {
        let got = match Request::from_json(body.as_bytes(), 504) {
            Ok(request) => Ok((request.id, request.method, request.uri, request.data)),
            Err(Unfit::Refused { id, code }) => Err((id, code)),
            Err(Unfit::Unreadable(text)) => panic!("{body}: {text}"),
        };
        let expected = expected.map(|(id, method, uri, data)| (id, method, uri.to_owned(), data.to_vec()));
        assert_eq!(got, expected, "{body}");
    }

    #[test]
    fn a_request_is_an_object_of_known_fields() {
        check(
            r#"{"method":"copost", "uri":"/rainbow","id":12667,"data":"aGVsbG8="}"#,
            Ok((12667, Method::CoPost, "/rainbow", b"hello")),
        );
        check(r#"{"method":"obget","uri":"/ab"}"#, Ok((0, Method::ObGet, "/ab", b"")));
        check(r#"{"method":"obget","uri":"/ab","id":null,"data":null,"x":[1]}"#, Ok((0, Method::ObGet, "/ab", b"")));
        check(r#"{"method":"copost","uri":"\/a\u0062"}"#, Ok((0, Method::CoPost, "/ab", b"")));
        check(r#"{"method":"copost","uri":"/ab","id":4294967295}"#, Ok((u32::MAX, Method::CoPost, "/ab", b"")));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_id() {
        let uri = |len: usize| format!(r#"{{"method":"copost","id":7,"uri":"{}"}}"#, "x".repeat(len));
        let data = |data: &str| format!(r#"{{"method":"copost","id":7,"uri":"/ab","data":"{data}"}}"#);
        let cases = [
            (r#"{"id":7,"uri":"/ab"}"#.to_owned(), Code::MethodNotAllowed),
            (r#"{"id":7,"uri":"/ab","method":null}"#.to_owned(), Code::MethodNotAllowed),
            (r#"{"id":7,"uri":"/ab","method":"COPOST"}"#.to_owned(), Code::MethodNotAllowed),
            (r#"{"id":7,"method":"copost"}"#.to_owned(), Code::BadRequest),
            (r#"{"id":7,"method":"copost","uri":null}"#.to_owned(), Code::BadRequest),
            (uri(2), Code::BadRequest),
            (uri(129), Code::BadRequest),
            (data("aGVsbG8"), Code::BadRequest),
            (data("aGVs_G8="), Code::BadRequest),
            (data(&"A".repeat(676)), Code::BadRequest),
            // The method is looked at before the URI, the URI before the data.
            (r#"{"id":7,"method":"x","uri":"","data":"?"}"#.to_owned(), Code::MethodNotAllowed),
        ];
        for (body, code) in cases {
            check(&body, Err((7, code)));
        }
        check(&uri(3), Ok((7, Method::CoPost, "xxx", b"")));
        check(&uri(128), Ok((7, Method::CoPost, &"x".repeat(128), b"")));
        check(&data(&"A".repeat(672)), Ok((7, Method::CoPost, "/ab", &[0; 504])));
    }

    #[test]
    fn more_data_is_allowed_where_more_may_go_to_a_device() {
        let len = |max_data: usize, len: usize| {
            let body = format!(r#"{{"method":"copost","uri":"/ab","data":"{}"}}"#, STANDARD.encode(vec![0; len]));
            Request::from_json(body.as_bytes(), max_data).map(|request| request.data.len()).ok()
        };
        for max in [504, 505, 1016, 2040, 4087, 4088] {
            assert_eq!((len(max, max), len(max, max + 1)), (Some(max), None), "{max}");
        }
        assert_eq!(max_body_bytes(4088), 192 + 5452);
    }

    #[test]
    fn wrong_types_and_other_bodies_are_unreadable() {
        let bodies = [
            "",
            "x",
            "[]",
            "3",
            r#"{"id":"7"}"#,
            r#"{"id":-1}"#,
            r#"{"id":4294967296}"#,
            r#"{"id":1.5}"#,
            r#"{"method":1}"#,
            r#"{"uri":{}}"#,
            r#"{"data":[]}"#,
            r#"{"id":1}x"#,
            "{\"uri\":\"\u{1}\"}",
        ];
        for body in bodies {
            assert!(matches!(Request::from_json(body.as_bytes(), 504), Err(Unfit::Unreadable(_))), "{body}");
        }
        assert!(matches!(Request::from_json(b"{\"uri\":\"\xff\"}", 504), Err(Unfit::Unreadable(_))));
    }

    #[test]
    fn an_answer_is_one_object() {
        let mut out = Vec::new();
        write_answer(&mut out, 12667, 0, Code::Ok, b"world");
        assert_eq!(out, br#"{"id":12667,"fid":0,"code":"OK","data":"d29ybGQ="}"#);
        out.clear();
        write_answer(&mut out, u32::MAX, u64::MAX, Code::InternalServerError, b"");
        assert_eq!(out, br#"{"id":4294967295,"fid":18446744073709551615,"code":"INTERNAL_SERVER_ERROR","data":""}"#);
        assert!(out.len() <= ENVELOPE_BYTES + 32);
    }
}
