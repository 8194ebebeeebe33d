//! Tests of the memory: its rules one by one, then many calls of many keys at random against the simplest model of them.

use super::*;
use crate::http::idempotency::{Key, Wish};
use crate::http::router::Form;
use crate::hub::{Answered, AnsweredBy, CallError, DeviceId};
use crate::token::Caller;

const WINDOW: Duration = Duration::from_secs(600);

fn memory(max_keys: usize) -> Memory<u32> {
    Memory::new(Bounds { window: WINDOW, max_keys, max_bytes: usize::MAX })
}

fn scope(key: u32) -> Scope {
    let headers = [("idempotency-key".parse().unwrap(), key.to_string().parse().unwrap())];
    let key = Key::of(&headers.into_iter().collect()).unwrap().unwrap();
    Scope::new(&Caller::unchecked([127, 0, 0, 1].into()), &DeviceId::parse("dev").unwrap(), key)
}

fn request(nth: u32) -> Fingerprint {
    Fingerprint::of(&Wish { form: Form::Direct, uri: "/uri", data: &nth.to_be_bytes() })
}

fn answer(text: &'static str) -> Outcome {
    Ok(Answered::by_device(text.into()))
}

const NOT_SENT: Outcome = Err(CallError::DeviceOffline);
const SENT: Outcome = Err(CallError::DeviceGone { delivery: Delivery::SentUnanswered });

/// The first call of a key, which is to be made.
fn first(memory: &mut Memory<u32>, key: u32, now: Instant) -> Arc<Scope> {
    match memory.begin(scope(key), request(0), key, now) {
        Begun::First(scope) => scope,
        other @ (Begun::Shared(_) | Begun::Replay(_) | Begun::Conflict | Begun::Full) => panic!("{key}: {other:?}"),
    }
}

/// A call that was made and answered.
fn answered(memory: &mut Memory<u32>, key: u32, now: Instant) {
    let scope = first(memory, key, now);
    memory.end(&scope, &answer("done"), now);
}

#[test]
fn the_second_call_waits_for_the_first_and_the_third_gets_its_answer() {
    let (mut memory, now) = (memory(10), Instant::now());
    let scope_of_first = first(&mut memory, 1, now);
    assert_eq!(memory.begin(scope(1), request(0), 99, now), Begun::Shared(1));
    memory.end(&scope_of_first, &answer("done"), now);
    assert_eq!(memory.begin(scope(1), request(0), 99, now), Begun::Replay(answer("done")));
}

#[test]
fn another_request_with_the_key_is_a_conflict_in_flight_and_after() {
    let (mut memory, now) = (memory(10), Instant::now());
    let scope_of_first = first(&mut memory, 1, now);
    assert_eq!(memory.begin(scope(1), request(1), 99, now), Begun::Conflict);
    memory.end(&scope_of_first, &SENT, now);
    assert_eq!(memory.begin(scope(1), request(1), 99, now), Begun::Conflict);
    assert_eq!(memory.begin(scope(1), request(0), 99, now), Begun::Replay(SENT));
}

#[test]
fn what_never_left_the_hub_is_not_remembered() {
    let (mut memory, now) = (memory(10), Instant::now());
    let scope_of_first = first(&mut memory, 1, now);
    memory.end(&scope_of_first, &NOT_SENT, now);
    assert_eq!((memory.len(), memory.cost), (0, 0));
    // Not even what was asked for: nothing happened.
    assert!(matches!(memory.begin(scope(1), request(1), 1, now), Begun::First(_)));
}

#[test]
fn what_the_hub_could_not_do_itself_is_not_remembered() {
    let (mut memory, now) = (memory(10), Instant::now());
    let by_hub = |status| Ok(Answered { data: "{}".into(), by: AnsweredBy::Hub { status } });
    let (none, one) = (first(&mut memory, 1, now), first(&mut memory, 2, now));
    memory.end(&none, &by_hub(503), now);
    memory.end(&one, &by_hub(422), now);
    assert!(matches!(memory.begin(scope(1), request(1), 1, now), Begun::First(_)));
    assert_eq!(memory.begin(scope(2), request(0), 2, now), Begun::Replay(by_hub(422)));
}

