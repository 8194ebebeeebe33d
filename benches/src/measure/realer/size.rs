//! Bytes of the store for each item of feed data, as the slope between two numbers of items: tables that are there anyway fall out. The
//! hub has ended in order before each look, so that nothing is left in its log.

use crate::callers::Callers;
use crate::error::RunError;
use crate::load::Stop;
use crate::options::Settings;
use crate::realer::{BATCH_ITEMS, Errand, Folder, Visit, fetch_tokens};
use crate::report::{Report, Target};
use crate::servers::start_hub_in;

/// Adds bytes per million items, at first and later.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let (few, many) = settings.scale.items;
    let folder = Folder::seeded(&settings.hub, DEVICES)?;
    let empty = folder.database_bytes()?;
    bring(few, &folder, settings, report).await?;
    let first = folder.database_bytes()?;
    // Message ids are numbered anew in each run, and each is new only once.
    let others = Folder::seeded(&settings.hub, DEVICES)?;
    bring(many, &others, settings, report).await?;
    let last = others.database_bytes()?;
    eprintln!("realer: {empty} bytes without items, {first} with {few}, {last} with {many}");
    let per_million = |bytes: u64, items: u64| bytes as f64 * 1e6 / items as f64;
    report.record(format!("bytes per million items, 0 → {few}"), Target::None, per_million(first - empty, few));
    let more = per_million(last - first, many - few);
    report.record(format!("bytes per million items, {few} → {many}"), Target::None, more);
    Ok(())
}

/// Brings so many items, and ends the hub in order.
async fn bring(items: u64, folder: &Folder, settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let hub = start_hub_in(folder.path(), settings).await?;
    let port = hub.callers()?;
    let tokens = fetch_tokens(&port, &folder.devices).await?;
    let visits = folder.devices.iter().zip(tokens);
    let visits = visits.map(|(device, fields)| Visit { errand: Errand::Batch, device: device.index, fields });
    let stop = Stop::AfterCalls(items / BATCH_ITEMS);
    report.tally.add(Callers::start_each(&port, visits, stop).await?.join().await.tally);
    hub.end().await
}

/// As many as callers in the measurement of calls.
const DEVICES: u64 = 64;
