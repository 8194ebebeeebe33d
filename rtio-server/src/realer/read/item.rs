//! One item of feed data. (Contract §6.1, §7.4.)

use super::fields::Fields;
use super::json::Json;
use crate::realer::item::{Answer, Item, MessageId, ReportStatus};
use crate::realer::{CommandId, DesiredId, DesiredState, Refusal, Route, SensorId, SourceId, Text};

/// Reads an item that says what it is of.
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`].
pub(in crate::realer) fn item(body: &[u8]) -> Result<Item, Refusal> {
    item_of(Fields::of(Json::parse(body)?)?).item
}

/// Reads the answer to a push, which says neither what it is of nor what it answers, unless it repeats both.
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`].
pub(in crate::realer) fn report(body: &[u8], desired: &DesiredState) -> Result<Item, Refusal> {
    let mut fields = Fields::of(Json::parse(body)?)?;
    let command = fields.id("command_id", CommandId::parse);
    if command.is_some_and(|command| command != desired.command) {
        fields.refuse("command_id", "not that of the desired state");
    }
    if fields.take("sensor_id").is_some() {
        fields.refuse("sensor_id", "not of a command");
    }
    let named = fields.id("desired_id", DesiredId::parse);
    if named.is_some_and(|named| named != desired.id) {
        fields.refuse("desired_id", "not that of the desired state");
    }
    let body = Body::take(&mut fields);
    let answer = Answer { desired: desired.id.clone(), status: body.status.unwrap_or(ReportStatus::Applied) };
    body.finish(Some(SourceId::Command(desired.command.clone())), Some(answer), fields)
}

/// An item, or why it is none.
#[derive(Debug)]
pub(in crate::realer) struct ReadItem {
    /// What a result can name it by in either case.
    pub(in crate::realer) message: Option<MessageId>,
    /// The item.
    pub(in crate::realer) item: Result<Item, Refusal>,
}

/// A message of a topic, or why it is no item.
#[derive(Debug)]
pub(in crate::realer) struct ReadPublish {
    /// Its id as it stands there, so that even a wrong one is told what was wrong. `None`: there is none, or it is longer than
    /// [`MAX_ECHO`].
    pub(in crate::realer) message: Option<String>,
    /// The item.
    pub(in crate::realer) item: Result<Item, Refusal>,
}

/// Reads what is published on a topic, which says what it is of; it may repeat that, and not say something else.
pub(in crate::realer) fn published(payload: &[u8], route: &Route) -> ReadPublish {
    let mut fields = match Json::parse(payload).and_then(Fields::of) {
        Ok(fields) => fields,
        Err(refusal) => return ReadPublish { message: None, item: Err(refusal) },
    };
    let message = fields.peek_text("message_id").filter(|text| text.len() <= MAX_ECHO).map(str::to_owned);
    let command = fields.id("command_id", CommandId::parse).map(SourceId::Command);
    let sensor = fields.id("sensor_id", SensorId::parse).map(SourceId::Sensor);
    for (field, named) in [("command_id", command), ("sensor_id", sensor)] {
        if named.is_some_and(|named| named != route.source) {
            fields.refuse(field, "not that of the topic");
        }
    }
    let ReadItem { item, .. } = rest_of(Some(route.source.clone()), fields);
    ReadPublish { message, item: item.map(|item| Item { route: Some(route.resource.clone()), ..item }) }
}

/// Reads an item that says what it is of.
pub(super) fn item_of(mut fields: Fields) -> ReadItem {
    let source = source(&mut fields);
    rest_of(source, fields)
}

fn rest_of(source: Option<SourceId>, mut fields: Fields) -> ReadItem {
    let named = fields.id("desired_id", DesiredId::parse);
    let body = Body::take(&mut fields);
    let message = body.message.clone();
    if matches!(source, Some(SourceId::Sensor(_))) && named.is_some() {
        fields.refuse("desired_id", "not of a sensor");
    }
    if named.is_none() && body.status.is_some() && !fields.is_refused("desired_id") {
        fields.refuse("report_status", "without desired_id");
    }
    let status = body.status.unwrap_or(ReportStatus::Applied);
    let answer = named.map(|desired| Answer { desired, status });
    ReadItem { message, item: body.finish(source, answer, fields) }
}

/// A command or a sensor: one, and not both.
fn source(fields: &mut Fields) -> Option<SourceId> {
    let there = (fields.has("command_id"), fields.has("sensor_id"));
    let command = fields.id("command_id", CommandId::parse).map(SourceId::Command);
    let sensor = fields.id("sensor_id", SensorId::parse).map(SourceId::Sensor);
    match there {
        (true, true) => fields.refuse("sensor_id", "not together with command_id"),
        (false, false) => fields.refuse("command_id", "required, or sensor_id"),
        (true, false) | (false, true) => {}
    }
    command.or(sensor)
}

/// What all items have, wherever they come from.
struct Body {
    message: Option<MessageId>,
    value: Option<Text>,
    observed_ms: Option<i64>,
    status: Option<ReportStatus>,
    sequence: Option<u64>,
}

impl Body {
    fn take(fields: &mut Fields) -> Self {
        Self {
            message: message(fields),
            value: fields.value(),
            observed_ms: fields.time("value_received_at"),
            status: status(fields),
            sequence: fields.whole("sequence_number"),
        }
    }

    fn finish(self, source: Option<SourceId>, answer: Option<Answer>, mut fields: Fields) -> Result<Item, Refusal> {
        let message_id = fields.require("message_id", self.message);
        let value = fields.require("value", self.value);
        let observed_ms = fields.require("value_received_at", self.observed_ms);
        let warnings = fields.finish()?;
        let whole = || Some((source?, message_id?, value?, observed_ms?));
        let (source, message_id, value, observed_ms) = whole().expect("what is missing was refused");
        Ok(Item { source, route: None, message_id, value, observed_ms, answer, sequence: self.sequence, warnings })
    }
}

fn message(fields: &mut Fields) -> Option<MessageId> {
    let message = MessageId::parse(&fields.text("message_id")?);
    if message.is_none() {
        fields.refuse("message_id", "not 1 to 128 printable characters of ASCII");
    }
    message
}

fn status(fields: &mut Fields) -> Option<ReportStatus> {
    let status = ReportStatus::parse(&fields.text("report_status")?);
    if status.is_none() {
        fields.refuse("report_status", "not applied, rejected or stale");
    }
    status
}

/// Bytes of a message id that are told again: four times as many as a right one has.
const MAX_ECHO: usize = 512;
