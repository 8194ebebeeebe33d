//! The store does what the model does, which is the pure rules over plain collections, whatever happens.

use proptest::prelude::*;

use super::*;
use crate::realer::fake_store::{Report, Rows, Step, TOLERANCE_MS, greenhouse, step};
use crate::realer::{Lifecycle, Resource, SourceState};

proptest! {
    // Each case opens a store, and each step is a transaction.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut both = Both::new().await;
            for step in steps {
                both.take(step).await;
            }
            both.agree().await;
        });
    }
}

struct Both {
    rows: Rows,
    store: Store,
    _folder: tempfile::TempDir,
    now_ms: i64,
    /// Ids are made of this, so that they are the same in both.
    made: i64,
}

impl Both {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (rows, store, device) = (greenhouse::rows(), open(&folder), greenhouse::device());
        let resource =
            |id: &str| CatalogChange::PutResource(Resource { id: greenhouse::resource(id), label: id.to_owned() });
        let mut changes = vec![resource(greenhouse::NORTH), resource(greenhouse::SOUTH)];
        let settings = rows.device.settings.clone();
        changes.push(CatalogChange::AddDevice { id: device.clone(), secret: secret('s'), settings });
        let command =
            |command: &Command| CatalogChange::PutCommand { device: device.clone(), command: command.clone() };
        changes.extend(rows.commands.iter().map(command));
        let sensor = |sensor: &Sensor| CatalogChange::PutSensor { device: device.clone(), sensor: sensor.clone() };
        changes.extend(rows.sensors.iter().map(sensor));
        store.change_catalog(changes, 0).await.unwrap();
        Self { rows, store, _folder: folder, now_ms: 1_000_000, made: 0 }
    }

    async fn take(&mut self, step: Step) {
        let device = greenhouse::device();
        match step {
            Step::Wish { command, resource, value, lives_ms } => {
                self.made += 1;
                let (id, issued_ms) = (DesiredId::new(self.made).unwrap(), self.now_ms);
                let expires_ms = lives_ms.map(|lives| issued_ms + lives);
                let wish = NewDesired { id, command, resource, value, issued_ms, expires_ms };
                let set = self.store.set_desired(&device, wish.clone()).await.unwrap();
                assert_eq!(set, self.rows.set_desired(wish));
            }
            Step::Report(report) => self.report(&report).await,
            Step::Expire => {
                self.rows.expire(self.now_ms);
                self.store.expire(self.now_ms, usize::MAX).await.unwrap();
            }
            Step::Clock(by) => self.now_ms += by,
        }
    }

    async fn report(&mut self, report: &Report) {
        let item = report.item(&self.rows.desired, self.now_ms);
        let now = Now { ms: self.now_ms, future_tolerance_ms: TOLERANCE_MS };
        let accepted = self.store.accept(&greenhouse::device(), vec![item.clone()], now).await.unwrap();
        assert_eq!(accepted, [self.rows.accept(&item, now)], "{item:?}");
    }

    async fn agree(&self) {
        let device = greenhouse::device();
        let desired = self.store.desired_states(&device, None, usize::MAX).await.unwrap();
        assert_eq!(desired, self.rows.desired);
        let open = self.store.open_desired(&device, self.now_ms).await.unwrap();
        assert_eq!(open, self.rows.open_desired(self.now_ms));
        assert_eq!(self.store.feed_data(&device, 0, usize::MAX).await.unwrap(), self.rows.records);
        assert_eq!(self.store.adoptions(&device, 0, usize::MAX).await.unwrap(), self.rows.adoptions);
        let state = self.store.state(&device, 0).await.unwrap().unwrap();
        let said = |state: State| state.sources.into_iter().map(without_numbers).collect::<Vec<_>>();
        assert_eq!(said(state), said(self.rows.state(0)));
        assert!(desired.iter().all(|desired| desired.lifecycle == Lifecycle::Pending || desired.closed_ms.is_some()));
    }
}

/// How changes are numbered is the store's own affair.
fn without_numbers(state: SourceState) -> SourceState {
    match state {
        SourceState::Command { id, label, value, mut desired, reported, .. } => {
            desired.sort_by(|one, other| one.id.cmp(&other.id));
            SourceState::Command { id, label, value, desired, reported, change: 0 }
        }
        SourceState::Sensor { id, label, reported, .. } => SourceState::Sensor { id, label, reported, change: 0 },
    }
}
