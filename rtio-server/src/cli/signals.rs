//! SIGTERM and SIGINT, and SIGHUP.

use std::process;

use rtio_server::reload::Reload;
use rtio_server::shutdown::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// Watches from now on: the first signal triggers `shutdown`, the second ends the process at once with 128 + its number, as a
/// shell would say it.
pub(crate) fn drain_at_first_exit_at_second(shutdown: Shutdown) -> Result<(), Failure> {
    let mut signals = Signals::watch()?;
    tokio::spawn(async move {
        let name = signals.next().await.name;
        tracing::info!(signal = name, "draining; a second signal exits at once");
        shutdown.trigger();
        process::exit(128 + signals.next().await.number);
    });
    Ok(())
}

/// Watches from now on: each SIGHUP has what came from files read again.
pub(crate) fn reload_at_hangup(reload: Reload) -> Result<(), Failure> {
    let mut hangups = watch(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            tracing::info!(signal = "SIGHUP", "reloading");
            reload.trigger();
        }
    });
    Ok(())
}

fn watch(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|source| Failure::System { step: "watch for signals", source })
}

/// The two signals that ask a process to end.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from the system, which would end the process.
    pub(super) fn watch() -> Result<Self, Failure> {
        Ok(Self { terminate: watch(SignalKind::terminate())?, interrupt: watch(SignalKind::interrupt())? })
    }

    /// The next of the two.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost when this is dropped before it is done.
    pub(super) async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending { name: "SIGTERM", number: SignalKind::terminate().as_raw_value() },
            _ = self.interrupt.recv() => Ending { name: "SIGINT", number: SignalKind::interrupt().as_raw_value() },
        }
    }
}

/// One signal that came.
#[derive(Debug)]
pub(super) struct Ending {
    name: &'static str,
    number: i32,
}
