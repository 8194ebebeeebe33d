//! Millions of calls by many callers of few devices: whether any answer ever reaches another caller.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::per_hundred_thousand;
use crate::callers::{Callers, Plan};
use crate::devices::Fleet;
use crate::error::RunError;
use crate::load::{Progress, Stop};
use crate::options::Settings;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::Server;

/// Makes `calls` calls and counts what went wrong.
pub(super) async fn measure(calls: u64, settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let devices = settings.devices_or(DEFAULT_DEVICES);
    let process = Server::Hub.start(settings).await?;
    let fleet = Fleet::connect(process.devices()?, 0..devices).await?;
    for count in settings.callers(&DEFAULT_CALLERS) {
        let plan =
            Plan { form: Form::Compatible, callers: count, first_device: 0, devices, stop: Stop::AfterCalls(calls) };
        let (cpu_before, calls_before, begin) = (process.cpu_time()?, fleet.calls(), Instant::now());
        let callers = Callers::start(process.callers()?, plan).await?;
        let progress = callers.progress();
        let mut outcome = tokio::select! {
            outcome = callers.join() => outcome,
            never = print_progress(&progress, calls) => match never {},
        };
        fleet.check_complete()?;
        outcome.tally.duplicated += (fleet.calls() - calls_before).saturating_sub(outcome.tally.sent);
        report.tally.add(outcome.tally);
        let load = format!("{count} callers of {devices} devices");
        report.record(format!("calls/s, {load}"), Target::None, calls as f64 / begin.elapsed().as_secs_f64());
        let cpu = per_hundred_thousand(process.cpu_time()? - cpu_before, calls);
        report.record(format!("CPU s per 100,000 calls, {load}"), Target::None, cpu);
    }
    Ok(())
}

async fn print_progress(progress: &Progress, calls: u64) -> std::convert::Infallible {
    loop {
        sleep(PROGRESS_INTERVAL).await;
        eprintln!("soak: {} of {calls} calls", progress.calls().min(calls));
    }
}

const DEFAULT_CALLERS: [u64; 1] = [256];

/// 32 callers of each at once.
const DEFAULT_DEVICES: u64 = 8;

const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
