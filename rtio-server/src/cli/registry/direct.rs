//! How a wish is fulfilled: by whoever uses the data folder. While a hub does, it is asked over its operators' port; else this
//! process does it itself.

use std::sync::Arc;

use rtio_server::admin::registry::document::{DeviceDocument, PageDocument};
use rtio_server::admin::registry::{self, PageWish, WishError};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::{Access, DeviceManager, OldSecret, RegistryError};
use rtio_server::store::{Metrics, Store};

use super::super::place::{Place, Reached, There};
use super::super::{Exit, Failure};
use super::wish::{Answer, Wish, page_after};

/// Fulfils the wish, one way or the other.
pub(super) async fn fulfil(place: &Place, wish: &Wish) -> Result<Answer, Failure> {
    // The first device of a hub that is still to begin.
    let may_begin = matches!(wish, Wish::Add(_) | Wish::Import(_));
    match place.reach(may_begin).await? {
        Reached::Here(dir, _lock) => here(&dir, wish).await,
        Reached::There(hub) => there(&hub, wish).await,
    }
}

/// Opens the store in this process.
async fn here(dir: &DataDir, wish: &Wish) -> Result<Answer, Failure> {
    let store = Store::open(dir, Metrics::default()).map_err(Failure::registry)?;
    let manager = DeviceManager::without_hub(Arc::new(store));
    let answer = match wish {
        Wish::Add(id) => registry::add(&manager, id).await.map(Answer::Issued),
        Wish::List => list_all(&manager).await.map(Answer::Devices),
        Wish::Show(id) => registry::show(&manager, id).await.map(Answer::Device),
        Wish::Disable(id) => registry::set_access(&manager, id, Access::Disabled).await.map(Answer::Device),
        Wish::Enable(id) => registry::set_access(&manager, id, Access::Enabled).await.map(Answer::Device),
        Wish::Rotate(id) => registry::rotate(&manager, id, OldSecret::Keep).await.map(Answer::Issued),
        Wish::RotateNow(id) => registry::rotate(&manager, id, OldSecret::Drop).await.map(Answer::Issued),
        Wish::Remove(id) => registry::remove(&manager, id).await.map(|()| Answer::Removed(id.clone())),
        Wish::Import(lines) => registry::import(&manager, lines).await.map(Answer::Imported),
    };
    answer.map_err(|error| Failure::Wish { exit: exit_of(&error), text: error.to_string() })
}

async fn list_all(manager: &DeviceManager) -> Result<Vec<DeviceDocument>, WishError> {
    let (mut devices, mut after) = (Vec::new(), None);
    loop {
        let wish = PageWish { after, limit: Some(registry::MAX_PAGE) };
        let page = registry::list(manager, &wish).await?;
        devices.extend(page.devices);
        let Some(next) = page.next else { return Ok(devices) };
        after = Some(next);
    }
}

/// Asks the hub that uses the folder.
async fn there(hub: &There, wish: &Wish) -> Result<Answer, Failure> {
    let malformed = |source| Failure::Frame { source };
    let body = hub.send(wish.request()).await?;
    let mut answer = wish.answer(&body).map_err(malformed)?;
    if let Answer::Devices(devices) = &mut answer {
        let mut next = serde_json::from_slice::<PageDocument>(&body).map_err(malformed)?.next;
        while let Some(after) = next {
            let body = hub.send(page_after(Some(&after))).await?;
            let page: PageDocument = serde_json::from_slice(&body).map_err(malformed)?;
            devices.extend(page.devices);
            next = page.next;
        }
    }
    Ok(answer)
}

const fn exit_of(error: &WishError) -> Exit {
    match error {
        WishError::Id(_) | WishError::Import(_) | WishError::ImportExists { .. } | WishError::Limit => Exit::Refused,
        WishError::Registry(RegistryError::Exists(_)) => Exit::Refused,
        WishError::Registry(RegistryError::Unknown(_)) => Exit::NotFound,
        WishError::Registry(RegistryError::Failed(_)) | WishError::Random(_) => Exit::Failed,
    }
}
