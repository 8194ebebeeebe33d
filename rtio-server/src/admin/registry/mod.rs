//! Operators look at the registry of devices and change it: what each wish does, and its routes under `/v1/registry`. The command
//! `rtio device` comes by these functions, too, with or without a port in between.

pub mod document;
pub mod import;
mod rotation;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Admin;
use super::extract::{JsonBody, Path, Query, Text};
use super::problem::Problem;
use crate::hub::{Access, DeviceId, DeviceManager, DeviceSecret, InvalidDeviceId, NewDevice, OldSecret, RegistryError};
use document::{DeviceDocument, ImportedDocument, IssuedDocument, PageDocument};
use import::ImportError;

pub(super) use rotation::RotateWish;

/// Why a wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// The name is none that a device can have.
    #[error(transparent)]
    Id(#[from] InvalidDeviceId),
    /// The lines are not as they should be.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A device of an import is there already.
    #[error("nothing was imported; line {line}: there is a device {id} already")]
    ImportExists {
        /// Where it stands.
        line: usize,
        /// Its name.
        id: DeviceId,
    },
    /// A page has no such number of devices.
    #[error("limit is from 1 to {MAX_PAGE}")]
    Limit,
    /// The registry refuses, or fails.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The system gives no random bytes.
    #[error("no secret can be made: {0}")]
    Random(getrandom::Error),
}

/// Adds one device, with a secret of ours.
///
/// # Errors
///
/// [`WishError`].
pub async fn add(manager: &DeviceManager, id: &str) -> Result<IssuedDocument, WishError> {
    let (id, secret) = (DeviceId::parse(id)?, DeviceSecret::random().map_err(WishError::Random)?);
    let issued = IssuedDocument::new(&id, &secret);
    manager.add(vec![NewDevice { id, secret }]).await?;
    Ok(issued)
}

/// Adds the devices of [lines](import::parse), all or none.
///
/// # Errors
///
/// [`WishError`].
pub async fn import(manager: &DeviceManager, text: &str) -> Result<ImportedDocument, WishError> {
    let lines = import::parse(text)?;
    let (mut devices, mut issued) = (Vec::with_capacity(lines.len()), Vec::new());
    for line in &lines {
        let secret = match &line.secret {
            Some(secret) => secret.clone(),
            None => {
                let secret = DeviceSecret::random().map_err(WishError::Random)?;
                issued.push(IssuedDocument::new(&line.id, &secret));
                secret
            }
        };
        devices.push(NewDevice { id: line.id.clone(), secret });
    }
    let added = devices.len();
    match manager.add(devices).await {
        Ok(()) => Ok(ImportedDocument { added, issued }),
        Err(RegistryError::Exists(id)) => {
            let line = lines.iter().find(|line| line.id == id).map_or(0, |line| line.number);
            Err(WishError::ImportExists { line, id })
        }
        Err(error) => Err(error.into()),
    }
}

/// A page of devices.
///
/// # Errors
///
/// [`WishError`].
pub async fn list(manager: &DeviceManager, page: &PageWish) -> Result<PageDocument, WishError> {
    let after = page.after.as_deref().map(DeviceId::parse).transpose()?;
    let max =
        Some(page.limit.unwrap_or(DEFAULT_PAGE)).filter(|max| (1..=MAX_PAGE).contains(max)).ok_or(WishError::Limit)?;
    let devices = manager.registry().devices(after.as_ref(), max).await?;
    let next = (devices.len() == max).then(|| devices.last().map(|last| last.id.to_string())).flatten();
    Ok(PageDocument { devices: devices.into_iter().map(DeviceDocument::from).collect(), next })
}

/// Which page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageWish {
    /// The first device after this one.
    pub after: Option<String>,
    /// Devices on the page, at most.
    pub limit: Option<usize>,
}

/// One device.
///
/// # Errors
///
/// [`WishError`].
pub async fn show(manager: &DeviceManager, id: &str) -> Result<DeviceDocument, WishError> {
    Ok(manager.registry().device(&DeviceId::parse(id)?).await?.into())
}

