//! Each rule by its rows.

use super::*;
use crate::realer::item::{MessageId, Text};
use crate::realer::{CommandId, ReportStatus, ResourceId, SensorId, SourceId};

const NOW: Now = Now { ms: 1_000_000, future_tolerance_ms: 300_000 };

fn item() -> Item {
    Item {
        source: SourceId::Command(CommandId::parse("cmd_00000000000000000000000001").unwrap()),
        route: None,
        message_id: MessageId::parse("m-1").unwrap(),
        value: Text::parse("1").unwrap(),
        observed_ms: NOW.ms,
        answer: None,
        sequence: None,
        warnings: Warnings::default(),
    }
}

fn answering(status: ReportStatus) -> Item {
    Item { answer: Some(Answer { desired: desired_id(1), status }), ..item() }
}

fn reading(value: &str) -> Item {
    let source = SourceId::Sensor(SensorId::parse("sns_00000000000000000000000001").unwrap());
    Item { source, value: Text::parse(value).unwrap(), ..item() }
}

fn known(adoption: Adoption) -> Known {
    let source = KnownSource::Command { value_type: ValueType::NumericRange, adoption };
    Known { earlier: None, source, latest_ms: None, named: None, open: Vec::new() }
}

fn desired_id(number: u8) -> DesiredId {
    DesiredId::parse(&format!("des_{number:026}")).unwrap()
}

fn desired(number: u8, issued_ms: i64, expires_ms: Option<i64>) -> DesiredState {
    DesiredState {
        id: desired_id(number),
        command: CommandId::parse("cmd_00000000000000000000000001").unwrap(),
        resource: Some(ResourceId::parse(&format!("res_{number:026}")).unwrap()),
        value: "1".to_owned(),
        sequence: 42,
        issued_ms,
        expires_ms,
        lifecycle: Lifecycle::Pending,
        closed_ms: None,
    }
}

fn earlier(item: &Item) -> Earlier {
    let warnings = Warnings::default().with(Warning::ValueCoerced);
    Earlier { feed_data: 7, fingerprint: item.fingerprint(), warnings }
}

fn kept(item: &Item, known: &Known) -> Effects {
    match decide(item, known, NOW) {
        Verdict::Keep(effects) => effects,
        other @ (Verdict::Replay(_) | Verdict::Refuse(_)) => panic!("{other:?}"),
    }
}

fn refused(item: &Item, known: &Known) -> Refusal {
    match decide(item, known, NOW) {
        Verdict::Refuse(refusal) => refusal,
        other @ (Verdict::Replay(_) | Verdict::Keep(_)) => panic!("{other:?}"),
    }
}

fn warnings(effects: &Effects) -> Vec<Warning> {
    effects.warnings.iter().collect()
}

/// §6.4
#[test]
fn the_same_again_is_a_replay_and_something_else_a_conflict() {
    let first = Item { sequence: Some(42), ..answering(ReportStatus::Applied) };
    let replay = Verdict::Replay(earlier(&first));
    let known = Known { earlier: Some(earlier(&first)), named: Some(desired(1, 0, None)), ..known(Adoption::On) };
    assert_eq!(decide(&first, &known, NOW), replay);
    let coerced = Item { warnings: Warnings::default().with(Warning::ValueCoerced), ..first.clone() };
    assert_eq!(decide(&coerced, &known, NOW), replay, "how it was written is not what it says");
    for other in [
        Item { value: Text::parse("1.0").unwrap(), ..first.clone() },
        Item { observed_ms: first.observed_ms + 1, ..first.clone() },
        Item { sequence: None, ..first.clone() },
        Item { sequence: Some(43), ..first.clone() },
        Item { answer: None, ..first.clone() },
        Item { answer: answering(ReportStatus::Stale).answer, ..first },
    ] {
        assert_eq!(refused(&other, &known), Refusal::Conflict, "{other:?}");
    }
}

