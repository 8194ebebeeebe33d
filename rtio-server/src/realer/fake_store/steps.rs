//! What devices and users do, by chance: few sources, values and message ids, so that they meet again. For tests of what holds whatever
//! happens.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::greenhouse;
use crate::realer::{
    Answer, CommandId, DesiredState, Item, MessageId, ReportStatus, ResourceId, SourceId, Text, Warnings,
};

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Wish {
        command: CommandId,
        resource: Option<ResourceId>,
        value: String,
        lives_ms: Option<i64>,
    },
    Report(Report),
    Expire,
    /// Also backwards, as after a restart of a machine whose clock was wrong.
    Clock(i64),
}

#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) source: SourceId,
    route: Option<ResourceId>,
    message: u8,
    value: String,
    /// Behind the hub's clock, or ahead of it.
    observed: i64,
    answers: Option<(Index, ReportStatus)>,
    sequence: Option<u64>,
}

impl Report {
    /// The item, where these are the desired states that there have been.
    pub(crate) fn item(&self, desired: &[DesiredState], now_ms: i64) -> Item {
        let named = |index: &Index| (!desired.is_empty()).then(|| index.get(desired).id.clone());
        let answer = |(index, status): &(Index, ReportStatus)| Some(Answer { desired: named(index)?, status: *status });
        Item {
            source: self.source.clone(),
            route: self.route.clone(),
            message_id: MessageId::parse(&format!("m{}", self.message)).unwrap(),
            value: Text::parse(&self.value).unwrap(),
            observed_ms: now_ms + self.observed,
            answer: self.answers.as_ref().and_then(answer),
            sequence: self.sequence,
            warnings: Warnings::default(),
        }
    }
}

/// How far ahead an observation may be, where the hub's clock moves by so little as it does here.
pub(crate) const TOLERANCE_MS: i64 = 20;

/// Anything that can happen.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => wish(),
        6 => report().prop_map(Step::Report),
        1 => Just(Step::Expire),
        3 => (-40_i64..80).prop_map(Step::Clock),
    ]
}

fn wish() -> impl Strategy<Value = Step> {
    let resource = prop::option::of(select(vec![greenhouse::NORTH, greenhouse::SOUTH]));
    let command = select(vec![greenhouse::HEATER, greenhouse::HEATER, greenhouse::LAMP, greenhouse::VAGUE]);
    (command, resource, value(), prop::option::of(1_i64..50)).prop_map(|(command, resource, value, lives_ms)| {
        let resource = resource.filter(|_| command == greenhouse::HEATER).map(greenhouse::resource);
        Step::Wish { command: greenhouse::command(command), resource, value, lives_ms }
    })
}

fn report() -> impl Strategy<Value = Report> {
    let sources = vec![
        SourceId::Command(greenhouse::command(greenhouse::HEATER)),
        SourceId::Command(greenhouse::command(greenhouse::LAMP)),
        SourceId::Sensor(greenhouse::sensor(greenhouse::THERMOMETER)),
    ];
    let answers = prop::option::of((any::<Index>(), select(ReportStatus::ALL.to_vec())));
    let sequence = prop::option::of(0_u64..4);
    let routes = vec![None, None, Some(greenhouse::NORTH), Some(greenhouse::SOUTH)];
    let route = select(routes).prop_map(|route| route.map(greenhouse::resource));
    (select(sources), route, 0..8_u8, value(), -60_i64..40, answers, sequence).prop_map(
        |(source, route, message, value, observed, answers, sequence)| Report {
            source,
            route,
            message,
            value,
            observed,
            answers,
            sequence,
        },
    )
}

/// Few, so that they meet again; one is nothing that any source of the greenhouse can be.
fn value() -> impl Strategy<Value = String> {
    select(vec!["0", "1", "1.0", "off"]).prop_map(str::to_owned)
}
