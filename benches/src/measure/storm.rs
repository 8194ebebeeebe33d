//! A storm of reconnects: what the calls to devices that stay connected feel of it. The same callers and devices without a storm, just
//! before, are the comparison.

use tokio::time::{Instant, sleep};

use crate::callers::{Callers, Plan};
use crate::devices::{Fleet, connect_all};
use crate::error::RunError;
use crate::load::Stop;
use crate::options::Settings;
use crate::process::ServerProcess;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::Server;
use crate::tally::Tally;

/// Adds the latency of calls without and during a storm, and how long the storm takes.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        let Figures { calm, storm, rate } = measure_once(settings, report).await?;
        eprintln!(
            "storm {round}/{}: p99 {:.0} µs calm, {:.0} µs in the storm; {rate:.0} reconnects/s",
            settings.repeat, calm.p99_micros, storm.p99_micros
        );
        let load = format!("in a storm, {CALLERS} callers; as bare server: this hub without one");
        report.compare(format!("p50 µs {load}"), Target::None, storm.p50_micros, calm.p50_micros);
        report.compare(format!("p99 µs {load}"), Target::None, storm.p99_micros, calm.p99_micros);
        report.compare(format!("calls/s {load}"), Target::None, storm.rate, calm.rate);
        report.record("reconnects/s in the storm", Target::None, rate);
    }
    Ok(())
}

struct Figures {
    calm: Load,
    storm: Load,
    /// Reconnects a second.
    rate: f64,
}

/// What the callers saw.
struct Load {
    rate: f64,
    p50_micros: f64,
    p99_micros: f64,
}

async fn measure_once(settings: &Settings, report: &mut Report) -> Result<Figures, RunError> {
    let process = Server::Hub.start(settings).await?;
    let (staying, storming) = (settings.devices(), settings.scale.connections);
    let indexes = staying..staying + storming;
    let fleet = Fleet::connect(process.devices()?, 0..staying).await?;
    let lost = connect_all(process.devices()?, indexes.clone()).await?;
    let (calm, mut tally, ()) = under_load(&process, staying, sleep(settings.measured)).await?;
    // All lose their connections at once and come back, so that the hub meets the ends of the old sessions and the new ones.
    let (storm, more, rate) = under_load(&process, staying, async {
        let begin = Instant::now();
        drop(lost);
        let back = connect_all(process.devices()?, indexes).await?;
        Ok(back.len() as f64 / begin.elapsed().as_secs_f64())
    })
    .await?;
    tally.add(more);
    fleet.check_complete()?;
    tally.duplicated += fleet.calls().saturating_sub(tally.sent);
    report.tally.add(tally);
    Ok(Figures { calm, storm, rate: rate? })
}

/// Calls the devices that stay for as long as `during` takes.
async fn under_load<T>(
    process: &ServerProcess,
    devices: u64,
    during: impl Future<Output = T>,
) -> Result<(Load, Tally, T), RunError> {
    let plan = Plan { form: Form::Compatible, callers: CALLERS, first_device: 0, devices, stop: Stop::WhenTold };
    let callers = Callers::start(process.callers()?, plan).await?;
    let begin = Instant::now();
    let result = during.await;
    let seconds = begin.elapsed().as_secs_f64();
    callers.stop();
    let outcome = callers.join().await;
    let rate = outcome.latency.len() as f64 / seconds;
    let load = Load { rate, p50_micros: outcome.micros(0.5), p99_micros: outcome.micros(0.99) };
    Ok((load, outcome.tally, result))
}

/// Callers at work, as while devices connect: enough to keep the hub busy, too few to fill it.
const CALLERS: u64 = 16;
