//! The way of a desired state: from a caller's request over the hub to a device that holds a session, and with its report back to the
//! caller, `applied` and durable. Each caller has a device of its own, on which nothing else is wished.

use tokio::time::sleep_until;

use super::super::{WARM_UP, per_hundred_thousand};
use crate::callers::Callers;
use crate::devices::Fleet;
use crate::error::RunError;
use crate::load::{Stop, Window};
use crate::options::Settings;
use crate::realer::{Errand, Folder, Visit};
use crate::report::{Report, Target};
use crate::servers::start_hub_in;

/// Adds the figures at each number of callers.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        for callers in settings.callers(&DEFAULT_CALLERS) {
            measure_callers(callers, round, settings, report).await?;
        }
    }
    Ok(())
}

async fn measure_callers(callers: u64, round: u64, settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let folder = Folder::seeded(&settings.hub, callers)?;
    let hub = start_hub_in(folder.path(), settings).await?;
    let fleet = Fleet::connect_control(&hub.devices()?, &folder.devices).await?;
    let visits =
        folder.devices.iter().map(|device| Visit { errand: Errand::Wish, device: device.index, fields: WAIT.into() });
    let window = Window::after(WARM_UP, settings.measured);
    let wishes = Callers::start_each(&hub.callers()?, visits, Stop::After(window)).await?;
    sleep_until(window.from).await;
    let cpu_before = hub.cpu_time()?;
    sleep_until(window.until).await;
    let cpu = hub.cpu_time()? - cpu_before;
    let mut outcome = wishes.join().await;
    fleet.check_complete()?;
    outcome.tally.duplicated += fleet.calls().saturating_sub(outcome.tally.sent);
    let count = outcome.latency.len();
    let (p50, p99) = (outcome.micros(0.5), outcome.micros(0.99));
    report.tally.add(outcome.tally);
    if count == 0 {
        return Err(RunError::NoCalls);
    }
    eprintln!("realer {round}/{}: desired states, callers: {callers}; p99 {p99:.0} µs", settings.repeat);
    let load = if callers == 1 { "1 caller".to_owned() } else { format!("{callers} callers") };
    let rate = count as f64 / (window.until - window.from).as_secs_f64();
    report.record(format!("desired states: applied a second, {load}"), Target::None, rate);
    report.record(format!("desired states: p50 µs from wish to applied, {load}"), Target::None, p50);
    report.record(format!("desired states: p99 µs from wish to applied, {load}"), APPLIED_P99, p99);
    report.record(format!("desired states: CPU s per 100,000, {load}"), Target::None, per_hundred_thousand(cpu, count));
    Ok(())
}

/// Ten milliseconds, on an idle machine.
const APPLIED_P99: Target = Target::HubAtMost(10_000.0);

const DEFAULT_CALLERS: [u64; 2] = [16, 1];

/// Longer than any outcome takes that is to be one.
const WAIT: &str = "Prefer: wait=5\r\n";
