//! `rtio device run`: a virtual device for trying things out. The only module that knows the device SDK.

use std::fmt;

use clap::{Args, Subcommand};
use rtio_proto::limits::MAX_SECRET_BYTES;

use super::Failure;
use super::behaviour::{Answer, Stream};
use super::target::{DeviceId, DeviceUri};

/// What to do as a device.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect to a hub and answer, until ctrl-C
    Run(Arguments),
}

/// What `rtio device run` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Id of the device: 1 to 64 characters of A-Z a-z 0-9 . _ ~ -
    #[arg(value_parser = DeviceId::parse)]
    id: DeviceId,

    /// Secret that shall prove the id: at most 256 bytes; none unless given
    #[arg(long, value_parser = Secret::parse, hide_default_value = true)]
    secret: Option<Secret>,

    /// Where the hub's devices connect
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:17017", value_parser = server)]
    server: String,

    /// Answer calls of URI with TEXT; may be repeated
    #[arg(long, value_name = "URI=TEXT", value_parser = Answer::parse)]
    answer: Vec<Answer>,

    /// Answer calls of URI with the data they came with; may be repeated
    #[arg(long, value_name = "URI", value_parser = DeviceUri::parse)]
    echo: Vec<DeviceUri>,

    /// Send observers of URI the TEXT, COUNT times, INTERVAL apart; may be repeated
    #[arg(long, value_name = "URI=TEXT,INTERVAL,COUNT", value_parser = Stream::parse)]
    stream: Vec<Stream>,
}

/// Serves until a signal comes.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let _ = arguments;
    Ok(())
}

/// What proves an id. Never printed.
#[derive(Clone, PartialEq, Eq)]
struct Secret(String);

impl Secret {
    fn parse(text: &str) -> Result<Self, ArgumentError> {
        if text.len() > MAX_SECRET_BYTES { Err(ArgumentError::Secret) } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MASKED")
    }
}

/// A name is resolved at each connect, so only its shape is checked here.
fn server(text: &str) -> Result<String, ArgumentError> {
    let is_sound = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
    if text.rsplit_once(':').is_some_and(is_sound) { Ok(text.to_owned()) } else { Err(ArgumentError::Server) }
}

/// What an argument should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum ArgumentError {
    #[error("expected at most {MAX_SECRET_BYTES} bytes")]
    Secret,
    #[error("expected HOST:PORT, such as 127.0.0.1:17017")]
    Server,
}
