//! A delivery against a ring in memory, a clock that is a number, and a receiver that says what the test wants.

use serde_json::Value;

use super::*;
use crate::hub::{Change, DeviceId, Epoch, OfflineCause, Protocol};

/// The id of the first event.
const FIRST: u64 = 1000;

struct Scene {
    delivery: Delivery,
    events: Vec<Event>,
    /// As many of them are forgotten.
    forgotten: usize,
    now: Instant,
    numbers: u128,
    /// What was read so far.
    pages: usize,
}

/// A webhook of `keys`, with the first batch out of the way, which says that nothing is known.
fn scene(keys: &str) -> Scene {
    let mut scene = fresh(keys);
    scene.passes(60_000);
    assert_eq!(scene.posts(), Some((None, vec![])));
    scene.delivery.handle_delivered();
    assert!(scene.posts().is_none());
    scene
}

fn fresh(keys: &str) -> Scene {
    let definition: Definition = toml::from_str(&format!("url = \"http://a\"\n{keys}")).unwrap();
    let now = Instant::now();
    let delivery = Delivery::new("orders".to_owned(), definition, id(FIRST - 1), now);
    Scene { delivery, events: Vec::new(), forgotten: 0, now, numbers: 0, pages: 0 }
}

fn id(number: u64) -> EventId {
    number.to_string().parse().unwrap()
}

impl Scene {
    /// Devices come; of those whose name begins with `-` it is told that they go.
    fn happens(&mut self, devices: &[&str]) {
        for name in devices {
            let (device, change) = match name.strip_prefix('-') {
                Some(name) => (name, Change::Offline { cause: OfflineCause::Heartbeat }),
                None => (*name, Change::Online { protocol: Protocol::Rtio }),
            };
            self.events.push(Event {
                id: id(FIRST + self.events.len() as u64),
                time: jiff::Timestamp::UNIX_EPOCH,
                device: DeviceId::parse(device).unwrap(),
                epoch: Epoch(1),
                peer: ([127, 0, 0, 1], 1).into(),
                change,
            });
        }
        self.delivery.handle_growth();
    }

    /// The ring keeps the last `kept` events.
    fn forgets_all_but(&mut self, kept: usize) {
        self.forgotten = self.events.len() - kept;
    }

