//! What must not be forgotten, in memory and over restarts.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::desired::{Answer, Desired};
use super::item::{Item, Source};
use super::journal::Journal;
use super::memory::{Begin, Entry, Hint, Memory, Now};
use super::outcome::{Fate, Outcome, Then};
use super::queue::{Next, Room};
use super::shared::{Kept, Shared};
use super::time::SystemClock;

const ROOM: Room = Room { bytes: 4091, items: 100 };
const NOW: Now = Now { ms: 5_000, is_trusted: true };

fn memory() -> Memory {
    Memory::new("run".into(), 10)
}

fn desired(id: &str, sequence: u64) -> Desired {
    let text = format!(
        r#"{{"desired_id":"{id}","command_id":"cmd_1","value":"1","sequence_number":{sequence},
            "expires_at":"1970-01-01T00:00:10Z"}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn ids(memory: &mut Memory) -> Vec<String> {
    match memory.next(ROOM) {
        Next::Send(batch) => batch.ids,
        Next::Nothing | Next::TooLarge { .. } => Vec::new(),
    }
}

fn settle(memory: &mut Memory, fates: &[Fate]) -> Hint {
    let ids = ids(memory);
    memory.settle(&ids, &Outcome { fates: fates.to_vec(), then: Then::GoOn })
}

fn act(memory: &mut Memory, desired: &Desired, value: &str) -> Item {
    assert_eq!(memory.begin(desired, NOW), Begin::Act);
    memory.finish(desired, Answer::applied(value), NOW)
}

/// The same again, as a restart makes it.
fn restarted(memory: &Memory) -> Memory {
    let mut new = Memory::new("next".into(), 10);
    for entry in memory.snapshot() {
        let text = serde_json::to_string(&entry).unwrap();
        new.restore(serde_json::from_str(&text).unwrap());
    }
    new
}

/// §9.3: each of its steps.
#[test]
fn a_desired_state_is_acted_on_once_also_over_a_restart() {
    let mut memory = memory();
    let report = act(&mut memory, &desired("des_2", 2), "0.9");
    assert_eq!(report.told.message_id, "run-1");
    for memory in [&mut restarted(&memory), &mut memory] {
        assert_eq!(memory.begin(&desired("des_2", 2), NOW), Begin::Say(report.clone()), "the same message id");
        let Begin::Say(stale) = memory.begin(&desired("des_1", 1), NOW) else { panic!() };
        let text = serde_json::to_value(&stale).unwrap();
        assert_eq!((&text["report_status"], &text["value"]), (&"stale".into(), &"0.9".into()));
        assert_eq!((&text["desired_id"], &text["sequence_number"]), (&"des_1".into(), &1.into()));
        let late = Now { ms: 10_000, ..NOW };
        assert!(matches!(memory.begin(&desired("des_3", 3), late), Begin::Say(_)));
        let again = memory.begin(&desired("des_3", 3), NOW);
        assert!(
            matches!(again, Begin::Say(report) if report.told.report_status == Some(super::item::ReportStatus::Stale))
        );
        assert_eq!(memory.begin(&desired("des_4", 4), Now { is_trusted: false, ..late }), Begin::Act);
    }
}

#[test]
fn a_stale_answer_says_what_the_command_is_now() {
    let mut memory = memory();
    act(&mut memory, &desired("des_2", 2), "1");
    assert!(memory.observe(Source::Command("cmd_1"), "0".into(), NOW));
    for memory in [&mut restarted(&memory), &mut memory] {
        let Begin::Say(stale) = memory.begin(&desired("des_1", 1), NOW) else { panic!() };
        assert_eq!(stale.told.value, "0");
    }
    let fresh = &mut Memory::new("run".into(), 10);
    assert_eq!(fresh.begin(&desired("des_1", 1), Now { ms: 10_000, ..NOW }), Begin::Nothing);
}

/// §6.4: an id stays with its item through retries and restarts.
#[test]
fn what_waits_keeps_its_message_id_until_the_hub_has_it() {
    let mut memory = memory();
    for value in ["1", "2", "3"] {
        assert!(memory.observe(Source::Sensor("sns_1"), value.into(), NOW));
    }
    assert_eq!(ids(&mut memory), ["run-1", "run-2", "run-3"]);
    settle(&mut memory, &[Fate::Stays, Fate::Done, Fate::Stays]);
    let mut memory = restarted(&memory);
    assert!(memory.observe(Source::Sensor("sns_1"), "4".into(), NOW));
    assert_eq!(ids(&mut memory), ["run-1", "run-3", "next-1"], "oldest first, and no id twice");
    settle(&mut memory, &[Fate::Done, Fate::Done, Fate::Done]);
    assert_eq!((ids(&mut memory), memory.waiting()), (Vec::new(), 0));
}

/// §11, `message_conflict`: once.
#[test]
fn an_item_whose_id_is_taken_gets_one_other() {
    let mut memory = memory();
    memory.queue_answer(Item::answering(&desired("des_1", 1), Answer::applied("1"), "taken".into(), 0));
    assert_eq!(settle(&mut memory, &[Fate::Conflict]), Hint::None);
    let mut memory = restarted(&memory);
    assert_eq!(ids(&mut memory), ["run-1"]);
    settle(&mut memory, &[Fate::Conflict]);
    assert_eq!(ids(&mut memory), Vec::<String>::new());
}

/// §11, `resource_not_found` and `validation_failed`.
#[test]
fn what_the_hub_refuses_is_forgotten_and_a_source_that_is_gone_says_that_there_is_a_new_descriptor() {
    for (code, hint) in [(4004, Hint::Outdated), (4022, Hint::None)] {
        let mut memory = memory();
        assert!(memory.observe(Source::Sensor("sns_1"), "1".into(), NOW));
        let refused = Fate::Refused { code, kind: "x".into(), message: "m".into() };
        assert_eq!((settle(&mut memory, &[refused]), memory.waiting()), (hint, 0));
    }
}

#[test]
fn nothing_is_acted_on_while_the_queue_is_full_of_answers() {
    let mut memory = memory();
    for number in 0..10 {
        memory.queue_answer(Item::answering(&desired("des", 1), Answer::applied("1"), format!("m{number}"), 0));
    }
    assert_eq!(memory.begin(&desired("des_1", 1), NOW), Begin::Full);
    assert!(!memory.observe(Source::Command("cmd_1"), "1".into(), NOW));
    settle(&mut memory, &vec![Fate::Done; 10]);
    assert_eq!(memory.begin(&desired("des_1", 1), NOW), Begin::Act);
}

#[test]
fn what_fits_no_message_is_forgotten_and_holds_nothing_up() {
    let mut memory = memory();
    assert!(memory.observe(Source::Sensor("sns_1"), "x".repeat(250), NOW));
    assert!(memory.observe(Source::Sensor("sns_1"), "1".into(), NOW));
    let Next::Send(batch) = memory.next(Room { bytes: 200, items: 5 }) else { panic!() };
    assert_eq!((batch.ids, memory.waiting()), (vec!["run-2".to_owned()], 1));
}

#[test]
fn the_file_has_all_that_was_written_and_passes_over_half_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory();
    let (mut journal, entries) = Journal::open(folder.path()).unwrap();
    assert_eq!(entries, []);
    act(&mut memory, &desired("des_1", 1), "1");
    assert!(memory.observe(Source::Sensor("sns_1"), "7".into(), NOW));
    let written = memory.take_entries();
    journal.append(&written, || unreachable!()).unwrap();
    assert!(Journal::open(folder.path()).is_err(), "one program at a time");
    drop(journal);

    let file = folder.path().join("realer.jsonl");
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"gone\":\"run-").unwrap();
    let (mut journal, entries) = Journal::open(folder.path()).unwrap();
    assert_eq!(entries, written);
    // After half a line it is written anew.
    journal.append(&[Entry::Gone("run-2".into())], || written.clone()).unwrap();
    drop(journal);
    assert_eq!(Journal::open(folder.path()).unwrap().1, written);

    fs::write(&file, "something else\n").unwrap();
    let error = Journal::open(folder.path()).unwrap_err();
    assert!(error.to_string().starts_with("line 1: "), "{error}");
}

