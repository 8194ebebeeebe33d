//! What goes on beside serving: deadlines are watched, and what came from files is kept up to date.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::audit::AuditLog;
use crate::backend;
use crate::hub::Hub;
use crate::net::tls;
use crate::readiness::Readiness;
use crate::realer::{Pusher, Realer};
use crate::reload::Reloads;
use crate::store::Store;
use crate::telemetry;
use crate::token::Keeper;

/// What has to be kept up.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// Whose certificates backends must show, and what their messages are signed with.
    pub(super) client: backend::Client,
    /// Who answers what devices send.
    pub(super) map: backend::MapKeeper,
    /// What was not checked before the start.
    pub(super) store: Option<Arc<Store>>,
    /// The control-device runtime, where there is one.
    pub(super) realer: Option<Arc<Realer>>,
    /// Certificates and ticket keys.
    pub(super) tls: tls::Ports,
    /// The keys of callers' tokens, unless callers need none.
    pub(super) keeper: Option<Keeper>,
    /// Waits for the signal since before anybody was told that the hub is there, so that none is missed.
    pub(super) reloads: Reloads,
    /// Tells control devices what they shall be, where there is a runtime.
    pub(super) pusher: Option<Pusher>,
    /// The file that entries are written to.
    pub(super) audit: Option<Arc<AuditLog>>,
}

impl Upkeep {
    /// Goes on until the returned tasks are dropped.
    pub(super) fn begin(self, hub: Arc<Hub>, admin: Option<Arc<Admin>>, readiness: Readiness) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { hub.sweep().await });
        tasks.spawn(reload_client(self.client, self.reloads.clone()));
        tasks.spawn(self.map.run(self.reloads.clone()));
        if let Some(store) = self.store {
            tasks.spawn(store.check_the_rest());
        }
        if let Some(realer) = self.realer {
            tasks.spawn(async move { realer.keep_up().await });
        }
        tasks.spawn(self.tls.keep_up_to_date());
        if let Some(keeper) = self.keeper {
            tasks.spawn(keeper.run(self.reloads.clone(), readiness));
        }
        if let Some(pusher) = self.pusher {
            tasks.spawn(pusher.run());
        }
        if let Some(audit) = self.audit {
            let reloads = self.reloads.clone();
            tasks.spawn(async move { audit.follow(reloads).await });
        }
        if let Some(admin) = admin {
            let reloads = self.reloads.clone();
            tasks.spawn(async move { admin.follow(reloads).await });
        }
        tasks
    }
}

/// Reads the authorities that backends' certificates come from, and the keys that posts are signed with, again at each reload, for
/// ever.
async fn reload_client(client: backend::Client, mut reloads: Reloads) {
    loop {
        reloads.next().await;
        if let Err(error) = client.reload() {
            tracing::error!(error = %telemetry::chain(&error), "--backend-ca cannot be read again, the old authorities stay");
        }
        if let Err(error) = client.reload_keys() {
            tracing::error!(error = %telemetry::chain(&error), "the signing keys cannot be read again, the old ones stay");
        }
    }
}
