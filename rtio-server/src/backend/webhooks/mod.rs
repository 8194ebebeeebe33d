//! Events of presence, posted to the operator's services (docs/backends.md §4).
//!
//! There is no queue: each webhook keeps its place in the ring that all readers of events share, and posts one batch after the other.
//! So its order is that of the ring, its memory is one batch, and what the ring forgot meanwhile is known and told. A receiver that
//! hangs costs one request in flight and nothing of the other webhooks.

mod batch;
mod courier;
mod crew;
mod definition;
mod delivery;
mod metrics;
mod pause;

use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;

use super::{Client, TableError};
use crate::hub::Hub;
use crate::reload::Reloads;
use crate::shutdown::Shutdown;
use crate::telemetry;
use crew::Crew;
use definition::Definitions;
use metrics::Metrics;

/// The webhooks of the configuration file, none of which posts yet.
#[derive(Debug)]
pub struct Webhooks {
    file: Option<PathBuf>,
    /// From before the file was read, so that no signal after that is lost.
    reloads: Reloads,
    definitions: Definitions,
    crew: Crew,
}

impl Webhooks {
    /// The webhooks of `[webhooks]` in `file`, if there is one, which get the events of `hub`; read again with each of `reloads`.
    ///
    /// # Errors
    ///
    /// [`TableError`].
    pub fn open(
        file: Option<PathBuf>,
        hub: Arc<Hub>,
        client: Client,
        reloads: Reloads,
        registry: &mut Registry,
    ) -> Result<Self, TableError> {
        let definitions = file.as_deref().map(definition::read).transpose()?.unwrap_or_default();
        let metrics = Metrics::register(registry);
        registry.register_collector(Box::new(metrics.backlog(Arc::clone(&hub))));
        Ok(Self { file, reloads, definitions, crew: Crew::new(hub, client, metrics) })
    }

    /// From now on events are posted, until `end`; then what is left is offered once, which takes 2 s at most.
    pub fn begin(mut self, end: Shutdown) -> JoinHandle<()> {
        self.crew.change_to(self.definitions);
        tokio::spawn(keep_up_to_date(self.crew, self.file, self.reloads, end))
    }
}

async fn keep_up_to_date(mut crew: Crew, file: Option<PathBuf>, mut reloads: Reloads, end: Shutdown) {
    loop {
        tokio::select! {
            () = end.triggered() => break,
            () = reloads.next() => {}
        }
        match file.as_deref().map(definition::read) {
            Some(Ok(definitions)) => crew.change_to(definitions),
            Some(Err(error)) => {
                tracing::error!(error = %telemetry::chain(&error), "webhooks cannot be read again, the old ones stay");
            }
            None => {}
        }
    }
    crew.finish().await;
}
