//! Waiting with a bound: for a future, or for a condition to become true.

use std::time::Duration;

/// What `future` gives, or a failure that names `what`.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for: {what}"),
    }
}

/// Waits for `condition` to hold.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            // Not a sleep: on a clock that stands still a timer would never fire.
            tokio::task::yield_now().await;
        }
    };
    within(what, holds).await;
}

/// Generous: what is waited for takes milliseconds, but machines that run tests are busy.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// How long an answer must not come before it counts as held back: longer than a busy machine takes for one.
pub(crate) const STALL: Duration = Duration::from_secs(2);

/// How long a test watches for something that must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(60);