/// Lets a device connect, or not.
///
/// # Errors
///
/// [`WishError`].
pub async fn set_access(manager: &DeviceManager, id: &str, access: Access) -> Result<DeviceDocument, WishError> {
    Ok(manager.set_access(&DeviceId::parse(id)?, access).await?.into())
}

/// Gives a device a further secret of ours.
///
/// # Errors
///
/// [`WishError`].
pub async fn rotate(manager: &DeviceManager, id: &str, old: OldSecret) -> Result<IssuedDocument, WishError> {
    let (id, secret) = (DeviceId::parse(id)?, DeviceSecret::random().map_err(WishError::Random)?);
    let issued = IssuedDocument::new(&id, &secret);
    manager.rotate(&id, secret, old).await?;
    Ok(issued)
}

/// Forgets a device.
///
/// # Errors
///
/// [`WishError`].
pub async fn remove(manager: &DeviceManager, id: &str) -> Result<(), WishError> {
    Ok(manager.remove(&DeviceId::parse(id)?).await?)
}

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/registry/devices", get(get_page).post(post_device))
        .route("/registry/devices/{id}", get(get_device).delete(delete_device))
        .route("/registry/devices/{id}/enable", post(enable))
        .route("/registry/devices/{id}/disable", post(disable))
        .route("/registry/devices/{id}/rotate", post(post_rotation))
        .route("/registry/import", post(post_import).layer(DefaultBodyLimit::max(MAX_IMPORT_BYTES)))
}

/// The body of a wish for one more device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddWish {
    id: String,
}

type Answer<T> = Result<T, Problem>;

async fn get_page(State(admin): State<Arc<Admin>>, Query(page): Query<PageWish>) -> Answer<Json<PageDocument>> {
    Ok(Json(list(&manager(&admin)?, &page).await?))
}

async fn post_device(
    State(admin): State<Arc<Admin>>,
    JsonBody(wish): JsonBody<AddWish>,
) -> Answer<(StatusCode, Json<IssuedDocument>)> {
    Ok((StatusCode::CREATED, Json(add(&manager(&admin)?, &wish.id).await?)))
}

async fn get_device(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer<Json<DeviceDocument>> {
    Ok(Json(show(&manager(&admin)?, &id).await?))
}

async fn delete_device(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer<StatusCode> {
    remove(&manager(&admin)?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn enable(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer<Json<DeviceDocument>> {
    Ok(Json(set_access(&manager(&admin)?, &id, Access::Enabled).await?))
}

async fn disable(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer<Json<DeviceDocument>> {
    Ok(Json(set_access(&manager(&admin)?, &id, Access::Disabled).await?))
}

async fn post_rotation(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(wish): Query<RotateWish>,
) -> Answer<Json<IssuedDocument>> {
    Ok(Json(rotate(&manager(&admin)?, &id, wish.old()).await?))
}

async fn post_import(State(admin): State<Arc<Admin>>, Text(text): Text) -> Answer<Json<ImportedDocument>> {
    Ok(Json(import(&manager(&admin)?, &text).await?))
}

fn manager(admin: &Admin) -> Answer<DeviceManager> {
    let nowhere = || Problem::not_found("this hub has no registry of devices: it needs --data-dir");
    admin.hub.device_manager().ok_or_else(nowhere)
}

impl From<WishError> for Problem {
    fn from(error: WishError) -> Self {
        let status = match &error {
            WishError::Id(_) | WishError::Import(_) | WishError::Limit => StatusCode::BAD_REQUEST,
            WishError::ImportExists { .. } | WishError::Registry(RegistryError::Exists(_)) => StatusCode::CONFLICT,
            WishError::Registry(RegistryError::Unknown(_)) => StatusCode::NOT_FOUND,
            WishError::Registry(RegistryError::Failed(_)) | WishError::Random(_) => {
                tracing::error!(error = %crate::telemetry::chain(&error), "the registry failed");
                return Self::unavailable(&error.to_string());
            }
        };
        Self::new(status, error.to_string())
    }
}

/// What fits a screen or two.
const DEFAULT_PAGE: usize = 100;

/// A page is read between two others' turns: this many take about 10 ms.
pub const MAX_PAGE: usize = 1000;

/// A million devices with their secrets.
const MAX_IMPORT_BYTES: usize = 128 * 1024 * 1024;
