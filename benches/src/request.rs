//! The requests that callers send, and how to tell whether an answer is the one to a request. Pure.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::http_answer::Answer;
use crate::json_field::json_field;
use crate::payload::Payload;

/// How a call is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `POST /{device}` with a JSON object.
    Compatible,
    /// `POST /{device}/echo` with the bytes themselves.
    Direct,
}

/// What an answer is to the request that it came for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Own,
    /// A good answer, to somebody else's request.
    Others,
    /// The server says that it failed.
    Failure,
}

impl Form {
    /// Writes call `number` of device `device` to `out`, with `fields` among its header fields, each with its line end.
    pub(crate) fn write_call(self, device: &str, number: u64, fields: &str, out: &mut Vec<u8>) {
        let payload = Payload::of(number);
        match self {
            Self::Compatible => {
                let data = payload.base64();
                let data = str::from_utf8(&data).expect("base64 is ASCII");
                let envelope = Envelope { method: "copost", id: call_id(number), uri: ECHO_URI, data };
                write_json(device, &envelope, fields, out);
            }
            Self::Direct => {
                let content = Content { kind: "application/octet-stream", length: payload.as_bytes().len() };
                write_head(&format!("{device}{ECHO_URI}"), content, fields, out);
                out.extend_from_slice(payload.as_bytes());
            }
        }
    }

    /// Whose answer it is.
    pub(crate) fn judge(self, number: u64, answer: &Answer<'_>) -> Match {
        if answer.status != OK {
            return Match::Failure;
        }
        let own = match self {
            Self::Direct => answer.body == Payload::of(number).as_bytes(),
            Self::Compatible if json_field(answer.body, b"\"code\":") != Some(b"OK") => return Match::Failure,
            Self::Compatible => {
                is_number(json_field(answer.body, b"\"id\":"), call_id(number))
                    && json_field(answer.body, b"\"data\":") == Some(&Payload::of(number).base64())
            }
        };
        if own { Match::Own } else { Match::Others }
    }
}

/// Writes the request to observe `count` frames of a device.
pub(crate) fn write_observe(device: &str, id: u64, count: u32, out: &mut Vec<u8>) {
    let data = STANDARD.encode(count.to_be_bytes());
    write_json(device, &Envelope { method: "obget", id, uri: COUNT_URI, data: &data }, "", out);
}

/// Writes the request to call every device of `patterns`, `concurrency` at once.
pub(crate) fn write_group_call(patterns: &[String], payload: Payload, concurrency: u64, out: &mut Vec<u8>) {
    let (patterns, data) = (patterns.join("\",\""), payload.base64());
    let data = str::from_utf8(&data).expect("base64 is ASCII");
    let body = format!(
        r#"{{"devices":["{patterns}"],"method":"copost","uri":"{ECHO_URI}","data_base64":"{data}","concurrency":{concurrency}}}"#
    );
    write_head("v1/calls", Content { kind: JSON, length: body.len() }, "", out);
    out.extend_from_slice(body.as_bytes());
}

/// Whether a line of an observation is frame `frame`, which carries its own number.
pub(crate) fn is_frame(line: &[u8], id: u64, frame: u64) -> bool {
    json_field(line, b"\"code\":") == Some(b"CONTINUE")
        && is_number(json_field(line, b"\"id\":"), id)
        && is_number(json_field(line, b"\"fid\":"), frame)
        && json_field(line, b"\"data\":") == Some(&Payload::of(frame).base64())
}

/// Whether a line says that the observation ended as it should.
pub(crate) fn is_end(line: &[u8]) -> bool {
    json_field(line, b"\"code\":") == Some(b"TERMINATE")
}

/// Id of device `index` of the fleet.
pub(crate) fn device_id(index: u64) -> String {
    format!("fleet-{index:06}")
}

