//! The hub as a service of systemd: sockets that it was given, and what it tells the manager. Outside of systemd none of the variables
//! is set, and all of this does nothing.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use rtio_server::app::Sockets;
use rtio_server::hub::Hub;
use rtio_server::reload::{Reload, Reloads};
use rtio_server::shutdown::Shutdown;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use super::Failure;

/// The listening sockets that the manager bound for the hub (`sd_listen_fds(3)`).
pub(crate) fn sockets() -> Result<Sockets, Failure> {
    let failed = |source| Failure::System { step: "take the sockets of the service manager", source };
    let mut given = ListenFd::from_env();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let ports = assign(&names, given.len())?;
    let mut sockets = Sockets::default();
    for (nth, port) in ports.into_iter().enumerate() {
        let socket = given.take_tcp_listener(nth).map_err(failed)?;
        match port {
            Port::Devices => sockets.devices = socket,
            Port::Callers => sockets.callers = socket,
            Port::Admin => sockets.admin = socket,
            Port::Mqtt => sockets.mqtt = socket,
        }
    }
    Ok(sockets)
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Devices,
    Callers,
    Admin,
    Mqtt,
}

impl Port {
    /// The newest last: where they have no names, their order tells them apart.
    const ALL: [Self; 4] = [Self::Devices, Self::Callers, Self::Admin, Self::Mqtt];

    const fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Callers => "callers",
            Self::Admin => "admin",
            Self::Mqtt => "mqtt",
        }
    }
}

/// Which socket is for what: by their names if any is one of ours, else by their order. Without `FileDescriptorName=` systemd gives all
/// of them the name of the unit.
fn assign(names: &str, count: usize) -> Result<Vec<Port>, SocketsError> {
    if count > Port::ALL.len() {
        return Err(SocketsError::TooMany { count });
    }
    let of_name = |name: &str| Port::ALL.into_iter().find(|port| port.name() == name);
    if !names.split(':').any(|name| of_name(name).is_some()) {
        return Ok(Port::ALL[..count].to_vec());
    }
    let named =
        names.split(':').take(count).map(|name| of_name(name).ok_or_else(|| SocketsError::Name(name.to_owned())));
    let ports: Vec<Port> = named.collect::<Result<_, _>>()?;
    let is_twice = |port: &&Port| ports.iter().filter(|other| other == port).count() > 1;
    if ports.len() < count {
        return Err(SocketsError::Name(String::new()));
    }
    match ports.iter().find(is_twice) {
        Some(port) => Err(SocketsError::Twice(port.name())),
        None => Ok(ports),
    }
}

/// The manager gave sockets that the hub has no use for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SocketsError {
    /// More than there are ports.
    #[error("{count} sockets were given (LISTEN_FDS); a hub has four ports: devices, callers, admin, mqtt")]
    TooMany { count: usize },
    /// Not one of ours, among others that are.
    #[error("a socket is named {0:?} (LISTEN_FDNAMES); allowed: devices, callers, admin, mqtt")]
    Name(String),
    /// Two for one port.
    #[error("two sockets are named {0} (LISTEN_FDNAMES)")]
    Twice(&'static str),
}

/// Tells the manager that the hub serves, and from now on how it is. What is returned ends once the manager knows of the shutdown.
pub(crate) fn tell(hub: Arc<Hub>, shutdown: Shutdown, reload: &Reload) -> impl Future<Output = ()> {
    let is_listening = env::var_os("NOTIFY_SOCKET").is_some();
    let stopping = is_listening.then(|| {
        send(&[NotifyState::Ready, NotifyState::Status(&status(&hub))]);
        tokio::spawn(tell_of_life(hub, shutdown.clone(), reload.subscribe()));
        tokio::spawn(async move {
            shutdown.triggered().await;
            send(&[NotifyState::Stopping, NotifyState::Status(DRAINING)]);
        })
    });
    async move {
        if let Some(stopping) = stopping {
            // Sending does not panic, and if it did there would be nobody to tell.
            let _ = stopping.await;
        }
    }
}

async fn tell_of_life(hub: Arc<Hub>, shutdown: Shutdown, mut reloads: Reloads) {
    // Half of the time that the manager allows, as sd_watchdog_enabled(3) has it.
    let watchdog = sd_notify::watchdog_enabled().map(|allowed| allowed / 2);
    let mut tick = interval(watchdog.unwrap_or(STATUS_PERIOD).clamp(SHORTEST_PERIOD, STATUS_PERIOD));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = reloads.next() => tell_of_reload(),
            _ = tick.tick() => {
                let status = if shutdown.is_triggered() { DRAINING.to_owned() } else { status(&hub) };
                let alive = watchdog.map(|_| NotifyState::Watchdog);
                let states: Vec<_> = alive.into_iter().chain([NotifyState::Status(&status)]).collect();
                send(&states);
            }
        }
    }
}

/// Whoever holds files reads them in its own time; what cannot be read keeps its last value, so there is nothing to wait for.
fn tell_of_reload() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager is not told of the reload"),
    }
    send(&[NotifyState::Ready]);
}

fn status(hub: &Hub) -> String {
    format!("{} devices online", hub.devices_online())
}

/// A manager that does not listen is no reason to stop serving.
fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}

const DRAINING: &str = "draining";

/// How often `systemctl status` learns of the number of devices.
const STATUS_PERIOD: Duration = Duration::from_secs(10);

/// Below this a watchdog would only keep the hub busy.
const SHORTEST_PERIOD: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_go_by_name_or_else_by_order() {
        use Port::{Admin, Callers, Devices, Mqtt};
        let cases = [
            ("", 0, Ok(vec![])),
            ("", 2, Ok(vec![Devices, Callers])),
            ("rtio.socket:rtio.socket:rtio.socket", 3, Ok(vec![Devices, Callers, Admin])),
            ("admin:devices", 2, Ok(vec![Admin, Devices])),
            ("callers", 1, Ok(vec![Callers])),
            ("mqtt:callers", 2, Ok(vec![Mqtt, Callers])),
            ("", 4, Ok(vec![Devices, Callers, Admin, Mqtt])),
            ("callers:web", 2, Err(SocketsError::Name("web".to_owned()))),
            ("callers", 2, Err(SocketsError::Name(String::new()))),
            ("callers:callers", 2, Err(SocketsError::Twice("callers"))),
            ("", 5, Err(SocketsError::TooMany { count: 5 })),
        ];
        for (names, count, expected) in cases {
            assert_eq!(assign(names, count), expected, "{names:?} {count}");
        }
    }
}
