//! The verifier that asks the operator's own service over HTTP, one question a device (docs/backends.md §1). Called by the hub for
//! each connection that wants to verify itself; a slow or dead service costs the others nothing.

mod exchange;
mod good_answers;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::{BackendError, BackendUrl, Bounds, Client, Metrics};
use crate::hub::DeviceId;
use crate::hub::ports::{BoxFuture, Verification, Verifier};
use crate::readiness::Readiness;
use exchange::{Answer, meaning, question};
use good_answers::GoodAnswers;

/// What an operator may change about the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierConfig {
    /// Whom to ask.
    pub url: BackendUrl,
    /// Most questions in flight; more wait, within the time limit of 5 s.
    pub max_in_flight: usize,
    /// How long a good answer counts without asking again. Nothing: each device is asked about each time.
    pub cache_ttl: Duration,
}

/// Asks the operator's service.
#[derive(Debug)]
pub struct HttpVerifier {
    client: Client,
    url: BackendUrl,
    places: Semaphore,
    breaker: Mutex<Breaker>,
    good_answers: Option<Mutex<GoodAnswers>>,
    next_id: AtomicU32,
    readiness: Readiness,
    metrics: Metrics,
}

/// No random bytes from the system.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct RandomError(#[source] getrandom::Error);

impl HttpVerifier {
    /// A verifier that asks with `client`, and tells `readiness` while there is no answer.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn new(
        config: &VerifierConfig,
        client: Client,
        readiness: Readiness,
        metrics: Metrics,
    ) -> Result<Self, RandomError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(RandomError)?;
        let good_answers = (!config.cache_ttl.is_zero()).then(|| Mutex::new(GoodAnswers::new(key, config.cache_ttl)));
        Ok(Self {
            client,
            url: config.url.clone(),
            places: Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS)),
            breaker: Mutex::default(),
            good_answers,
            next_id: AtomicU32::new(1),
            readiness,
            metrics,
        })
    }

    async fn verify_within_limit(&self, device: &DeviceId, secret: &[u8]) -> Verification {
        let now = Instant::now();
        if let Some(answers) = &self.good_answers
            && answers.lock().contains(device, secret, now)
        {
            self.metrics.verifier_cache_hits.inc();
            return Verification::Accepted;
        }
        if self.breaker.lock().refuses(now) {
            return Verification::Unavailable;
        }
        let deadline = now + TIME_LIMIT;
        // Whoever finds no place in time has not been asked about, which says nothing about the backend.
        let Ok(place) = tokio::time::timeout_at(deadline, self.places.acquire()).await else {
            return Verification::Unavailable;
        };
        let _place = place.expect("the semaphore is never closed");
        if !self.breaker.lock().lets_through(Instant::now()) {
            return Verification::Unavailable;
        }
        self.ask(device, secret, deadline).await
    }

    async fn ask(&self, device: &DeviceId, secret: &[u8], deadline: Instant) -> Verification {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        // What JSON cannot carry, no service can have given to a device.
        let Some(question) = question(id, device, secret) else { return Verification::Refused };
        let begun = Instant::now();
        let bounds = Bounds { time: deadline - begun, max_bytes: MAX_ANSWER_BYTES };
        let answer = self.client.post_json(&self.url, question, bounds).await;
        self.metrics.verifier_seconds.observe(begun.elapsed().as_secs_f64());
        let verdict = self.judge(id, answer.as_deref());
        self.remember(device, secret, verdict);
        verdict
    }

    /// What an answer means, for the device and for the breaker.
    fn judge(&self, id: u32, answer: Result<&[u8], &BackendError>) -> Verification {
        match answer.map(|answer| meaning(id, answer)) {
            Ok(Answer::Understood(verdict)) => {
                self.lives();
                verdict
            }
            Ok(Answer::Nonsense) => {
                self.metrics.verifier_failed("nonsense");
                self.fails(&"its answer is none to the question");
                Verification::Unavailable
            }
            Err(error) => {
                self.metrics.verifier_failed(error.name());
                // A service that says at once that it does not like a question is well. Were that a failure, a stranger could
                // keep all devices out by asking five such questions.
                match error {
                    BackendError::Status(400..500) => self.lives(),
                    BackendError::Status(_)
                    | BackendError::Unreachable(_)
                    | BackendError::Tls(_)
                    | BackendError::TimedOut { .. }
                    | BackendError::Broken(_)
                    | BackendError::TooLong { .. } => self.fails(&crate::telemetry::chain(error)),
                }
                Verification::Unavailable
            }
        }
    }

    fn remember(&self, device: &DeviceId, secret: &[u8], verdict: Verification) {
        let Some(answers) = &self.good_answers else { return };
        match verdict {
            Verification::Accepted | Verification::AcceptedBy(_) => {
                answers.lock().insert(device, secret, Instant::now());
            }
            Verification::Refused => answers.lock().remove(device, secret),
            Verification::Unavailable => {}
        }
    }

    fn lives(&self) {
        if self.breaker.lock().handle_answer() {
            self.metrics.verifier_breaker_open.set(0);
            self.readiness.found(PART);
            tracing::info!(url = %self.url, "the verifier answers again");
        }
    }

    fn fails(&self, why: &dyn std::fmt::Display) {
        if self.breaker.lock().handle_failure(Instant::now()) {
            self.metrics.verifier_breaker_open.set(1);
            self.readiness.lost(PART, "it does not answer");
            tracing::error!(url = %self.url, error = %why, "the verifier does not answer, devices are told to come back later");
        } else {
            tracing::debug!(url = %self.url, error = %why, "the verifier did not answer");
        }
    }
}

impl Verifier for HttpVerifier {
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        Box::pin(self.verify_within_limit(device, secret))
    }
}

/// The verifier's name among what may be missing.
const PART: &str = "verifier";

/// From the wish to ask to the last byte of the answer (docs/backends.md §1).
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Far above the longest answer that says something, which has 50 bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