#[test]
fn an_answer_that_is_longer_than_a_devices_makes_room_for_itself() {
    let now = Instant::now();
    let mut memory = Memory::new(Bounds { window: WINDOW, max_keys: 10, max_bytes: 20_000 });
    answered(&mut memory, 1, now);
    let long = first(&mut memory, 2, now);
    memory.end(&long, &Ok(Answered::by_device(vec![0; 19_300])), now);
    assert!(memory.cost <= 20_000, "{}", memory.cost);
    assert!(matches!(memory.begin(scope(1), request(0), 1, now), Begun::First(_)));
}

#[test]
fn the_window_counts_from_the_answer_and_ends_to_the_moment() {
    let (mut memory, now) = (memory(10), Instant::now());
    let scope_of_first = first(&mut memory, 1, now);
    let later = now + WINDOW * 3;
    assert_eq!(memory.begin(scope(1), request(0), 99, later), Begun::Shared(1), "in flight for as long as it takes");
    memory.end(&scope_of_first, &answer("done"), later);
    let last = later + WINDOW.checked_sub(Duration::from_nanos(1)).unwrap();
    assert_eq!(memory.begin(scope(1), request(0), 99, last), Begun::Replay(answer("done")));
    assert!(matches!(memory.begin(scope(1), request(1), 99, later + WINDOW), Begun::First(_)));
    assert_eq!(memory.crowded_out(), 0);
}

#[test]
fn a_full_memory_forgets_what_ended_longest_ago() {
    let (mut memory, now) = (memory(3), Instant::now());
    let slow = first(&mut memory, 0, now);
    answered(&mut memory, 1, now);
    answered(&mut memory, 2, now);
    answered(&mut memory, 3, now);
    assert_eq!((memory.len(), memory.crowded_out()), (3, 1));
    assert_eq!(memory.begin(scope(2), request(0), 99, now), Begun::Replay(answer("done")));
    assert_eq!(memory.begin(scope(0), request(0), 99, now), Begun::Shared(0), "in flight is never forgotten");
    assert!(matches!(memory.begin(scope(1), request(0), 1, now), Begun::First(_)), "the oldest is forgotten");
    memory.end(&slow, &answer("late"), now);
}

#[test]
fn where_all_are_in_flight_a_new_key_is_refused() {
    let (mut memory, now) = (memory(2), Instant::now());
    let scopes = [first(&mut memory, 1, now), first(&mut memory, 2, now)];
    assert_eq!(memory.begin(scope(3), request(0), 3, now), Begun::Full);
    assert_eq!(memory.begin(scope(1), request(0), 99, now), Begun::Shared(1), "known ones are served");
    memory.end(&scopes[0], &answer("done"), now);
    assert!(matches!(memory.begin(scope(3), request(0), 3, now), Begun::First(_)));
}

#[test]
fn answers_fit_the_bytes_that_they_may_take() {
    let one = cost_in_flight(&scope(1));
    let bounds = Bounds { window: WINDOW, max_keys: usize::MAX, max_bytes: 2 * one };
    let (mut memory, now) = (Memory::new(bounds), Instant::now());
    let scopes = [first(&mut memory, 1, now), first(&mut memory, 2, now)];
    assert_eq!(memory.begin(scope(3), request(0), 3, now), Begun::Full);
    for scope in &scopes {
        memory.end(scope, &Ok(Answered::by_device(vec![0; MAX_ANSWER_BYTES])), now);
    }
    assert_eq!(memory.cost, 2 * one, "room was kept for the longest answer");
    for key in 3..100 {
        answered(&mut memory, key, now);
        assert!(memory.cost <= 2 * one);
    }
    assert!(memory.len() > 2, "short answers take less: {} keys", memory.len());
}

#[test]
fn what_is_over_goes_while_others_come() {
    let (mut memory, now) = (memory(100_000), Instant::now());
    for key in 0..1000 {
        answered(&mut memory, key, now);
    }
    for key in 1000..1200 {
        answered(&mut memory, key, now + WINDOW);
    }
    assert_eq!((memory.len(), memory.ended.len(), memory.crowded_out()), (200, 200, 0));
}

