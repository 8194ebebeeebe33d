//! `rtio realer desired`, `feed-data` and `adoptions`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::super::place::Place;
use super::wish::{Fields, Wish};
use super::{Id, One, print};

/// What to do with desired states.
#[derive(Debug, Subcommand)]
pub(crate) enum Desired {
    /// Say what a command shall be
    Set(Set),
    /// Print what it was said that commands shall be, the oldest first
    List(Listed),
}

/// What `set` takes.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Id of the device
    #[arg(value_parser = Id::parse)]
    device: Id,

    /// Id of the command
    #[arg(value_parser = Id::parse)]
    command: Id,

    /// What it shall be
    #[arg(allow_hyphen_values = true)]
    value: String,

    /// Id of the resource that it is for, where the command belongs to several
    #[arg(long, value_parser = Id::parse)]
    resource: Option<Id>,

    /// Seconds within which the device may act on it; none: for ever [default: the hub's own]
    #[arg(long, value_name = "SECONDS", value_parser = super::device::number::<u32>)]
    expires_in: Option<Value>,

    #[command(flatten)]
    place: Place,
}

/// What `list` takes.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    #[command(flatten)]
    device: One,

    /// Begin after this one
    #[arg(long, value_name = "ID", value_parser = Id::parse)]
    after: Option<Id>,

    /// How many at most, up to 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
}

/// What `feed-data` and `adoptions` take.
#[derive(Debug, Args)]
pub(crate) struct Numbered {
    #[command(flatten)]
    device: One,

    /// Begin after the one of this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,

    /// How many at most, up to 1000
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
}

impl Desired {
    pub(super) fn wish(self) -> (Place, Wish) {
        match self {
            Self::Set(set) => {
                let fields = Fields::default().with("command_id", Some(set.command.as_str()));
                let fields = fields.with("resource_id", set.resource.as_ref().map(Id::as_str));
                let fields = fields.with("value", Some(set.value)).with("expires_in", set.expires_in);
                let path = format!("/devices/{}/desired", set.device);
                (set.place, Wish::send(Method::POST, path, fields, print::desired))
            }
            Self::List(Listed { device, after, limit }) => {
                let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
                let path = format!("/devices/{}/desired?limit={limit}{after}", device.id);
                (device.place, Wish::get(path, print::desired_states))
            }
        }
    }
}

impl Numbered {
    pub(super) fn wish(self, what: &str, print: fn(&Value) -> String) -> (Place, Wish) {
        let path = format!("/devices/{}/{what}?after={}&limit={}", self.device.id, self.after, self.limit);
        (self.device.place, Wish::get(path, print))
    }
}
