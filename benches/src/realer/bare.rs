//! What bare hyper answers to a polling device: as many bytes as the hub, and nothing behind them. Pure.

use std::sync::LazyLock;

use bytes::Bytes;
use hyper::{Method, StatusCode};

use super::errand::{BATCH_ITEMS, DEVICES, MESSAGE_ID};
use crate::json_field::json_field;

/// The answer to a request of a device; `None` for what is none.
pub(crate) fn answer(method: &Method, path: &str, body: &[u8]) -> Option<(StatusCode, Bytes)> {
    let (device, page) = path.strip_prefix(DEVICES)?.split_once('/')?;
    let message_id = || str::from_utf8(json_field(body, MESSAGE_ID).unwrap_or_default()).unwrap_or_default();
    Some(match (method, page) {
        (&Method::GET, _) => (StatusCode::OK, bootstrap(device).into()),
        (_, "feed-data/batches") => (StatusCode::OK, batch(message_id()).into()),
        _ => (StatusCode::CREATED, format!(r#"{{"code":2001,{}}}"#, result(message_id())).into()),
    })
}

fn bootstrap(device: &str) -> String {
    format!(r#"{{"code":2000,"device":{{"id":"{device}"}},"rest":"{}"}}"#, *REST_OF_BOOTSTRAP)
}

fn batch(first: &str) -> String {
    let first = result(first);
    format!(r#"{{"code":2000,"status":"completed","results":[{{"index":0,"code":2001,{first}}}{}]}}"#, *REST_OF_BATCH)
}

fn result(message_id: &str) -> String {
    format!(r#""status":"created","feed_data_id":90412,"message_id":"{message_id}","warnings":[]"#)
}

static REST_OF_BATCH: LazyLock<String> = LazyLock::new(|| {
    let result = |index| format!(r#",{{"index":{index},"code":2001,{}}}"#, result("boot7-temp-000000000"));
    (1..BATCH_ITEMS).map(result).collect()
});

static REST_OF_BOOTSTRAP: LazyLock<String> = LazyLock::new(|| "x".repeat(BOOTSTRAP_BYTES));

/// What the hub's document of a device with four commands and four sensors has more.
const BOOTSTRAP_BYTES: usize = 2_500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::Asks;
    use crate::http_answer::Answer;
    use crate::realer::{Errand, Visit};
    use crate::request::Match;

    #[test]
    fn every_answer_of_the_bare_server_passes_for_the_hubs() {
        for errand in [Errand::Item, Errand::Batch, Errand::Bootstrap] {
            let visit = Visit { errand, device: 7, fields: "".into() };
            let mut request = Vec::new();
            visit.write(258, &mut request);
            let request = String::from_utf8(request).unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let mut words = head.split(' ');
            let method = Method::from_bytes(words.next().unwrap().as_bytes()).unwrap();
            let (status, body) = answer(&method, words.next().unwrap(), body.as_bytes()).unwrap();
            let answer = Answer { status: status.as_u16(), body: &body };
            assert_eq!(visit.judge(258, &answer), Match::Own, "{errand:?} {answer:?}");
        }
        assert_eq!(answer(&Method::POST, "/fleet-000001/echo", b"hello"), None);
    }
}