/// A loss of power may end the file anywhere: it has what was written whole before, and goes on from there.
#[test]
fn a_file_that_ends_anywhere_has_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory();
    act(&mut memory, &desired("des_1", 1), "1");
    assert!(memory.observe(Source::Sensor("sns_1"), "7".into(), NOW));
    settle(&mut memory, &[Fate::Done]);
    let written = memory.take_entries();
    Journal::open(folder.path()).unwrap().0.append(&written, || unreachable!()).unwrap();
    let file = folder.path().join("realer.jsonl");
    let text = fs::read(&file).unwrap();
    for end in 0..=text.len() {
        fs::write(&file, &text[..end]).unwrap();
        let (mut journal, entries) = Journal::open(folder.path()).unwrap();
        assert_eq!(entries, written[..entries.len()], "{end}");
        assert_eq!(entries.len(), text[..end].iter().filter(|&&byte| byte == b'\n').count());
        let more = [Entry::Gone("run-9".into())];
        let all = [entries, more.to_vec()].concat();
        journal.append(&more, || all.clone()).unwrap();
        drop(journal);
        assert_eq!(Journal::open(folder.path()).unwrap().1, all, "{end}");
    }
}

/// As on a full disk: nothing that is there is lost, and the next change that can be written brings all that is known.
#[test]
fn what_could_not_be_written_is_written_with_the_next_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory();
    let file = folder.path().join("realer.jsonl");
    fs::write(&file, "{\"gone\":\"x\"}\n{\"go").unwrap();
    let (mut journal, _) = Journal::open(folder.path()).unwrap();
    let in_the_way = folder.path().join("realer.new");
    fs::create_dir(&in_the_way).unwrap();
    act(&mut memory, &desired("des_1", 1), "1");
    journal.append(&memory.take_entries(), || memory.snapshot()).unwrap_err();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"gone\":\"x\"}\n{\"go");
    fs::remove_dir(&in_the_way).unwrap();
    assert!(memory.observe(Source::Sensor("sns_1"), "7".into(), NOW));
    journal.append(&memory.take_entries(), || memory.snapshot()).unwrap();
    drop(journal);
    assert_eq!(Journal::open(folder.path()).unwrap().1, memory.snapshot());
}

