//! Resident memory of a session, as the slope between two sizes of the fleet: the server's fixed part falls out. And what
//! idle sessions cost in processor time.

use std::time::Duration;

use tokio::time::sleep;

use crate::callers::{Callers, Plan};
use crate::devices::Fleet;
use crate::error::RunError;
use crate::load::Stop;
use crate::options::Settings;
use crate::process::ServerProcess;
use crate::report::{Report, Target};
use crate::request::Form;
use crate::servers::Server;

/// Adds bytes per idle session, per session that has served calls, and the processor time of idle sessions.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let (few, many) = settings.scale.sessions;
    for round in 1..=settings.repeat {
        let hub = measure_idle(Server::Hub, settings).await?;
        let accept = measure_idle(Server::Accept, settings).await?;
        let used = measure_used(settings, report).await?;
        eprintln!("memory {round}/{}: {:.0} bytes idle, {used:.0} after calls", settings.repeat, hub.bytes);
        let slope = format!("{few} → {many}");
        let name = format!("resident bytes per idle session, {slope}");
        report.compare(name, IDLE_BYTES, hub.bytes, accept.bytes);
        let name = format!("resident bytes per session after {CALLS_EACH} calls each, {slope}");
        report.record(name, USED_BYTES, used);
        let name = format!("CPU of {many} idle sessions, % of a core");
        report.compare(name, IDLE_CPU, hub.cpu_percent, accept.cpu_percent);
    }
    Ok(())
}

/// Adds bytes per idle TLS session, and the processor time of idle ones.
pub(super) async fn measure_tls(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let (few, many) = settings.scale.sessions;
    for round in 1..=settings.repeat {
        let hub = measure_idle(Server::TlsHub, settings).await?;
        eprintln!("TLS memory {round}/{}: {:.0} bytes idle", settings.repeat, hub.bytes);
        report.record(format!("resident bytes per idle TLS session, {few} → {many}"), TLS_BYTES, hub.bytes);
        // The limit is for sessions without TLS.
        report.record(format!("CPU of {many} idle TLS sessions, % of a core"), Target::None, hub.cpu_percent);
    }
    Ok(())
}

struct Idle {
    bytes: f64,
    cpu_percent: f64,
}

async fn measure_idle(server: Server, settings: &Settings) -> Result<Idle, RunError> {
    let process = server.start(settings).await?;
    let (few, many) = settings.scale.sessions;
    let mut fleet = Fleet::connect(process.devices()?, 0..few).await?;
    let before = settled_bytes(&process).await?;
    fleet.grow(process.devices()?, few..many).await?;
    let bytes = slope(before, settled_bytes(&process).await?, many - few);
    let cpu_before = process.cpu_time()?;
    sleep(settings.scale.idle).await;
    let cpu = process.cpu_time()? - cpu_before;
    fleet.check_complete()?;
    Ok(Idle { bytes, cpu_percent: cpu.as_secs_f64() * 100.0 / settings.scale.idle.as_secs_f64() })
}

async fn measure_used(settings: &Settings, report: &mut Report) -> Result<f64, RunError> {
    let process = Server::Hub.start(settings).await?;
    let (few, many) = settings.scale.sessions;
    let mut fleet = Fleet::connect(process.devices()?, 0..few).await?;
    call_each(&process, 0, few, report).await?;
    let before = settled_bytes(&process).await?;
    fleet.grow(process.devices()?, few..many).await?;
    call_each(&process, few, many - few, report).await?;
    let bytes = slope(before, settled_bytes(&process).await?, many - few);
    fleet.check_complete()?;
    report.tally.duplicated += fleet.calls().saturating_sub(many * CALLS_EACH);
    Ok(bytes)
}

/// Calls each of these devices [`CALLS_EACH`] times.
async fn call_each(
    process: &ServerProcess,
    first_device: u64,
    devices: u64,
    report: &mut Report,
) -> Result<(), RunError> {
    let stop = Stop::AfterCalls(devices * CALLS_EACH);
    let plan = Plan { form: Form::Compatible, callers: CALLERS, first_device, devices, stop };
    let outcome = Callers::start(process.callers()?, plan).await?.join().await;
    report.tally.add(outcome.tally);
    Ok(())
}

/// Resident memory once it has stopped to move: allocators give back what they do not need only after a while.
pub(super) async fn settled_bytes(process: &ServerProcess) -> Result<u64, RunError> {
    let mut before = process.resident_bytes()?;
    for _ in 0..SETTLE_STEPS {
        sleep(SETTLE_STEP).await;
        let now = process.resident_bytes()?;
        if now.abs_diff(before) <= SETTLED_BYTES {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// Bytes of each session more.
pub(super) fn slope(before: u64, after: u64, sessions: u64) -> f64 {
    (after as f64 - before as f64) / sessions as f64
}

const IDLE_BYTES: Target = Target::HubAtMost(2_048.0);
const TLS_BYTES: Target = Target::HubAtMost(10_500.0);
const USED_BYTES: Target = Target::HubAtMost(2_560.0);
const IDLE_CPU: Target = Target::HubAtMost(0.5);

/// Enough to use every part of a session once and again.
const CALLS_EACH: u64 = 5;

const CALLERS: u64 = 64;

const SETTLE_STEP: Duration = Duration::from_secs(2);

/// Times ten: jemalloc takes ten seconds to give back what is free.
const SETTLE_STEPS: u32 = 8;

/// Half a percent of what 16,000 small sessions take.
const SETTLED_BYTES: u64 = 64 * 1024;
