//! `rtio device add`, `list`, `show`, `disable`, `enable`, `rotate`, `remove` and `import`: who may connect. Through the running
//! hub where one uses the data folder, else directly; what is printed is the same.

mod direct;
mod print;
mod wish;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::place::Place;
use super::target::DeviceId;
use super::{Failure, start};
use wish::Wish;

/// What to do with the hub's registry of devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let a device connect; prints its secret, which is shown this once
    Add(One),
    /// Print all devices that may connect
    List(All),
    /// Print one device
    Show(One),
    /// Keep a device out, and end its session; its secrets stay
    Disable(One),
    /// Let a disabled device in again
    Enable(One),
    /// Make a new secret and print it; the one before it goes on counting until the next rotation
    Rotate(Rotate),
    /// Forget a device, and end its session
    Remove(One),
    /// Add the devices of a file, all or none; lines of `ID` or `ID,SECRET`, where a secret has 24 to 256 bytes
    Import(Import),
}

/// A wish that concerns all devices.
#[derive(Debug, Clone, Args)]
pub(crate) struct All {
    #[command(flatten)]
    place: Place,
}

/// A wish that concerns one device.
#[derive(Debug, Clone, Args)]
pub(crate) struct One {
    /// Id of the device
    #[arg(value_parser = DeviceId::parse)]
    id: DeviceId,

    #[command(flatten)]
    place: Place,
}

/// What `rtio device rotate` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    one: One,

    /// End the old secret at once, and a session that began with it
    #[arg(long)]
    now: bool,
}

/// What `rtio device import` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Import {
    /// File with the lines
    file: PathBuf,

    #[command(flatten)]
    place: Place,
}

/// Does it, and prints what came of it.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let (place, wish) = wish_of(command)?;
    let answer = start::single()?.block_on(direct::fulfil(&place, &wish))?;
    start::print(print::text_of(&answer, place.json).as_bytes())
}

fn wish_of(command: Command) -> Result<(Place, Wish), Failure> {
    let one = |one: One, wish: fn(String) -> Wish| (one.place, wish(one.id.as_str().to_owned()));
    Ok(match command {
        Command::Add(device) => one(device, Wish::Add),
        Command::List(all) => (all.place, Wish::List),
        Command::Show(device) => one(device, Wish::Show),
        Command::Disable(device) => one(device, Wish::Disable),
        Command::Enable(device) => one(device, Wish::Enable),
        Command::Rotate(Rotate { one: device, now: false }) => one(device, Wish::Rotate),
        Command::Rotate(Rotate { one: device, now: true }) => one(device, Wish::RotateNow),
        Command::Remove(device) => one(device, Wish::Remove),
        Command::Import(Import { file, place }) => {
            let text = std::fs::read_to_string(&file).map_err(|source| Failure::Data { path: file, source })?;
            (place, Wish::Import(text))
        }
    })
}