/// §6.4: it made sense when it came, whatever was changed or forgotten since.
#[test]
fn a_replay_is_one_even_where_it_would_not_make_sense_any_more() {
    let first = answering(ReportStatus::Applied);
    let known = Known { earlier: Some(earlier(&first)), ..known(Adoption::Off) };
    assert_eq!(decide(&first, &known, NOW), Verdict::Replay(earlier(&first)));
}

/// §1.6: what makes no sense is that before it is a conflict.
#[test]
fn fields_are_checked_before_the_message_id() {
    let known = Known { earlier: Some(earlier(&item())), ..known(Adoption::Off) };
    let nonsense = Item { value: Text::parse("on").unwrap(), ..item() };
    assert_eq!(refused(&nonsense, &known), Refusal::invalid("value", "no decimal number"));
}

/// §6.1
#[test]
fn a_value_is_one_of_its_source() {
    let sensor = Known { source: KnownSource::Sensor, ..known(Adoption::Off) };
    assert!(kept(&reading("-20.75"), &sensor).is_latest);
    assert_eq!(refused(&reading("warm"), &sensor), Refusal::invalid("value", "no decimal number"));
    let binary = KnownSource::Command { value_type: ValueType::Binary, adoption: Adoption::Off };
    let binary = Known { source: binary, ..known(Adoption::Off) };
    let two = Item { value: Text::parse("2").unwrap(), ..item() };
    assert_eq!(refused(&two, &binary), Refusal::invalid("value", "neither 0 nor 1"));
}

/// §5.1
#[test]
fn an_answer_to_nothing_of_this_command_is_refused() {
    let unknown = refused(&answering(ReportStatus::Applied), &known(Adoption::Off));
    assert_eq!(unknown, Refusal::invalid("desired_id", "unknown"));
}

/// §5.1: the first terminal report closes; §6.5: each of them is reported state, because its value is the physical one.
#[test]
fn an_answer_closes_an_open_one_as_it_says() {
    let known = Known { named: Some(desired(1, 0, Some(NOW.ms + 1))), latest_ms: Some(0), ..known(Adoption::On) };
    for status in ReportStatus::ALL {
        let effects = kept(&answering(status), &known);
        assert_eq!((effects.closes, effects.is_latest), (Some(status.into()), true), "{status:?}");
        assert_eq!((effects.adopts.clone(), warnings(&effects)), (None, vec![]), "an answer is never adopted");
    }
}

/// §5.1
#[test]
fn an_answer_to_a_closed_one_is_kept_and_changes_nothing_about_it() {
    let over = desired(1, 0, Some(NOW.ms));
    let closed = Lifecycle::ALL.into_iter().filter(|lifecycle| !lifecycle.is_open());
    let closed = closed.map(|lifecycle| DesiredState { lifecycle, ..desired(1, 0, None) });
    for named in closed.chain([over]) {
        let known = Known { named: Some(named.clone()), ..known(Adoption::On) };
        let effects = kept(&answering(ReportStatus::Applied), &known);
        assert_eq!((effects.closes, effects.is_latest, effects.adopts.clone()), (None, true, None), "{named:?}");
        assert_eq!(warnings(&effects), [Warning::DesiredStateClosed], "{named:?}");
    }
}

/// §5.2
#[test]
fn another_sequence_number_is_a_warning() {
    let known = Known { named: Some(desired(1, 0, None)), ..known(Adoption::Off) };
    for (sequence, expected) in [
        (None, vec![]),
        (Some(42), vec![]),
        (Some(41), vec![Warning::SequenceNumberMismatch]),
        (Some(0), vec![Warning::SequenceNumberMismatch]),
    ] {
        let effects = kept(&Item { sequence, ..answering(ReportStatus::Applied) }, &known);
        assert_eq!((warnings(&effects), effects.closes), (expected, Some(Lifecycle::Applied)), "{sequence:?}");
    }
}