/// §9.3: also where a program registers again, as it does for a new descriptor.
#[test]
fn a_handler_waits_for_the_one_that_it_replaces() {
    let shared = Shared::new(Kept::in_memory(10), Arc::new(SystemClock));
    shared.set_handler("cmd_1".into(), Arc::new(|_| Box::pin(async { Answer::applied("1") })));
    let before = shared.handler("cmd_1").unwrap();
    let acting = before.turn.try_acquire().unwrap();
    shared.set_handler("cmd_1".into(), Arc::new(|_| Box::pin(async { Answer::applied("2") })));
    let after = shared.handler("cmd_1").unwrap();
    assert!(after.turn.try_acquire().is_err());
    drop(acting);
    assert!(after.turn.try_acquire().is_ok());
}

/// At the cap, and at the end of their time.
#[tokio::test(start_paused = true)]
async fn answers_that_may_be_lost_are_the_newest_ones_and_recent() {
    let shared = Shared::new(Kept::in_memory(10), Arc::new(SystemClock));
    let report = |number: usize| Item::answering(&desired("des", 1), Answer::applied("1"), format!("m{number}"), 0);
    for number in 0..65 {
        shared.is_answered_with(report(number));
    }
    assert_eq!(shared.take_unsure(), (1..65).map(report).collect::<Vec<_>>());
    assert_eq!(shared.take_unsure(), []);
    shared.is_answered_with(report(1));
    tokio::time::advance(Duration::from_secs(299)).await;
    shared.is_answered_with(report(2));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(shared.take_unsure(), [report(2)]);
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = memory();
    let (mut journal, _) = Journal::open(folder.path()).unwrap();
    let file = folder.path().join("realer.jsonl");
    let mut longest = 0;
    for _ in 0..50 {
        for _ in 0..100 {
            assert!(memory.observe(Source::Sensor("sns_1"), "7".into(), NOW));
            settle(&mut memory, &[Fate::Done]);
        }
        journal.append(&memory.take_entries(), || memory.snapshot()).unwrap();
        longest = longest.max(fs::metadata(&file).unwrap().len());
    }
    assert!(longest < 700_000, "{longest}");
    assert!(memory.observe(Source::Sensor("sns_1"), "8".into(), NOW));
    journal.append(&memory.take_entries(), || memory.snapshot()).unwrap();
    drop(journal);
    let mut again = Memory::new("next".into(), 10);
    for entry in Journal::open(folder.path()).unwrap().1 {
        again.restore(entry);
    }
    assert_eq!(ids(&mut again), ["run-5001"]);
}

