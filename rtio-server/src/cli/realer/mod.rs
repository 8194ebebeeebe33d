//! `rtio realer`: control devices, what they can be told and what they measure, what was desired and what they said. Through the
//! running hub where one uses the data folder, else directly; what is printed is the same.

mod catalog;
mod device;
mod direct;
mod history;
mod print;
mod resource;
mod source;
mod wish;

use clap::{Args, Subcommand};

use super::place::Place;
use super::target::DeviceId as Id;
use super::{Failure, start};
use wish::Wish;

/// What to do with the control-device runtime.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Control devices
    #[command(subcommand, arg_required_else_help = true)]
    Device(device::Command),
    /// What commands and sensors belong to
    #[command(subcommand, arg_required_else_help = true)]
    Resource(resource::Command),
    /// What devices can be told to be
    #[command(subcommand, name = "command", arg_required_else_help = true)]
    Ability(source::OfCommands),
    /// What devices measure
    #[command(subcommand, arg_required_else_help = true)]
    Sensor(source::OfSensors),
    /// What commands shall be
    #[command(subcommand, arg_required_else_help = true)]
    Desired(history::Desired),
    /// Print what a device told
    FeedData(history::Numbered),
    /// Print which reported values became the desired ones
    Adoptions(history::Numbered),
    /// Make the hub have what a file says, all or none, and say what that changes
    #[command(after_help = catalog::AFTER_HELP)]
    Apply(catalog::Apply),
    /// Print what the hub has as such a file; no secrets are in it
    Export(catalog::Export),
}

pub(crate) const AFTER_HELP: &str = "\
Try it:
  rtio realer apply greenhouse.toml --data-dir DIR --dry-run
  rtio realer apply greenhouse.toml --data-dir DIR
  rtio realer device list --data-dir DIR
  rtio realer desired set cdv_… cmd_… 1.0 --data-dir DIR

Exit codes:
  0   done
  1   something failed
  5   there is no such device, command, sensor or resource
  6   refused: a value cannot be, or something of that name is there already
  64  wrong usage";

/// A wish that concerns one thing.
#[derive(Debug, Clone, Args)]
pub(crate) struct One {
    /// Its id
    #[arg(value_parser = Id::parse)]
    id: Id,

    #[command(flatten)]
    place: Place,
}

/// A wish that concerns all things.
#[derive(Debug, Clone, Args)]
pub(crate) struct All {
    #[command(flatten)]
    place: Place,
}

/// Does it, and prints what came of it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let (place, wish) = wish_of(command)?;
    let answer = start::single()?.block_on(direct::fulfil(&place, &wish))?;
    start::print(wish.text_of(&answer, place.json)?.as_bytes())
}

fn wish_of(command: Command) -> Result<(Place, Wish), Failure> {
    Ok(match command {
        Command::Device(command) => command.wish(),
        Command::Resource(command) => command.wish(),
        Command::Ability(command) => command.wish(),
        Command::Sensor(command) => command.wish(),
        Command::Desired(command) => command.wish(),
        Command::FeedData(page) => page.wish("feed-data", print::feed_data),
        Command::Adoptions(page) => page.wish("adoptions", print::adoptions),
        Command::Apply(apply) => apply.wish()?,
        Command::Export(export) => export.wish(),
    })
}
