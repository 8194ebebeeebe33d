//! What the hub's answer to feed data means for each item, and how long to wait then. Pure. (Contract §6.2, §6.3, §11.)

use std::time::Duration;

use rtio_proto::StatusCode;
use serde::Deserialize;

use crate::error::ClientError;

/// What becomes of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The hub has it, now or since before.
    Done,
    /// The hub will never take it.
    Refused { code: u16, kind: String, message: String },
    /// Its message id was used for another.
    Conflict,
    /// It stays where it is.
    Stays,
}

/// What the hub's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// In the order of the request.
    pub(super) fates: Vec<Fate>,
    pub(super) then: Then,
}

/// What comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next request, at once.
    GoOn,
    /// The next request has fewer items.
    Halve,
    /// A wait for the time that the hub names, or its shortest interval.
    TooSoon(Option<Duration>),
    /// A wait after a failure, which grows.
    BackOff,
    /// A long wait: the device is not served now.
    NotServed,
}

/// An answer to an item or a batch, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Document {
    code: Option<u16>,
    results: Option<Vec<Self>>,
    error: Option<Error>,
    index: Option<usize>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Error {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    retry_after: Option<u64>,
}

/// What an answer to `sent` items means.
pub(super) fn outcome(sent: usize, answer: &Result<bytes::Bytes, ClientError>) -> Outcome {
    let body = match answer {
        Ok(body) => body,
        Err(error) => return Outcome { fates: vec![Fate::Stays; sent], then: after_failure(error) },
    };
    let Ok(document) = serde_json::from_slice::<Document>(body) else {
        return Outcome { fates: vec![Fate::Stays; sent], then: Then::BackOff };
    };
    match document.results {
        Some(results) => of_batch(sent, results),
        None => of_whole(sent, document),
    }
}

fn after_failure(error: &ClientError) -> Then {
    match error {
        ClientError::ReportRefused { status: StatusCode::TooManyRequests } => Then::TooSoon(None),
        ClientError::ReportRefused { status: StatusCode::NotFound | StatusCode::MethodNotAllowed } => Then::NotServed,
        ClientError::ReportRefused { .. }
        | ClientError::InvalidDeviceId { .. }
        | ClientError::SecretTooLong { .. }
        | ClientError::DigestCollision { .. }
        | ClientError::RegisteredTwice { .. }
        | ClientError::Refused { .. }
        | ClientError::Stopped
        | ClientError::Offline { .. }
        | ClientError::TimedOut { .. }
        | ClientError::ConnectionLost
        | ClientError::TooLarge { .. }
        | ClientError::TooManyReports { .. }
        | ClientError::MalformedAnswer => Then::BackOff,
    }
}

/// Each item has a result of its own; one that has none stays.
fn of_batch(sent: usize, results: Vec<Document>) -> Outcome {
    let mut outcome = Outcome { fates: vec![Fate::Stays; sent], then: Then::GoOn };
    let mut told = 0;
    for (place, result) in results.into_iter().enumerate() {
        let index = result.index.unwrap_or(place);
        if let Some(fate) = outcome.fates.get_mut(index) {
            let (new, then) = fate_of(result.code.unwrap_or(DEFAULT_ERROR), result.error.unwrap_or_default());
            told += usize::from(new != Fate::Stays);
            *fate = new;
            if then != Then::GoOn {
                outcome.then = then;
            }
        }
    }
    if told == 0 && outcome.then == Then::GoOn {
        outcome.then = Then::BackOff;
    }
    outcome
}

/// One answer is for all: that is an item's own, or the refusal of a batch.
fn of_whole(sent: usize, document: Document) -> Outcome {
    let code = document.code.unwrap_or(DEFAULT_ERROR);
    let (fate, then) = fate_of(code, document.error.unwrap_or_default());
    match (sent, &fate) {
        (1, _) | (_, Fate::Stays) => Outcome { fates: vec![fate; sent], then },
        // Which of them is to blame shows when each goes alone.
        (_, Fate::Refused { .. } | Fate::Conflict | Fate::Done) => {
            Outcome { fates: vec![Fate::Stays; sent], then: Then::Halve }
        }
    }
}

/// The table of §11.
fn fate_of(code: u16, error: Error) -> (Fate, Then) {
    let retry_after = error.retry_after.map(Duration::from_secs);
    let refused = |error: Error| Fate::Refused { code, kind: error.kind, message: error.message };
    match code {
        2000..=2999 => (Fate::Done, Then::GoOn),
        4001..=4003 => (Fate::Stays, Then::NotServed),
        4009 => (Fate::Conflict, Then::GoOn),
        4013 => (refused(error), Then::GoOn),
        4029 => (Fate::Stays, Then::TooSoon(retry_after)),
        4000..=4999 => (refused(error), Then::GoOn),
        _ => (Fate::Stays, Then::BackOff),
    }
}

