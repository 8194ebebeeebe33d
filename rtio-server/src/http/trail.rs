//! What the logs and the audit log say of a request: its ids in a span, its outcome in a line. Where neither wants to know, nothing is
//! made and nothing is remembered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use hyper::header::HeaderMap;
use tokio::time::Instant;
use tracing::{Level, Span};

use super::access::Denied;
use super::json::URI_BYTES;
use super::outcome::{Code, code_of, delivery_name};
use super::trace_parent::trace_id;
use crate::hub::{Answered, AnsweredBy, Audit, AuditEntry, AuditEvent, CallError, Delivery, DeviceId, Hub};
use crate::token::Method;

/// Where a request comes from. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Option<Arc<Origin>>);

#[derive(Debug)]
struct Origin {
    audit: Option<Arc<dyn Audit>>,
    peer: SocketAddr,
    subject: OnceLock<String>,
    request: String,
    trace: Option<String>,
    begun: Instant,
}

impl Trail {
    /// The trail of a request, if anybody wants to know.
    pub(super) fn new(hub: &Hub, peer: SocketAddr, headers: &HeaderMap) -> Self {
        if hub.audit().is_none() && !tracing::enabled!(Level::DEBUG) {
            return Self(None);
        }
        let origin = Origin {
            audit: hub.audit().cloned(),
            peer,
            subject: OnceLock::new(),
            request: format!("{:x}-{:x}", *RUN, REQUESTS.fetch_add(1, Ordering::Relaxed)),
            trace: trace_id(headers).map(str::to_owned),
            begun: Instant::now(),
        };
        Self(Some(Arc::new(origin)))
    }

    /// Who the caller's token is about.
    pub(super) fn is_of(&self, subject: &str) {
        if let Some(origin) = &self.0 {
            origin.subject.get_or_init(|| subject.to_owned());
        }
    }

    /// The request calls a device.
    pub(super) fn calls(&self, device: &DeviceId, uri: &str) -> Doing {
        self.does(AuditEvent::Call, Method::CoPost, device, uri)
    }

    /// The request gets the outcome of an earlier call.
    pub(super) fn replays(&self, device: &DeviceId, uri: &str) -> Doing {
        self.does(AuditEvent::Replay, Method::CoPost, device, uri)
    }

    /// The request calls a device of a group; from now on, which may be long after the request came.
    pub(super) fn calls_in_group(&self, device: &DeviceId, uri: &str) -> Doing {
        let mut doing = self.calls(device, uri);
        if let Some(known) = &mut doing.0 {
            known.begun = Instant::now();
        }
        doing
    }

    /// The request observes a device.
    pub(super) fn observes(&self, device: &DeviceId, uri: &str) -> Doing {
        self.does(AuditEvent::ObserveEnd, Method::ObGet, device, uri)
    }

    /// The request may not do that on a device; `what` is `None` where it was not read.
    pub(super) fn is_refused(&self, device: &DeviceId, what: Option<(Method, &str)>, denied: Denied) {
        self.is_denied(Some(device), what, denied);
    }

    /// The request may not call a group of devices; which ones was not read.
    pub(super) fn is_refused_a_group(&self, denied: Denied) {
        self.is_denied(None, None, denied);
    }

    fn is_denied(&self, device: Option<&DeviceId>, what: Option<(Method, &str)>, denied: Denied) {
        let Some(origin) = &self.0 else { return };
        let Some(audit) = &origin.audit else { return };
        let (code, status) = denied.outcome();
        audit.record(AuditEntry {
            method: what.map(|(method, _)| method.name()),
            // Others are as long as a head may be, and entries wait for the disk.
            uri: what.map(|(_, uri)| uri).filter(|uri| URI_BYTES.contains(&uri.len())).map(str::to_owned),
            status: Some(status.as_u16()),
            ..origin.entry(AuditEvent::Refused, device, code.as_str(), delivery_name(Delivery::NotSent))
        });
    }

