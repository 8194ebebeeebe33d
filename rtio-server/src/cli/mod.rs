//! The command line. One clap definition is the single source of every flag; variables and keys of the configuration file
//! follow from it. Only `main.rs` calls this; only [`device`] knows the device SDK; only here are files and the environment
//! read.

pub(crate) mod backup;
mod behaviour;
pub(crate) mod call;
pub(crate) mod certs;
mod config_file;
pub(crate) mod descriptors;
pub(crate) mod device;
mod device_tls;
pub(crate) mod doctor;
#[cfg(test)]
mod documents;
pub(crate) mod events;
mod exit;
mod failure;
mod hub;
mod lines;
pub(crate) mod observe;
pub(crate) mod online;
mod operator;
mod origin;
mod parse;
mod place;
mod problem;
pub(crate) mod realer;
pub(crate) mod registry;
pub(crate) mod services;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod systemd;
mod target;
pub(crate) mod token;

pub(crate) use exit::Exit;
pub(crate) use failure::Failure;
pub(crate) use parse::parse;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rtio_server::config::RawConfig;

/// RTIO: call and observe devices over HTTP.
#[derive(Debug, Parser)]
#[command(
    name = "rtio",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    max_term_width = 120
)]
struct Cli {
    /// TOML file with a section for each command: `drain = "10s"` in `[serve]` stands for `rtio serve --drain 10s`
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the hub: devices on one side, HTTP callers on the other
    #[command(after_help = SERVE_AFTER_HELP)]
    Serve(Box<RawConfig>),
    /// Be a device, for trying things out; or say which devices may connect
    #[command(subcommand, arg_required_else_help = true)]
    Device(device::Command),
    /// Call a device and print its answer
    Call(call::Arguments),
    /// Observe a device and print the frames as they come
    Observe(observe::Arguments),
    /// Make a throw-away CA and certificates for trying out TLS
    Certs(certs::Arguments),
    /// Check whether this machine can hold a million devices, and say what to change
    Doctor(doctor::Arguments),
    /// List the devices that are online, for operators
    Online(online::Arguments),
    /// End the session of a device, for operators
    Disconnect(online::DisconnectArguments),
    /// Print which devices come and go, as it happens, for operators
    Events(events::Arguments),
    /// List who answers what devices send, for operators
    Services(services::Arguments),
    /// Say what control devices there are, and what they can do; see what they did
    #[command(subcommand, arg_required_else_help = true, after_help = realer::AFTER_HELP)]
    Realer(realer::Command),
    /// Copy all that a hub keeps to one file, while it runs
    Backup(backup::Backup),
    /// Make a data folder of such a file again
    Restore(backup::Restore),
    /// Make keys and tokens for callers
    #[command(subcommand, arg_required_else_help = true)]
    Token(token::Command),
}

const AFTER_HELP: &str = "\
A value is taken from the flag, else from the variable (RTIO_ and the flag's name, such as
RTIO_DEVICE_ADDR), else from the configuration file, else it is the default.
Wrong usage exits with 64.

Try it, in three terminals:
  rtio serve --dev
  rtio device run PRINTER-001 --answer /printer/status=idle
  rtio call PRINTER-001 /printer/status";

const SERVE_AFTER_HELP: &str = "\
Prints the addresses that it bound and the number of descriptors that it may use, one line each.
SIGTERM or SIGINT lets calls in flight end within --drain; a second signal exits at once.

Exit codes:
  0    drained and stopped
  1    could not start, such as when an address is taken
  64   wrong usage
  130  a second signal was SIGINT (143: SIGTERM)";
