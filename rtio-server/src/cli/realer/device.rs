//! `rtio realer device`.

use clap::{Args, Subcommand};
use hyper::Method;

use super::super::place::Place;
use super::wish::{Fields, Wish};
use super::{All, One, print};
use serde_json::Value;

/// What to do with control devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a device; prints its id and its secret, which is shown this once
    Add(Add),
    /// Print all devices
    List(All),
    /// Print a device with its commands and sensors
    Show(One),
    /// Change what is given, and nothing else
    Change(Change),
    /// Forget a device with all that it told, and end its session
    Remove(One),
    /// Make a new secret and print it; the one before it goes on counting until the next rotation
    Rotate(Rotate),
}

/// What `add` takes.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What it is called: 1 to 128 characters, unique
    label: String,

    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    place: Place,
}

/// What `change` takes.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    one: One,

    /// What it is called: 1 to 128 characters, unique
    #[arg(long)]
    label: Option<String>,

    #[command(flatten)]
    settings: Settings,
}

/// What `rotate` takes.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    one: One,

    /// End the old secret at once, its tokens, and a session that began with it
    #[arg(long)]
    now: bool,
}

/// What is agreed with a device.
#[derive(Debug, Args)]
struct Settings {
    /// Whether it is served
    #[arg(long, value_name = "STATE", value_parser = ["active", "inactive"])]
    subscription: Option<String>,

    /// How it may exchange data; may be repeated
    #[arg(long, value_name = "NAME", value_parser = ["https", "mqtt", "rtio"])]
    protocol: Vec<String>,

    /// Shortest spacing of its requests in milliseconds; none: the hub's own
    #[arg(long, value_name = "NUMBER", value_parser = number::<u32>)]
    minimum_interval_ms: Option<Value>,

    /// Bytes of one request; none: the hub's own
    #[arg(long, value_name = "NUMBER", value_parser = number::<u32>)]
    max_request_bytes: Option<Value>,

    /// Items of one batch; none: the hub's own
    #[arg(long, value_name = "NUMBER", value_parser = number::<u32>)]
    max_batch_items: Option<Value>,
}

/// A number, or `none`.
pub(super) fn number<T: std::str::FromStr + Into<Value>>(text: &str) -> Result<Value, &'static str> {
    match text {
        "none" => Ok(Value::Null),
        text => text.parse::<T>().map(Into::into).map_err(|_| "expected a number, or none"),
    }
}

impl Command {
    pub(super) fn wish(self) -> (Place, Wish) {
        let path = |one: &One| format!("/devices/{}", one.id);
        match self {
            Self::Add(Add { label, settings, place }) => {
                let fields = settings.fields().with("label", Some(label));
                let wish = Wish::send(Method::POST, "/devices".to_owned(), fields, print::issued);
                (place, wish.that_may_begin())
            }
            Self::List(All { place }) => (place, Wish::list("/devices", "devices", print::devices)),
            Self::Show(one) => (one.place.clone(), Wish::get(path(&one), print::device)),
            Self::Change(Change { one, label, settings }) => {
                let fields = settings.fields().with("label", label);
                (one.place.clone(), Wish::send(Method::PATCH, path(&one), fields, print::device))
            }
            Self::Remove(one) => (one.place.clone(), Wish::remove(path(&one), one.id.as_str())),
            Self::Rotate(Rotate { one, now }) => {
                let old = if now { "drop" } else { "keep" };
                let path = format!("{}/rotate?old={old}", path(&one));
                (one.place, Wish::send(Method::POST, path, Fields::default(), print::issued))
            }
        }
    }
}

impl Settings {
    fn fields(self) -> Fields {
        let fields = Fields::default().with("subscription", self.subscription).with_list("protocols", self.protocol);
        let fields = fields.with("minimum_interval_ms", self.minimum_interval_ms);
        fields.with("max_request_bytes", self.max_request_bytes).with("max_batch_items", self.max_batch_items)
    }
}
