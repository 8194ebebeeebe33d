//! One service of the operator's: what was said about it, how many messages are there now, and whether it answers.

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::super::breaker::Breaker;
use super::definition::{Repeat, ServiceDefinition};
use super::outcome::Outcome;
use super::places::{Place, Places};
use crate::hub::{BackendInfo, DeviceId};

/// Where messages of devices go. Shared by all URIs whose definition is the same, so that its limits hold for all of them together.
#[derive(Debug)]
pub struct Target {
    definition: ServiceDefinition,
    places: Places,
    health: Mutex<Health>,
    next_id: AtomicU32,
}

#[derive(Debug, Default)]
struct Health {
    breaker: Breaker,
    /// There while the breaker is open.
    shown: Option<Shown>,
}

/// Counts an open breaker until this is dropped, as it is with its target when the operator takes that out of the map.
#[derive(Debug)]
struct Shown(Gauge);

impl Target {
    /// A service that nothing is known of yet.
    pub fn new(definition: ServiceDefinition) -> Self {
        let places = Places::new(definition.max_in_flight);
        Self { definition, places, health: Mutex::default(), next_id: AtomicU32::new(1) }
    }

    /// What the operator said about it.
    pub const fn definition(&self) -> &ServiceDefinition {
        &self.definition
    }

    /// What operators see of it now.
    pub(super) fn info(&self) -> BackendInfo {
        BackendInfo {
            url: self.shown_url(),
            form: self.definition.form.name(),
            timeout: self.definition.timeout,
            max_in_flight: self.definition.max_in_flight,
            is_idempotent: matches!(self.definition.repeat, Repeat::Idempotent),
            in_flight: self.places.taken(),
            answers: !self.health.lock().breaker.is_open(),
        }
    }

    fn shown_url(&self) -> String {
        let mut url = self.definition.url.to_string();
        if let Some((end, _)) = url.char_indices().nth(MAX_SHOWN_CHARS) {
            url.truncate(end);
            url.push('…');
        }
        url
    }

    /// A number for the next question.
    pub(super) fn next_id(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets a message of `device` through to the service.
    ///
    /// # Errors
    ///
    /// Why not, as the message's outcome.
    pub(super) fn admit<'a>(&'a self, device: &'a DeviceId, now: Instant) -> Result<Place<'a>, Outcome> {
        let place = self.places.take(device).map_err(Outcome::NoPlace)?;
        // Last, because whoever is let through while the service does not answer must try it out.
        if self.health.lock().breaker.lets_through(now) { Ok(place) } else { Err(Outcome::BreakerOpen) }
    }

    /// The service answered. Says whether it had not lately.
    pub(super) fn lives(&self) -> bool {
        let mut health = self.health.lock();
        health.shown = None;
        health.breaker.handle_answer()
    }

    /// The service did not answer. Says whether it is not asked from now on, which `open` counts.
    pub(super) fn fails(&self, now: Instant, open: &Gauge) -> bool {
        let mut health = self.health.lock();
        let opens = health.breaker.handle_failure(now);
        if opens {
            health.shown = Some(Shown::new(open));
        }
        opens
    }
}

impl Shown {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A page of a thousand services fits the 4 MiB that commands read of an answer.
const MAX_SHOWN_CHARS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::super::BackendUrl;
    use super::*;

    fn target() -> Target {
        Target::new(ServiceDefinition::new(BackendUrl::parse("http://a.example/").unwrap()))
    }

    #[tokio::test]
    async fn an_open_breaker_is_counted_until_it_closes_or_its_target_is_gone() {
        let (gauge, now) = (Gauge::default(), Instant::now());
        let (one, other) = (target(), target());
        for target in [&one, &other] {
            let opens: Vec<_> = (0..6).map(|_| target.fails(now, &gauge)).collect();
            assert_eq!(opens, [false, false, false, false, true, false]);
        }
        assert_eq!(gauge.get(), 2);
        assert!(one.lives() && !one.lives());
        assert_eq!(gauge.get(), 1);
        drop(other);
        assert_eq!(gauge.get(), 0);
    }

    #[tokio::test]
    async fn who_finds_no_place_does_not_take_the_turn_of_trying_the_service_out() {
        let (gauge, start) = (Gauge::default(), Instant::now());
        let mut definition = target().definition;
        definition.max_in_flight = 1;
        let (target, device) = (Target::new(definition), DeviceId::parse("dev").unwrap());
        let before = target.admit(&device, start).unwrap();
        assert!((0..5).any(|_| target.fails(start, &gauge)));
        let later = start + std::time::Duration::from_secs(60);
        assert!(matches!(target.admit(&device, later).unwrap_err(), Outcome::NoPlace(_)));
        drop(before);
        assert!(target.admit(&device, later).is_ok(), "the turn is still there");
        assert!(matches!(target.admit(&device, later).unwrap_err(), Outcome::BreakerOpen));
    }

    #[tokio::test]
    async fn operators_see_its_definition_and_how_it_does() {
        let (gauge, device) = (Gauge::default(), DeviceId::parse("dev").unwrap());
        let mut definition = target().definition;
        (definition.max_in_flight, definition.repeat) = (7, Repeat::Idempotent);
        let target = Target::new(definition);
        let places: Vec<_> = (0..3).map(|_| target.admit(&device, Instant::now()).unwrap()).collect();
        let expected = BackendInfo {
            url: "http://a.example/".to_owned(),
            form: "json",
            timeout: std::time::Duration::from_secs(5),
            max_in_flight: 7,
            is_idempotent: true,
            in_flight: 3,
            answers: true,
        };
        assert_eq!(target.info(), expected);
        drop(places);
        assert!((0..5).any(|_| target.fails(Instant::now(), &gauge)));
        assert_eq!(target.info(), BackendInfo { in_flight: 0, answers: false, ..expected });
        assert!(target.lives() && target.info().answers);
    }

    #[test]
    fn of_a_url_without_end_operators_see_the_beginning() {
        for (more, expected) in [(0, ""), (1, "…"), (9_000, "…")] {
            let start = format!("http://a.example/{}", "x".repeat(MAX_SHOWN_CHARS - 17));
            let url = BackendUrl::parse(&(start.clone() + &"x".repeat(more))).unwrap();
            assert_eq!(Target::new(ServiceDefinition::new(url)).info().url, start + expected);
        }
    }
}
