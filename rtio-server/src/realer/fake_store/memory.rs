//! What is kept of one device, and how the pure rules change it. Also the model that the properties are tested on.

use std::collections::HashMap;
use std::num::NonZeroU32;

use crate::hub::{Access, Credential, DeviceId, DeviceSecret};
use crate::realer::accept::{Earlier, Effects, Known, KnownSource, Now, Verdict, decide};
use crate::realer::ports::Accepted;
use crate::realer::value::ValueType;
use crate::realer::{
    AdoptionRecord, Catalog, Command, CommandId, ControlDevice, DesiredId, DesiredState, DeviceSettings, FeedRecord,
    Item, Latest, Lifecycle, MessageId, NewDesired, Refusal, ResourceId, Revisions, Sensor, SourceId, SourceState,
    State, wish,
};

/// All rows of one device.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) device: ControlDevice,
    pub(crate) commands: Vec<Command>,
    pub(crate) sensors: Vec<Sensor>,
    /// In the order in which they were set.
    pub(crate) desired: Vec<DesiredState>,
    pub(crate) records: Vec<FeedRecord>,
    pub(crate) latest: HashMap<SourceId, Latest>,
    pub(crate) adoptions: Vec<AdoptionRecord>,
    secret: Option<DeviceSecret>,
    keys: HashMap<(SourceId, MessageId), Earlier>,
    changes: HashMap<SourceId, u64>,
}

impl Rows {
    /// A device without a secret and an empty catalog.
    pub(crate) fn new(id: DeviceId, settings: DeviceSettings, created_ms: i64) -> Self {
        let revisions = Revisions { catalog: 1, runtime: 1 };
        Self {
            device: ControlDevice { id, access: Access::Enabled, created_ms, settings, revisions },
            commands: Vec::new(),
            sensors: Vec::new(),
            desired: Vec::new(),
            records: Vec::new(),
            latest: HashMap::new(),
            adoptions: Vec::new(),
            secret: None,
            keys: HashMap::new(),
            changes: HashMap::new(),
        }
    }

    /// The same with what proves it.
    pub(crate) fn with_secret(self, secret: DeviceSecret) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// The number of its only secret, if that is it.
    pub(super) fn prove(&self, secret: &[u8]) -> Option<Credential> {
        let proves = self.secret.as_ref().is_some_and(|own| own.reveal().as_bytes() == secret);
        proves.then_some(Credential(NonZeroU32::MIN))
    }

    pub(super) fn catalog(&self) -> Catalog {
        Catalog { device: self.device.clone(), commands: self.commands.clone(), sensors: self.sensors.clone() }
    }

    pub(super) fn change_settings(&mut self, settings: DeviceSettings) {
        self.device.settings = settings;
        self.device.revisions.runtime += 1;
    }

    pub(super) fn put_command(&mut self, mut command: Command) {
        if let Some(before) = self.commands.iter().find(|has| has.id == command.id) {
            command.value.clone_from(&before.value);
        }
        self.commands.retain(|has| has.id != command.id);
        self.commands.push(command);
        self.commands.sort_by(|one, other| one.id.cmp(&other.id));
        self.device.revisions.catalog += 1;
    }

    pub(super) fn put_sensor(&mut self, sensor: Sensor) {
        self.sensors.retain(|has| has.id != sensor.id);
        self.sensors.push(sensor);
        self.sensors.sort_by(|one, other| one.id.cmp(&other.id));
        self.device.revisions.catalog += 1;
    }

    /// Takes an item.
    pub(crate) fn accept(&mut self, item: &Item, now: Now) -> Result<Accepted, Refusal> {
        let known = self.known(item)?;
        match decide(item, &known, now) {
            Verdict::Replay(earlier) => {
                Ok(Accepted::Replayed { feed_data: earlier.feed_data, warnings: earlier.warnings })
            }
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::Keep(effects) => Ok(self.keep(item, &effects, now)),
        }
    }

    fn known(&self, item: &Item) -> Result<Known, Refusal> {
        let missing = |source| Refusal::NotFound(if item.route.is_some() { "route" } else { source });
        let belongs = |to: &[ResourceId]| item.route.as_ref().is_none_or(|resource| to.contains(resource));
        let (source, named, open) = match &item.source {
            SourceId::Sensor(id) => {
                let is_it = |sensor: &Sensor| sensor.id == *id && sensor.is_complete() && belongs(&sensor.resources);
                let known = self.sensors.iter().any(is_it).then_some(KnownSource::Sensor);
                (known.ok_or_else(|| missing("sensor"))?, None, Vec::new())
            }
            SourceId::Command(id) => {
                let command = self.commands.iter().find(|command| command.id == *id && command.is_complete());
                let command = command.filter(|command| belongs(&command.resources));
                let command = command.ok_or_else(|| missing("command"))?;
                let value_type = ValueType::of(&command.value_type);
                let source = KnownSource::Command { value_type, adoption: command.adoption };
                let answers = |desired: &&DesiredState| Some(&desired.id) == item.answer.as_ref().map(|a| &a.desired);
                let open = self.desired_of(id).filter(|desired| desired.lifecycle.is_open());
                (source, self.desired_of(id).find(answers).cloned(), open.cloned().collect())
            }
        };
        let key = (item.source.clone(), item.message_id.clone());
        let latest_ms = self.latest.get(&item.source).map(|latest| latest.order_ms);
        Ok(Known { earlier: self.keys.get(&key).copied(), source, latest_ms, named, open })
    }

    fn desired_of<'a>(&'a self, id: &'a CommandId) -> impl Iterator<Item = &'a DesiredState> {
        self.desired.iter().filter(move |desired| desired.command == *id)
    }

