//! What polling devices and callers ask of the runtime, and how to tell whether an answer is the one to a request. Pure.

use std::io::Write;
use std::sync::Arc;

use super::control_device::{command, id, sensor};
use crate::callers::Asks;
use crate::http_answer::Answer;
use crate::json_field::json_field;
use crate::request::Match;

/// What is asked again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A device brings a sensor's reading.
    Item,
    /// A device brings [`BATCH_ITEMS`] of them at once.
    Batch,
    /// A device reads its bootstrap.
    Bootstrap,
    /// A caller wants a command to have another value, and waits for the outcome.
    Wish,
}

/// One who asks, of or as one device.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) errand: Errand,
    /// Index of the device.
    pub(crate) device: u64,
    /// Header fields, each with its line end.
    pub(crate) fields: Arc<str>,
}

/// Items of one batch.
pub(crate) const BATCH_ITEMS: u64 = 100;

impl Errand {
    /// Items that one request brings, or other things that it does.
    pub(crate) const fn items(self) -> u64 {
        match self {
            Self::Batch => BATCH_ITEMS,
            Self::Item | Self::Bootstrap | Self::Wish => 1,
        }
    }
}

impl Asks for Visit {
    fn write(&self, number: u64, out: &mut Vec<u8>) {
        let (device, fields) = (id(self.device), &*self.fields);
        let (path, body) = match self.errand {
            Errand::Bootstrap => {
                write!(out, "GET {DEVICES}{device}/bootstrap HTTP/1.1\r\nHost: hub\r\n{fields}\r\n")
                    .expect("a Vec takes all");
                return;
            }
            Errand::Item => (format!("{DEVICES}{device}/feed-data"), self.item(number)),
            Errand::Batch => (format!("{DEVICES}{device}/feed-data/batches"), self.batch(number)),
            Errand::Wish => (format!("/{device}/iot/v1/desired"), self.wish(number)),
        };
        let length = body.len();
        write!(
            out,
            "POST {path} HTTP/1.1\r\nHost: hub\r\n{fields}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("a Vec takes all");
    }

    fn judge(&self, number: u64, answer: &Answer<'_>) -> Match {
        let is = |key: &[u8], value: &str| json_field(answer.body, key) == Some(value.as_bytes());
        let (done, own) = match self.errand {
            Errand::Item => (answer.status == 201 && is(CODE, "2001"), is(MESSAGE_ID, &message_id(number))),
            Errand::Batch => {
                let created = answer.body.windows(CREATED.len()).filter(|window| *window == CREATED).count() as u64;
                let first = message_id(number * BATCH_ITEMS);
                (answer.status == 200 && created == BATCH_ITEMS, is(MESSAGE_ID, &first))
            }
            Errand::Bootstrap => (answer.status == 200 && is(CODE, "2000"), is(b"\"id\":", &id(self.device))),
            Errand::Wish => (
                answer.status == 200 && is(b"\"status\":", "applied"),
                is(b"\"value\":", &number.to_string()) && is(b"\"command_id\":", &command(self.device, number)),
            ),
        };
        match (done, own) {
            (false, _) => Match::Failure,
            (true, false) => Match::Others,
            (true, true) => Match::Own,
        }
    }
}

impl Visit {
    /// As the contract's example is, but for the number.
    fn item(&self, number: u64) -> String {
        let (sensor, message_id) = (sensor(self.device, number), message_id(number));
        format!(
            r#"{{"sensor_id":"{sensor}","message_id":"{message_id}","value":"20.75","value_received_at":"2026-05-12T08:31:10Z"}}"#
        )
    }

    fn batch(&self, number: u64) -> String {
        let numbers = number * BATCH_ITEMS..(number + 1) * BATCH_ITEMS;
        let items: Vec<_> = numbers.map(|number| self.item(number)).collect();
        format!(r#"{{"items":[{}]}}"#, items.join(","))
    }

    fn wish(&self, number: u64) -> String {
        format!(r#"{{"command_id":"{}","value":"{number}"}}"#, command(self.device, number))
    }
}

/// Three characters more than in the contract's example, so that all of a run are as long.
fn message_id(number: u64) -> String {
    format!("boot7-temp-{number:09}")
}

/// What the paths of devices begin with.
pub(super) const DEVICES: &str = "/iot/v1/devices/";

const CODE: &[u8] = b"\"code\":";
pub(super) const MESSAGE_ID: &[u8] = b"\"message_id\":";

/// In the result of each item.
const CREATED: &[u8] = b"\"code\":2001";

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(errand: Errand) -> Visit {
        Visit { errand, device: 7, fields: "A: b\r\n".into() }
    }

    fn request(errand: Errand) -> String {
        let mut out = Vec::new();
        visit(errand).write(258, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_declares_the_length_of_its_body() {
        for (errand, line) in [
            (Errand::Item, "POST /iot/v1/devices/cdv_00000000000000000000000007/feed-data HTTP/1.1"),
            (Errand::Batch, "POST /iot/v1/devices/cdv_00000000000000000000000007/feed-data/batches HTTP/1.1"),
            (Errand::Wish, "POST /cdv_00000000000000000000000007/iot/v1/desired HTTP/1.1"),
        ] {
            let request = request(errand);
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(line), "{head}");
            assert!(head.contains("\r\nA: b\r\n"), "{head}");
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
            assert_eq!(
                body.matches("boot7-temp-").count() as u64,
                if errand == Errand::Wish { 0 } else { errand.items() }
            );
        }
        assert!(request(Errand::Bootstrap).ends_with("/bootstrap HTTP/1.1\r\nHost: hub\r\nA: b\r\n\r\n"));
    }

    #[test]
    fn an_answer_is_own_anothers_or_a_failure() {
        let check = |errand, status, body: &str, expected| {
            let answer = Answer { status, body: body.as_bytes() };
            assert_eq!(visit(errand).judge(258, &answer), expected, "{errand:?} {body}");
        };
        let item =
            r#"{"code":2001,"status":"created","feed_data_id":1,"message_id":"boot7-temp-000000258","warnings":[]}"#;
        check(Errand::Item, 201, item, Match::Own);
        check(Errand::Item, 201, &item.replace("258", "259"), Match::Others);
        check(Errand::Item, 200, &item.replace("2001", "2000"), Match::Failure);
        check(Errand::Item, 429, r#"{"code":4029}"#, Match::Failure);
        let result = r#"{"code":2001,"message_id":"boot7-temp-000025800"}"#;
        let batch = |count| format!(r#"{{"code":2000,"results":[{}]}}"#, [result].repeat(count).join(","));
        check(Errand::Batch, 200, &batch(100), Match::Own);
        check(Errand::Batch, 200, &batch(99), Match::Failure);
        let bootstrap = r#"{"code":2000,"device":{"id":"cdv_00000000000000000000000007"}}"#;
        check(Errand::Bootstrap, 200, bootstrap, Match::Own);
        check(Errand::Bootstrap, 200, &bootstrap.replace("7\"", "8\""), Match::Others);
        let wish = r#"{"code":2000,"command_id":"cmd_00000000000000000000000030","value":"258","status":"applied"}"#;
        check(Errand::Wish, 200, wish, Match::Own);
        check(Errand::Wish, 202, &wish.replace("applied", "pending"), Match::Failure);
        check(Errand::Wish, 200, &wish.replace("258", "257"), Match::Others);
    }
}
