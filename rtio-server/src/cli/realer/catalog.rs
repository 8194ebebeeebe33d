//! `rtio realer apply` and `rtio realer export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::Failure;
use super::super::place::Place;
use super::super::target::DeviceId as Id;
use super::print;
use super::wish::Wish;

/// What `apply` takes.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The file: TOML, or JSON if its name ends so
    file: PathBuf,

    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Forget what is not in the file, with all that devices told about it
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    place: Place,
}

/// What `export` takes.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Toml)]
    format: Format,

    /// This device only, with all resources
    #[arg(long, value_name = "ID", value_parser = Id::parse)]
    device: Option<Id>,

    #[command(flatten)]
    place: Place,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Toml,
    Json,
}

pub(super) const AFTER_HELP: &str = "\
Things are found by their id where the file gives it, else by their label; a device that is new
gets a secret, which is printed this once. What is in the file is then as the file says, and what
it leaves out of a thing has its default; but the subscription of a device stays unless it is
said, and the value of a command counts for a new one only. Applying what `rtio realer export`
prints changes nothing.

An example:
  [[resources]]
  label = \"Bench 1\"

  [[devices]]
  label = \"greenhouse\"

    [[devices.commands]]
    label = \"Heater\"
    kind = \"relay\"
    pin_port = \"6\"
    min = 0.0
    max = 1.0
    resources = [\"Bench 1\"]

    [[devices.sensors]]
    label = \"Air temperature\"
    kind = \"thermistor\"
    qc = \"celsius_temperature\"
    mu = \"degree_celsius:0\"
    pin_port = \"5\"
    resources = [\"Bench 1\"]";

impl Apply {
    pub(super) fn wish(self) -> Result<(Place, Wish), Failure> {
        let read = std::fs::read_to_string(&self.file);
        let is_json = self.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let text = read.map_err(|source| Failure::Data { path: self.file, source })?;
        let kind = if is_json { "application/json" } else { "application/toml" };
        let path = format!("/apply?dry_run={}&prune={}", self.dry_run, self.prune);
        Ok((self.place, Wish::with_file(path, kind, text, print::applied)))
    }
}

impl Export {
    pub(super) fn wish(self) -> (Place, Wish) {
        let format = match self.format {
            Format::Json => "json",
            Format::Toml if self.place.json => "json",
            Format::Toml => "toml",
        };
        let device = self.device.map(|device| format!("&device={device}")).unwrap_or_default();
        (self.place, Wish::file(format!("/export?format={format}{device}")))
    }
}