    fn does(&self, event: AuditEvent, method: Method, device: &DeviceId, uri: &str) -> Doing {
        let Some(origin) = &self.0 else { return Doing(None) };
        let (peer, request, trace_id) = (origin.peer, &origin.request, origin.trace.as_deref());
        let method = method.name();
        let span = tracing::debug_span!("call", %device, %peer, request, method, uri, trace_id);
        let (origin, begun) = (Arc::clone(origin), origin.begun);
        let (device, uri) = (device.clone(), uri.to_owned());
        Doing(Some(Box::new(Known { origin, begun, span, event, method, device, uri })))
    }
}

impl Origin {
    /// What there is to say of every request.
    fn entry(
        &self,
        event: AuditEvent,
        device: Option<&DeviceId>,
        code: &'static str,
        delivery: &'static str,
    ) -> AuditEntry {
        AuditEntry {
            event,
            subject: self.subject.get().cloned(),
            peer: self.peer.to_string(),
            device: device.cloned(),
            method: None,
            uri: None,
            code,
            status: None,
            delivery,
            duration: self.begun.elapsed(),
            request: self.request.clone(),
            trace: self.trace.clone(),
        }
    }
}

/// A call or an observation that goes on. Its end is written once; a caller that leaves is an end.
#[derive(Debug)]
pub(super) struct Doing(Option<Box<Known>>);

#[derive(Debug)]
struct Known {
    origin: Arc<Origin>,
    begun: Instant,
    span: Span,
    event: AuditEvent,
    method: &'static str,
    device: DeviceId,
    uri: String,
}

impl Doing {
    /// What lines of this call are in.
    pub(super) fn span(&self) -> Span {
        self.0.as_ref().map_or_else(Span::none, |known| known.span.clone())
    }

    /// An observation has begun.
    pub(super) fn has_begun(&self) {
        if let Some(known) = &self.0 {
            known.write(AuditEvent::ObserveStart, Code::Continue.as_str(), delivery_name(Delivery::Answered), None);
        }
    }

    /// How it ended.
    pub(super) fn ended(mut self, result: &Result<Answered, CallError>) {
        match result {
            Ok(Answered { by: AnsweredBy::Device, .. }) => self.end(Code::Ok, Delivery::Answered),
            Ok(Answered { by: AnsweredBy::Hub { status }, .. }) => self.end_by_hub(*status),
            Err(error) => self.end(code_of(error), error.delivery()),
        }
    }

    /// The hub has answered on the device's behalf.
    fn end_by_hub(&mut self, status: u16) {
        if let Some(known) = self.0.take() {
            known.write(known.event, Code::Ok.as_str(), delivery_name(Delivery::Answered), Some(status));
        }
    }

    /// With which code it ended. Says nothing once it was said.
    pub(super) fn end(&mut self, code: Code, delivery: Delivery) {
        if let Some(known) = self.0.take() {
            known.write(known.event, code.as_str(), delivery_name(delivery), None);
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if let Some(known) = self.0.take() {
            known.write(known.event, CALLER_LEFT, UNKNOWN, None);
        }
    }
}

impl Known {
    fn write(&self, event: AuditEvent, code: &'static str, delivery: &'static str, status: Option<u16>) {
        let duration = self.begun.elapsed();
        let what = match event {
            AuditEvent::Call => "call ended",
            AuditEvent::Replay => "call answered by an earlier one",
            AuditEvent::ObserveStart => "observation began",
            AuditEvent::ObserveEnd => "observation ended",
            AuditEvent::Refused => "refused",
        };
        tracing::debug!(parent: &self.span, code, delivery, duration_ms = duration.as_millis(), "{what}");
        if let Some(audit) = &self.origin.audit {
            audit.record(AuditEntry {
                method: Some(self.method),
                uri: Some(self.uri.clone()),
                status,
                duration,
                ..self.origin.entry(event, Some(&self.device), code, delivery)
            });
        }
    }
}

/// The code of what nobody waited for any more.
const CALLER_LEFT: &str = "CALLER_LEFT";

/// How far something got that nobody waited for.
const UNKNOWN: &str = "unknown";

/// Tells requests of this run from those of others: the milliseconds of its first.
static RUN: LazyLock<i64> = LazyLock::new(|| jiff::Timestamp::now().as_millisecond());

static REQUESTS: AtomicU64 = AtomicU64::new(1);
