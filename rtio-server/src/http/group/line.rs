//! The lines of a group call's answer, and the count that ends it (pure; docs/caller-http.md §7).

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::http::outcome::{Code, code_of, delivery_name};
use crate::hub::{CallError, Delivery, DeviceId};
use crate::token::Lacking;

/// What came of one device.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) device: DeviceId,
    /// The data of its answer, or why there is none.
    pub(super) result: Result<Bytes, Failed>,
    /// Since its call began.
    pub(super) took: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) code: Code,
    pub(super) delivery: Delivery,
    /// What the token does not grant, where that is why.
    pub(super) missing: Option<Lacking>,
}

/// Why a group call ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aborted {
    /// The hub shuts down.
    Draining,
    /// The caller's token has expired.
    TokenExpired,
}

/// How many devices there were, by code.
#[derive(Debug, Default)]
pub(super) struct Tally {
    codes: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct AnswerLine<'a> {
    device: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    ms: u64,
}

#[derive(Serialize)]
struct Counts<'a> {
    devices: u64,
    codes: &'a BTreeMap<&'static str, u64>,
    ms: u64,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: Counts<'a>,
}

#[derive(Serialize)]
struct AbortedLine<'a> {
    aborted: &'static str,
    #[serde(flatten)]
    counts: Counts<'a>,
}

impl Answer {
    /// A device that was not called.
    pub(super) const fn not_called(device: DeviceId, code: Code, missing: Option<Lacking>) -> Self {
        let failed = Failed { code, delivery: Delivery::NotSent, missing };
        Self { device, result: Err(failed), took: Duration::ZERO }
    }

    /// Appends its line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (data, failed) = match &self.result {
            Ok(data) => (Some(STANDARD.encode(data)), None),
            Err(failed) => (None, Some(failed)),
        };
        let line = AnswerLine {
            device: self.device.as_str(),
            code: self.code().as_str(),
            data,
            delivery: failed.map(|failed| delivery_name(failed.delivery)),
            missing: failed.and_then(|failed| failed.missing).map(Lacking::name),
            ms: millis(self.took),
        };
        write_line(&line, out);
    }

    fn code(&self) -> Code {
        self.result.as_ref().map_or_else(|failed| failed.code, |_| Code::Ok)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self { code: code_of(&error), delivery: error.delivery(), missing: None }
    }
}

impl Tally {
    pub(super) fn count(&mut self, answer: &Answer) {
        *self.codes.entry(answer.code().as_str()).or_default() += 1;
    }

    /// Appends the last line of a group call that took so long.
    pub(super) fn write(&self, aborted: Option<Aborted>, took: Duration, out: &mut Vec<u8>) {
        let counts = Counts { devices: self.codes.values().sum(), codes: &self.codes, ms: millis(took) };
        match aborted {
            None => write_line(&SummaryLine { summary: counts }, out),
            Some(aborted) => write_line(&AbortedLine { aborted: aborted.name(), counts }, out),
        }
    }
}

impl Aborted {
    const fn name(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::TokenExpired => "token_expired",
        }
    }
}

fn write_line(line: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, line).expect("strings and numbers always serialize, and a vector takes them");
    out.push(b'\n');
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::StatusCode;

    fn answer(result: Result<&[u8], Failed>) -> Answer {
        let device = DeviceId::parse("PRINTER-001").unwrap();
        Answer { device, result: result.map(Bytes::copy_from_slice), took: Duration::from_micros(12_999) }
    }

    fn check(result: Result<&[u8], Failed>, expected: &str) {
        let mut line = Vec::new();
        answer(result).write(&mut line);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn an_answer_is_a_line_and_a_failure_says_how_far_it_got() {
        check(Ok(b"idle"), r#"{"device":"PRINTER-001","code":"OK","data":"aWRsZQ==","ms":12}"#);
        check(Ok(b""), r#"{"device":"PRINTER-001","code":"OK","data":"","ms":12}"#);
        let expected = r#"{"device":"PRINTER-001","code":"DEVICEID_OFFLINE","delivery":"not_sent","ms":12}"#;
        check(Err(CallError::DeviceOffline.into()), expected);
        let expected = r#"{"device":"PRINTER-001","code":"NOT_FOUND","delivery":"answered","ms":12}"#;
        check(Err(CallError::DeviceRefused(StatusCode::NotFound).into()), expected);
        let lacking = Failed { code: Code::BadRequest, delivery: Delivery::NotSent, missing: Some(Lacking::Uri) };
        let expected = r#"{"device":"PRINTER-001","code":"BAD_REQUEST","delivery":"not_sent","missing":"uri","ms":12}"#;
        check(Err(lacking), expected);
    }

    #[test]
    fn the_last_line_counts_by_code_and_says_when_it_is_no_summary() {
        let mut tally = Tally::default();
        let last = |tally: &Tally, aborted| {
            let mut line = Vec::new();
            tally.write(aborted, Duration::from_millis(1234), &mut line);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(last(&tally, None), "{\"summary\":{\"devices\":0,\"codes\":{},\"ms\":1234}}\n");
        for result in [Ok(&b"x"[..]), Err(CallError::DeviceOffline.into()), Ok(b"y")] {
            tally.count(&answer(result));
        }
        let counts = r#""devices":3,"codes":{"DEVICEID_OFFLINE":1,"OK":2},"ms":1234}"#;
        assert_eq!(last(&tally, None), format!("{{\"summary\":{{{counts}}}\n"));
        assert_eq!(last(&tally, Some(Aborted::Draining)), format!("{{\"aborted\":\"draining\",{counts}\n"));
        assert_eq!(last(&tally, Some(Aborted::TokenExpired)), format!("{{\"aborted\":\"token_expired\",{counts}\n"));
    }
}
