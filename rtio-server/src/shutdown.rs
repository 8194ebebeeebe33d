//! Shutdown as a token down and a drain up: whoever runs the hub triggers it, every loop sees it, and the tasks it tracks are
//! waited for within a grace period.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A cheap handle on the hub's end. All clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A hub that is not shutting down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown. Doing so again changes nothing.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Whether the shutdown has begun.
    pub fn is_triggered(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the shutdown to begin.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future is dropped.
    pub async fn triggered(&self) {
        self.token.cancelled().await;
    }
}

/// Waits until all tasks of `tracker` have ended, at most for `grace`; logs how many outlived it.
///
/// # Cancel safety
///
/// Safe: the tasks go on when the future is dropped.
pub async fn drain(name: &'static str, tracker: &TaskTracker, grace: Duration) {
    tracker.close();
    if tokio::time::timeout(grace, tracker.wait()).await.is_err() {
        tracing::warn!(
            tasks = name,
            left = tracker.len(),
            grace_seconds = grace.as_secs_f64(),
            "tasks outlived the drain"
        );
    }
}
