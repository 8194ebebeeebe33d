//! How a wish is fulfilled: by whoever uses the data folder. While a hub does, it is asked over its operators' port; else this
//! process does it itself, and no hub can begin meanwhile.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request as HttpRequest;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use rtio_server::admin::TOKEN_FILE;
use rtio_server::admin::registry::document::{DeviceDocument, PageDocument};
use rtio_server::admin::registry::{self, PageWish, WishError};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::{Access, DeviceManager, OldSecret, RegistryError};
use rtio_server::hub_lock::{Holder, HubLock, LockError};
use rtio_server::store::{Metrics, Store};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use super::super::hub::{Hub, HubUrl};
use super::super::problem::Problem;
use super::super::{Exit, Failure};
use super::Place;
use super::wish::{Answer, Request, Wish, page_after};

/// Fulfils the wish, one way or the other.
pub(super) async fn fulfil(place: &Place, wish: &Wish) -> Result<Answer, Failure> {
    // A folder that is not there is a slip of the hand, unless this is its first device.
    if !matches!(wish, Wish::Add(_) | Wish::Import(_)) && !place.data_dir.is_dir() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(Failure::Data { path: place.data_dir.clone(), source });
    }
    let dir = DataDir::open(&place.data_dir).map_err(Failure::registry)?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        let held = match HubLock::take(&dir) {
            Ok(_lock) => return here(&dir, wish).await,
            Err(error) => error,
        };
        match &held {
            LockError::Held { holder: Holder::Hub(addr), .. } => return there(place, &dir, *addr, wish).await,
            LockError::Held { holder: Holder::Somebody, .. } if Instant::now() < deadline => sleep(LOCK_PAUSE).await,
            LockError::Held { holder: Holder::HubWithoutAdmin, .. } => return Err(Failure::HubWithoutAdmin),
            LockError::Held { holder: Holder::Somebody, .. } | LockError::Failed { .. } => {
                return Err(Failure::registry(held));
            }
        }
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
async fn there(place: &Place, dir: &DataDir, addr: SocketAddr, wish: &Wish) -> Result<Answer, Failure> {
    let hub = Hub::at(&HubUrl::parse(&format!("http://{addr}")).map_err(Failure::registry)?)?;
    let token = token(place.admin_token_file.as_deref(), dir)?;
    let malformed = |source| Failure::Frame { source };
    let body = send(&hub, &token, wish.request()).await?;
    let mut answer = wish.answer(&body).map_err(malformed)?;
    if let Answer::Devices(devices) = &mut answer {
        let mut next = serde_json::from_slice::<PageDocument>(&body).map_err(malformed)?.next;
        while let Some(after) = next {
            let body = send(&hub, &token, page_after(Some(&after))).await?;
            let page: PageDocument = serde_json::from_slice(&body).map_err(malformed)?;
            devices.extend(page.devices);
            next = page.next;
        }
    }
    Ok(answer)
}

async fn send(hub: &Hub, token: &str, request: Request) -> Result<Bytes, Failure> {
    let builder = HttpRequest::builder().method(request.method).header(CONTENT_TYPE, request.content_type);
    let builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
    let answered = async {
        let answer = hub.send(builder, &request.path, request.body.into()).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| hub.no_http(error))?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(refusal(status.as_u16(), &body)) }
    };
    let answered = timeout(ANSWER_TIMEOUT, answered).await;
    answered.unwrap_or_else(|_| Err(Failure::HubSilent { hub: hub.to_string(), waited: ANSWER_TIMEOUT }))
}

/// What the hub says of a wish reads as if this process had said it; what it says of this process does not.
fn refusal(status: u16, body: &[u8]) -> Failure {
    let problem = Problem::of_answer(status, body);
    match status {
        400 | 404 | 409 | 500 => Failure::Wish { exit: problem.exit, text: problem.text() },
        _ => problem.into(),
    }
}

const fn exit_of(error: &WishError) -> Exit {
    match error {
        WishError::Id(_) | WishError::Import(_) | WishError::ImportExists { .. } | WishError::Limit => Exit::Refused,
        WishError::Registry(RegistryError::Exists(_)) => Exit::Refused,
        WishError::Registry(RegistryError::Unknown(_)) => Exit::NotFound,
        WishError::Registry(RegistryError::Failed(_)) | WishError::Random(_) => Exit::Failed,
    }
}

fn token(file: Option<&Path>, dir: &DataDir) -> Result<Zeroizing<String>, Failure> {
    let path = file.map_or_else(|| dir.file(TOKEN_FILE), Path::to_owned);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Zeroizing::new(text.trim().to_owned())),
        Err(source) => Err(Failure::Data { path, source }),
    }
}

/// How long another command may use the folder, or a hub take to start.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An import of a million devices takes half a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
