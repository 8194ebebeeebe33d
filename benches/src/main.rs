//! `fleet`, the load tool that every figure in RESULTS.md rests on: a fleet of devices on one side of the hub, closed-loop
//! callers on the other, and bare servers under the same load for comparison. Table of contents only.
#![allow(clippy::print_stdout, reason = "a report on stdout is what this tool is for")]

mod accept_server;
mod at_once;
mod backend_server;
mod callers;
mod credentials;
mod devices;
mod error;
mod group_caller;
mod http_answer;
mod hyper_server;
mod json_field;
mod line_answer;
mod load;
mod machine;
mod measure;
mod mqtt;
mod observers;
mod options;
mod payload;
mod port;
mod process;
mod realer;
mod relay_server;
mod report;
mod request;
mod servers;
mod stall;
mod tally;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::RunError;
use crate::options::{Cli, Command, Settings};
use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Some(Command::BaselineHyper) => hyper_server::run().await,
        Some(Command::BaselineAccept) => accept_server::run().await,
        Some(Command::BaselineBackend) => backend_server::run().await,
        Some(Command::BaselineRelay { target }) => relay_server::run(target.clone()).await,
        command => measure_and_print(command.as_ref(), &cli).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {}", error.with_causes());
            ExitCode::FAILURE
        }
    }
}

/// Prints what was measured even where a later part broke.
async fn measure_and_print(command: Option<&Command>, cli: &Cli) -> Result<(), RunError> {
    let settings = Settings::of(cli)?;
    let circumstances = machine::describe(&settings);
    let mut report = Report::default();
    let result = tokio::select! {
        result = measure::run(command, &settings, &mut report) => result,
        // Ends by way of the destructors, so that no server is left behind.
        result = ended_from_outside() => result,
    };
    println!("{circumstances}\n\n{report}");
    result?;
    report.tally.into_result()
}

async fn ended_from_outside() -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::io("listen for SIGTERM"))?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.map_err(RunError::io("listen for SIGINT"))?,
        _ = terminate.recv() => {}
    }
    Err(RunError::Interrupted)
}
