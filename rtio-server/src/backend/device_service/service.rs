//! Posts what devices send to one URI to the operator's service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode as HttpStatus;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::{BackendError, Bounds, Client, DEVICE_ID, IDEMPOTENCY_KEY, Metrics, Reply, URI};
use super::definition::Form;
use super::metrics::ServiceMetrics;
use super::outcome::{Outcome, Sign};
use super::places::Place;
use super::target::Target;
use super::{json, raw};
use crate::hub::ports::{BoxFuture, DeviceService};
use crate::hub::{BackendInfo, DeviceId, Report, ReportAnswer, StatusCode};

/// What answers one URI of devices.
#[derive(Debug)]
pub struct HttpDeviceService {
    uri: HeaderValue,
    target: Arc<Target>,
    client: Client,
    metrics: ServiceMetrics,
}

/// One message, as often as it is posted.
#[derive(Debug)]
struct Post {
    /// The number of the question; the raw form has none.
    id: u32,
    headers: HeaderMap,
    body: Bytes,
}

impl HttpDeviceService {
    /// A service for `uri`, at `target`, that is asked by `client`.
    pub fn new(uri: &str, target: Arc<Target>, client: Client, metrics: Metrics) -> Self {
        Self { uri: raw::uri_value(uri), target, client, metrics: metrics.services }
    }

    async fn answer(&self, report: Report<'_>) -> ReportAnswer {
        let begun = Instant::now();
        let place = match self.target.admit(report.device, begun) {
            Ok(place) => place,
            Err(outcome) => {
                self.metrics.refused(outcome.name());
                return outcome.into_answer();
            }
        };
        let stay = Stay::begin(self, place, begun);
        let outcome = self.try_out(&self.post_of(report.device, report.data), begun).await;
        stay.end(&outcome);
        outcome.into_answer()
    }

    /// Posts, and again where that is safe, until the time is over.
    async fn try_out(&self, post: &Post, begun: Instant) -> Outcome {
        let deadline = begun + self.target.definition().timeout;
        let mut pauses = PAUSES.iter();
        loop {
            let outcome = self.try_once(post, deadline).await;
            let Some(&pause) = pauses.next() else { return outcome };
            let repeat = self.target.definition().repeat;
            if !outcome.may_be_repeated(repeat) || Instant::now() + pause >= deadline {
                return outcome;
            }
            self.metrics.retries.inc();
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_once(&self, post: &Post, deadline: Instant) -> Outcome {
        let definition = self.target.definition();
        let max_bytes = match definition.form {
            Form::Json => json::MAX_ANSWER_BYTES,
            Form::Raw => raw::MAX_ANSWER_BYTES,
        };
        let bounds = Bounds { time: deadline.saturating_duration_since(Instant::now()), max_bytes };
        let reply = self.client.post(&definition.url, post.headers.clone(), post.body.clone(), bounds).await;
        match reply {
            Ok(reply) => meaning(definition.form, post.id, reply),
            Err(error) => Outcome::Failed(error),
        }
    }

    fn post_of(&self, device: &DeviceId, data: Vec<u8>) -> Post {
        let id = self.target.next_id();
        let key = HeaderValue::try_from(Uuid::now_v7().to_string()).expect("a UUID is visible ASCII");
        let mut headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, key)]);
        let body = match self.target.definition().form {
            Form::Json => {
                headers.extend([(CONTENT_TYPE, JSON), (ACCEPT, JSON)]);
                json::question(id, device, &data)
            }
            Form::Raw => {
                let device = HeaderValue::try_from(device.as_str()).expect("an id is visible ASCII");
                headers.extend([(CONTENT_TYPE, BYTES), (DEVICE_ID, device), (URI, self.uri.clone())]);
                data
            }
        };
        Post { id, headers, body: Bytes::from(body) }
    }

    /// Takes note of what an outcome says about the service.
    fn learn(&self, outcome: &Outcome) {
        let url = &self.target.definition().url;
        match outcome.sign() {
            Some(Sign::Lives) if self.target.lives() => tracing::info!(%url, "the device service answers again"),
            Some(Sign::Fails) if self.target.fails(Instant::now(), &self.metrics.breakers_open) => tracing::error!(
                %url,
                why = outcome.why(),
                "the device service does not answer, devices that ask it get status 1 at once"
            ),
            Some(Sign::Lives | Sign::Fails) | None => {}
        }
        if let Outcome::Failed(_) = outcome {
            tracing::debug!(%url, why = outcome.why(), "a device service failed");
        }
    }
}

impl DeviceService for HttpDeviceService {
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        Box::pin(self.answer(report))
    }

    fn backend(&self) -> Option<BackendInfo> {
        Some(self.target.info())
    }
}

/// What a whole answer means.
fn meaning(form: Form, id: u32, reply: Reply) -> Outcome {
    let failed = |status: HttpStatus| Outcome::Failed(BackendError::Status(status.as_u16()));
    match form {
        Form::Json if reply.status == HttpStatus::OK => {
            json::meaning(id, &reply.body).map_or(Outcome::Nonsense, Outcome::Answered)
        }
        Form::Json => failed(reply.status),
        Form::Raw if reply.status.is_success() => {
            Outcome::Answered(ReportAnswer { status: StatusCode::Ok, data: reply.body.into() })
        }
        Form::Raw => match raw::refusal(reply.status) {
            Some(status) => Outcome::Answered(ReportAnswer::empty(status)),
            None => failed(reply.status),
        },
    }
}

/// A message that is at the service, with its place. The hub drops it when the device's time is over, which may be a moment before
/// the limit of the definition: then the service has not answered either, and must not get away with it.
struct Stay<'a> {
    service: &'a HttpDeviceService,
    begun: Instant,
    ended: bool,
    _place: Place<'a>,
}

impl<'a> Stay<'a> {
    fn begin(service: &'a HttpDeviceService, place: Place<'a>, begun: Instant) -> Self {
        service.metrics.in_flight.inc();
        Self { service, begun, ended: false, _place: place }
    }

    fn end(mut self, outcome: &Outcome) {
        self.note(outcome);
    }

    fn note(&mut self, outcome: &Outcome) {
        self.ended = true;
        self.service.metrics.ended(outcome.name(), self.begun.elapsed().as_secs_f64());
        self.service.learn(outcome);
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.service.metrics.in_flight.dec();
        if !self.ended {
            self.note(&Outcome::GivenUp);
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Before the second and the third post of a message: a service that is being restarted is back, and a device waits no longer than it
/// would for a network of its own.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(200)];
