//! The store without sockets: who is let in after which change, what survives, what is refused.

use super::*;
use crate::hub::Credential;

fn device(id: &str) -> DeviceId {
    DeviceId::parse(id).unwrap()
}

fn secret(letter: char) -> DeviceSecret {
    DeviceSecret::parse(&letter.to_string().repeat(30)).unwrap()
}

fn new(id: &str, letter: char) -> NewDevice {
    NewDevice { id: device(id), secret: secret(letter) }
}

fn by(number: u32) -> Verification {
    Verification::AcceptedBy(Credential(NonZeroU32::new(number).unwrap()))
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> DataDir {
        DataDir::open(self.folder.path()).unwrap()
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.dir(), Metrics::default())
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE_FILE)
    }
}

async fn verdict(store: &Store, id: &str, letter: char) -> Verification {
    store.verify(&device(id), secret(letter).reveal().as_bytes()).await
}

#[tokio::test]
async fn a_device_gets_in_with_its_own_secret_only() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("one", 'a'), new("two", 'b')]).await.unwrap();
    assert_eq!(verdict(&store, "one", 'a').await, by(1));
    for (id, letter) in [("one", 'b'), ("two", 'a'), ("three", 'a')] {
        assert_eq!(verdict(&store, id, letter).await, Verification::Refused, "{id} {letter}");
    }
    assert_eq!(store.verify(&device("one"), b"").await, Verification::Refused);
}

#[tokio::test]
async fn a_store_that_is_closed_in_order_is_one_file() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("one", 'a')]).await.unwrap();
    assert_eq!(verdict(&store, "one", 'a').await, by(1));
    let log = place.folder.path().join(format!("{DATABASE_FILE}-wal"));
    assert!(log.exists());
    drop(store);
    assert!(!log.exists());
    assert_eq!(verdict(&place.open().unwrap(), "one", 'a').await, by(1));
}

#[tokio::test]
async fn two_secrets_are_live_and_a_third_drops_the_oldest() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("dev", 'a')]).await.unwrap();
    store.rotate(&device("dev"), secret('b'), OldSecret::Keep).await.unwrap();
    assert_eq!((verdict(&store, "dev", 'a').await, verdict(&store, "dev", 'b').await), (by(1), by(2)));
    let record = store.rotate(&device("dev"), secret('c'), OldSecret::Keep).await.unwrap();
    let live: Vec<u32> = record.secrets.iter().map(|secret| secret.credential.0.get()).collect();
    assert_eq!(live, [3, 2]);
    assert_eq!(verdict(&store, "dev", 'a').await, Verification::Refused);
    assert_eq!((verdict(&store, "dev", 'b').await, verdict(&store, "dev", 'c').await), (by(2), by(3)));
    store.rotate(&device("dev"), secret('d'), OldSecret::Drop).await.unwrap();
    assert_eq!(verdict(&store, "dev", 'c').await, Verification::Refused);
    assert_eq!(verdict(&store, "dev", 'd').await, by(4));
}

#[tokio::test]
async fn a_disabled_device_stays_out_until_it_is_enabled() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("dev", 'a')]).await.unwrap();
    let record = store.set_access(&device("dev"), Access::Disabled).await.unwrap();
    assert_eq!(record.access, Access::Disabled);
    assert_eq!(verdict(&store, "dev", 'a').await, Verification::Refused);
    store.set_access(&device("dev"), Access::Enabled).await.unwrap();
    assert_eq!(verdict(&store, "dev", 'a').await, by(1));
}

#[tokio::test]
async fn a_removed_device_is_forgotten_with_its_secrets() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("dev", 'a')]).await.unwrap();
    store.remove(&device("dev")).await.unwrap();
    assert_eq!(verdict(&store, "dev", 'a').await, Verification::Refused);
    store.add(vec![new("dev", 'b')]).await.unwrap();
    assert_eq!((verdict(&store, "dev", 'a').await, verdict(&store, "dev", 'b').await), (Verification::Refused, by(1)));
}

#[tokio::test]
async fn what_is_not_there_or_is_there_already_is_named() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("dev", 'a')]).await.unwrap();
    let text = |result: Result<(), RegistryError>| result.unwrap_err().to_string();
    let many = (0..50).map(|number| new(&format!("new-{number}"), 'b')).chain([new("dev", 'b')]).collect();
    assert_eq!(text(store.add(many).await), "there is a device dev already");
    assert_eq!(store.devices(None, 100).await.unwrap().len(), 1, "all or nothing");
    let gone = device("gone");
    assert_eq!(text(store.remove(&gone).await), "there is no device gone");
    assert_eq!(text(store.device(&gone).await.map(drop)), "there is no device gone");
    assert_eq!(text(store.set_access(&gone, Access::Disabled).await.map(drop)), "there is no device gone");
    assert_eq!(text(store.rotate(&gone, secret('x'), OldSecret::Keep).await.map(drop)), "there is no device gone");
}