/// The index of a device of the fleet; `None` for what is none.
pub(crate) fn device_index(id: &[u8]) -> Option<u64> {
    str::from_utf8(id).ok()?.strip_prefix("fleet-")?.parse().ok()
}

/// The `id` of a call: u32 in the protocol, and always ten digits, so that requests have one length.
fn call_id(number: u64) -> u64 {
    FIRST_CALL_ID + number % CALL_IDS
}

fn is_number(value: Option<&[u8]>, expected: u64) -> bool {
    value.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()) == Some(expected)
}

/// Body of the compatible form.
struct Envelope<'a> {
    method: &'a str,
    id: u64,
    uri: &'a str,
    data: &'a str,
}

/// What a head says of its body.
struct Content {
    kind: &'static str,
    length: usize,
}

fn write_json(device: &str, envelope: &Envelope<'_>, fields: &str, out: &mut Vec<u8>) {
    let Envelope { method, id, uri, data } = envelope;
    let body = format!(r#"{{"method":"{method}","id":{id},"uri":"{uri}","data":"{data}"}}"#);
    write_head(device, Content { kind: JSON, length: body.len() }, fields, out);
    out.extend_from_slice(body.as_bytes());
}

fn write_head(path: &str, Content { kind, length }: Content, fields: &str, out: &mut Vec<u8>) {
    write!(
        out,
        "POST /{path} HTTP/1.1\r\nHost: hub\r\n{fields}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    .expect("a Vec takes all");
}

const JSON: &str = "application/json";
const ECHO_URI: &str = "/echo";
const COUNT_URI: &str = "/count";
const OK: u16 = 200;
const FIRST_CALL_ID: u64 = 1_000_000_000;
const CALL_IDS: u64 = 3_000_000_000;

const _: () = assert!(FIRST_CALL_ID + CALL_IDS <= u32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn request(form: Form) -> String {
        let mut out = Vec::new();
        form.write_call(&device_id(7), 258, "A: b\r\n", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_call_declares_the_length_of_its_body() {
        for form in [Form::Compatible, Form::Direct] {
            let request = request(form);
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{request}");
            assert!(head.contains("\r\nA: b\r\n"), "{request}");
        }
        assert!(request(Form::Compatible).ends_with(r#""id":1000000258,"uri":"/echo","data":"AAAAAQI="}"#));
        assert!(request(Form::Direct).starts_with("POST /fleet-000007/echo HTTP/1.1\r\n"));
    }

    #[test]
    fn an_answer_is_own_anothers_or_a_failure() {
        let check = |body: &str, status, expected| {
            let answer = Answer { status, body: body.as_bytes() };
            assert_eq!(Form::Compatible.judge(258, &answer), expected, "{body}");
        };
        check(r#"{"id":1000000258,"fid":0,"code":"OK","data":"AAAAAQI="}"#, 200, Match::Own);
        check(r#"{"id":1000000258,"fid":0,"code":"OK","data":"AAAAAQM="}"#, 200, Match::Others);
        check(r#"{"id":1000000259,"fid":0,"code":"OK","data":"AAAAAQI="}"#, 200, Match::Others);
        check(r#"{"id":1000000258,"fid":0,"code":"DEVICEID_OFFLINE","data":""}"#, 200, Match::Failure);
        check("no", 403, Match::Failure);
        let answer = Answer { status: 200, body: &[0, 0, 0, 1, 2] };
        assert_eq!(Form::Direct.judge(258, &answer), Match::Own);
        assert_eq!(Form::Direct.judge(259, &answer), Match::Others);
    }

    #[test]
    fn a_frame_carries_its_number_twice() {
        let line = br#"{"id":3,"fid":258,"code":"CONTINUE","data":"AAAAAQI="}"#;
        assert!(is_frame(line, 3, 258));
        assert!(!is_frame(line, 3, 257) && !is_frame(line, 4, 258) && !is_end(line));
        assert!(is_end(br#"{"id":3,"fid":259,"code":"TERMINATE","data":""}"#));
    }
}
