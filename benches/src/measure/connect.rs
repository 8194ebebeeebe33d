//! Sessions connected and verified per second: alone, compared with a bare server, and while calls go on.

use tokio::time::Instant;

use crate::callers::{Callers, Plan};
use crate::devices::{Fleet, connect_all};
use crate::error::RunError;
use crate::load::Stop;
use crate::options::Settings;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::Server;

/// Adds the rates of connecting.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        let hub = connect_alone(Server::UnpacedHub, settings).await?;
        let accept = connect_alone(Server::Accept, settings).await?;
        let busy = connect_during_calls(settings, report).await?;
        let repeat = settings.repeat;
        eprintln!("connect {round}/{repeat}: hub {:.0}/s, bare {:.0}/s; {busy:.0}/s with calls", hub.rate, accept.rate);
        report.compare("sessions connected and verified/s", ALONE, hub.rate, accept.rate);
        report.compare("CPU s per 100,000 sessions connected", Target::None, hub.cpu, accept.cpu);
        report.record(format!("sessions connected and verified/s, {CALLERS} callers at work"), DURING_CALLS, busy);
    }
    Ok(())
}

struct Figures {
    rate: f64,
    /// Seconds per 100,000 sessions.
    cpu: f64,
}

async fn connect_alone(server: Server, settings: &Settings) -> Result<Figures, RunError> {
    let process = server.start(settings).await?;
    let cpu_before = process.cpu_time()?;
    let count = settings.scale.connections;
    let begin = Instant::now();
    let streams = connect_all(process.devices()?, 0..count).await?;
    let rate = streams.len() as f64 / begin.elapsed().as_secs_f64();
    Ok(Figures { rate, cpu: super::per_hundred_thousand(process.cpu_time()? - cpu_before, count) })
}

async fn connect_during_calls(settings: &Settings, report: &mut Report) -> Result<f64, RunError> {
    let process = Server::UnpacedHub.start(settings).await?;
    let devices = settings.devices();
    let fleet = Fleet::connect(process.devices()?, 0..devices).await?;
    let plan = Plan { form: Form::Compatible, callers: CALLERS, first_device: 0, devices, stop: Stop::WhenTold };
    let callers = Callers::start(process.callers()?, plan).await?;
    let begin = Instant::now();
    let streams = connect_all(process.devices()?, devices..devices + settings.scale.connections).await?;
    let rate = streams.len() as f64 / begin.elapsed().as_secs_f64();
    callers.stop();
    let mut tally = callers.join().await.tally;
    fleet.check_complete()?;
    tally.duplicated += fleet.calls().saturating_sub(tally.sent);
    report.tally.add(tally);
    Ok(rate)
}

const ALONE: Target = Target::RatioAtLeast(0.8);
const DURING_CALLS: Target = Target::HubAtLeast(5_000.0);

/// Callers at work while devices connect.
const CALLERS: u64 = 16;
