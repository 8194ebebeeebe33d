//! `rtio device run`: a virtual device for trying things out. The only module that knows the device SDK.

use std::fmt;
use std::future::ready;

use bytes::Bytes;
use clap::{Args, Subcommand};
use rtio_device_sdk::{
    Builder, ClientError, Device, Dial, HandlerError, ObservationSink, Runner, SinkError, Tls, TlsError,
};
use rtio_proto::limits::MAX_SECRET_BYTES;
use rtio_server::telemetry::{self, Filter, Format};
use tokio::time::sleep;

use super::behaviour::{Answer, Stream};
use super::signals::Signals;
use super::target::{DeviceId, DeviceUri};
use super::{Exit, Failure, device_tls, registry, start};

/// What to do as a device, or about devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect to a hub and answer, until ctrl-C
    Run(Arguments),
    #[command(flatten)]
    Registry(registry::Command),
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

    #[command(flatten)]
    tls: device_tls::TlsArguments,

    /// What is logged on stderr: a level, or directives; unless given, attempts to connect too
    #[arg(long, value_name = "LEVEL", default_value = "info,rtio_device_sdk=debug", value_parser = Filter::parse)]
    log_level: Filter,
}

/// Serves until a signal comes, or the hub refuses the device for good.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    telemetry::init(&telemetry::Config { filter: arguments.log_level.clone(), format: Format::Text })?;
    let serving = format!("serving as {}\n", arguments.id);
    let server = arguments.server.clone();
    let tls = match arguments.tls.clone().tls().map_err(usage)? {
        None => None,
        Some(tls) => Some(build_tls(&server, tls).map_err(usage)?),
    };
    let builder = assemble(arguments);
    start::single()?.block_on(async {
        match tls {
            None => serve(builder.connect(server).map_err(failure)?, &serving).await,
            Some(tls) => serve(builder.connect_with(tls).map_err(failure)?, &serving).await,
        }
    })
}

async fn serve<D: Dial>(runner: Runner<D>, serving: &str) -> Result<(), Failure> {
    let mut signals = Signals::watch()?;
    let device = runner.device();
    let announce = async {
        match device.online().await {
            Ok(()) => start::print(serving.as_bytes()),
            // What there is to say about it, the runner says.
            Err(_) => Ok(()),
        }
    };
    let stop = async {
        signals.next().await;
        device.shutdown();
        Ok(())
    };
    tokio::try_join!(async { runner.run().await.map_err(failure) }, announce, stop).map(drop)
}

fn build_tls(server: &str, wish: device_tls::Tls) -> Result<Tls, TlsError> {
    let mut tls = Tls::to(server);
    if let Some(ca) = wish.ca {
        tls = tls.ca_file(ca);
    }
    if let Some((certificate, key)) = wish.identity {
        tls = tls.identity_files(certificate, key);
    }
    if let Some(name) = wish.server_name {
        tls = tls.server_name(name);
    }
    tls.build()
}

fn assemble(arguments: Arguments) -> Builder {
    let mut builder = Device::builder(arguments.id.as_str());
    if let Some(Secret(secret)) = arguments.secret {
        builder = builder.secret(secret);
    }
    for Answer { uri, text } in arguments.answer {
        let text = Bytes::from(text);
        builder = builder.on_copost(uri.as_str(), move |_request| ready(Ok(text.clone())));
    }
    for uri in arguments.echo {
        builder = builder.on_copost(uri.as_str(), |request| ready(Ok(request)));
    }
    for stream in arguments.stream {
        let uri = stream.uri.as_str().to_owned();
        builder = builder.on_observe(uri, move |_request, sink| send_frames(stream.clone(), sink));
    }
    builder
}

async fn send_frames(stream: Stream, mut sink: ObservationSink) -> Result<(), HandlerError> {
    let text = Bytes::from(stream.text);
    for nth in 0..stream.count {
        if nth > 0 {
            sleep(stream.interval).await;
        }
        match sink.send(text.clone()).await {
            // The caller has seen enough, which is no failure.
            Err(SinkError::Closed) => return Ok(()),
            sent => sent?,
        }
    }
    Ok(())
}

/// What was given makes no device.
fn usage(source: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Device { exit: Exit::Usage, source: Box::new(source) }
}

/// Not a `From`: only this module knows the SDK.
fn failure(error: ClientError) -> Failure {
    let exit = match error {
        ClientError::InvalidDeviceId { .. }
        | ClientError::SecretTooLong { .. }
        | ClientError::DigestCollision { .. }
        | ClientError::RegisteredTwice { .. } => Exit::Usage,
        ClientError::Refused { .. } => Exit::Refused,
        // Those of reports, which a virtual device does not send, and what the SDK may learn to say.
        ClientError::Stopped
        | ClientError::Offline { .. }
        | ClientError::TimedOut { .. }
        | ClientError::ConnectionLost
        | ClientError::TooLarge { .. }
        | ClientError::TooManyReports { .. }
        | ClientError::ReportRefused { .. }
        | ClientError::MalformedAnswer
        | _ => Exit::Failed,
    };
    Failure::Device { exit, source: Box::new(error) }
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
