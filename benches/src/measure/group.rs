//! Group calls: one call of ten thousand devices, as devices per second and processor time of the hub for each. Single calls of the
//! same devices, by the same hub right after, are the comparison. And with half of the devices offline.

use tokio::time::Instant;

use super::per_hundred_thousand;
use crate::callers::{Callers, Plan};
use crate::devices::Fleet;
use crate::error::RunError;
use crate::group_caller::{GroupCaller, Whom};
use crate::load::Stop;
use crate::options::Settings;
use crate::process::ServerProcess;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::Server;
use crate::tally::Tally;

/// Adds rate and cost of group calls.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let devices = settings.devices_or(settings.scale.connections);
    let half = Whom::Named { first: devices / 2, count: devices, online: devices };
    for round in 1..=settings.repeat {
        let hub = Server::Hub.start(settings).await?;
        let fleet = Fleet::connect(hub.devices()?, 0..devices).await?;
        for concurrency in CONCURRENCIES {
            let group = call_group(&hub, &fleet, Load { whom: Whom::All(devices), concurrency }, report).await?;
            let single = call_each(&hub, &fleet, devices, report).await?;
            let load = format!("group call of {devices}, {concurrency} at once; as bare server: single calls");
            eprintln!("group {round}/{}: {:.0} devices/s, {load} {:.0}/s", settings.repeat, group.rate, single.rate);
            report.compare(format!("devices/s, {load}"), Target::None, group.rate, single.rate);
            report.compare(format!("CPU s per 100,000 devices, {load}"), Target::None, group.cpu, single.cpu);
        }
        let group = call_group(&hub, &fleet, Load { whom: half, concurrency: CONCURRENCY_OF_HALF }, report).await?;
        let load = format!("group call of {devices} by id, {CONCURRENCY_OF_HALF} at once, half of them offline");
        report.record(format!("devices/s, {load}"), Target::None, group.rate);
        report.record(format!("CPU s per 100,000 devices, {load}"), Target::None, group.cpu);
        fleet.check_complete()?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Load {
    whom: Whom,
    concurrency: u64,
}

struct Figures {
    /// Devices a second.
    rate: f64,
    /// Seconds per 100,000 devices.
    cpu: f64,
}

async fn call_group(
    hub: &ServerProcess,
    fleet: &Fleet,
    Load { whom, concurrency }: Load,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let mut caller = GroupCaller::connect(&hub.callers()?).await?;
    let (cpu_before, calls_before, begin) = (hub.cpu_time()?, fleet.calls(), Instant::now());
    let mut tally = Tally::default();
    for _ in 0..GROUP_CALLS {
        tally.add(caller.call(whom, concurrency).await?);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = hub.cpu_time()? - cpu_before;
    let devices = whom.count() * GROUP_CALLS;
    tally.duplicated += (fleet.calls() - calls_before).saturating_sub(devices);
    report.tally.add(tally);
    Ok(Figures { rate: devices as f64 / seconds, cpu: per_hundred_thousand(cpu, devices) })
}

/// As many single calls of the same devices.
async fn call_each(hub: &ServerProcess, fleet: &Fleet, devices: u64, report: &mut Report) -> Result<Figures, RunError> {
    let calls = devices * GROUP_CALLS;
    let (cpu_before, calls_before, begin) = (hub.cpu_time()?, fleet.calls(), Instant::now());
    let plan = Plan { form: Form::Direct, callers: CALLERS, first_device: 0, devices, stop: Stop::AfterCalls(calls) };
    let mut tally = Callers::start(hub.callers()?, plan).await?.join().await.tally;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = hub.cpu_time()? - cpu_before;
    tally.duplicated += (fleet.calls() - calls_before).saturating_sub(tally.sent);
    report.tally.add(tally);
    Ok(Figures { rate: calls as f64 / seconds, cpu: per_hundred_thousand(cpu, calls) })
}

/// The hub's default and its most among them (docs/caller-http.md).
const CONCURRENCIES: [u64; 3] = [64, 256, 1_024];

const CONCURRENCY_OF_HALF: u64 = 256;

/// Callers of the comparison, as in the measurement of calls.
const CALLERS: u64 = 64;

/// Group calls in a row, so that steps of 10 ms in the accounting of processor time do not matter.
const GROUP_CALLS: u64 = 5;
