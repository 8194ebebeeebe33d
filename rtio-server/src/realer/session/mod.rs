//! The runtime for a device that holds a session: the URIs under `/iot/v1/` are services of the hub's own (docs/realer.md, "Over the
//! session"). Each answers with a JSON document that fits one message; how it went is in its `code`. A device that is no control device
//! gets NotFound, as if nobody were there.
//!
//! Pure are [`pages`], [`fit`] and [`request`].

mod fit;
mod pages;
mod request;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::connected_spacing::ConnectedSpacing;
use super::{ControlDevice, Family, Realer, Refusal, is_control_device, whole_seconds};
use crate::hub::ports::{BoxFuture, DeviceService};
use crate::hub::{Protocol, Report, ReportAnswer, StatusCode};

/// The services by their URIs.
pub fn services(realer: &Arc<Realer>) -> [(&'static str, Arc<dyn DeviceService>); 5] {
    let spacing = Arc::new(ConnectedSpacing::default());
    let service = |what| -> Arc<dyn DeviceService> {
        Arc::new(Runtime { realer: Arc::clone(realer), spacing: Arc::clone(&spacing), what })
    };
    [
        ("/iot/v1/bootstrap", service(What::Bootstrap)),
        ("/iot/v1/commands", service(What::Commands)),
        ("/iot/v1/sensors", service(What::Sensors)),
        ("/iot/v1/desired-states", service(What::DesiredStates)),
        ("/iot/v1/feed-data", service(What::FeedData)),
    ]
}

/// One URI.
#[derive(Debug)]
struct Runtime {
    realer: Arc<Realer>,
    /// Of all URIs. Requests over HTTPS are counted by themselves.
    spacing: Arc<ConnectedSpacing>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Bootstrap,
    Commands,
    Sensors,
    DesiredStates,
    FeedData,
}

impl What {
    const fn family(self) -> Family {
        match self {
            Self::Bootstrap | Self::Commands | Self::Sensors => Family::Catalog,
            Self::DesiredStates => Family::DesiredStates,
            Self::FeedData => Family::FeedData,
        }
    }
}

impl DeviceService for Runtime {
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        Box::pin(async move {
            if !is_control_device(report.device) {
                return ReportAnswer::empty(StatusCode::NotFound);
            }
            let max = report.link.info().max_data;
            let found = self.realer.store().control_device(report.device).await;
            let document = match self.realer.stored(report.device, found) {
                Ok(Some(device)) => self.document(&device, &report.data, max).await,
                Ok(None) => return ReportAnswer::empty(StatusCode::NotFound),
                Err(refusal) => Err(refusal),
            };
            let data = document.unwrap_or_else(|refusal| self.error(&refusal, max));
            ReportAnswer { status: StatusCode::Ok, data }
        })
    }
}

impl Runtime {
    /// What the device gets, in the contract's order of checks (§1.6), as far as a session needs them.
    async fn document(&self, device: &ControlDevice, body: &[u8], max: usize) -> Result<Vec<u8>, Refusal> {
        self.realer.config().may_serve(device, Protocol::Rtio)?;
        let page = match self.what {
            What::FeedData => Ok(0),
            What::Bootstrap | What::Commands | What::Sensors | What::DesiredStates => request::page(body),
        };
        // The pages after the first are part of one request; what cannot be read counts as one.
        if !matches!(page, Ok(1..)) {
            let at = (self.realer.config(), self.realer.now_ms());
            self.spacing.take(device, self.what.family(), at)?;
        }
        let limit = device.settings.plan.limits(self.realer.config()).max_request_bytes;
        if body.len() > limit {
            return Err(Refusal::TooLarge { max: limit });
        }
        if let What::FeedData = self.what {
            return self.feed(device, body, max).await;
        }
        let document = self.read(device).await?;
        let mut pages = pages::pages(&document, max);
        let page = page?;
        if page < pages.len() { Ok(pages.swap_remove(page).into_bytes()) } else { Err(Refusal::NotFound("page")) }
    }

    /// The whole document, with both revisions: those of before it was read, so that a change meanwhile shows the next time.
    async fn read(&self, device: &ControlDevice) -> Result<Map<String, Value>, Refusal> {
        let id = &device.id;
        let document = match self.what {
            What::Bootstrap => value(&self.realer.bootstrap(id).await?),
            What::Commands => value(&self.realer.commands(id).await?),
            What::Sensors => value(&self.realer.sensors(id).await?),
            What::DesiredStates | What::FeedData => value(&self.realer.desired_states(id).await?),
        };
        let Value::Object(mut document) = document else { return Err(Refusal::Bug) };
        let revisions = device.revisions;
        let revisions = [revisions.catalog(), revisions.runtime(self.realer.config())];
        for (name, revision) in ["catalog_revision", "runtime_revision"].into_iter().zip(revisions) {
            document.entry(name).or_insert_with(|| revision.into());
        }
        Ok(document)
    }

    async fn feed(&self, device: &ControlDevice, body: &[u8], max: usize) -> Result<Vec<u8>, Refusal> {
        let document = match request::batch_items(body) {
            Some(items) if items > fit::max_items(max, &self.realer.config().codes.replayed) => {
                return Err(Refusal::invalid("items", "too many for one answer"));
            }
            Some(_) => value(&self.realer.feed_batch(&device.id, body).await?),
            None => value(&self.realer.feed_item(&device.id, body).await?),
        };
        Ok(fit::fit(document, max))
    }

    fn error(&self, refusal: &Refusal, max: usize) -> Vec<u8> {
        let mut document = value(&self.realer.error_document(refusal));
        if let Refusal::TooSoon { retry_after } = refusal {
            document["error"]["retry_after"] = whole_seconds(*retry_after).into();
        }
        fit::fit(document, max)
    }
}

fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("documents have names as keys and can be written")
}
