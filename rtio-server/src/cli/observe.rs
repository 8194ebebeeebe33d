//! `rtio observe`: one observation by the direct form; each frame is printed when it comes.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request};
use rtio_server::config::value::switch;
use serde::Deserialize;

use super::hub::Hub;
use super::lines::{Lines, MAX_LINE_BYTES};
use super::problem::Problem;
use super::signals::Signals;
use super::target::Target;
use super::{Failure, exit, start};

/// What `rtio observe` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// Print the hub's lines as they are, instead of the data in them
    #[arg(long, value_parser = switch)]
    json: bool,
}

/// Prints frames until the device ends the observation, or a signal or a closed pipe does.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let hub = arguments.target.hub.open()?;
    let result = start::single()?.block_on(async {
        let mut signals = Signals::watch()?;
        tokio::select! {
            result = observe(&arguments, &hub) => result,
            _ = signals.next() => Ok(()),
        }
    });
    match result {
        // Who reads, such as `head`, has enough.
        Err(Failure::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

async fn observe(arguments: &Arguments, hub: &Hub) -> Result<(), Failure> {
    let request = Request::builder().method(Method::GET).header("accept", "application/x-ndjson");
    let (head, body) = hub.send(request, &arguments.target.path(), Bytes::new()).await?.into_parts();
    if !head.status.is_success() {
        let body = Limited::new(body, MAX_LINE_BYTES).collect().await.map_err(|error| hub.no_http(error))?;
        return Err(hub.refused(head.status.as_u16(), &body.to_bytes()));
    }
    let mut lines = Lines::new(body);
    while let Some(line) = lines.next().await.map_err(|error| hub.no_http(error))? {
        let frame = Frame::parse(&line)?;
        match frame.code.as_str() {
            "CONTINUE" | "TERMINATE" if arguments.json => start::print(&[&line[..], b"\n"].concat())?,
            "CONTINUE" => start::print(&frame.data_line()?)?,
            // The last frame carries no data unless the device has a last word.
            "TERMINATE" if !frame.data.is_empty() => start::print(&frame.data_line()?)?,
            "TERMINATE" => {}
            _ => return Err(Problem::of_code(frame.code).into()),
        }
        if frame.code == "TERMINATE" {
            return Ok(());
        }
    }
    Err(Failure::Unfinished)
}

/// One frame of an observation, as the hub writes it.
#[derive(Debug, Deserialize)]
struct Frame {
    code: String,
    #[serde(default)]
    data: String,
}

impl Frame {
    fn parse(line: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(line).map_err(|source| Failure::Frame { source })
    }

    fn data_line(&self) -> Result<Vec<u8>, Failure> {
        let no_base64 = |error| Failure::Frame { source: serde::de::Error::custom(error) };
        let mut line = STANDARD.decode(&self.data).map_err(no_base64)?;
        line.push(b'\n');
        Ok(line)
    }
}
