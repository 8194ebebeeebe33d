//! A hung backend beside a healthy one: what devices that report to the healthy one, and callers of these devices, feel of it. The same
//! devices and callers without the hung one, just before, are the comparison.

use super::WARM_UP;
use crate::backend_server::{HUNG_PATH, JSON_PATH};
use crate::callers::{Callers, Plan};
use crate::devices::{HungPlan, ReportPlan, Reporters};
use crate::error::RunError;
use crate::load::{Outcome, Stop, Window};
use crate::options::Settings;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::{Server, start_hub_before};

/// Adds the latencies of reports and calls beside a hung backend, as ratios to those without.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let rounds = settings.repeat * ROUNDS_EACH;
    for round in 1..=rounds {
        let alone = measure_once(None, settings, report).await?;
        let others = REPORTERS..REPORTERS + OTHERS;
        let beside = measure_once(Some(HungPlan { uri: HUNG_PATH, others }), settings, report).await?;
        eprintln!(
            "hung backend {round}/{rounds}: p99 of reports {:.0} µs alone, {:.0} µs beside it; {:.0} posts/s to it",
            alone.reports.p99_micros, beside.reports.p99_micros, beside.nags
        );
        for (what, target, alone, beside) in [
            ("reports", HEALTHY_P99, alone.reports, beside.reports),
            ("calls", Target::None, alone.calls, beside.calls),
        ] {
            let load = format!("of {what} beside a hung backend; as bare server: this hub without one");
            report.compare(format!("p50 µs {load}"), Target::None, beside.p50_micros, alone.p50_micros);
            report.compare(format!("p99 µs {load}"), target, beside.p99_micros, alone.p99_micros);
        }
        report.record("posts/s of devices to the hung backend", Target::None, beside.nags);
    }
    Ok(())
}

struct Figures {
    reports: Latency,
    /// To the devices that report.
    calls: Latency,
    /// Posts to the hung backend in a second.
    nags: f64,
}

#[derive(Clone, Copy)]
struct Latency {
    p50_micros: f64,
    p99_micros: f64,
}

async fn measure_once(hung: Option<HungPlan>, settings: &Settings, report: &mut Report) -> Result<Figures, RunError> {
    let healthy_backend = Server::Backend.start(settings).await?;
    let hung_backend = Server::Backend.start(settings).await?;
    let hub = start_hub_before(&healthy_backend, &hung_backend, settings).await?;
    let window = Window::after(WARM_UP, settings.measured);
    let stop = Stop::After(window);
    let reporters = ReportPlan { devices: 0..REPORTERS, uri: JSON_PATH, stop, hung };
    let mut reporters = Reporters::start(hub.devices()?, reporters).await?;
    let plan = Plan { form: Form::Compatible, callers: CALLERS, first_device: 0, devices: REPORTERS, stop };
    let callers = Callers::start(hub.callers()?, plan).await?;
    let (called, reported) = tokio::join!(callers.join(), reporters.reported());
    let nags = reporters.nags() as f64 / (WARM_UP + settings.measured).as_secs_f64();
    let figures = Figures { nags, reports: Latency::of(&reported)?, calls: Latency::of(&called)? };
    let mut tally = called.tally;
    tally.duplicated += reporters.calls().saturating_sub(tally.sent);
    report.tally.add(tally);
    report.tally.add(reported.tally);
    Ok(figures)
}

impl Latency {
    fn of(outcome: &Outcome) -> Result<Self, RunError> {
        if outcome.latency.is_empty() {
            return Err(RunError::NoCalls);
        }
        Ok(Self { p50_micros: outcome.micros(0.5), p99_micros: outcome.micros(0.99) })
    }
}

/// What a hung backend may cost the others.
const HEALTHY_P99: Target = Target::RatioAtMost(1.2);

/// The 99th percentile on two shared cores moves by more than what is to be seen: many short rounds, and their median.
const ROUNDS_EACH: u64 = 3;

/// Devices that report to the healthy backend: enough to keep the hub busy, too few to fill it.
const REPORTERS: u64 = 16;

/// Devices that post to the hung one and do nothing else.
const OTHERS: u64 = 48;

/// Callers of the devices that report.
const CALLERS: u64 = 4;
