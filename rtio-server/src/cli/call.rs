//! `rtio call`: one CoPOST by the direct form; the answer's bytes go to standard output as they are.

use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response};
use tokio::time::timeout;

use super::hub::Hub;
use super::target::Target;
use super::{Failure, exit, start};

/// What `rtio call` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// What to send: text, @FILE for the bytes of a file, - for standard input; nothing unless given
    #[arg(value_name = "DATA|@FILE|-", allow_hyphen_values = true)]
    data: Option<Data>,

    /// Time that the device has to answer, in whole seconds; up to the hub's --max-wait
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = whole_seconds)]
    wait: Duration,

    /// Name for this call: given again with the same data, it gets the first answer and does not reach the device a second time
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<IdempotencyKey>,
}

/// Calls, and prints the answer.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let data = arguments.data.as_ref().map_or_else(|| Ok(Bytes::new()), Data::read)?;
    let hub = arguments.target.hub.open()?;
    let answer = start::single()?.block_on(call(&arguments, &hub, data))?;
    start::print(&answer)
}

async fn call(arguments: &Arguments, hub: &Hub, data: Bytes) -> Result<Bytes, Failure> {
    let waited = arguments.wait + HUB_MARGIN;
    let mut request = Request::builder()
        .method(Method::POST)
        .header("content-type", "application/octet-stream")
        .header("prefer", format!("wait={}", arguments.wait.as_secs()));
    if let Some(IdempotencyKey(key)) = &arguments.idempotency_key {
        request = request.header("idempotency-key", key);
    }
    let answered = async {
        let (head, body) = hub.send(request, &arguments.target.path(), data).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| hub.no_http(error))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let answer = timeout(waited, answered).await;
    let answer = answer.unwrap_or_else(|_| Err(Failure::HubSilent { hub: hub.to_string(), waited }))?;
    if answer.status().is_success() {
        return Ok(answer.into_body());
    }
    Err(hub.refused(answer.status().as_u16(), answer.body()))
}

/// Where the bytes to send come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    Text(String),
    File(PathBuf),
    StandardInput,
}

impl Data {
    fn read(&self) -> Result<Bytes, Failure> {
        let (path, read) = match self {
            Self::Text(text) => return Ok(Bytes::copy_from_slice(text.as_bytes())),
            Self::File(path) => (path.clone(), std::fs::read(path)),
            Self::StandardInput => {
                let mut bytes = Vec::new();
                let limited = io::stdin().lock().take(MAX_INPUT_BYTES).read_to_end(&mut bytes);
                (PathBuf::from("standard input"), limited.map(|_| bytes))
            }
        };
        read.map(Bytes::from).map_err(|source| Failure::Data { path, source })
    }
}

impl FromStr for Data {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text, text.strip_prefix('@')) {
            ("-", _) => Self::StandardInput,
            (_, Some(path)) => Self::File(path.into()),
            (_, None) => Self::Text(text.to_owned()),
        })
    }
}

/// A key as it goes over the wire: a string in quotes (RFC 9651 §3.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
struct IdempotencyKey(String);

impl FromStr for IdempotencyKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let is_key = (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let escaped = || text.replace('\\', r"\\").replace('"', "\\\"");
        if is_key { Ok(Self(format!("\"{}\"", escaped()))) } else { Err(NoKey) }
    }
}

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {MAX_KEY_BYTES} visible ASCII characters")]
struct NoKey;

/// `Prefer: wait=` counts in whole seconds (RFC 7240, section 4.3): a fraction would be lost on the way.
fn whole_seconds(text: &str) -> Result<Duration, NotWholeSeconds> {
    let wait = humantime::parse_duration(text).ok().filter(|wait| wait.subsec_nanos() == 0 && *wait <= MAX_WAIT);
    wait.ok_or(NotWholeSeconds)
}

/// A time that `Prefer: wait=` cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected whole seconds from 0s to {}, such as 5s or 1m", humantime::format_duration(MAX_WAIT))]
struct NotWholeSeconds;

/// The longest that a hub takes.
const MAX_KEY_BYTES: usize = 128;

/// The highest that a hub's --max-wait may be.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Time that the hub has beyond the device's, to notice the end of it and to say so.
const HUB_MARGIN: Duration = Duration::from_secs(5);

/// Far above the longest body of a device (4096 bytes) and of a problem.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Far above what a hub takes, so that it is the hub that refuses; standard input may have no end.
const MAX_INPUT_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_text_a_file_or_standard_input() {
        assert_eq!("now".parse(), Ok(Data::Text("now".into())));
        assert_eq!("@a/b".parse(), Ok(Data::File("a/b".into())));
        assert_eq!("-".parse(), Ok(Data::StandardInput));
        assert_eq!("-1".parse(), Ok(Data::Text("-1".into())));
    }

    #[test]
    fn a_key_goes_in_quotes() {
        let read = |text: &str| text.parse::<IdempotencyKey>().map(|key| key.0);
        assert_eq!(read("order-7"), Ok("\"order-7\"".to_owned()));
        assert_eq!(read(r#"a"b\c"#), Ok(r#""a\"b\\c""#.to_owned()));
        for bad in ["", "a b", "schlüssel", &"k".repeat(129)] {
            assert_eq!(read(bad), Err(NoKey), "{bad}");
        }
    }

    #[test]
    fn a_wait_is_whole_seconds_up_to_an_hour() {
        assert_eq!(whole_seconds("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(whole_seconds("0s"), Ok(Duration::ZERO));
        for bad in ["1500ms", "2h", "5", ""] {
            assert_eq!(whole_seconds(bad), Err(NotWholeSeconds), "{bad}");
        }
    }
}
