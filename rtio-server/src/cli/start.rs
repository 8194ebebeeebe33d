//! What every run needs to get going: a runtime, and for the hub the lines that say where it is.

use std::io::{self, Write};

use rtio_server::app::App;
use rtio_server::net::tls::Port;
use tokio::runtime::{Builder, Runtime};

use super::Failure;
use super::descriptors::Descriptors;

/// A runtime with one worker for each core, for the hub.
pub(crate) fn workers() -> Result<Runtime, Failure> {
    build(&mut Builder::new_multi_thread())
}

/// A runtime on this thread, for a command that does one thing.
pub(super) fn single() -> Result<Runtime, Failure> {
    build(&mut Builder::new_current_thread())
}

/// Says where the hub listens: the addresses that were bound, which port 0 leaves to the system. Scripts wait for these lines.
pub(crate) fn announce(app: &App, descriptors: Descriptors) -> Result<(), Failure> {
    let admin = app.admin_addr().map(|addr| format!("admin http://{addr}\n")).unwrap_or_default();
    let (devices, callers) = (app.device_addr(), app.http_addr());
    let devices_tls = if app.has_tls(Port::Devices) { " tls" } else { "" };
    let mqtt = app.mqtt_addr().map(|addr| {
        let scheme = if app.has_tls(Port::Mqtt) { "mqtts" } else { "mqtt" };
        format!("mqtt {scheme}://{addr}\n")
    });
    let mqtt = mqtt.unwrap_or_default();
    let scheme = if app.has_tls(Port::Callers) { "https" } else { "http" };
    let lines = format!(
        "devices {devices}{devices_tls}\n{mqtt}callers {scheme}://{callers}\n{admin}descriptors {descriptors}\n"
    );
    print(lines.as_bytes())
}

/// Writes to standard output, past any buffer.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|source| Failure::Output { source })
}

fn build(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder.enable_all().build().map_err(|source| Failure::System { step: "start the runtime", source })
}