/// One thing that happens to a device.
#[derive(Debug, Clone)]
enum Step {
    Reads,
    Changes(u8),
    IsWished { sequence: u64, is_late: bool },
    IsAskedAgain { sequence: u64 },
    Sends(Vec<Fate>),
}

fn step() -> impl Strategy<Value = Step> {
    let refused = Fate::Refused { code: 4022, kind: String::new(), message: String::new() };
    let fate = prop_oneof![Just(Fate::Done), Just(Fate::Stays), Just(Fate::Conflict), Just(refused)];
    prop_oneof![
        3 => Just(Step::Reads),
        2 => (0..5_u8).prop_map(Step::Changes),
        2 => (1..6_u64, any::<bool>()).prop_map(|(sequence, is_late)| Step::IsWished { sequence, is_late }),
        2 => (1..6_u64).prop_map(|sequence| Step::IsAskedAgain { sequence }),
        2 => vec(fate, 10).prop_map(Step::Sends),
    ]
}

impl Step {
    fn take(self, memory: &mut Memory) {
        match self {
            Self::Reads => drop(memory.observe(Source::Sensor("sns_1"), "7".into(), NOW)),
            Self::Changes(value) => drop(memory.observe(Source::Command("cmd_1"), value.to_string(), NOW)),
            Self::IsWished { sequence, is_late } => {
                let wish = desired(&format!("des_{sequence}"), sequence);
                let now = Now { ms: if is_late { 10_000 } else { 0 }, ..NOW };
                if memory.begin(&wish, now) == Begin::Act {
                    memory.finish(&wish, Answer::applied(sequence), now);
                }
            }
            Self::IsAskedAgain { sequence } => {
                if let Begin::Say(report) = memory.begin(&desired(&format!("des_{sequence}"), sequence), NOW) {
                    memory.queue_answer(report);
                }
            }
            Self::Sends(fates) => drop(settle(memory, &fates)),
        }
    }
}

proptest! {
    /// Whatever happens, the changes that were written make what is known; no id stands twice, and nothing grows but by answers.
    #[test]
    fn what_was_written_makes_what_is_known(steps in vec(step(), 0..40)) {
        let (mut memory, mut written) = (memory(), Vec::new());
        for step in steps {
            step.take(&mut memory);
            written.extend(memory.take_entries());
            let mut again = Memory::new("next".into(), 10);
            written.iter().cloned().for_each(|entry| again.restore(entry));
            prop_assert_eq!(again.snapshot(), memory.snapshot());
            prop_assert_eq!(restarted(&memory).snapshot(), memory.snapshot());
            let mut ids: Vec<_> = memory.snapshot().iter().filter_map(queued_id).collect();
            ids.sort();
            prop_assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", ids);
        }
    }
}

fn queued_id(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Queued { item, .. } => Some(item.told.message_id.clone()),
        Entry::Gone(_) | Entry::Handled(_) | Entry::Value { .. } => None,
    }
}
