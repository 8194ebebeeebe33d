//! The same for many indexes, some of them at once, each next one as soon as one is done. Knows nothing of what it is.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use crate::error::RunError;
use crate::stall::join_unless_stalled;

/// Does `work` for each index; the results are in the order of the indexes. Fails with the first that fails.
pub(crate) async fn for_each<T, F>(
    indexes: Range<u64>,
    work: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Result<Vec<T>, RunError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, RunError>> + Send + 'static,
{
    let next = Arc::new(AtomicU64::new(indexes.start));
    let tasks: JoinSet<_> = (0..CONCURRENCY).map(|_| some(Arc::clone(&next), indexes.end, work.clone())).collect();
    let (results, stuck) = join_unless_stalled(tasks, &next).await;
    if stuck > 0 {
        return Err(RunError::ConnectionsHung { stuck });
    }
    let results: Result<Vec<_>, _> = results.into_iter().collect();
    let mut results: Vec<_> = results?.into_iter().flatten().collect();
    results.sort_unstable_by_key(|&(index, _)| index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

async fn some<T, F>(next: Arc<AtomicU64>, end: u64, work: impl Fn(u64) -> F) -> Result<Vec<(u64, T)>, RunError>
where
    F: Future<Output = Result<T, RunError>>,
{
    let mut done = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= end {
            return Ok(done);
        }
        done.push((index, work(index).await?));
    }
}

/// Enough to keep two cores busy on both sides.
const CONCURRENCY: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_in_order_and_a_failure_ends_it() {
        let doubled = for_each(3..300, async |index| Ok(index * 2)).await.unwrap();
        assert_eq!(doubled, (3..300).map(|index| index * 2).collect::<Vec<_>>());
        let failed = for_each(0..9, async |index| if index == 7 { Err(RunError::NoCalls) } else { Ok(()) }).await;
        assert!(matches!(failed, Err(RunError::NoCalls)));
    }
}
