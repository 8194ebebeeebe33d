//! Command line, and what follows from it: `Cli` is what the user wrote, `Settings` is what runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hyper::Uri;

use crate::error::RunError;

/// Measures the hub under load, and bare servers under the same load.
#[derive(Debug, Parser)]
#[command(name = "fleet", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

/// What to measure; everything without one.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All parts but the soak (default).
    All,
    /// Calls per second, latency, CPU per call; ratio to bare hyper.
    Calls {
        /// The hub with TLS on both ports and a token in each call, beside the hub without
        #[arg(long)]
        secure: bool,
    },
    /// Resident memory per session, CPU of idle sessions.
    Memory {
        /// Sessions by TLS
        #[arg(long)]
        tls: bool,
    },
    /// Sessions connected and verified per second.
    Connect,
    /// Notifications of observations per second, CPU per notification.
    Notify,
    /// Latency of calls while ten thousand devices lose their connections and come back, and without that.
    Storm,
    /// What devices report, to a backend and back: round trips per second, CPU; ratio to a bare hyper server with a client.
    Reports,
    /// Latency of reports to a healthy backend beside a hung one, and alone.
    HungBackend,
    /// One call of ten thousand devices: devices per second, CPU; ratio to single calls.
    Group,
    /// Control devices: feed data that is durable, bootstraps, the way from a wish to its outcome, the size of the store, a hundred
    /// thousand of them; CPU, and ratio to bare hyper.
    Realer {
        /// One part alone [default: all]
        part: Option<RealerPart>,
    },
    /// Control devices with MQTT: memory of idle ones, feed data that is durable and acknowledged, the way from a wish to its device and
    /// back; beside Mosquitto, where it is there.
    Mqtt {
        /// One part alone [default: all]
        part: Option<MqttPart>,
    },
    /// Many callers of the same devices for long: no answer may reach another caller.
    Soak {
        /// Calls to make.
        #[arg(long, default_value_t = 10_000_000)]
        calls: u64,
    },
    /// Serves the requests of callers with bare hyper; used by the tool itself.
    #[command(hide = true)]
    BaselineHyper,
    /// Accepts devices and does nothing more; used by the tool itself.
    #[command(hide = true)]
    BaselineAccept,
    /// Answers what devices report, with bare hyper; used by the tool itself.
    #[command(hide = true)]
    BaselineBackend,
    /// Hands requests on, with a bare hyper server and client; used by the tool itself.
    #[command(hide = true)]
    BaselineRelay {
        /// Where to.
        target: Uri,
    },
}

/// A part of what is measured of control devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RealerPart {
    /// Items and batches per second, bootstraps per second.
    Polling,
    /// From a wish to its outcome.
    Wishes,
    /// Bytes of the store for each item.
    Size,
    /// Start and memory with many devices.
    Many,
}

/// A part of what is measured of devices with MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MqttPart {
    /// Resident memory per idle session, plain and with TLS.
    Memory,
    /// Messages per second, each acknowledged.
    Publish,
    /// From a wish to its device, and to its outcome.
    Wishes,
    /// Memory and messages of Mosquitto alone.
    Mosquitto,
}

#[derive(Debug, Args)]
struct Flags {
    /// Callers at once, each a closed loop; several counts are measured one after the other [default: 64,1; soak: 256]
    #[arg(long, global = true, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=1_000))]
    callers: Vec<u64>,
    /// Devices that are called [default: 1000; soak: 8]
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(1..=MAX_DEVICES))]
    devices: Option<u64>,
    /// Times that each figure is measured; the median is reported [default: 3]
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(1..=100))]
    repeat: Option<u64>,
    /// Seconds of each measurement of calls [default: 5]
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: Option<u64>,
    /// Small and short, to see whether the tool works; the figures mean little
    #[arg(long, global = true)]
    quick: bool,
    /// The hub's binary [default: `rtio` beside this one]
    #[arg(long, global = true)]
    hub: Option<PathBuf>,
}