/// §6.5
#[test]
fn the_newest_observation_is_the_latest_and_of_two_at_once_the_one_that_came_later() {
    for (latest_ms, is_latest) in
        [(None, true), (Some(NOW.ms - 1), true), (Some(NOW.ms), true), (Some(NOW.ms + 1), false)]
    {
        let effects = kept(&item(), &Known { latest_ms, ..known(Adoption::Off) });
        assert_eq!((effects.is_latest, effects.order_ms), (is_latest, NOW.ms), "{latest_ms:?}");
        assert_eq!(warnings(&effects).contains(&Warning::OutOfOrder), !is_latest, "{latest_ms:?}");
    }
}

/// §6.5
#[test]
fn what_is_too_far_ahead_is_ordered_by_its_arrival() {
    let limit = NOW.ms + NOW.future_tolerance_ms;
    for (observed_ms, order_ms, is_future) in
        [(limit, limit, false), (limit + 1, NOW.ms, true), (i64::MAX, NOW.ms, true), (i64::MIN, i64::MIN, false)]
    {
        let effects = kept(&Item { observed_ms, ..item() }, &known(Adoption::Off));
        assert_eq!(effects.order_ms, order_ms, "{observed_ms}");
        assert_eq!(warnings(&effects).contains(&Warning::ObservedInFuture), is_future, "{observed_ms}");
    }
    let endless = Now { ms: i64::MAX, future_tolerance_ms: i64::MAX };
    assert!(matches!(decide(&item(), &known(Adoption::Off), endless), Verdict::Keep(_)));
}

/// §6.5: off by default, only without `desired_id`, only what becomes the latest, never of a sensor.
#[test]
fn what_a_device_says_by_itself_is_adopted_where_that_is_on() {
    assert_eq!(Adoption::default(), Adoption::Off);
    assert_eq!(kept(&item(), &known(Adoption::Off)).adopts, None);
    assert_eq!(kept(&item(), &known(Adoption::On)).adopts, Some(vec![]));
    let late = Known { latest_ms: Some(NOW.ms + 1), ..known(Adoption::On) };
    assert_eq!(kept(&item(), &late).adopts, None);
    assert_eq!(kept(&reading("1"), &Known { source: KnownSource::Sensor, ..known(Adoption::On) }).adopts, None);
}

/// §6.5
#[test]
fn an_adoption_supersedes_what_was_wished_before_and_not_what_was_wished_after() {
    let (before, after) = (desired(1, NOW.ms - 1, None), desired(2, NOW.ms + 1, None));
    let at_once = desired(3, NOW.ms, None);
    let with = |open: &[&DesiredState]| {
        let open = open.iter().map(|&open| open.clone()).collect();
        kept(&item(), &Known { open, ..known(Adoption::On) }).adopts
    };
    assert_eq!(with(&[&before, &at_once]), Some(vec![before.id.clone(), at_once.id.clone()]), "in all contexts");
    assert_eq!(with(&[&before, &after]), None);
    let over = |desired: &DesiredState| DesiredState { expires_ms: Some(NOW.ms), ..desired.clone() };
    assert_eq!(with(&[&over(&after), &before]), Some(vec![before.id.clone()]), "what is over stands in no way");
    assert_eq!(with(&[&over(&before)]), Some(vec![]), "and has ended by itself");
}

/// §6.5: an observation that claims to be of next year is not after a wish of today.
#[test]
fn what_is_too_far_ahead_is_adopted_by_its_arrival() {
    let (before, after) = (desired(1, NOW.ms, None), desired(2, NOW.ms + 1, None));
    let ahead = Item { observed_ms: i64::MAX, ..item() };
    assert_eq!(kept(&ahead, &Known { open: vec![after], ..known(Adoption::On) }).adopts, None);
    assert_eq!(kept(&ahead, &Known { open: vec![before], ..known(Adoption::On) }).adopts, Some(vec![desired_id(1)]));
}
