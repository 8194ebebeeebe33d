//! The way of a desired state to a device with MQTT: from a caller's request until the device has the message, and until its report is
//! back at the caller, `applied` and durable. Each caller has a device of its own, on which nothing else is wished.

use std::time::Duration;

use tokio::time::sleep_until;

use super::super::{WARM_UP, per_hundred_thousand};
use super::accounts;
use crate::callers::Callers;
use crate::error::RunError;
use crate::load::{Stop, Window};
use crate::mqtt::Actuators;
use crate::options::Settings;
use crate::realer::{Errand, Folder, Visit};
use crate::report::{Report, Target};
use crate::servers::start_mqtt_hub_in;

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
    let folder = Folder::seeded_for_mqtt(&settings.hub, callers)?;
    let hub = start_mqtt_hub_in(folder.path(), false, settings).await?;
    let accounts = accounts(&hub.callers()?, &folder).await?;
    let window = Window::after(WARM_UP, settings.measured.min(LONGEST));
    let stop = Stop::After(window);
    let visit = |device| Visit { errand: Errand::Wish, device, fields: WAIT.into() };
    let (actuators, wishes) = Actuators::connect(&hub.mqtt()?, &accounts, stop, visit).await?;
    let wishes = Callers::start_each(&hub.callers()?, wishes, stop).await?;
    sleep_until(window.from).await;
    let cpu_before = hub.cpu_time()?;
    sleep_until(window.until).await;
    let cpu = hub.cpu_time()? - cpu_before;
    let outcome = wishes.join().await;
    let told = actuators.told();
    let count = outcome.latency.len();
    let (p50, p99) = (outcome.micros(0.5), outcome.micros(0.99));
    let (told_p50, told_p99) = (told.micros(0.5), told.micros(0.99));
    report.tally.add(outcome.tally);
    report.tally.add(told.tally);
    if count == 0 {
        return Err(RunError::NoCalls);
    }
    let repeat = settings.repeat;
    eprintln!(
        "mqtt {round}/{repeat}: desired states, callers: {callers}; p99 {told_p99:.0} µs to the device, {p99:.0} µs until applied"
    );
    let load = if callers == 1 { "1 caller".to_owned() } else { format!("{callers} callers") };
    let rate = count as f64 / (window.until - window.from).as_secs_f64();
    for (what, target, figure) in [
        ("applied a second", Target::None, rate),
        ("p50 µs from wish to device", Target::None, told_p50),
        ("p99 µs from wish to device", Target::None, told_p99),
        ("p50 µs from wish to applied", Target::None, p50),
        ("p99 µs from wish to applied", APPLIED_P99, p99),
        ("CPU s per 100,000", Target::None, per_hundred_thousand(cpu, count)),
    ] {
        report.record(format!("desired states over MQTT: {what}, {load}"), target, figure);
    }
    Ok(())
}

/// Ten milliseconds, as over a session.
const APPLIED_P99: Target = Target::HubAtMost(10_000.0);

const DEFAULT_CALLERS: [u64; 2] = [16, 1];

/// Longer than any outcome takes that is to be one.
const WAIT: &str = "Prefer: wait=5\r\n";

const LONGEST: Duration = Duration::from_secs(2);
