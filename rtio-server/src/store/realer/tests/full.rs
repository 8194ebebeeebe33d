//! A store that has no room left: what SQLite says of a full disk, for each way in which it ends a transaction.

use super::*;

fn limit_pages(store: &Store, pages: i64) -> impl Future<Output = Result<i64, StoreError>> {
    store.write(1, move |connection| {
        let there: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        connection.query_row(&format!("PRAGMA max_page_count = {}", there + pages), [], |row| row.get(0))
    })
}

/// Nothing that was confirmed is lost, nothing that was refused is there, and it works again without a restart.
#[tokio::test]
async fn a_full_store_refuses_and_goes_on_when_there_is_room() {
    let place = Greenhouse::new().await;
    let store = Arc::new(place.store);
    limit_pages(&store, 20).await.unwrap();
    let mut feeding = tokio::task::JoinSet::new();
    for number in 0..300 {
        let store = Arc::clone(&store);
        feeding.spawn(async move {
            let items = (0..10).map(|count| reading(&format!("m-{number}-{count}"), &"7".repeat(100), 1_000));
            let accepted = store.accept(&device('a'), items.collect(), now(1_000)).await;
            accepted.ok().map(|accepted| accepted.iter().map(created).collect::<Vec<_>>())
        });
    }
    let results = feeding.join_all().await;
    assert!(results.iter().any(Option::is_none) && results.iter().any(Option::is_some), "it became full meanwhile");
    let mut confirmed: Vec<_> = results.into_iter().flatten().flatten().collect();
    confirmed.sort_unstable();
    let kept = async || {
        let records = store.feed_data(&device('a'), 0, usize::MAX).await.unwrap();
        records.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, confirmed);
    let large = (0..100).map(|count| reading(&format!("more-{count}"), &"7".repeat(200), 1_000)).collect::<Vec<_>>();
    assert!(store.accept(&device('a'), large.clone(), now(1_000)).await.is_err());
    assert_eq!(kept().await, confirmed);
    limit_pages(&store, 1_000_000).await.unwrap();
    assert_eq!(store.accept(&device('a'), large, now(1_000)).await.unwrap().len(), 100);
    assert_eq!(kept().await.len(), confirmed.len() + 100);
    assert_eq!(store.set_desired(&device('a'), wish('1', "1", 1_000)).await.unwrap().unwrap().sequence, 1);
}
