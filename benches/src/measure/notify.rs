//! Notifications: one device with one observer, and many of both. Each notification is sent after the last was acknowledged.

use tokio::time::Instant;

use super::per_hundred_thousand;
use crate::devices::Fleet;
use crate::error::RunError;
use crate::observers::Observers;
use crate::options::Settings;
use crate::report::{Report, Target};
use crate::servers::Server;

/// Adds rate and cost of notifications. The cost includes the establishment of the observations.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let alone = Load { observers: 1, each: settings.scale.notifications_alone, target: Target::HubAtMost(3.0) };
    let (observers, each) = (settings.devices(), settings.scale.notifications_each);
    let together = Load { observers, each, target: Target::HubAtMost(1.5) };
    for round in 1..=settings.repeat {
        for load in [&alone, &together] {
            let (rate, cpu) = measure_load(load, settings, report).await?;
            let observers = load.observers;
            eprintln!("notify {round}/{}: observers: {observers}; {rate:.0}/s", settings.repeat);
            let name = if observers == 1 { "1 device".to_owned() } else { format!("{observers} devices") };
            report.record(format!("notifications/s, {name}"), Target::None, rate);
            report.record(format!("CPU s per 100,000 notifications, {name}"), load.target, cpu);
        }
    }
    Ok(())
}

struct Load {
    /// Observers, and as many devices.
    observers: u64,
    /// Notifications of each.
    each: u32,
    target: Target,
}

async fn measure_load(load: &Load, settings: &Settings, report: &mut Report) -> Result<(f64, f64), RunError> {
    let process = Server::Hub.start(settings).await?;
    let fleet = Fleet::connect(process.devices()?, 0..load.observers).await?;
    let observers = Observers::connect(process.callers()?, load.observers, load.each).await?;
    let cpu_before = process.cpu_time()?;
    let begin = Instant::now();
    let tally = observers.run().await;
    let took = begin.elapsed();
    let cpu = process.cpu_time()? - cpu_before;
    fleet.check_complete()?;
    let count = tally.sent;
    report.tally.add(tally);
    Ok((count as f64 / took.as_secs_f64(), per_hundred_thousand(cpu, count)))
}
