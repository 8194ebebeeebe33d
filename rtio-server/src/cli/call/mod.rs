//! `rtio call`: one CoPOST by the direct form, whose answer's bytes go to standard output as they are; with `--all` one of many devices.

mod data;
mod group;
mod key;
mod progress;
mod table;
mod wish;

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response};
use rtio_server::config::value::{count_within, switch};
use tokio::time::timeout;

use self::data::Data;
use self::group::{GroupCall, Output};
use self::key::IdempotencyKey;
use self::wish::{First, Wish};
use super::hub::{Hub, HubArguments};
use super::{Failure, exit, start, target};

pub(crate) use group::GroupFailure;
pub(crate) use wish::WishError;

/// What `rtio call` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// Id of the device; with --all the URI stands here
    #[arg(value_name = "DEVICE", value_parser = First::parse)]
    first: First,

    /// URI on the device, such as /printer/status; with --all the data stands here
    #[arg(value_name = "URI", allow_hyphen_values = true)]
    second: Option<String>,

    /// What to send: text, @FILE for the bytes of a file, - for standard input; nothing unless given
    #[arg(value_name = "DATA|@FILE|-", allow_hyphen_values = true)]
    third: Option<Data>,

    #[command(flatten)]
    hub: HubArguments,

    /// Time that a device has to answer, in whole seconds; up to the hub's --max-wait
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = whole_seconds)]
    wait: Duration,

    /// Name for this call: given again with the same data, it gets the first answer and does not reach the device a second time
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<IdempotencyKey>,

    /// Call many devices: an id, or a pattern such as PRINTER-* for those that are online; may be repeated
    #[arg(long, value_name = "ID|PATTERN", help_heading = "Group calls")]
    all: Vec<String>,

    /// With --all: devices that are called at once; from 1 to 1024
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = count_within::<u16>(CONCURRENCY), help_heading = "Group calls")]
    concurrency: u16,

    /// With --all: print the hub's lines as they are, instead of answers and a table
    #[arg(long, value_parser = switch, help_heading = "Group calls")]
    json: bool,
}

/// Calls, and prints what comes of it.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { first, second, third, .. } = arguments.clone();
    let wish = Wish::new(!arguments.all.is_empty(), first, second.as_deref(), third)?;
    let data = match &wish {
        Wish::One { data, .. } | Wish::Group { data, .. } => data.as_ref().map(Data::read),
    };
    let data = data.transpose()?.unwrap_or_default();
    let hub = arguments.hub.open()?;
    match wish {
        Wish::One { device, uri, .. } => {
            let path = target::path(&device, &uri);
            let answer = start::single()?.block_on(call_one(&arguments, &hub, &path, data))?;
            start::print(&answer)
        }
        Wish::Group { .. } if arguments.idempotency_key.is_some() => Err(WishError::KeyAndAll.into()),
        Wish::Group { uri, .. } => {
            let output = if arguments.json { Output::Json } else { Output::People };
            let (devices, concurrency) = (&arguments.all[..], arguments.concurrency);
            let call = GroupCall { devices, uri: &uri, data: &data, concurrency, wait: arguments.wait, output };
            start::single()?.block_on(group::run(&call, &hub))
        }
    }
}

async fn call_one(arguments: &Arguments, hub: &Hub, path: &str, data: Bytes) -> Result<Bytes, Failure> {
    let waited = arguments.wait + HUB_MARGIN;
    let mut request = Request::builder()
        .method(Method::POST)
        .header("content-type", "application/octet-stream")
        .header("prefer", format!("wait={}", arguments.wait.as_secs()));
    if let Some(key) = &arguments.idempotency_key {
        request = request.header("idempotency-key", key.as_str());
    }
    let answered = async {
        let (head, body) = hub.send(request, path, data).await?.into_parts();
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

/// `Prefer: wait=` counts in whole seconds (RFC 7240, section 4.3): a fraction would be lost on the way.
fn whole_seconds(text: &str) -> Result<Duration, NotWholeSeconds> {
    let wait = humantime::parse_duration(text).ok().filter(|wait| wait.subsec_nanos() == 0 && *wait <= MAX_WAIT);
    wait.ok_or(NotWholeSeconds)
}

/// A time that `Prefer: wait=` cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected whole seconds from 0s to {}, such as 5s or 1m", humantime::format_duration(MAX_WAIT))]
struct NotWholeSeconds;

const USAGE: &str = "rtio call [OPTIONS] <DEVICE> <URI> [DATA|@FILE|-]\n       rtio call [OPTIONS] --all <ID|PATTERN> <URI> [DATA|@FILE|-]";

/// What a hub allows (docs/caller-http.md §7).
const CONCURRENCY: RangeInclusive<u64> = 1..=1024;

/// The highest that a hub's --max-wait may be.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Time that the hub has beyond the device's, to notice the end of it and to say so.
const HUB_MARGIN: Duration = Duration::from_secs(5);

/// Far above the longest body of a device (4096 bytes), of a problem, and of what the hub answers on a control device's behalf.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_up_to_an_hour() {
        assert_eq!(whole_seconds("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(whole_seconds("0s"), Ok(Duration::ZERO));
        for bad in ["1500ms", "2h", "5", ""] {
            assert_eq!(whole_seconds(bad), Err(NotWholeSeconds), "{bad}");
        }
    }
}