/// What the model knows of a key: the request in flight, or what came of it and when.
#[derive(Debug, Clone)]
enum Known {
    InFlight(u32, Arc<Scope>),
    Ended(u32, Outcome, Instant),
}

/// Keys of the model.
const KEYS: u32 = 50;

/// Keys, requests and outcomes at random, from a seed that a failure names.
struct Random(u32);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        // Xorshift (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % end
    }
}

/// One random step in a memory that has room for all keys, so that it must agree with the model in everything.
fn step(random: &mut Random, memory: &mut Memory<u32>, model: &mut [Option<Known>], now: Instant) {
    let key = random.below(KEYS);
    let known = &mut model[key as usize];
    if let Some(Known::Ended(_, _, at)) = known
        && now >= *at + WINDOW
    {
        *known = None;
    }
    let asked = random.below(2);
    match (random.below(3), known.clone()) {
        (0, Some(Known::InFlight(asked, scope))) => {
            let outcome = [answer("done"), SENT, NOT_SENT][random.below(3) as usize].clone();
            memory.end(&scope, &outcome, now);
            *known = (outcome != NOT_SENT).then_some(Known::Ended(asked, outcome, now));
        }
        (_, None) => match memory.begin(scope(key), request(asked), key, now) {
            Begun::First(scope) => *known = Some(Known::InFlight(asked, scope)),
            other @ (Begun::Shared(_) | Begun::Replay(_) | Begun::Conflict | Begun::Full) => {
                panic!("{key} is not known, but {other:?}")
            }
        },
        (_, Some(Known::InFlight(first, _) | Known::Ended(first, ..))) if first != asked => {
            assert_eq!(memory.begin(scope(key), request(asked), 99, now), Begun::Conflict);
        }
        (_, Some(Known::InFlight(..))) => {
            assert_eq!(memory.begin(scope(key), request(asked), 99, now), Begun::Shared(key));
        }
        (_, Some(Known::Ended(_, outcome, _))) => {
            assert_eq!(memory.begin(scope(key), request(asked), 99, now), Begun::Replay(outcome));
        }
    }
}

#[test]
fn no_key_reaches_the_device_twice_in_its_window() {
    for seed in 1..=20 {
        let (mut random, mut memory) = (Random(seed), memory(KEYS as usize));
        let (mut model, mut now) = (vec![None; KEYS as usize], Instant::now());
        for _ in 0..2000 {
            step(&mut random, &mut memory, &mut model, now);
            now += Duration::from_secs(random.below(20).into());
            assert_eq!(memory.cost, memory.entries.values().map(|entry| entry.cost).sum::<usize>(), "seed {seed}");
            assert!(memory.ended.len() <= memory.len());
        }
        assert_eq!(memory.crowded_out(), 0, "seed {seed}");
    }
}

#[test]
fn whatever_comes_the_caps_hold() {
    for seed in 1..=20 {
        let one = cost_in_flight(&scope(1000));
        let bounds = Bounds { window: WINDOW, max_keys: 20, max_bytes: 10 * one };
        let (mut random, mut memory, mut now) = (Random(seed), Memory::new(bounds), Instant::now());
        let mut in_flight = Vec::new();
        for _ in 0..2000 {
            if random.below(2) == 0 && !in_flight.is_empty() {
                let scope = in_flight.swap_remove(random.below(1000) as usize % in_flight.len());
                memory.end(&scope, &Ok(Answered::by_device(vec![0; random.below(4097) as usize])), now);
            } else if let Begun::First(scope) = memory.begin(scope(random.below(1000)), request(0), 0, now) {
                assert!(!in_flight.contains(&scope), "seed {seed}: a key in flight began again");
                in_flight.push(scope);
            }
            now += Duration::from_secs(random.below(3).into());
            assert!(memory.len() <= 20 && memory.cost <= 10 * one, "seed {seed}");
        }
        assert!(memory.crowded_out() > 0, "seed {seed}");
    }
}