    fn passes(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    fn page(&self, seen: EventId) -> Page {
        let seen = usize::try_from(seen.number() + 1 - FIRST).unwrap();
        let gap = (seen < self.forgotten).then(|| Gap::Missed((self.forgotten - seen) as u64));
        let begin = seen.max(self.forgotten);
        let events: Vec<_> = self.events[begin..].iter().take(PAGE).cloned().collect();
        Page { gap, seen: id(FIRST - 1 + (begin + events.len()) as u64), events }
    }

    /// Does what is to be done up to the next post or wait.
    fn next(&mut self) -> Step {
        for _ in 0..10_000 {
            match self.delivery.step(self.now) {
                Step::Read(seen) => {
                    self.pages += 1;
                    self.delivery.handle_page(self.page(seen), self.now);
                }
                Step::Build => {
                    self.numbers += 1;
                    self.delivery.build(Uuid::from_u128(self.numbers));
                }
                step @ (Step::Post(_) | Step::Wait { .. } | Step::Pause(_) | Step::Stop) => return step,
            }
        }
        panic!("it goes round in circles");
    }

    /// The post that is to be made now, if any: what is missing, and the devices in it.
    fn posts(&mut self) -> Option<(Option<u64>, Vec<String>)> {
        let Step::Post(batch) = self.next() else { return None };
        let document: Value = serde_json::from_slice(&batch.body).unwrap();
        let events = document["events"].as_array().unwrap();
        let devices = events.iter().map(|event| event["device"].as_str().unwrap().to_owned()).collect();
        Some((document["dropped"].as_u64(), devices))
    }

    fn posts_now(&mut self, dropped: u64, devices: &[&str]) {
        let devices = devices.iter().map(|&device| device.to_owned()).collect();
        assert_eq!(self.posts(), Some((Some(dropped), devices)));
    }

    fn delivers(&mut self, dropped: u64, devices: &[&str]) {
        self.posts_now(dropped, devices);
        self.delivery.handle_delivered();
    }

    /// How long it waits after another attempt that came to nothing, in seconds.
    fn fails(&mut self) -> u64 {
        assert!(matches!(self.next(), Step::Post(_)));
        self.delivery.handle_failure(self.now, None, 0);
        let Step::Pause(until) = self.next() else { panic!("a pause") };
        (until - self.now).as_secs()
    }

    fn waits_for_events(&mut self) {
        let step = self.next();
        assert!(matches!(step, Step::Wait { until: None, .. }), "{step:?}");
    }
}

#[test]
fn the_first_batch_says_that_it_does_not_know_what_was_before() {
    let mut scene = fresh("max-delay = \"1s\"");
    scene.happens(&["a"]);
    let until = scene.now + Duration::from_secs(1);
    assert_eq!(scene.next(), Step::Wait { seen: id(FIRST), until: Some(until) });
    scene.passes(1000);
    assert_eq!(scene.posts(), Some((None, vec!["a".to_owned()])));
    scene.delivery.handle_delivered();
    scene.happens(&["b"]);
    scene.passes(1000);
    assert!(scene.posts().is_none(), "its time begins when it is looked at");
    scene.passes(1000);
    scene.delivers(0, &["b"]);
    scene.waits_for_events();
}

#[test]
fn a_batch_goes_when_it_is_full_or_its_time_has_come() {
    let mut scene = scene("max-batch = 3\nmax-delay = \"1s\"");
    scene.happens(&["a", "b"]);
    assert!(scene.posts().is_none());
    scene.happens(&["c", "d"]);
    scene.delivers(0, &["a", "b", "c"]);
    assert!(scene.posts().is_none());
    scene.passes(999);
    assert!(scene.posts().is_none());
    scene.passes(1);
    scene.delivers(0, &["d"]);
    scene.waits_for_events();
}

#[test]
fn without_a_delay_a_batch_has_what_there_is() {
    let mut scene = scene("max-delay = \"0s\"\nmax-batch = 1000");
    scene.happens(&["a"]);
    scene.posts_now(0, &["a"]);
    let many = vec!["b"; 700];
    scene.happens(&many);
    scene.delivery.handle_delivered();
    scene.delivers(0, &many);
    scene.waits_for_events();
}

#[test]
fn a_repeat_has_the_same_bytes_and_comes_later_and_later() {
    let mut scene = scene("max-delay = \"0s\"");
    scene.happens(&["a"]);
    let Step::Post(first) = scene.next() else { panic!("a post") };
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        let pause = scene.fails();
        assert_eq!(pause, expected);
        scene.happens(&["b"]);
        scene.passes(pause * 1000 - 1);
        assert!(matches!(scene.next(), Step::Pause(_)));
        scene.passes(1);
        assert_eq!(scene.next(), Step::Post(first.clone()));
    }
    assert_eq!(scene.delivery.handle_delivered(), 11);
    scene.posts_now(0, &["b"; 11]);
    assert_eq!(scene.fails(), 1, "a batch that was taken begins anew");
}

#[test]
fn the_place_moves_with_what_was_taken_or_not_wanted() {
    let mut scene = scene("max-delay = \"0s\"\ndevices = [\"a\"]");
    scene.happens(&["x", "x"]);
    scene.waits_for_events();
    assert_eq!(scene.delivery.place(), id(FIRST + 1));
    scene.happens(&["x", "a", "x"]);
    scene.posts_now(0, &["a"]);
    assert_eq!(scene.delivery.place(), id(FIRST + 1));
    scene.fails();
    assert_eq!(scene.delivery.place(), id(FIRST + 1));
    scene.passes(1000);
    scene.delivers(0, &["a"]);
    assert_eq!(scene.delivery.place(), id(FIRST + 4));
}

#[test]
fn a_filter_takes_kinds_and_devices_and_makes_no_empty_posts() {
    let mut scene = scene("max-delay = \"0s\"\nkinds = [\"offline\"]\ndevices = [\"P-*\"]");
    scene.happens(&["P-1", "Q-1", "-Q-1"]);
    scene.waits_for_events();
    scene.happens(&["-P-1"]);
    scene.delivers(0, &["P-1"]);
    scene.waits_for_events();
}

#[test]
fn what_nobody_wants_is_read_in_pages_and_once() {
    let mut scene = scene("max-delay = \"0s\"\ndevices = [\"a\"]");
    let pages = scene.pages;
    scene.happens(&vec!["x"; 10 * PAGE - 1]);
    scene.waits_for_events();
    assert_eq!(scene.pages - pages, 10);
    scene.waits_for_events();
    assert_eq!(scene.pages - pages, 10);
}

