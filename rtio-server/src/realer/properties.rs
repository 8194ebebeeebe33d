//! What holds whatever devices and users do, in whatever order, and however the clock jumps. The model is the store in memory, which
//! does what the pure rules say.

use std::collections::HashMap;

use proptest::prelude::*;

use super::accept::Now;
use super::fake_store::{Report, Rows, Step, TOLERANCE_MS, greenhouse, step};
use super::ports::Accepted;
use super::{Adoption, CommandId, DesiredId, FeedRecord, Item, Lifecycle, NewDesired, ResourceId, SourceId};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_rules_hold_whatever_happens(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
    }
}

/// The model, and what was seen of it.
struct World {
    rows: Rows,
    now_ms: i64,
    /// How each desired state ended that has.
    ended: HashMap<DesiredId, (Lifecycle, Option<i64>)>,
    made: i64,
}

impl World {
    fn new() -> Self {
        Self { rows: greenhouse::rows(), now_ms: 1_000_000, ended: HashMap::new(), made: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wish { command, resource, value, lives_ms } => self.wish(command, resource, value, lives_ms),
            Step::Report(report) => self.report(&report),
            Step::Expire => drop(self.rows.expire(self.now_ms)),
            Step::Clock(by) => self.now_ms += by,
        }
        self.closed_ones_stay_as_they_ended();
        self.one_is_open_in_each_context();
        self.reported_is_the_newest_observation();
    }

    fn wish(&mut self, command: CommandId, resource: Option<ResourceId>, value: String, lives_ms: Option<i64>) {
        self.made += 1;
        let (id, issued_ms) = (DesiredId::new(self.made).unwrap(), self.now_ms);
        let expires_ms = lives_ms.map(|lives| issued_ms + lives);
        let before = self.rows.desired.clone();
        let (text, rows) = (value.clone(), format!("{:?}", self.rows));
        let Ok(set) = self.rows.set_desired(NewDesired { id, command, resource, value, issued_ms, expires_ms }) else {
            assert_eq!(format!("{:?}", self.rows), rows, "a wish that is refused changes nothing");
            return;
        };
        // §5.2
        let same = before.iter().filter(|old| old.command == set.command && old.resource == set.resource);
        assert!(same.clone().all(|old| old.sequence < set.sequence), "{set:?}");
        assert_eq!(set.sequence, same.count() as u64 + 1);
        assert_eq!((set.lifecycle, set.value), (Lifecycle::Pending, text));
    }

    fn report(&mut self, report: &Report) {
        let item = report.item(&self.rows.desired, self.now_ms);
        let adopted = self.rows.adoptions.len();
        let expected = self.adopts(&item);
        let before = format!("{:?}", self.rows);
        match self.rows.accept(&item, self.now()) {
            Ok(Accepted::Created { feed_data, .. }) => {
                assert_eq!(self.rows.adoptions.len(), adopted + usize::from(expected), "§6.5 {item:?}");
                self.adoption_closes_all(expected, &item);
                self.a_repeat_changes_nothing(&item, feed_data);
            }
            // §6.4: a replay, a conflict or what makes no sense changes nothing.
            Ok(Accepted::Replayed { .. }) | Err(_) => assert_eq!(format!("{:?}", self.rows), before),
        }
    }

    const fn now(&self) -> Now {
        Now { ms: self.now_ms, future_tolerance_ms: TOLERANCE_MS }
    }

    /// Whether the item is adopted if it is new, said in the contract's words. (§6.5)
    fn adopts(&self, item: &Item) -> bool {
        let SourceId::Command(id) = &item.source else { return false };
        let command = self.rows.commands.iter().find(|command| command.id == *id).unwrap();
        let order_ms = order_ms(item.observed_ms, self.now_ms);
        let is_latest = self.rows.latest.get(&item.source).is_none_or(|latest| latest.order_ms <= order_ms);
        let open =
            self.rows.desired.iter().filter(|desired| desired.command == *id && desired.at(self.now_ms).is_open());
        let all_before = open.map(|open| open.issued_ms).all(|issued_ms| issued_ms <= order_ms);
        command.adoption == Adoption::On && item.answer.is_none() && is_latest && all_before
    }

    fn adoption_closes_all(&self, adopted: bool, item: &Item) {
        if let (true, SourceId::Command(id)) = (adopted, &item.source) {
            let of_command = self.rows.desired.iter().filter(|desired| desired.command == *id);
            assert!(of_command.clone().all(|desired| !desired.at(self.now_ms).is_open()), "{item:?}");
            let command = self.rows.commands.iter().find(|command| command.id == *id).unwrap();
            assert_eq!(command.value, item.value.as_str());
        }
    }

    fn a_repeat_changes_nothing(&mut self, item: &Item, feed_data: u64) {
        let before = format!("{:?}", self.rows);
        let repeat = self.rows.accept(item, self.now());
        assert!(matches!(repeat, Ok(Accepted::Replayed { feed_data: same, .. }) if same == feed_data), "{repeat:?}");
        assert_eq!(format!("{:?}", self.rows), before);
    }

    /// §5.1
    fn closed_ones_stay_as_they_ended(&mut self) {
        for desired in self.rows.desired.iter().filter(|desired| !desired.lifecycle.is_open()) {
            let end = (desired.lifecycle, desired.closed_ms);
            assert_eq!(*self.ended.entry(desired.id.clone()).or_insert(end), end, "{desired:?}");
        }
        let closed = self.rows.desired.iter().filter(|desired| !desired.lifecycle.is_open());
        assert_eq!(closed.count(), self.ended.len(), "one is open again");
        for (desired, end) in
            self.rows.desired.iter().filter_map(|desired| Some((desired, self.ended.get(&desired.id)?)))
        {
            let (lifecycle, closed_ms) = *end;
            let in_time = desired.expires_ms.is_none_or(|expires_ms| closed_ms < Some(expires_ms));
            assert_eq!(
                in_time,
                lifecycle != Lifecycle::Expired,
                "what is over has expired, and nothing else: {desired:?}"
            );
        }
    }

    /// §5
    fn one_is_open_in_each_context(&self) {
        let mut open: Vec<_> = self.rows.desired.iter().filter(|desired| desired.lifecycle.is_open()).collect();
        open.sort_by_key(|desired| (&desired.command, &desired.resource));
        let context = |place: usize| (&open[place].command, &open[place].resource);
        assert!((1..open.len()).all(|place| context(place - 1) != context(place)), "{open:?}");
    }

    /// §6.5
    fn reported_is_the_newest_observation(&self) {
        let mut newest: HashMap<&SourceId, &FeedRecord> = HashMap::new();
        let order = |record: &FeedRecord| order_ms(record.observed_ms, record.received_ms);
        for record in &self.rows.records {
            let best = newest.entry(&record.source).or_insert(record);
            if order(record) >= order(best) {
                *best = record;
            }
        }
        assert_eq!(newest.len(), self.rows.latest.len());
        for (source, record) in newest {
            assert_eq!(self.rows.latest[source].feed_data, record.id, "{source:?}");
        }
    }
}

/// What an observation is ordered by, said in the contract's words. (§6.5)
const fn order_ms(observed_ms: i64, received_ms: i64) -> i64 {
    if observed_ms > received_ms + TOLERANCE_MS { received_ms } else { observed_ms }
}
