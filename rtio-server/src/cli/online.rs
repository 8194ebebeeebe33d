//! `rtio online`, the list of devices that have a session, and `rtio disconnect`, the end of one.

use std::io;

use clap::Args;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rtio_server::config::value::switch;
use serde::Deserialize;
use serde_json::Value;

use super::operator::Operator;
use super::target::DeviceId;
use super::{Failure, exit, start};

/// What `rtio online` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Arguments {
    /// Only devices whose id is like this; * stands for anything
    #[arg(value_name = "PATTERN", default_value = "*")]
    pattern: String,

    #[command(flatten)]
    operator: Operator,

    /// Print one JSON object a line, with all that the hub says
    #[arg(long, value_parser = switch)]
    json: bool,
}

/// What `rtio disconnect` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct DisconnectArguments {
    /// Id of the device; it may connect again
    #[arg(value_parser = DeviceId::parse)]
    device: DeviceId,

    #[command(flatten)]
    operator: Operator,
}

/// Prints a line for each device.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match start::single()?.block_on(list(arguments)) {
        // Who reads, such as `head`, has enough.
        Err(Failure::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Ends the device's session.
pub(crate) fn disconnect(arguments: &DisconnectArguments) -> Result<(), Failure> {
    let path = format!("/v1/devices/{}", arguments.device);
    start::single()?.block_on(arguments.operator.asks(Method::DELETE, &path)).map(drop)
}

async fn list(arguments: &Arguments) -> Result<(), Failure> {
    let pattern = utf8_percent_encode(&arguments.pattern, NON_ALPHANUMERIC).to_string();
    let mut after = String::new();
    loop {
        let path = format!("/v1/devices?limit={PAGE}&id={pattern}{after}");
        let answer = arguments.operator.asks(Method::GET, &path).await?;
        let page: Page = serde_json::from_slice(&answer).map_err(|error| arguments.operator.no_answer(error))?;
        let lines: String = page.devices.iter().map(|device| line(device, arguments.json)).collect();
        start::print(lines.as_bytes())?;
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    devices: Vec<Value>,
    next: Option<String>,
}

/// `PRINTER-001  127.0.0.1:49822  since 2026-11-22T07:40:01.123Z  epoch 1795343850090243  calls 0  observations 1  rtio`
fn line(device: &Value, json: bool) -> String {
    if json {
        return format!("{device}\n");
    }
    let text = |name: &str| device[name].as_str().map_or_else(|| device[name].to_string(), str::to_owned);
    format!(
        "{}  {}  since {}  epoch {}  calls {}  observations {}  {}\n",
        text("id"),
        text("peer"),
        text("since"),
        text("epoch"),
        text("calls_in_flight"),
        text("observations"),
        text("protocol")
    )
}

/// The largest page that a hub gives.
const PAGE: usize = 1000;
