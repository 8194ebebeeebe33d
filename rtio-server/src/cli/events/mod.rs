//! `rtio events`: a line for each device that comes or goes, as it happens. It outlives the hub's restarts.

mod line;
mod sse;

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rtio_server::config::value::switch;
use rtio_server::telemetry;
use tokio::time::{sleep, timeout};

use super::operator::Operator;
use super::signals::Signals;
use super::{Failure, exit, start};
use line::Line;
use sse::Messages;

/// What `rtio events` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Arguments {
    /// Only devices whose id is like this; * stands for anything. May be repeated
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    id: Vec<String>,

    /// Only events of this kind: online, offline or replaced. May be repeated
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = ["online", "offline", "replaced"])]
    kind: Vec<String>,

    /// Begin after the event with this id, instead of with what is new; 0 for all that the hub keeps
    #[arg(long, value_name = "ID")]
    after: Option<u64>,

    #[command(flatten)]
    operator: Operator,

    /// Print the hub's JSON, one object a line
    #[arg(long, value_parser = switch)]
    json: bool,
}

/// Prints events until a signal or a closed pipe ends it, or the hub refuses.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let result = start::single()?.block_on(async {
        let mut signals = Signals::watch()?;
        tokio::select! {
            result = follow(arguments) => result,
            _ = signals.next() => Ok(()),
        }
    });
    match result {
        // Who reads, such as `head`, has enough.
        Err(Failure::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Reads for ever. A hub that was never there is a failure; one that went away is tried again.
async fn follow(arguments: &Arguments) -> Result<(), Failure> {
    let mut place = Place { after: arguments.after.map(|id| id.to_string()), was_there: false, attempts: 0 };
    loop {
        let lost = match read(arguments, &mut place).await {
            Ok(()) => "the stream of events ended".to_owned(),
            Err(failure) if place.was_there && failure.may_pass() => telemetry::chain(&failure).to_string(),
            Err(failure) => return Err(failure),
        };
        let delay = place.next_delay();
        if place.attempts == 1 {
            say(&format!("{lost}; trying again"));
        }
        sleep(delay).await;
    }
}

/// How far the reading has come.
struct Place {
    /// The last event that was seen.
    after: Option<String>,
    /// The hub has answered once.
    was_there: bool,
    /// Attempts since it answered last.
    attempts: u32,
}

impl Place {
    fn next_delay(&mut self) -> Duration {
        let delay = FIRST_DELAY.saturating_mul(1 << self.attempts.min(16)).min(LONGEST_DELAY);
        self.attempts += 1;
        delay
    }

    fn is_answered(&mut self) {
        if self.attempts > 0 {
            say("connected again");
        }
        (self.was_there, self.attempts) = (true, 0);
    }
}

/// Reads one stream to its end.
async fn read(arguments: &Arguments, place: &mut Place) -> Result<(), Failure> {
    let operator = &arguments.operator;
    let mut body = operator.opens(&arguments.path(), place.after.as_deref()).await?;
    place.is_answered();
    let mut messages = Messages::default();
    loop {
        let frame = timeout(PATIENCE, body.frame()).await.map_err(|_| operator.silent(PATIENCE))?;
        let Some(frame) = frame.transpose().map_err(|error| operator.no_http(error))? else { return Ok(()) };
        messages.feed(frame.data_ref().map_or(&[], |bytes| bytes));
        while let Some(message) = messages.next().map_err(|error| operator.no_http(error))? {
            match Line::of(&message, arguments.json) {
                Line::Event(line) => start::print(line.as_bytes())?,
                Line::Gap(text) => say(&text),
            }
        }
        // Only now: what was not printed is asked for again.
        if let Some(id) = messages.last_id() {
            place.after = Some(id.to_owned());
        }
    }
}

impl Arguments {
    fn path(&self) -> String {
        let encoded = |text: &String| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let ids = self.id.iter().map(|id| format!("id={}", encoded(id)));
        let kinds = self.kind.iter().map(|kind| format!("kind={kind}"));
        let query: Vec<_> = ids.chain(kinds).collect();
        if query.is_empty() { PATH.to_owned() } else { format!("{PATH}?{}", query.join("&")) }
    }
}

/// On stderr, beside the events.
fn say(text: &str) {
    // Nothing is left to do about a terminal that is gone.
    drop(writeln!(io::stderr(), "rtio: {text}"));
}

const PATH: &str = "/v1/events";

/// A hub says every 15 s that it is there. One that says nothing for three of these is gone.
const PATIENCE: Duration = Duration::from_secs(45);

/// Before the first attempt to connect again; each further one waits twice as long.
const FIRST_DELAY: Duration = Duration::from_secs(1);

const LONGEST_DELAY: Duration = Duration::from_secs(30);