#[test]
fn what_the_ring_forgot_is_told_with_the_next_batch() {
    let mut scene = scene("max-delay = \"0s\"\nmax-batch = 2");
    scene.happens(&["a", "b", "c", "d", "e"]);
    scene.forgets_all_but(3);
    scene.delivers(2, &["c", "d"]);
    scene.delivers(0, &["e"]);
    scene.waits_for_events();
}

#[test]
fn what_is_missing_behind_gathered_events_is_told_behind_them() {
    let mut scene = scene("max-delay = \"10s\"");
    scene.happens(&["a"]);
    assert!(scene.posts().is_none());
    scene.happens(&["b", "c", "d"]);
    scene.forgets_all_but(1);
    scene.delivers(0, &["a"]);
    assert!(scene.posts().is_none(), "it is gathered for again");
    scene.passes(10_000);
    scene.delivers(2, &["d"]);
}

#[test]
fn a_loss_is_told_even_if_nothing_came_after_it_that_is_wanted() {
    let mut scene = scene("max-delay = \"0s\"\ndevices = [\"a\"]");
    scene.happens(&["a", "a", "x"]);
    scene.forgets_all_but(1);
    scene.delivers(2, &[]);
    scene.waits_for_events();
}

#[test]
fn a_batch_that_the_ring_forgot_is_given_up_and_counted_with_what_it_was_to_tell() {
    let mut scene = scene("max-delay = \"0s\"\nmax-batch = 2");
    scene.happens(&["a", "b", "c", "d", "e", "f"]);
    scene.forgets_all_but(4);
    scene.posts_now(2, &["c", "d"]);
    scene.fails();
    scene.forgets_all_but(3);
    scene.passes(1000);
    scene.posts_now(2, &["c", "d"]);
    scene.fails();
    scene.forgets_all_but(2);
    scene.passes(2000);
    scene.posts_now(2, &["c", "d"]);
    assert_eq!(scene.fails(), 4, "as long as nothing behind it is forgotten it stays");
    scene.forgets_all_but(1);
    scene.passes(4000);
    scene.posts_now(5, &["f"]);
    assert_eq!(scene.fails(), 8, "the receiver is as ill as before");
    scene.passes(8000);
    scene.delivers(5, &["f"]);
}

#[test]
fn what_was_not_known_stays_unknown_until_it_is_told() {
    let mut scene = fresh("max-delay = \"0s\"");
    scene.happens(&["a"]);
    assert_eq!(scene.posts(), Some((None, vec!["a".to_owned()])));
    scene.fails();
    scene.happens(&["b", "c"]);
    scene.forgets_all_but(1);
    scene.passes(1000);
    assert_eq!(scene.posts(), Some((None, vec!["c".to_owned()])));
}

#[test]
fn given_up_events_are_counted_once() {
    let mut scene = scene("max-delay = \"0s\"\ndevices = [\"a\"]");
    scene.happens(&["a", "x", "a"]);
    scene.posts_now(0, &["a", "a"]);
    scene.fails();
    scene.happens(&["x", "a"]);
    scene.forgets_all_but(1);
    scene.passes(1000);
    let Step::Read(seen) = scene.delivery.step(scene.now) else { panic!("a look") };
    let page = scene.page(seen);
    assert_eq!(scene.delivery.handle_page(page, scene.now), 3, "two of the batch, and one that nobody knows any more");
    scene.delivers(3, &["a"]);
}

#[test]
fn at_the_end_all_is_offered_at_once_and_once() {
    let mut scene = scene("max-delay = \"10s\"\nmax-batch = 2");
    scene.happens(&["a", "b", "c"]);
    scene.delivers(0, &["a", "b"]);
    assert!(scene.posts().is_none());
    scene.happens(&["d", "e"]);
    scene.delivery.end();
    scene.delivers(0, &["c", "d"]);
    scene.delivers(0, &["e"]);
    assert_eq!(scene.next(), Step::Stop);
}

#[test]
fn at_the_end_a_batch_that_pauses_is_posted_and_a_failure_is_the_last() {
    let mut scene = scene("max-delay = \"0s\"\nmax-batch = 1");
    scene.happens(&["a", "b"]);
    scene.fails();
    scene.delivery.end();
    scene.posts_now(0, &["a"]);
    scene.delivery.handle_failure(scene.now, None, 0);
    assert_eq!(scene.next(), Step::Stop);
    assert_eq!(scene.delivery.place(), id(FIRST - 1));
}

#[test]
fn at_the_end_nothing_is_posted_where_nothing_is_left() {
    let mut scene = scene("");
    scene.delivery.end();
    assert_eq!(scene.next(), Step::Stop);
}
