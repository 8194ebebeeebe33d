//! Devices that publish feed data at QoS 1 as fast as they are let: rate, latency and processor time of the hub, which answers a message
//! once it is durable, by PUBACK and by an acknowledgement of its own. Mosquitto, given the same messages, stores none of them and
//! answers with PUBACK alone.

use std::time::Duration;

use tokio::time::sleep_until;

use super::super::{WARM_UP, per_hundred_thousand};
use super::accounts;
use crate::error::RunError;
use crate::load::{Stop, Window};
use crate::mqtt::{Account, Mosquitto, Plan, Published, Publishers};
use crate::options::Settings;
use crate::port::Port;
use crate::process::ServerProcess;
use crate::realer::Folder;
use crate::report::{Report, Target};
use crate::servers::start_mqtt_hub_in;

/// Adds the figures of each load, of the hub and, where it is there, of Mosquitto right after.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let mosquitto = Mosquitto::find(settings);
    for round in 1..=settings.repeat {
        for load in loads(settings) {
            let hub = measure_hub(load, settings, report).await?;
            let broker = match &mosquitto {
                None => None,
                Some(mosquitto) => Some(measure_broker(mosquitto, load, settings, report).await?),
            };
            let beside = broker.as_ref().map(|broker| format!(", Mosquitto {:.0}/s", broker.rate)).unwrap_or_default();
            eprintln!("mqtt {round}/{}: messages, {}; hub {:.0}/s{beside}", settings.repeat, load.name(), hub.rate);
            add_figures(load, &hub, broker.as_ref(), report);
        }
    }
    Ok(())
}

/// Adds the figures of Mosquitto alone.
pub(super) async fn measure_mosquitto(
    mosquitto: &Mosquitto,
    settings: &Settings,
    report: &mut Report,
) -> Result<(), RunError> {
    for _ in 0..settings.repeat {
        for load in loads(settings) {
            let broker = measure_broker(mosquitto, load, settings, report).await?;
            let Figures { rate, accepted: (p50, p99), cpu, .. } = broker;
            for (what, figure) in [("a second", rate), ("p50 µs", p50), ("p99 µs", p99), ("CPU s per 100,000", cpu)] {
                report.record(format!("Mosquitto: messages, {what}, {}", load.name()), Target::None, figure);
            }
        }
    }
    Ok(())
}

/// How many devices, and how many messages each has in flight.
#[derive(Debug, Clone, Copy)]
struct Load {
    devices: u64,
    in_flight: usize,
}

impl Load {
    fn name(self) -> String {
        let Self { devices, in_flight } = self;
        let plural = if devices == 1 { "device" } else { "devices" };
        format!("{devices} {plural} with {in_flight} in flight")
    }
}

fn loads(settings: &Settings) -> Vec<Load> {
    let devices = settings.callers(&DEFAULT_DEVICES);
    devices.into_iter().flat_map(|devices| IN_FLIGHT.map(|in_flight| Load { devices, in_flight })).collect()
}

/// Figures of one server in one window.
struct Figures {
    /// Messages a second that are through.
    rate: f64,
    /// Microseconds until the acknowledgement, p50 and p99.
    acknowledged: (f64, f64),
    /// Until PUBACK.
    accepted: (f64, f64),
    /// Seconds per 100,000 messages.
    cpu: f64,
}

fn add_figures(load: Load, hub: &Figures, broker: Option<&Figures>, report: &mut Report) {
    let load = load.name();
    let mut add = |name: &str, figure: fn(&Figures) -> f64| match broker {
        None => report.record(format!("{name}, {load}"), Target::None, figure(hub)),
        Some(broker) => {
            let name = format!("{name}, {load}; as bare server: Mosquitto");
            report.compare(name, Target::None, figure(hub), figure(broker));
        }
    };
    add("MQTT messages: a second", |figures| figures.rate);
    add("MQTT messages: p50 µs until PUBACK", |figures| figures.accepted.0);
    add("MQTT messages: p99 µs until PUBACK", |figures| figures.accepted.1);
    add("MQTT messages: CPU s per 100,000", |figures| figures.cpu);
    let (p50, p99) = hub.acknowledged;
    report.record(format!("MQTT messages: p50 µs until acknowledged, {load}"), Target::None, p50);
    report.record(format!("MQTT messages: p99 µs until acknowledged, {load}"), Target::None, p99);
}

async fn measure_hub(load: Load, settings: &Settings, report: &mut Report) -> Result<Figures, RunError> {
    let folder = Folder::seeded_for_mqtt(&settings.hub, load.devices)?;
    let hub = start_mqtt_hub_in(folder.path(), false, settings).await?;
    let accounts = accounts(&hub.callers()?, &folder).await?;
    let window = window(settings);
    let plan = Plan { in_flight: load.in_flight, acknowledged: true, stop: Stop::After(window) };
    let (published, cpu) = publish((&hub, &hub.mqtt()?), &accounts, plan, window).await?;
    figures(published, |published| published.acknowledged.latency.len(), cpu, (window, report))
}

async fn measure_broker(
    mosquitto: &Mosquitto,
    load: Load,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let accounts: Vec<_> = (0..load.devices).map(Account::open).collect();
    let (process, address) = mosquitto.start().await?;
    let window = window(settings);
    let plan = Plan { in_flight: load.in_flight, acknowledged: false, stop: Stop::After(window) };
    let (published, cpu) = publish((&process, &address.into()), &accounts, plan, window).await?;
    figures(published, |published| published.accepted.latency.len(), cpu, (window, report))
}

/// Lets the devices work; what came of it, and the server's processor time in the window.
async fn publish(
    (process, port): (&ServerProcess, &Port),
    accounts: &[Account],
    plan: Plan,
    window: Window,
) -> Result<(Published, Duration), RunError> {
    let publishers = Publishers::start(port, accounts, plan).await?;
    sleep_until(window.from).await;
    let cpu_before = process.cpu_time()?;
    sleep_until(window.until).await;
    let cpu = process.cpu_time()? - cpu_before;
    Ok((publishers.join().await, cpu))
}

fn figures(
    published: Published,
    count: impl Fn(&Published) -> u64,
    cpu: Duration,
    (window, report): (Window, &mut Report),
) -> Result<Figures, RunError> {
    let count = count(&published);
    let Published { acknowledged, accepted } = published;
    let of = |quantile| (acknowledged.micros(quantile), accepted.micros(quantile));
    let ((acknowledged_p50, accepted_p50), (acknowledged_p99, accepted_p99)) = (of(0.5), of(0.99));
    report.tally.add(acknowledged.tally);
    report.tally.add(accepted.tally);
    if count == 0 {
        return Err(RunError::NoCalls);
    }
    Ok(Figures {
        rate: count as f64 / (window.until - window.from).as_secs_f64(),
        acknowledged: (acknowledged_p50, acknowledged_p99),
        accepted: (accepted_p50, accepted_p99),
        cpu: per_hundred_thousand(cpu, count),
    })
}

/// Shorter than elsewhere, because there are many loads.
fn window(settings: &Settings) -> Window {
    Window::after(WARM_UP, settings.measured.min(LONGEST))
}

const LONGEST: Duration = Duration::from_secs(2);

/// As many as callers in the measurement of calls.
const DEFAULT_DEVICES: [u64; 2] = [64, 1];

/// As many as the hub lets a device have, and one after the other.
const IN_FLIGHT: [usize; 2] = [10, 1];
