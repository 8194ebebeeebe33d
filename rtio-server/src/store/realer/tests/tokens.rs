//! Access tokens and MQTT credentials (contract §1.4, §2).

use super::*;
use crate::hub::ports::DeviceRegistry;
use crate::hub::{Access, OldSecret};
use crate::realer::Scopes;
use crate::realer::ports::MAX_TOKENS;

fn text(number: usize) -> String {
    format!("{number:030}")
}

fn token(number: usize, expires_ms: i64) -> NewToken {
    NewToken {
        device: device('a'),
        credential: Credential(1.try_into().unwrap()),
        token: DeviceSecret::parse(&text(number)).unwrap(),
        scopes: Scopes::DEFAULT,
        issued_ms: 1_000,
        expires_ms,
    }
}

async fn is_live(place: &Greenhouse, number: usize, now_ms: i64) -> bool {
    place.store.token(&text(number), now_ms).await.unwrap().is_some()
}

#[tokio::test]
async fn a_token_says_who_holds_it_until_its_time_is_over() {
    let place = Greenhouse::new().await;
    place.store.add_token(token(1, 5_000)).await.unwrap();
    let place = place.reopened();
    let holder = place.store.token(&text(1), 4_999).await.unwrap();
    let Some(TokenHolder::Device { device: holder, credential, scopes, expires_ms }) = holder else {
        panic!("{holder:?}")
    };
    assert_eq!((holder.id, credential.0.get(), scopes, expires_ms), (device('a'), 1, Scopes::DEFAULT, 5_000));
    assert!(!is_live(&place, 1, 5_000).await);
    assert!(!is_live(&place, 2, 1_000).await);
    assert_eq!(place.store.mqtt_credential(&device('a'), &text(1), 1_000).await.unwrap(), None, "another kind");
}

#[tokio::test]
async fn a_token_ends_with_its_revocation_by_its_own_device_only() {
    let place = Greenhouse::new().await;
    place.store.add_token(token(1, 5_000)).await.unwrap();
    let add = CatalogChange::AddDevice { id: device('b'), secret: secret('z'), settings: settings("b") };
    place.change(vec![add]).await.unwrap();
    place.store.revoke_token(&device('b'), &text(1)).await.unwrap();
    assert!(is_live(&place, 1, 2_000).await);
    place.store.revoke_token(&device('a'), &text(1)).await.unwrap();
    place.store.revoke_token(&device('a'), &text(1)).await.unwrap();
    assert!(!is_live(&place, 1, 2_000).await);
}

#[tokio::test]
async fn a_token_counts_as_long_as_its_secret_and_its_device_do() {
    let place = Greenhouse::new().await;
    place.store.add_token(token(1, 5_000)).await.unwrap();
    place.store.set_access(&device('a'), Access::Disabled).await.unwrap();
    assert!(!is_live(&place, 1, 2_000).await);
    place.store.set_access(&device('a'), Access::Enabled).await.unwrap();
    place.store.rotate(&device('a'), secret('n'), OldSecret::Keep).await.unwrap();
    assert!(is_live(&place, 1, 2_000).await, "the old secret still counts");
    place.store.rotate(&device('a'), secret('o'), OldSecret::Keep).await.unwrap();
    assert!(!is_live(&place, 1, 2_000).await);
}

/// §1.4: the token of a removed device is known as such, and never becomes that of another.
#[tokio::test]
async fn the_token_of_a_removed_device_is_that_of_nobody() {
    let place = Greenhouse::new().await;
    place.store.add_token(token(1, 5_000)).await.unwrap();
    place.store.remove(&device('a')).await.unwrap();
    let add = |letter| CatalogChange::AddDevice { id: device(letter), secret: secret('z'), settings: settings("x") };
    for letter in ['b', 'a'] {
        place.change(vec![add(letter)]).await.unwrap();
        assert_eq!(place.store.token(&text(1), 2_000).await.unwrap(), Some(TokenHolder::Removed));
        place.store.remove(&device(letter)).await.unwrap();
    }
    assert!(!is_live(&place, 1, 5_000).await);
}

#[tokio::test]
async fn one_token_more_than_there_may_be_ends_the_oldest() {
    let place = Greenhouse::new().await;
    for number in 0..=MAX_TOKENS {
        place.store.add_token(token(number, 5_000)).await.unwrap();
        place.store.add_mqtt_credential(token(number, 5_000)).await.unwrap();
    }
    assert!(!is_live(&place, 0, 2_000).await);
    assert!(is_live(&place, 1, 2_000).await && is_live(&place, MAX_TOKENS, 2_000).await);
    let mqtt = async |number| place.store.mqtt_credential(&device('a'), &text(number), 2_000).await.unwrap();
    assert_eq!(mqtt(0).await, None);
    assert!(matches!(mqtt(1).await, Some(TokenHolder::Device { .. })));
    assert_eq!(place.store.mqtt_credential(&device('b'), &text(1), 2_000).await.unwrap(), None, "another device");
}

#[tokio::test]
async fn a_token_for_a_device_that_is_gone_is_not_kept() {
    let place = Greenhouse::new().await;
    place.store.remove(&device('a')).await.unwrap();
    place.store.add_token(token(1, 5_000)).await.unwrap();
    assert!(!is_live(&place, 1, 2_000).await);
}

#[tokio::test]
async fn no_token_is_in_the_files() {
    let place = Greenhouse::new().await;
    place.store.add_token(token(1, 5_000)).await.unwrap();
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(30).any(|window| window == text(1).as_bytes()));
    }
}
