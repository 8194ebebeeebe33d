//! What a hub answers when it did not work out (RFC 9457, or a refusal of the control-device runtime), and the line and exit code that
//! it becomes.

use std::fmt;

use serde::Deserialize;

use super::exit::Exit;

/// A failed call or observation, as the hub told it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problem {
    pub(super) exit: Exit,
    /// Name in the caller protocol or of the runtime, or `HTTP 401` where the answer has none.
    name: String,
    /// What people read; may be empty.
    text: String,
    /// How far the request got, where the hub says so.
    delivery: Option<String>,
}

impl Problem {
    /// The problem in an answer that is no success. A body that has neither form is taken as text.
    pub(super) fn of_answer(status: u16, body: &[u8]) -> Self {
        if let Ok(Refused { error }) = serde_json::from_slice(body) {
            let text = error.text();
            return Self { exit: Exit::of_status(status), name: error.r#type, text, delivery: None };
        }
        let told: Told = serde_json::from_slice(body)
            .unwrap_or_else(|_| Told { detail: Some(String::from_utf8_lossy(body).into_owned()), ..Told::default() });
        let by_code = told.code.as_deref().and_then(Exit::of_code);
        Self {
            exit: by_code.unwrap_or_else(|| Exit::of_status(status)),
            name: told.code.unwrap_or_else(|| format!("HTTP {status}")),
            text: told.detail.or(told.title).unwrap_or_default(),
            delivery: told.delivery,
        }
    }

    /// What people read, in one line.
    pub(super) fn text(&self) -> String {
        self.text.trim().replace(char::is_control, " ")
    }

    /// Whether the same may work out a little later.
    pub(super) fn may_pass(&self) -> bool {
        self.exit == Exit::Offline || self.name == "TOO_MANY_REQUESTS"
    }

    /// The problem in the last frame of an observation.
    pub(super) fn of_code(code: String) -> Self {
        let text = "the observation ended".to_owned();
        Self { exit: Exit::of_code(&code).unwrap_or(Exit::Failed), name: code, text, delivery: None }
    }
}

impl fmt::Display for Problem {
    /// One line, whatever the hub sent: no line ends, and nothing that moves a terminal's cursor.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text: &str| text.trim().replace(char::is_control, " ");
        out.write_str(&line(&self.name))?;
        if !self.text.trim().is_empty() {
            write!(out, ": {}", line(&self.text))?;
        }
        match &self.delivery {
            Some(delivery) => write!(out, " (delivery: {})", line(delivery)),
            None => Ok(()),
        }
    }
}

/// The members of the hub's problem+json that we read.
#[derive(Debug, Default, Deserialize)]
struct Told {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    delivery: Option<String>,
}

/// A refusal of the control-device runtime, which the hub answers on a device's behalf.
#[derive(Debug, Deserialize)]
struct Refused {
    error: RefusedBecause,
}

#[derive(Debug, Deserialize)]
struct RefusedBecause {
    r#type: String,
    message: String,
    #[serde(default)]
    details: Vec<RefusedField>,
}

#[derive(Debug, Deserialize)]
struct RefusedField {
    field: String,
    problem: String,
}

impl RefusedBecause {
    /// What people read; a single field is in the message already.
    fn text(&self) -> String {
        let fields = self.details.iter().map(|RefusedField { field, problem }| format!("{field}: {problem}"));
        match self.details.len() {
            0 | 1 => self.message.clone(),
            _ => format!("{} ({})", self.message, fields.collect::<Vec<_>>().join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, exit: Exit, line: &str) {
        let problem = Problem::of_answer(status, body.as_bytes());
        assert_eq!((problem.exit, problem.to_string().as_str()), (exit, line));
    }

    #[test]
    fn the_code_decides_and_else_the_status() {
        let gone =
            r#"{"title":"Service Unavailable","detail":"no session","code":"DEVICEID_OFFLINE","delivery":"not_sent"}"#;
        check(503, gone, Exit::Offline, "DEVICEID_OFFLINE: no session (delivery: not_sent)");
        check(503, r#"{"title":"Service Unavailable","code":"X"}"#, Exit::Offline, "X: Service Unavailable");
        check(503, r#"{"code":"REQUEST_TIMEOUT"}"#, Exit::Timeout, "REQUEST_TIMEOUT");
        check(413, r#"{"code":"NEW"}"#, Exit::Refused, "NEW");
        check(401, "Invalid or expired JWT\n", Exit::NotAllowed, "HTTP 401: Invalid or expired JWT");
        check(404, "", Exit::NotFound, "HTTP 404");
        let refused = r#"{"code":4004,"error":{"type":"resource_not_found","message":"there is no such device"}}"#;
        check(404, refused, Exit::NotFound, "resource_not_found: there is no such device");
        let unfit = r#"{"code":4022,"error":{"type":"validation_failed","message":"2 fields",
            "details":[{"field":"value","problem":"required"},{"field":"x","problem":"unknown field"}]}}"#;
        check(422, unfit, Exit::Refused, "validation_failed: 2 fields (value: required, x: unknown field)");
        check(500, "a\x1b[2J\nb", Exit::Failed, "HTTP 500: a [2J b");
    }
}
