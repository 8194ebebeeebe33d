//! Running: ports accept until the shutdown begins; then what is in flight ends, and everything else after it.

use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::App;
use crate::admin::{Admin, LAST_WORDS};
use crate::device::Devices;
use crate::http::Callers;
use crate::mqtt::Mqtt;
use crate::shutdown::{Shutdown, drain};

impl App {
    /// Serves until the shutdown begins, then lets the calls in flight end, then closes the devices' sessions.
    pub async fn run(self) {
        let admin = self.operators.as_ref().map(|port| port.edge.clone());
        let audit = self.upkeep.audit.clone();
        let upkeep = self.upkeep.begin(self.hub.clone(), admin, self.readiness);
        // Before the first device comes, so that nothing of this run is before the place where they begin.
        let events_end = Shutdown::new();
        let webhooks = self.webhooks.begin(events_end.clone());
        let (device_tasks, caller_tasks) = (TaskTracker::new(), self.callers.edge.tasks().clone());
        let mut accepting = vec![
            self.devices.accept(self.shutdown.clone(), &device_tasks, Devices::serve),
            self.callers.accept(self.shutdown.clone(), &caller_tasks, Callers::serve),
        ];
        accepting.extend(self.mqtt.map(|port| port.accept(self.shutdown.clone(), &device_tasks, Mqtt::serve)));
        // Operators can look until the end, which is after the drain.
        let operator_tasks = TaskTracker::new();
        let operators = self.operators.map(|port| {
            let end = port.edge.end();
            (end.clone(), port.accept(end, &operator_tasks, Admin::serve))
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
        events_end.trigger();
        // It panics never, and if it did, the rest shall end in good order.
        let _ = webhooks.await;
        drop(upkeep);
        if let Some(audit) = audit {
            audit.close().await;
        }
        if let Some((end, accepting)) = operators {
            end.trigger();
            // It panics only if the accept loop did, and then it is over as well.
            let _ = accepting.await;
            drain("operators", &operator_tasks, LAST_WORDS * 2).await;
        }
        drop(self.lock);
    }
}

/// How long the closing of sessions may take: nothing is awaited from devices, so it is the work of closing a million.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
