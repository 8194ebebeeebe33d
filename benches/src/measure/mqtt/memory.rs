//! Resident memory of an idle device with MQTT, as the slope between sizes of the fleet, and what idle ones cost in processor time. The hub has just started in a folder that another
//! process of it has filled, so that nothing it freed before makes room for sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::super::memory::{settled_bytes, slope};
use super::accounts;
use crate::error::RunError;
use crate::mqtt::{Account, IdleClients, Mosquitto};
use crate::options::Settings;
use crate::port::Port;
use crate::process::ServerProcess;
use crate::realer::Folder;
use crate::report::{Report, Target};
use crate::servers::start_mqtt_hub_in;

/// Adds bytes per idle session, plain beside Mosquitto and with TLS. Once: they move by less than a hundredth.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    let [few, .., many] = settings.scale.mqtt_clients;
    let folder = Folder::seeded_for_mqtt(&settings.hub, many as u64)?;
    let hub = start_mqtt_hub_in(folder.path(), false, settings).await?;
    let accounts = accounts(&hub.callers()?, &folder).await?.into();
    hub.end().await?;
    let hub = start_mqtt_hub_in(folder.path(), false, settings).await?;
    let plain = measure_idle("hub", (&hub, &hub.mqtt()?), &accounts, settings).await?;
    drop(hub);
    report.record(format!("CPU of {many} idle MQTT sessions, % of a core"), Target::None, plain.cpu_percent);
    let name = format!("resident bytes per idle MQTT session, {few} → {many}");
    match Mosquitto::find(settings) {
        None => report.record(name, PLAIN_BYTES, plain.bytes),
        Some(mosquitto) => {
            let bytes = measure_broker(&mosquitto, settings).await?;
            report.compare(format!("{name}; as bare server: Mosquitto"), PLAIN_BYTES, plain.bytes, bytes);
        }
    }
    let hub = start_mqtt_hub_in(folder.path(), true, settings).await?;
    let tls = measure_idle("hub with TLS", (&hub, &hub.mqtt()?), &accounts, settings).await?;
    report.record(format!("resident bytes per idle MQTT session over TLS, {few} → {many}"), TLS_BYTES, tls.bytes);
    Ok(())
}

/// Adds bytes per idle client of Mosquitto.
pub(super) async fn measure_mosquitto(
    mosquitto: &Mosquitto,
    settings: &Settings,
    report: &mut Report,
) -> Result<(), RunError> {
    let [few, .., many] = settings.scale.mqtt_clients;
    let bytes = measure_broker(mosquitto, settings).await?;
    report.record(format!("Mosquitto: resident bytes per idle client, {few} → {many}"), Target::None, bytes);
    Ok(())
}

async fn measure_broker(mosquitto: &Mosquitto, settings: &Settings) -> Result<f64, RunError> {
    let [.., many] = settings.scale.mqtt_clients;
    let accounts = (0..many as u64).map(Account::open).collect();
    let (process, address) = mosquitto.start().await?;
    Ok(measure_idle("Mosquitto", (&process, &address.into()), &accounts, settings).await?.bytes)
}

struct Idle {
    bytes: f64,
    cpu_percent: f64,
}

async fn measure_idle(
    name: &str,
    (process, port): (&ServerProcess, &Port),
    accounts: &Arc<[Account]>,
    settings: &Settings,
) -> Result<Idle, RunError> {
    let (mut clients, mut connected, mut sizes) = (IdleClients::default(), 0, Vec::new());
    for count in settings.scale.mqtt_clients {
        clients.grow(port, accounts, connected..count).await?;
        connected = count;
        sizes.push((count as u64, settled_bytes(process).await?));
    }
    let (idle, cpu_before) = (settings.scale.idle.min(LONGEST), process.cpu_time()?);
    sleep(idle).await;
    let cpu = process.cpu_time()? - cpu_before;
    clients.check_complete()?;
    for steps in sizes.windows(2) {
        let [(few, before), (many, after)] = steps else { continue };
        let bytes = slope(*before, *after, many - few);
        eprintln!("mqtt: {name}, {few} → {many} idle clients: {bytes:.0} bytes each");
    }
    let ((few, before), (many, after)) = (sizes[0], sizes[sizes.len() - 1]);
    let bytes = slope(before, after, many - few);
    Ok(Idle { bytes, cpu_percent: cpu.as_secs_f64() * 100.0 / idle.as_secs_f64() })
}

/// Idle sessions are looked at every few seconds, so a few such times.
const LONGEST: Duration = Duration::from_secs(10);

const PLAIN_BYTES: Target = Target::HubAtMost(6_000.0);
const TLS_BYTES: Target = Target::HubAtMost(18_000.0);
