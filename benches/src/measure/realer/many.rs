//! A hub with very many control devices: how long it takes to start, and the memory that it has then. The folder is made by the hub's own
//! program just before, so the database is in the kernel's memory.

use tokio::time::Instant;

use super::super::memory::settled_bytes;
use crate::error::RunError;
use crate::options::Settings;
use crate::realer::{Folder, fetch_tokens};
use crate::report::{Report, Target};
use crate::servers::start_hub_in;

/// Adds the time to make such a folder, the time to start in it, memory, and the size of the database.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let devices = settings.scale.control_devices;
    let begin = Instant::now();
    let folder = Folder::seeded(&settings.hub, devices)?;
    let applied = begin.elapsed().as_secs_f64();
    report.record(format!("s to apply the catalogs of {devices} control devices"), Target::None, applied);
    report.record(format!("bytes of the database, {devices} control devices"), Target::None, {
        folder.database_bytes()? as f64
    });
    for round in 1..=settings.repeat {
        let begin = Instant::now();
        let hub = start_hub_in(folder.path(), settings).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let bytes = settled_bytes(&hub).await?;
        eprintln!("realer {round}/{}: {devices} devices, started in {seconds:.2} s", settings.repeat);
        report.record(format!("s to start, {devices} control devices"), START, seconds);
        report.record(format!("resident bytes after the start, {devices} control devices"), Target::None, bytes as f64);
        // They are there: the last one gets a token.
        fetch_tokens(&hub.callers()?, &folder.devices[folder.devices.len() - 1..]).await?;
    }
    Ok(())
}

const START: Target = Target::HubAtMost(3.0);