/// Everything that a run depends on.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) hub: PathBuf,
    /// The binary of this tool, which is also that of the baselines.
    pub(crate) own: PathBuf,
    pub(crate) repeat: u64,
    pub(crate) measured: Duration,
    /// Empty unless given.
    callers: Vec<u64>,
    devices: Option<u64>,
    pub(crate) scale: Scale,
}

/// Sizes that no flag changes one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) name: &'static str,
    devices: u64,
    /// Sessions at the two ends of the slope of memory.
    pub(crate) sessions: (u64, u64),
    /// Time that idle sessions are watched.
    pub(crate) idle: Duration,
    /// Sessions that are connected and verified.
    pub(crate) connections: u64,
    /// Notifications of one observation alone.
    pub(crate) notifications_alone: u32,
    /// Notifications of each of many observations.
    pub(crate) notifications_each: u32,
    /// Items of feed data at which the store is weighed.
    pub(crate) items: (u64, u64),
    /// Control devices of a hub that has many.
    pub(crate) control_devices: u64,
    /// Idle clients of MQTT at which memory is read.
    pub(crate) mqtt_clients: [usize; 3],
}

impl Settings {
    pub(crate) fn of(cli: &Cli) -> Result<Self, RunError> {
        let flags = &cli.flags;
        let own = std::env::current_exe().map_err(RunError::io("find the path of this tool"))?;
        let scale = if flags.quick { QUICK } else { FULL };
        let default_repeat = if flags.quick { 1 } else { 3 };
        let default_seconds = if flags.quick { 1 } else { 5 };
        Ok(Self {
            hub: flags.hub.clone().unwrap_or_else(|| own.with_file_name("rtio")),
            own,
            repeat: flags.repeat.unwrap_or(default_repeat),
            measured: Duration::from_secs(flags.seconds.unwrap_or(default_seconds)),
            callers: flags.callers.clone(),
            devices: flags.devices,
            scale,
        })
    }

    /// Numbers of callers to measure.
    pub(crate) fn callers(&self, default: &[u64]) -> Vec<u64> {
        if self.callers.is_empty() { default.to_vec() } else { self.callers.clone() }
    }

    /// Devices to call or observe.
    pub(crate) fn devices(&self) -> u64 {
        self.devices.unwrap_or(self.scale.devices)
    }

    /// Devices to call where `default` suits the part better than the scale's.
    pub(crate) fn devices_or(&self, default: u64) -> u64 {
        self.devices.unwrap_or(default)
    }
}

/// Most devices at once: 20,000 descriptors is the usual limit of a process, and callers need some too.
const MAX_DEVICES: u64 = 18_500;

/// The sizes behind RESULTS.md.
const FULL: Scale = Scale {
    name: "full",
    devices: 1_000,
    sessions: (2_000, 18_000),
    idle: Duration::from_secs(20),
    connections: 10_000,
    notifications_alone: 50_000,
    notifications_each: 200,
    items: (100_000, 300_000),
    control_devices: 100_000,
    mqtt_clients: [2_000, 4_000, 8_000],
};

const QUICK: Scale = Scale {
    name: "quick: figures mean little",
    devices: 50,
    sessions: (200, 1_000),
    idle: Duration::from_secs(1),
    connections: 1_000,
    notifications_alone: 2_000,
    notifications_each: 40,
    items: (1_000, 3_000),
    control_devices: 300,
    mqtt_clients: [100, 200, 400],
};

const _: () = assert!(FULL.sessions.1 <= MAX_DEVICES && FULL.devices + FULL.connections <= MAX_DEVICES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_override_the_scale() {
        let cli = Cli::parse_from(["fleet", "calls", "--quick", "--callers", "7,1", "--devices", "3"]);
        let settings = Settings::of(&cli).unwrap();
        assert_eq!((settings.callers(&[64]), settings.devices(), settings.repeat), (vec![7, 1], 3, 1));
        let cli = Cli::parse_from(["fleet", "soak", "--calls", "9"]);
        let settings = Settings::of(&cli).unwrap();
        assert_eq!((settings.callers(&[256]), settings.devices_or(8)), (vec![256], 8));
    }
}
