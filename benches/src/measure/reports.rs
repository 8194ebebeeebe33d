//! What devices report: to a backend and its answer back, as round trips per second and processor time of the hub for each. Beside it
//! a bare relay, a hyper server that hands each request to a hyper client: closed-loop callers in the devices' place, as many at once, the
//! same backend behind it.

use tokio::time::sleep_until;

use super::{WARM_UP, per_hundred_thousand};
use crate::backend_server::{JSON_PATH, RAW_PATH};
use crate::callers::{Callers, Plan};
use crate::devices::{ReportPlan, Reporters};
use crate::error::RunError;
use crate::load::{Outcome, Stop, Window};
use crate::options::Settings;
use crate::process::ServerProcess;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::{Server, start_hub_before, start_relay};

/// Adds the figures of both forms at each number of devices.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        for devices in settings.callers(&DEFAULT_DEVICES) {
            for form in [JSON, RAW] {
                let hub = measure_hub(&form, devices, settings, report).await?;
                let relay = measure_relay(&form, devices, settings, report).await?;
                let (name, repeat) = (form.name, settings.repeat);
                let (hub_rate, relay_rate) = (hub.rate, relay.rate);
                eprintln!(
                    "reports {round}/{repeat}: {name}, devices: {devices}; hub {hub_rate:.0}/s, relay {relay_rate:.0}/s"
                );
                add_figures(&form, devices, (&hub, &relay), report);
            }
        }
    }
    Ok(())
}

/// How a backend is asked, and how callers ask the relay the same.
struct ReportForm {
    name: &'static str,
    /// Also the device's URI.
    path: &'static str,
    callers: Form,
}

struct Figures {
    rate: f64,
    p50_micros: f64,
    p99_micros: f64,
    /// Seconds per 100,000 round trips.
    cpu: f64,
}

fn add_figures(form: &ReportForm, devices: u64, (hub, relay): (&Figures, &Figures), report: &mut Report) {
    let plural = if devices == 1 { "device" } else { "devices" };
    let load = format!("{devices} {plural}, {}; as bare server: a bare relay", form.name);
    report.compare(format!("reports/s, {load}"), Target::None, hub.rate, relay.rate);
    report.compare(format!("p50 µs of reports, {load}"), Target::None, hub.p50_micros, relay.p50_micros);
    report.compare(format!("p99 µs of reports, {load}"), Target::None, hub.p99_micros, relay.p99_micros);
    report.compare(format!("CPU s per 100,000 reports, {load}"), Target::None, hub.cpu, relay.cpu);
}

async fn measure_hub(
    form: &ReportForm,
    devices: u64,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let backend = Server::Backend.start(settings).await?;
    let hub = start_hub_before(&backend, &backend, settings).await?;
    let window = Window::after(WARM_UP, settings.measured);
    let plan = ReportPlan { devices: 0..devices, uri: form.path, stop: Stop::After(window), hung: None };
    let mut reporters = Reporters::start(hub.devices()?, plan).await?;
    measure_window(&hub, window, reporters.reported(), report).await
}

async fn measure_relay(
    form: &ReportForm,
    callers: u64,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let backend = Server::Backend.start(settings).await?;
    let relay = start_relay(&backend, form.path, settings).await?;
    let window = Window::after(WARM_UP, settings.measured);
    let plan = Plan { form: form.callers, callers, first_device: 0, devices: callers, stop: Stop::After(window) };
    let callers = Callers::start(relay.callers()?, plan).await?;
    measure_window(&relay, window, callers.join(), report).await
}

async fn measure_window(
    server: &ServerProcess,
    window: Window,
    load: impl Future<Output = Outcome>,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let cpu = async {
        sleep_until(window.from).await;
        let before = server.cpu_time()?;
        sleep_until(window.until).await;
        Ok::<_, RunError>(server.cpu_time()? - before)
    };
    let (outcome, cpu) = tokio::join!(load, cpu);
    let count = outcome.latency.len();
    let figures = Figures {
        rate: count as f64 / (window.until - window.from).as_secs_f64(),
        p50_micros: outcome.micros(0.5),
        p99_micros: outcome.micros(0.99),
        cpu: per_hundred_thousand(cpu?, count),
    };
    report.tally.add(outcome.tally);
    if count == 0 { Err(RunError::NoCalls) } else { Ok(figures) }
}

/// What backends are asked as published, JSON with base64.
const JSON: ReportForm = ReportForm { name: "JSON form", path: JSON_PATH, callers: Form::Compatible };

/// Bytes in the body, and who sends them in headers.
const RAW: ReportForm = ReportForm { name: "raw form", path: RAW_PATH, callers: Form::Direct };

/// As many as callers in the measurement of calls.
const DEFAULT_DEVICES: [u64; 2] = [64, 1];
