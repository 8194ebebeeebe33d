//! Waits for many tasks without a timer for each: as long as a common counter moves, something happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

/// Results of the tasks that ended, and the number of those that hung: none ended and `progress` stood still for
/// [`ANSWER_TIMEOUT`]. The hung ones are aborted.
pub(crate) async fn join_unless_stalled<T: 'static>(mut tasks: JoinSet<T>, progress: &AtomicU64) -> (Vec<T>, usize) {
    let mut results = Vec::with_capacity(tasks.len());
    let mut seen = progress.load(Ordering::Relaxed);
    loop {
        match timeout(ANSWER_TIMEOUT, tasks.join_next()).await {
            Ok(Some(result)) => results.push(result.expect("no task of the load panics or is aborted")),
            Ok(None) => return (results, 0),
            Err(_) => {
                let now = progress.load(Ordering::Relaxed);
                if now == seen {
                    return (results, tasks.len());
                }
                seen = now;
            }
        }
    }
}

/// Time after which an answer counts as lost. Above every time limit of the hub for a call, so that it answers first.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ended_tasks_give_their_results() {
        let tasks: JoinSet<_> = (0..3).map(|n| async move { n }).collect();
        let (mut results, stuck) = join_unless_stalled(tasks, &AtomicU64::new(0)).await;
        results.sort_unstable();
        assert_eq!((results, stuck), (vec![0, 1, 2], 0));
    }
}