#[tokio::test]
async fn devices_come_in_pages_in_the_order_of_their_ids() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(["c", "a", "d", "b"].map(|id| new(id, 'x')).into()).await.unwrap();
    let page = async |after: Option<&str>, max| {
        let after = after.map(device);
        let records = store.devices(after.as_ref(), max).await.unwrap();
        records.iter().map(|record| record.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3).await, ["a", "b", "c"]);
    assert_eq!(page(Some("c"), 3).await, ["d"]);
    assert_eq!(page(Some("bb"), 1).await, ["c"]);
    assert!(page(Some("d"), 3).await.is_empty());
}

#[tokio::test]
async fn a_store_that_is_opened_again_knows_everything() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add(vec![new("dev", 'a')]).await.unwrap();
    drop(store);
    assert_eq!(verdict(&place.open().unwrap(), "dev", 'a').await, by(1));
}

#[tokio::test]
async fn neither_the_database_nor_a_debug_line_holds_a_secret() {
    let place = Place::new();
    let store = place.open().unwrap();
    let secret = DeviceSecret::random().unwrap();
    let added = store.add(vec![NewDevice { id: device("dev"), secret: secret.clone() }]);
    added.await.unwrap();
    assert!(!format!("{store:?}").contains(secret.reveal()));
    drop(store);
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.reveal().len()).any(|window| window == secret.reveal().as_bytes()));
    }
}

#[tokio::test]
async fn changes_from_many_sides_are_all_made() {
    let place = Place::new();
    let store = Arc::new(place.open().unwrap());
    let mut adding = tokio::task::JoinSet::new();
    for number in 0..300 {
        let store = Arc::clone(&store);
        adding.spawn(async move { store.add(vec![new(&format!("dev-{}", number % 150), 'a')]).await.is_ok() });
    }
    let added = adding.join_all().await.into_iter().filter(|added| *added).count();
    assert_eq!((added, store.devices(None, 1000).await.unwrap().len()), (150, 150), "each once");
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.add((0..2000).map(|number| new(&format!("dev-{number}"), 'a')).collect()).await.unwrap();
    drop(store);
    let sound = std::fs::read(place.database()).unwrap();
    let mut torn = sound.clone();
    torn[8192..40_000].fill(0x55);
    for damaged in [b"no database at all, but long enough to have a head".repeat(10), torn, sound[..20_000].to_vec()] {
        std::fs::write(place.database(), &damaged).unwrap();
        let error = place.open().unwrap_err();
        let text = telemetry::chain(&error).to_string();
        assert!(text.contains("rtio.db") && text.contains("damaged"), "{text}");
        assert_eq!(std::fs::read(place.database()).unwrap(), damaged);
    }
}

#[tokio::test]
async fn a_file_of_a_newer_hub_is_refused() {
    let place = Place::new();
    drop(place.open().unwrap());
    Connection::open(place.database()).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let text = telemetry::chain(&place.open().unwrap_err()).to_string();
    assert!(text.contains("rtio.db") && text.contains("version 999") && text.contains("newer hub"), "{text}");
}

#[tokio::test]
async fn a_lost_or_foreign_key_is_noticed() {
    let place = Place::new();
    drop(place.open().unwrap());
    let key = place.folder.path().join(key::KEY_FILE);
    std::fs::write(&key, [1; 32]).unwrap();
    assert!(matches!(place.open(), Err(StoreError::OtherKey(_))));
    std::fs::write(&key, [1; 31]).unwrap();
    assert!(matches!(place.open(), Err(StoreError::Key(_))));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(place.open(), Err(StoreError::OtherKey(_))), "a new one does not fit");
}

/// Where no hub runs, nothing is left beside the file.
#[tokio::test]
async fn a_backup_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    drop(Store::open(&DataDir::open(folder.path()).unwrap(), Metrics::default()).unwrap());
    let before = names();
    let to = tempfile::tempdir().unwrap();
    backup(&DataDir::open(folder.path()).unwrap(), &to.path().join("copy")).unwrap();
    assert_eq!(names(), before);
}

#[test]
fn a_statement_stays_prepared_for_whatever_is_asked_with_it() {
    let place = Place::new();
    drop(place.open().unwrap());
    for connection in [open_for_reading(&place.database()).unwrap(), open_for_writing(&place.database()).unwrap()] {
        let joined = "SELECT 1 FROM desired_states JOIN sources USING (source) LEFT JOIN resources USING (resource)
                      WHERE desired_states.control = ?1 AND lifecycle = 0";
        let mut statement = connection.prepare(joined).unwrap();
        for control in 1..=3 {
            assert!(!statement.exists([control]).unwrap());
        }
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
