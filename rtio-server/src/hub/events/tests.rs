//! Events as sessions make them, with links that do nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Change, Epoch, Event, Gap, OfflineCause};
use crate::hub::fake_link::{FakeLink, fake_hub};
use crate::hub::{DeviceId, DeviceLink, Hub, Presence, Protocol};

fn attach(hub: &Arc<Hub>, device: &str) -> (Arc<FakeLink>, Presence) {
    let link = Arc::new(FakeLink::default());
    let presence = hub.attach(DeviceId::parse(device).unwrap(), Arc::clone(&link) as Arc<dyn DeviceLink>);
    (link, presence)
}

/// All events of a hub that has forgotten none.
fn all(hub: &Hub) -> Vec<Event> {
    let page = hub.events().after("0".parse().unwrap(), usize::MAX);
    assert_eq!(page.gap, Some(Gap::Unknown), "0 is of no run");
    page.events
}

/// What must hold of one device's events: a session begins when the one before has ended, and ends once. Epochs grow.
#[derive(Default)]
struct History {
    present: Option<Epoch>,
    replaced: Option<Epoch>,
    last: Option<Epoch>,
}

impl History {
    fn take(&mut self, event: &Event) {
        match event.change {
            Change::Online { .. } => assert_eq!((self.present, self.replaced), (None, None), "{event:?}"),
            Change::Replaced { previous, .. } => {
                assert_eq!((self.present, self.replaced.take()), (None, Some(previous)), "{event:?}");
            }
            Change::Offline { cause } => {
                assert_eq!((self.present.take(), self.replaced), (Some(event.epoch), None), "{event:?}");
                self.replaced = (cause == OfflineCause::Replaced).then_some(event.epoch);
                return;
            }
        }
        assert!(self.last.is_none_or(|last| last < event.epoch), "{event:?}");
        (self.present, self.last) = (Some(event.epoch), Some(event.epoch));
    }
}

#[test]
fn a_session_is_told_from_its_beginning_to_its_end() {
    let hub = fake_hub(100);
    let (old, old_presence) = attach(&hub, "dev");
    let (new, new_presence) = attach(&hub, "dev");
    // It comes late, and ends nothing.
    old.ends(OfflineCause::ClosedByDevice);
    drop(old_presence);
    new.ends(OfflineCause::Heartbeat);
    drop(new_presence);
    let (third, third_presence) = attach(&hub, "dev");
    drop(third_presence);
    let events = all(&hub);
    let [first, second, last] = [0, 2, 4].map(|nth: usize| events[nth].epoch);
    assert!(first < second && second < last);
    let told: Vec<_> = events.iter().map(|event| (event.epoch, event.change)).collect();
    let expected = [
        (first, Change::Online { protocol: Protocol::Rtio }),
        (first, Change::Offline { cause: OfflineCause::Replaced }),
        (second, Change::Replaced { protocol: Protocol::Rtio, previous: first }),
        (second, Change::Offline { cause: OfflineCause::Heartbeat }),
        (last, Change::Online { protocol: Protocol::Rtio }),
        (last, Change::Offline { cause: OfflineCause::Drained }),
    ];
    assert_eq!(told, expected);
    assert_eq!(third.ended(), None, "its task was dropped, which happens at the hub's end only");
}

/// Takes over and drops sessions of five devices, by numbers that look drawn and are the same each time.
fn come_and_go(hub: &Arc<Hub>, thread: usize) {
    let causes = [OfflineCause::ClosedByDevice, OfflineCause::Heartbeat, OfflineCause::ProtocolError];
    let mut kept = Vec::new();
    for round in 0..ROUNDS {
        let drawn = (round * 7919 + thread * 104_729) >> 3;
        kept.push(attach(hub, &format!("dev-{}", drawn % 5)));
        if drawn.is_multiple_of(3) {
            let (link, presence) = kept.swap_remove(drawn % kept.len());
            link.ends(causes[drawn % causes.len()]);
            drop(presence);
        }
        if drawn.is_multiple_of(11) {
            hub.disconnect(&DeviceId::parse(&format!("dev-{}", drawn % 5)).unwrap());
        }
    }
}

#[test]
fn a_storm_of_take_overs_leaves_each_device_in_order() {
    let hub = fake_hub(1 << 20);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let hub = &hub;
            scope.spawn(move || come_and_go(hub, thread));
        }
    });
    assert_eq!(hub.devices_online(), 0);
    let events = all(&hub);
    let mut histories = HashMap::<DeviceId, History>::new();
    for pair in events.windows(2) {
        assert_eq!(pair[0].id.number() + 1, pair[1].id.number());
    }
    for event in &events {
        histories.entry(event.device.clone()).or_default().take(event);
    }
    assert!(histories.values().all(|history| history.present.is_none() && history.replaced.is_none()));
    let begun = events.iter().filter(|event| !matches!(event.change, Change::Offline { .. })).count();
    assert_eq!((begun, events.len()), (THREADS * ROUNDS, 2 * THREADS * ROUNDS), "each begins once and ends once");
}

#[test]
fn the_next_run_of_the_hub_goes_on_with_greater_numbers() {
    let mut last = None;
    for _ in 0..3 {
        let hub = fake_hub(1 << 20);
        (0..2000).for_each(|_| drop(attach(&hub, "dev")));
        let events = all(&hub);
        // This loop makes an event in half a microsecond, for which the numbers allow one. No hub that has sockets does, nor starts again
        // within milliseconds.
        while jiff::Timestamp::now().as_microsecond() <= hub.events().newest().number().cast_signed() {
            std::hint::spin_loop();
        }
        for event in &events {
            assert!(last.is_none_or(|(id, epoch)| id < event.id && epoch <= event.epoch), "{event:?} after {last:?}");
            last = Some((event.id, event.epoch));
        }
    }
}

#[tokio::test]
async fn who_waits_is_woken_by_the_next_event_and_by_none_that_it_has_seen() {
    let hub = fake_hub(100);
    let seen = hub.events().newest();
    let waits = |seen| {
        let hub = Arc::clone(&hub);
        tokio::spawn(async move { hub.events().grown_beyond(seen).await })
    };
    let waiting = waits(seen);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let (_link, presence) = attach(&hub, "dev");
    waiting.await.unwrap();
    waits(seen).await.unwrap();
    let waiting = waits(hub.events().newest());
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(presence);
    waiting.await.unwrap();
}

const THREADS: usize = 8;
const ROUNDS: usize = 1000;
