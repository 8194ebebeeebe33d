//! Running: ports accept until the shutdown begins; then what is in flight ends, and everything else after it.

use std::future::Future;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::App;
use crate::admin::Admin;
use crate::device::Devices;
use crate::http::Callers;
use crate::shutdown::{Shutdown, drain};

impl App {
    /// Serves until the shutdown begins, then lets the calls in flight end, then closes the devices' sessions.
    pub async fn run(self) {
        let admin = self.operators.as_ref().map(|port| port.edge.clone());
        let audit = self.upkeep.audit.clone();
        let upkeep = self.upkeep.begin(self.hub.clone(), admin, &self.reload, self.readiness);
        let (device_tasks, caller_tasks) = (TaskTracker::new(), self.callers.edge.tasks().clone());
        let accepting = [
            self.devices.accept(self.shutdown.clone(), &device_tasks, Devices::serve),
            self.callers.accept(self.shutdown.clone(), &caller_tasks, Callers::serve),
        ];
        // Operators can look until the end, which is after the drain. Their connections are not waited for: nothing that they do
        // takes long.
        let (end, operator_tasks) = (Shutdown::new(), TaskTracker::new());
        let operators = self.operators.map(|port| {
            let until = end.clone();
            let serve = move |admin, stream, peer, permit| {
                serve_until(until.clone(), Admin::serve(admin, stream, peer, permit))
            };
            port.accept(end.clone(), &operator_tasks, serve)
        });
        for accepting in accepting {
            if let Err(error) = accepting.await {
                tracing::error!(%error, "a port was given up");
            }
        }
        tracing::info!(devices = self.hub.devices_online(), callers = caller_tasks.len(), "draining");
        drain("callers", &caller_tasks, self.drain).await;
        self.hub.close_all();
        drain("devices", &device_tasks, CLOSE_GRACE).await;
        drop(upkeep);
        if let Some(audit) = audit {
            audit.close().await;
        }
        end.trigger();
        if let Some(operators) = operators {
            // It panics only if the accept loop did, and then it is over as well.
            let _ = operators.await;
        }
        drop(self.lock);
    }
}

/// Serves a connection, at most until the `end`.
async fn serve_until(end: Shutdown, connection: impl Future<Output = ()>) {
    tokio::select! {
        () = connection => {}
        () = end.triggered() => {}
    }
}

/// How long the closing of sessions may take: nothing is awaited from devices, so it is the work of closing a million.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
