//! Polling devices, each with a connection and a token of its own, that bring feed data or read their bootstrap as fast as they are answered:
//! rate, latency and processor time of the hub, which answers once the data is durable. Bare hyper, asked the same, is the comparison.

use tokio::time::sleep_until;

use super::super::{WARM_UP, per_hundred_thousand};
use crate::callers::Callers;
use crate::error::RunError;
use crate::load::{Stop, Window};
use crate::options::Settings;
use crate::port::Port;
use crate::process::ServerProcess;
use crate::realer::{Errand, Folder, Visit, fetch_tokens};
use crate::report::{Report, Target};
use crate::servers::{Server, start_hub_in};

/// Adds the figures of each errand at each number of devices.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        for devices in settings.callers(&DEFAULT_DEVICES) {
            for errand in [Errand::Item, Errand::Batch, Errand::Bootstrap] {
                let hub = measure_hub(errand, devices, settings, report).await?;
                let hyper = measure_hyper(errand, devices, settings, report).await?;
                let (repeat, what) = (settings.repeat, what(errand));
                eprintln!(
                    "realer {round}/{repeat}: {what}, devices: {devices}; hub {:.0}/s, hyper {:.0}/s",
                    hub.rate, hyper.rate
                );
                add_figures(errand, devices, (&hub, &hyper), report);
            }
        }
    }
    Ok(())
}

/// Figures of one server in one window.
struct Figures {
    /// Items or bootstraps a second.
    rate: f64,
    p50_micros: f64,
    p99_micros: f64,
    /// Seconds per 100,000 items or bootstraps.
    cpu: f64,
}

const fn what(errand: Errand) -> &'static str {
    match errand {
        Errand::Item => "items, one at a time",
        Errand::Batch => "items, 100 at a time",
        Errand::Bootstrap => "bootstraps",
        Errand::Wish => "desired states",
    }
}

fn add_figures(errand: Errand, devices: u64, (hub, hyper): (&Figures, &Figures), report: &mut Report) {
    let plural = if devices == 1 { "device" } else { "devices" };
    let (what, load) = (what(errand), format!("{devices} {plural}"));
    report.compare(format!("{what}: a second, {load}"), Target::None, hub.rate, hyper.rate);
    report.compare(format!("{what}: p50 µs of a request, {load}"), Target::None, hub.p50_micros, hyper.p50_micros);
    report.compare(format!("{what}: p99 µs of a request, {load}"), Target::None, hub.p99_micros, hyper.p99_micros);
    report.compare(format!("{what}: CPU s per 100,000, {load}"), Target::None, hub.cpu, hyper.cpu);
}

async fn measure_hub(
    errand: Errand,
    devices: u64,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let folder = Folder::seeded(&settings.hub, devices)?;
    let hub = start_hub_in(folder.path(), settings).await?;
    let port = hub.callers()?;
    let tokens = fetch_tokens(&port, &folder.devices).await?;
    let visits = folder.devices.iter().zip(tokens);
    let visits = visits.map(|(device, fields)| Visit { errand, device: device.index, fields });
    measure_window((&hub, &port), visits.collect(), settings, report).await
}

async fn measure_hyper(
    errand: Errand,
    devices: u64,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let hyper = Server::Hyper.start(settings).await?;
    let port = hyper.callers()?;
    let visits = (0..devices).map(|device| Visit { errand, device, fields: TOKEN.into() });
    measure_window((&hyper, &port), visits.collect(), settings, report).await
}

async fn measure_window(
    (server, port): (&ServerProcess, &Port),
    visits: Vec<Visit>,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let items = visits.first().map_or(1, |visit| visit.errand.items());
    let window = Window::after(WARM_UP, settings.measured);
    let devices = Callers::start_each(port, visits, Stop::After(window)).await?;
    sleep_until(window.from).await;
    let cpu_before = server.cpu_time()?;
    sleep_until(window.until).await;
    let cpu = server.cpu_time()? - cpu_before;
    let outcome = devices.join().await;
    let count = outcome.latency.len() * items;
    let figures = Figures {
        rate: count as f64 / (window.until - window.from).as_secs_f64(),
        p50_micros: outcome.micros(0.5),
        p99_micros: outcome.micros(0.99),
        cpu: per_hundred_thousand(cpu, count),
    };
    report.tally.add(outcome.tally);
    if count == 0 { Err(RunError::NoCalls) } else { Ok(figures) }
}

/// As many as callers in the measurement of calls.
const DEFAULT_DEVICES: [u64; 2] = [64, 1];

/// As long as the hub's are.
const TOKEN: &str = "Authorization: Bearer 0123456789012345678901234567890123456789012\r\n";
