//! The measurements, one a file. Each starts its own servers, puts them under load, and adds figures to the report; none
//! knows another.

mod calls;
mod connect;
mod group;
mod hung_backend;
mod memory;
mod mqtt;
mod notify;
mod realer;
mod reports;
mod soak;
mod storm;

use std::time::Duration;

use crate::error::RunError;
use crate::options::{Command, Settings};
use crate::report::Report;

/// Measures what was asked for.
pub(crate) async fn run(command: Option<&Command>, settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    match command {
        None | Some(Command::All) => {
            calls::measure(settings, report).await?;
            calls::measure_secure(settings, report).await?;
            memory::measure(settings, report).await?;
            memory::measure_tls(settings, report).await?;
            connect::measure(settings, report).await?;
            notify::measure(settings, report).await?;
            storm::measure(settings, report).await?;
            reports::measure(settings, report).await?;
            hung_backend::measure(settings, report).await?;
            group::measure(settings, report).await?;
            realer::measure(None, settings, report).await?;
            mqtt::measure(None, settings, report).await
        }
        Some(Command::Calls { secure: false }) => calls::measure(settings, report).await,
        Some(Command::Calls { secure: true }) => calls::measure_secure(settings, report).await,
        Some(Command::Memory { tls: false }) => memory::measure(settings, report).await,
        Some(Command::Memory { tls: true }) => memory::measure_tls(settings, report).await,
        Some(Command::Connect) => connect::measure(settings, report).await,
        Some(Command::Notify) => notify::measure(settings, report).await,
        Some(Command::Storm) => storm::measure(settings, report).await,
        Some(Command::Reports) => reports::measure(settings, report).await,
        Some(Command::HungBackend) => hung_backend::measure(settings, report).await,
        Some(Command::Group) => group::measure(settings, report).await,
        Some(Command::Realer { part }) => realer::measure(*part, settings, report).await,
        Some(Command::Mqtt { part }) => mqtt::measure(*part, settings, report).await,
        Some(Command::Soak { calls }) => soak::measure(*calls, settings, report).await,
        Some(
            Command::BaselineHyper | Command::BaselineAccept | Command::BaselineBackend | Command::BaselineRelay { .. },
        ) => Ok(()),
    }
}

/// Processor seconds per 100,000 of `count`, the unit of all figures of cost.
fn per_hundred_thousand(cpu: Duration, count: u64) -> f64 {
    cpu.as_secs_f64() * 100_000.0 / count as f64
}

/// Fills caches, tables and connections before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);