/// Of an answer without a code.
const DEFAULT_ERROR: u16 = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, kind: &str) -> Fate {
        Fate::Refused { code, kind: kind.into(), message: "m".into() }
    }

    fn of(sent: usize, body: &str) -> (Vec<Fate>, Then) {
        let Outcome { fates, then } = outcome(sent, &Ok(body.to_owned().into()));
        (fates, then)
    }

    fn error(code: u16, kind: &str) -> String {
        format!(r#"{{"code":{code},"error":{{"type":"{kind}","message":"m"}}}}"#)
    }

    /// §11, row by row.
    #[test]
    fn every_row_of_the_failure_table() {
        for (code, kind, fate, then) in [
            (4000, "bad_request", refused(4000, "bad_request"), Then::GoOn),
            (4001, "invalid_token", Fate::Stays, Then::NotServed),
            (4002, "subscription_inactive", Fate::Stays, Then::NotServed),
            (4003, "forbidden", Fate::Stays, Then::NotServed),
            (4004, "resource_not_found", refused(4004, "resource_not_found"), Then::GoOn),
            (4009, "message_conflict", Fate::Conflict, Then::GoOn),
            (4013, "payload_too_large", refused(4013, "payload_too_large"), Then::GoOn),
            (4015, "unsupported_media_type", refused(4015, "unsupported_media_type"), Then::GoOn),
            (4022, "validation_failed", refused(4022, "validation_failed"), Then::GoOn),
            (4029, "rate_limited", Fate::Stays, Then::TooSoon(None)),
            (4777, "new", refused(4777, "new"), Then::GoOn),
            (5000, "internal_error", Fate::Stays, Then::BackOff),
            (5003, "service_unavailable", Fate::Stays, Then::BackOff),
            (5777, "new", Fate::Stays, Then::BackOff),
        ] {
            assert_eq!(of(1, &error(code, kind)), (vec![fate], then), "{code}");
        }
        let body = r#"{"code":4029,"error":{"type":"rate_limited","message":"m","retry_after":7}}"#;
        assert_eq!(of(1, body), (vec![Fate::Stays], Then::TooSoon(Some(Duration::from_secs(7)))));
    }

    /// §6.2: created and replayed are both done.
    #[test]
    fn what_the_hub_has_is_done() {
        for body in [r#"{"code":2001,"status":"created","warnings":[]}"#, r#"{"code":2000,"status":"again"}"#] {
            assert_eq!(of(1, body), (vec![Fate::Done], Then::GoOn));
        }
    }

    /// §6.3: items stand for themselves.
    #[test]
    fn a_batch_has_a_result_for_each() {
        let body = format!(
            r#"{{"code":2000,"status":"partial","results":[{{"index":0,"code":2001}},{{"index":2,"code":2000}},{},{{"index":9,"code":2000}}]}}"#,
            error(4022, "validation_failed").replacen('{', r#"{"index":1,"#, 1)
        );
        let fates = vec![Fate::Done, refused(4022, "validation_failed"), Fate::Done, Fate::Stays];
        assert_eq!(of(4, &body), (fates, Then::GoOn));
        assert_eq!(of(2, r#"{"code":2000,"results":[]}"#), (vec![Fate::Stays; 2], Then::BackOff));
        assert_eq!(of(2, r#"{"code":2000,"results":[{"code":5003}]}"#), (vec![Fate::Stays; 2], Then::BackOff));
    }

    /// §11: a batch that is refused as a whole is tried again in parts.
    #[test]
    fn a_batch_that_is_refused_is_halved_and_one_that_comes_too_soon_waits() {
        for code in [4000, 4013, 4022] {
            assert_eq!(of(3, &error(code, "x")), (vec![Fate::Stays; 3], Then::Halve), "{code}");
        }
        assert_eq!(of(3, &error(4029, "rate_limited")), (vec![Fate::Stays; 3], Then::TooSoon(None)));
        assert_eq!(of(3, &error(4002, "subscription_inactive")).1, Then::NotServed);
    }

    #[test]
    fn what_is_no_answer_changes_nothing() {
        let waited = Duration::from_secs(1);
        let refused = |status| ClientError::ReportRefused { status };
        for (error, then) in [
            (ClientError::TimedOut { waited }, Then::BackOff),
            (ClientError::ConnectionLost, Then::BackOff),
            (refused(StatusCode::InternalError), Then::BackOff),
            (refused(StatusCode::TooManyRequests), Then::TooSoon(None)),
            (refused(StatusCode::NotFound), Then::NotServed),
        ] {
            assert_eq!(outcome(2, &Err(error)), Outcome { fates: vec![Fate::Stays; 2], then });
        }
        for body in ["", "{}", "[]", "\"x\"", r#"{"code":"2000"}"#] {
            assert_eq!(of(1, body), (vec![Fate::Stays], Then::BackOff), "{body:?}");
        }
    }
}