    fn keep(&mut self, item: &Item, effects: &Effects, now: Now) -> Accepted {
        let (id, warnings) = (self.records.len() as u64 + 1, effects.warnings);
        self.records.push(FeedRecord {
            id,
            source: item.source.clone(),
            message_id: item.message_id.clone(),
            value: item.value.clone(),
            observed_ms: item.observed_ms,
            received_ms: now.ms,
            answer: item.answer.clone(),
            sequence: item.sequence,
            warnings,
        });
        let earlier = Earlier { feed_data: id, fingerprint: item.fingerprint(), warnings };
        self.keys.insert((item.source.clone(), item.message_id.clone()), earlier);
        if effects.is_latest {
            let (value, order_ms) = (item.value.clone(), effects.order_ms);
            let latest = Latest { value, order_ms, received_ms: now.ms, feed_data: id };
            self.latest.insert(item.source.clone(), latest);
        }
        if let (Some(lifecycle), Some(answer)) = (effects.closes, &item.answer) {
            self.close(&answer.desired, lifecycle, now.ms);
        }
        if let (Some(superseded), SourceId::Command(command)) = (&effects.adopts, &item.source) {
            superseded.iter().for_each(|open| self.close(open, Lifecycle::Superseded, now.ms));
            self.adopt(command, item, id, now.ms);
        }
        self.touch(item.source.clone());
        Accepted::Created { feed_data: id, warnings }
    }

    fn adopt(&mut self, id: &CommandId, item: &Item, feed_data: u64, adopted_ms: i64) {
        let Some(command) = self.commands.iter_mut().find(|command| command.id == *id) else { return };
        let after = item.value.as_str().to_owned();
        let before = std::mem::replace(&mut command.value, after.clone());
        let number = self.adoptions.len() as u64 + 1;
        let command = id.clone();
        self.adoptions.push(AdoptionRecord { id: number, command, before, after, feed_data, adopted_ms });
    }

    /// Sets a desired state.
    pub(crate) fn set_desired(&mut self, new: NewDesired) -> Result<DesiredState, Refusal> {
        let command = self.commands.iter_mut().find(|command| command.id == new.command);
        let command = command.ok_or(Refusal::NotFound("command"))?;
        let context = wish::context(&new, command)?;
        let is_of = |desired: &&mut DesiredState| desired.command == command.id && desired.resource == context;
        let before: Vec<_> = self.desired.iter_mut().filter(is_of).collect();
        let last = before.iter().map(|desired| desired.sequence).max().unwrap_or_default();
        let set = wish::set(new, command, context.clone(), last)?;
        for open in before.into_iter().filter(|desired| desired.lifecycle.is_open()) {
            *open = open.clone().replaced_at(set.issued_ms);
        }
        command.value.clone_from(&set.value);
        self.desired.push(set.clone());
        self.touch(SourceId::Command(set.command.clone()));
        Ok(set)
    }

    pub(crate) fn open_desired(&self, now_ms: i64) -> Vec<DesiredState> {
        let mut open: Vec<_> = self.desired.iter().filter(|desired| desired.at(now_ms).is_open()).cloned().collect();
        open.sort_by_key(|desired| (desired.issued_ms, desired.sequence));
        open
    }

    /// Closes what is over. How many.
    pub(crate) fn expire(&mut self, now_ms: i64) -> usize {
        let over = |desired: &&DesiredState| desired.at(now_ms) != desired.lifecycle;
        let over: Vec<_> = self.desired.iter().filter(over).cloned().collect();
        for desired in &over {
            self.close(&desired.id, Lifecycle::Expired, desired.expires_ms.unwrap_or(now_ms));
            self.touch(SourceId::Command(desired.command.clone()));
        }
        over.len()
    }

    fn close(&mut self, id: &DesiredId, lifecycle: Lifecycle, closed_ms: i64) {
        let desired = self.desired.iter_mut().find(|desired| desired.id == *id);
        if let Some(desired) = desired {
            (desired.lifecycle, desired.closed_ms) = (lifecycle, Some(closed_ms));
        }
    }

    fn touch(&mut self, source: SourceId) {
        let change = self.change() + 1;
        self.changes.insert(source, change);
    }

    fn change(&self) -> u64 {
        self.changes.values().max().copied().unwrap_or_default()
    }

    pub(crate) fn state(&self, after: u64) -> State {
        let commands = self.commands.iter().map(|command| self.command_state(command));
        let sensors = self.sensors.iter().map(|sensor| self.sensor_state(sensor));
        let change_of = |state: &SourceState| match state {
            SourceState::Command { change, .. } | SourceState::Sensor { change, .. } => *change,
        };
        let sources = commands.chain(sensors).filter(|state| after == 0 || change_of(state) > after).collect();
        State { device: self.device.clone(), change: self.change(), sources }
    }

    fn command_state(&self, command: &Command) -> SourceState {
        let source = SourceId::Command(command.id.clone());
        let mut desired: Vec<DesiredState> = Vec::new();
        for newest in self.desired.iter().rev().filter(|desired| desired.command == command.id) {
            if desired.iter().all(|has| has.resource != newest.resource) {
                desired.push(newest.clone());
            }
        }
        SourceState::Command {
            id: command.id.clone(),
            label: command.label.clone(),
            value: command.value.clone(),
            desired,
            reported: self.latest.get(&source).cloned(),
            change: self.changes.get(&source).copied().unwrap_or_default(),
        }
    }

    fn sensor_state(&self, sensor: &Sensor) -> SourceState {
        let source = SourceId::Sensor(sensor.id.clone());
        SourceState::Sensor {
            id: sensor.id.clone(),
            label: sensor.label.clone(),
            reported: self.latest.get(&source).cloned(),
            change: self.changes.get(&source).copied().unwrap_or_default(),
        }
    }
}
