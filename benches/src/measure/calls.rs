//! Calls: rate, latency, and processor time per call; bare hyper under the same callers right after. And the hub with TLS on
//! both ports and a token in each call, beside the hub without.

use tokio::time::sleep_until;

use super::{WARM_UP, per_hundred_thousand};
use crate::callers::{Callers, Plan};
use crate::devices::Fleet;
use crate::error::RunError;
use crate::load::{Stop, Window};
use crate::options::Settings;
use crate::process::ServerProcess;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::Server;
use crate::tally::Tally;

/// Adds the figures of both forms at each number of callers.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        for callers in settings.callers(&DEFAULT_CALLERS) {
            for form in [Form::Compatible, Form::Direct] {
                let hub = measure_server(Server::Hub, form, callers, settings, report).await?;
                let hyper = measure_server(Server::Hyper, form, callers, settings, report).await?;
                eprintln!(
                    "calls {round}/{}: {form:?} form, callers: {callers}; hub {:.0}/s, hyper {:.0}/s",
                    settings.repeat, hub.rate, hyper.rate
                );
                add_figures(form, callers, &hub, &hyper, report);
            }
        }
    }
    Ok(())
}

/// Adds what TLS on both sides and tokens cost, as the ratio to the hub without them.
pub(super) async fn measure_secure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    for round in 1..=settings.repeat {
        for callers in settings.callers(&DEFAULT_CALLERS) {
            let secure = measure_server(Server::SecureHub, Form::Compatible, callers, settings, report).await?;
            let plain = measure_server(Server::Hub, Form::Compatible, callers, settings, report).await?;
            let repeat = settings.repeat;
            eprintln!(
                "secure calls {round}/{repeat}: callers: {callers}; {:.0}/s, plain {:.0}/s",
                secure.rate, plain.rate
            );
            let load = format!("callers: {callers}, TLS and token, beside the plain hub");
            report.compare(format!("calls/s, {load}"), Target::None, secure.rate, plain.rate);
            report.compare(format!("p50 µs, {load}"), Target::None, secure.p50_micros, plain.p50_micros);
            report.compare(format!("p99 µs, {load}"), Target::None, secure.p99_micros, plain.p99_micros);
            report.compare(format!("CPU s per 100,000 calls, {load}"), SECURE_CPU, secure.cpu, plain.cpu);
        }
    }
    Ok(())
}

/// Figures of one server in one window.
struct Figures {
    rate: f64,
    p50_micros: f64,
    p99_micros: f64,
    p999_micros: f64,
    /// Seconds per 100,000 calls.
    cpu: f64,
}

fn add_figures(form: Form, callers: u64, hub: &Figures, hyper: &Figures, report: &mut Report) {
    let (form_name, targets) = match form {
        Form::Compatible => ("", TARGETS.iter().find(|targets| targets.callers == callers)),
        Form::Direct => (", direct form", None),
    };
    let cpu_target = targets.map_or(Target::None, |targets| targets.cpu);
    let p50_target = targets.map_or(Target::None, |targets| targets.p50);
    let plural = if callers == 1 { "caller" } else { "callers" };
    let load = format!("{callers} {plural}{form_name}");
    report.compare(format!("calls/s, {load}"), Target::None, hub.rate, hyper.rate);
    report.compare(format!("p50 µs, {load}"), p50_target, hub.p50_micros, hyper.p50_micros);
    report.compare(format!("p99 µs, {load}"), Target::None, hub.p99_micros, hyper.p99_micros);
    report.compare(format!("p99.9 µs, {load}"), Target::None, hub.p999_micros, hyper.p999_micros);
    report.compare(format!("CPU s per 100,000 calls, {load}"), cpu_target, hub.cpu, hyper.cpu);
}

async fn measure_server(
    server: Server,
    form: Form,
    callers: u64,
    settings: &Settings,
    report: &mut Report,
) -> Result<Figures, RunError> {
    let process = server.start(settings).await?;
    let devices = settings.devices();
    let fleet = match server {
        Server::Hub | Server::UnpacedHub | Server::TlsHub | Server::SecureHub => {
            Some(Fleet::connect(process.devices()?, 0..devices).await?)
        }
        Server::Hyper | Server::Accept | Server::Backend => None,
    };
    let window = Window::after(WARM_UP, settings.measured);
    let plan = Plan { form, callers, first_device: 0, devices, stop: Stop::After(window) };
    let (figures, mut tally) = measure_window(&process, plan, window).await?;
    if let Some(fleet) = fleet {
        fleet.check_complete()?;
        tally.duplicated += fleet.calls().saturating_sub(tally.sent);
    }
    report.tally.add(tally);
    figures.ok_or(RunError::NoCalls)
}

async fn measure_window(
    process: &ServerProcess,
    plan: Plan,
    window: Window,
) -> Result<(Option<Figures>, Tally), RunError> {
    let callers = Callers::start(process.callers()?, plan).await?;
    sleep_until(window.from).await;
    let cpu_before = process.cpu_time()?;
    sleep_until(window.until).await;
    let cpu = process.cpu_time()? - cpu_before;
    let outcome = callers.join().await;
    let count = outcome.latency.len();
    let figures = (count > 0).then(|| Figures {
        rate: count as f64 / (window.until - window.from).as_secs_f64(),
        p50_micros: outcome.micros(0.5),
        p99_micros: outcome.micros(0.99),
        p999_micros: outcome.micros(0.999),
        cpu: per_hundred_thousand(cpu, count),
    });
    Ok((figures, outcome.tally))
}

/// What the compatible form must reach at a number of callers.
struct Targets {
    callers: u64,
    cpu: Target,
    p50: Target,
}

const TARGETS: [Targets; 2] = [
    Targets { callers: 64, cpu: Target::RatioAtMost(3.5), p50: Target::None },
    Targets { callers: 1, cpu: Target::RatioAtMost(3.5), p50: Target::RatioAtMost(3.0) },
];

/// TLS on both sides and tokens together.
const SECURE_CPU: Target = Target::RatioAtMost(2.0);

const DEFAULT_CALLERS: [u64; 2] = [64, 1];
