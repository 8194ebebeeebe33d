//! `rtio realer command` and `rtio realer sensor`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::super::place::Place;
use super::device::number;
use super::wish::{Fields, Wish};
use super::{Id, One, print};

/// What to do with sources of one kind, whose fields are these.
#[derive(Debug, Subcommand)]
pub(crate) enum Of<A: Args, C: Args> {
    /// Add one to a device
    Add(Add<A>),
    /// Print all of a device
    List(One),
    /// Print one
    Show(Source),
    /// Change what is given, and nothing else
    Change(Change<C>),
    /// Forget one with all that was told about it
    Remove(Source),
}

/// Commands: a new one has a value, too.
pub(crate) type OfCommands = Of<NewCommandFields, CommandFields>;

/// Sensors.
pub(crate) type OfSensors = Of<SensorFields, SensorFields>;

/// One source of a device.
#[derive(Debug, Clone, Args)]
pub(crate) struct Source {
    /// Id of the device
    #[arg(value_parser = Id::parse)]
    device: Id,

    /// Its id
    #[arg(value_parser = Id::parse)]
    id: Id,

    #[command(flatten)]
    place: Place,
}

/// What `add` takes.
#[derive(Debug, Args)]
pub(crate) struct Add<F: Args> {
    /// Id of the device
    #[arg(value_parser = Id::parse)]
    device: Id,

    /// What it is called: 1 to 128 characters, unique within the device
    label: String,

    #[command(flatten)]
    fields: F,

    #[command(flatten)]
    place: Place,
}

/// What `change` takes.
#[derive(Debug, Args)]
pub(crate) struct Change<F: Args> {
    #[command(flatten)]
    source: Source,

    /// What it is called: 1 to 128 characters, unique within the device
    #[arg(long)]
    label: Option<String>,

    #[command(flatten)]
    fields: F,
}

/// What may be said about a new command.
#[derive(Debug, Args)]
pub(crate) struct NewCommandFields {
    /// The value before anything is desired [default: 0, or what comes next to it]
    #[arg(long, allow_hyphen_values = true)]
    value: Option<String>,

    #[command(flatten)]
    fields: CommandFields,
}

/// What may be said about a command.
#[derive(Debug, Args)]
pub(crate) struct CommandFields {
    /// Kind of actuator, such as relay
    #[arg(long)]
    kind: Option<String>,

    /// How values are read, such as NumericRange or Binary
    #[arg(long, value_name = "TYPE")]
    value_type: Option<String>,

    /// Pin or port on the device
    #[arg(long, value_name = "PIN")]
    pin_port: Option<String>,

    /// The least value that may be desired; none: any
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = number::<f64>)]
    min: Option<Value>,

    /// The greatest value that may be desired; none: any
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = number::<f64>)]
    max: Option<Value>,

    /// Whether what the device reports by itself becomes the desired value
    #[arg(long, value_name = "STATE", value_parser = ["on", "off"])]
    adoption: Option<String>,

    /// What it belongs to, by id or label; may be repeated; none: nothing
    #[arg(long, value_name = "RESOURCE")]
    resource: Vec<String>,
}

/// What may be said about a sensor.
#[derive(Debug, Args)]
pub(crate) struct SensorFields {
    /// Kind of sensor, such as thermistor
    #[arg(long)]
    kind: Option<String>,

    /// Quantity, such as celsius_temperature
    #[arg(long)]
    qc: Option<String>,

    /// Unit, such as degree_celsius:0
    #[arg(long)]
    mu: Option<String>,

    /// Pin or port on the device
    #[arg(long, value_name = "PIN")]
    pin_port: Option<String>,

    /// What it belongs to, by id or label; may be repeated; none: nothing
    #[arg(long, value_name = "RESOURCE")]
    resource: Vec<String>,
}

/// Fields of the one kind or the other.
pub(crate) trait SourceFields {
    /// Where they stand in a path, and in a list.
    const MEMBER: &'static str;

    /// Those that are given.
    fn given(self) -> GivenFields;
}

/// Fields on their way into a request.
#[derive(Debug)]
pub(crate) struct GivenFields(Fields);

impl SourceFields for NewCommandFields {
    const MEMBER: &'static str = "commands";

    fn given(self) -> GivenFields {
        GivenFields(self.fields.given().0.with("value", self.value))
    }
}

impl SourceFields for CommandFields {
    const MEMBER: &'static str = "commands";

    fn given(self) -> GivenFields {
        let fields = Fields::default().with("kind", self.kind).with("value_type", self.value_type);
        let fields = fields.with("pin_port", self.pin_port).with("min", self.min).with("max", self.max);
        GivenFields(fields.with("adoption", self.adoption).with("resources", resources(self.resource)))
    }
}

impl SourceFields for SensorFields {
    const MEMBER: &'static str = "sensors";

    fn given(self) -> GivenFields {
        let fields = Fields::default().with("kind", self.kind).with("qc", self.qc).with("mu", self.mu);
        GivenFields(fields.with("pin_port", self.pin_port).with("resources", resources(self.resource)))
    }
}

/// The list, if it is given; `none` alone is an empty one.
fn resources(given: Vec<String>) -> Option<Vec<String>> {
    match given.as_slice() {
        [] => None,
        [none] if none == "none" => Some(Vec::new()),
        _ => Some(given),
    }
}

impl<A: Args + SourceFields, C: Args + SourceFields> Of<A, C> {
    pub(super) fn wish(self) -> (Place, Wish) {
        let all = |device: &Id| format!("/devices/{device}/{}", A::MEMBER);
        let one = |source: &Source| format!("{}/{}", all(&source.device), source.id);
        match self {
            Self::Add(Add { device, label, fields, place }) => {
                let fields = fields.given().0.with("label", Some(label));
                (place, Wish::send(Method::POST, all(&device), fields, print::source))
            }
            Self::List(device) => (device.place, Wish::get(all(&device.id), print::sources)),
            Self::Show(source) => (source.place.clone(), Wish::get(one(&source), print::source)),
            Self::Change(Change { source, label, fields }) => {
                let fields = fields.given().0.with("label", label);
                (source.place.clone(), Wish::send(Method::PATCH, one(&source), fields, print::source))
            }
            Self::Remove(source) => (source.place.clone(), Wish::remove(one(&source), source.id.as_str())),
        }
    }
}
