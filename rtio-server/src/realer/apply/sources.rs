//! Commands and sensors of one device: what is to change about them.

use super::difference::between;
use super::export::{command_entry, sensor_entry};
use super::matching::{Named, check_labels, match_up};
use super::plan::{Planner, Unmatched, removal, told};
use super::{Change, CommandEntry, Kind, PlanError, SensorEntry};
use crate::hub::DeviceId;
use crate::realer::fields::{CommandFields, FieldError, Resources};
use crate::realer::ports::CatalogChange;
use crate::realer::{Command, CommandId, MAX_SOURCES, Sensor, SensorId};

/// An entry that stands for a command or sensor.
pub(super) trait SourceEntry: Named + serde::Serialize + Sized {
    /// What it stands for.
    type Source: Named + Clone + PartialEq;
    /// Which sort of things that is.
    const KIND: Kind;
    /// Where the entries stand in a device.
    const FIELD: &'static str;

    fn changed(&self, before: Self::Source, resources: &Resources) -> Result<Self::Source, FieldError>;
    fn made(&self, planner: &Planner) -> Result<Self::Source, PlanError>;
    fn of(source: &Self::Source, resources: &Resources) -> Self;
    /// The source with its resources in order, as an entry gives them.
    fn sorted(source: &Self::Source) -> Self::Source;
    fn put(device: DeviceId, source: Self::Source) -> CatalogChange;
    fn remove(device: DeviceId, source: &Self::Source) -> CatalogChange;
}

impl Planner {
    /// Commands or sensors of a device of this id and label.
    pub(super) fn plan_sources<E: SourceEntry>(
        &mut self,
        (device, device_label): (&DeviceId, &str),
        entries: &[E],
        there: &[E::Source],
    ) -> Result<(), PlanError> {
        let of_device = |error: FieldError| error.within(format_args!("devices[{device_label}]"));
        let matched = match_up(E::FIELD, entries, there).map_err(of_device)?;
        let Unmatched { staying, leaving } = self.unmatched(there, &matched);
        if entries.len() + staying.len() > MAX_SOURCES {
            return Err(of_device(FieldError::new(E::FIELD, format_args!("at most {MAX_SOURCES}"))).into());
        }
        check_labels(E::FIELD, entries, &staying).map_err(of_device)?;
        let owned = |change: Change| Change { device: Some(device_label.to_owned()), ..change };
        for (entry, place) in entries.iter().zip(matched) {
            let at = |error: FieldError| of_device(error.within(format_args!("{}[{}]", E::FIELD, entry.label())));
            let before = place.map(|place| E::sorted(&there[place]));
            let after = match before.clone() {
                Some(before) => entry.changed(before, &self.resources).map_err(at)?,
                None => entry.made(self).map_err(|error| within(error, at))?,
            };
            if before.as_ref() != Some(&after) {
                let was = before.as_ref().map(|before| E::of(before, &self.resources));
                let fields = between(was.as_ref(), &E::of(&after, &self.resources));
                let id = after.id().unwrap_or_default();
                let change = owned(Change { fields, ..told(before.is_some(), E::KIND, after.label(), id) });
                self.put(E::put(device.clone(), after), change);
            }
        }
        for other in leaving {
            let change = owned(removal(E::KIND, other.label(), other.id().unwrap_or_default()));
            self.remove(E::remove(device.clone(), other), change);
        }
        Ok(())
    }
}

fn within(error: PlanError, at: impl FnOnce(FieldError) -> FieldError) -> PlanError {
    match error {
        PlanError::Field(error) => at(error).into(),
        PlanError::Random(error) => error.into(),
    }
}

impl SourceEntry for CommandEntry {
    type Source = Command;
    const KIND: Kind = Kind::Command;
    const FIELD: &'static str = "commands";

    fn changed(&self, before: Command, resources: &Resources) -> Result<Command, FieldError> {
        self.fields().changed(before, resources)
    }

    fn made(&self, planner: &Planner) -> Result<Command, PlanError> {
        let id = planner.id_of(self.id.as_deref(), CommandId::parse, CommandId::new, |error| error)?;
        let fields = CommandFields { value: self.value.clone(), ..self.fields() };
        Ok(fields.new_command(id, &planner.resources)?)
    }

    fn of(command: &Command, resources: &Resources) -> Self {
        command_entry(command, resources)
    }

    fn sorted(command: &Command) -> Command {
        let mut command = command.clone();
        command.resources.sort_unstable();
        command
    }

    fn put(device: DeviceId, command: Command) -> CatalogChange {
        CatalogChange::PutCommand { device, command }
    }

    fn remove(device: DeviceId, command: &Command) -> CatalogChange {
        CatalogChange::RemoveCommand { device, id: command.id.clone() }
    }
}

impl SourceEntry for SensorEntry {
    type Source = Sensor;
    const KIND: Kind = Kind::Sensor;
    const FIELD: &'static str = "sensors";

    fn changed(&self, before: Sensor, resources: &Resources) -> Result<Sensor, FieldError> {
        self.fields().changed(before, resources)
    }

    fn made(&self, planner: &Planner) -> Result<Sensor, PlanError> {
        let id = planner.id_of(self.id.as_deref(), SensorId::parse, SensorId::new, |error| error)?;
        Ok(self.fields().new_sensor(id, &planner.resources)?)
    }

    fn of(sensor: &Sensor, resources: &Resources) -> Self {
        sensor_entry(sensor, resources)
    }

    fn sorted(sensor: &Sensor) -> Sensor {
        let mut sensor = sensor.clone();
        sensor.resources.sort_unstable();
        sensor
    }

    fn put(device: DeviceId, sensor: Sensor) -> CatalogChange {
        CatalogChange::PutSensor { device, sensor }
    }

    fn remove(device: DeviceId, sensor: &Sensor) -> CatalogChange {
        CatalogChange::RemoveSensor { device, id: sensor.id.clone() }
    }
}
